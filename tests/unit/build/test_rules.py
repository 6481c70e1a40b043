"""Promises about the rules: each can be watched, measured and placed, and carries the digests of what it depends on."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scribetune.build import plan, plan_model
from scribetune.core import config, layout, package
from scribetune.dataset import long_pages
from scribetune.record import code, steps

# What works with a model (these and `models` alone import torch): a rule whose script calls one must ask for the GPU.
_ALL_CORES = 64
_RUNS_MODELS = tuple(f"scribetune.{module}" for module in ("training", "merging", "generation", "serving.environment"))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every rule of the workflow that makes something, as Snakemake holds it; target rules have nothing to run."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import OutputSettings, ResourceSettings

    snakefile = package.REPOSITORY / "Snakefile"
    folder = tmp_path_factory.mktemp("rules")
    with SnakemakeApi(OutputSettings()) as api:
        workflow = api.workflow(ResourceSettings(cores=1), snakefile=snakefile, workdir=folder)
        # The API offers names only (list_rules); the loaded workflow behind it has the rules themselves.
        loaded = workflow._workflow
        yield {rule.name: rule for rule in loaded.rules if not rule.norun}


def _all_named(rules: dict[str, Any], missing: dict[str, list[str]]) -> None:
    assert rules, "no rule was found"
    lacking = {name: what for name, what in missing.items() if what}
    assert not lacking, f"rules that lack something: {lacking}"


def test_every_rule_has_a_script_of_its_name_or_of_what_it_shares_with_others(rules: dict[str, Any]) -> None:
    """A script of one rule has its name; the words of one that several run are in the names of all of them."""
    users: dict[str, set[str]] = {}
    for name, rule in rules.items():
        users.setdefault(Path(rule.script).stem, set()).add(name)
    assert set(users) == {path.stem for path in package.SCRIPTS_FOLDER.glob("*.py")}
    for script, names in users.items():
        assert names == {script} or (len(names) > 1 and all(_has_words(name, script) for name in names)), script


def _has_words(name: str, script: str) -> bool:
    words = iter(name.split("_"))
    return all(word in words for word in script.split("_"))


def test_every_rule_names_the_script_whose_code_it_carries(rules: dict[str, Any]) -> None:
    for name, rule in rules.items():
        script = Path(rule.script).stem
        assert rule.params.get("script", name) == script
        assert rule.params.code == code.rule_digest(script), name


def test_every_rule_says_what_it_does(rules: dict[str, Any]) -> None:
    _all_named(rules, {name: [] if rule.docstring else ["docstring"] for name, rule in rules.items()})


def test_every_rule_has_a_log_and_a_benchmark_of_its_name(rules: dict[str, Any]) -> None:
    for name, rule in rules.items():
        wildcards = "|".join(sorted(rule.wildcard_names))
        assert wildcards in ("", "shard", "benchmark", "point"), f"{name} has wildcards {wildcards}"
        part = f"/{{{wildcards}}}" if wildcards else ""
        assert [_plain(path) for path in rule.log] == [f"logs/{name}{part}.log"], name
        assert rule.benchmark, f"{name} has no benchmark"
        assert _plain(rule.benchmark) == f"benchmarks/jobs/{name}{part}.tsv", name


def _plain(path: object) -> str:
    from snakemake.io import strip_wildcard_constraints

    return str(strip_wildcard_constraints(str(path)))


def test_every_rule_says_how_much_memory_it_needs(rules: dict[str, Any]) -> None:
    _all_named(rules, {name: [] if "mem_mb" in rule.resources else ["mem_mb"] for name, rule in rules.items()})
    for name, rule in rules.items():
        once, again = (rule.resources["mem_mb"].evaluate({}, attempt=attempt).value for attempt in (1, 2))
        assert once >= 500, name
        assert again == 2 * once, f"{name}: a job that was killed for its memory is given no more of it"


def test_rules_that_run_models_ask_for_the_gpu_and_no_others_do(rules: dict[str, Any]) -> None:
    asking = {name for name, rule in rules.items() if "gpu" in rule.resources}
    assert asking == {name for name, rule in rules.items() if _runs_models(Path(rule.script).stem)}
    assert {"train_adapter", "merge_adapter", "predict_base", "predict_tuned"} <= asking
    assert all(rules[name].resources["gpu"].value == 1 for name in asking)


def _runs_models(script: str) -> bool:
    tree = ast.parse((package.SCRIPTS_FOLDER / f"{script}.py").read_text(encoding="utf-8"))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return any(module.startswith(part) for module in imported for part in _RUNS_MODELS)


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_no_job_of_a_cluster_waits_for_as_many_cores_as_no_node_has(rules: dict[str, Any], name: str) -> None:
    """A rule that takes all the cores of the machine asks for 64, which Snakemake cuts to those of one machine."""
    profile = yaml.safe_load((package.REPOSITORY / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))
    greedy = {rule.name for rule in rules.values() if rule.resources["_cores"].value == _ALL_CORES}
    assert greedy
    assert {rule: threads for rule, threads in profile["set-threads"].items() if threads <= 8}.keys() == greedy


def test_every_rule_names_its_conda_environment(rules: dict[str, Any]) -> None:
    _all_named(rules, {name: [] if rule.conda_env else ["conda"] for name, rule in rules.items()})


def test_every_rule_carries_the_digests_of_its_code_and_environment_and_its_repairs(rules: dict[str, Any]) -> None:
    _all_named(
        rules,
        {
            name: [param for param in ("code", "environment", "repairs") if param not in set(rule.params.keys())]
            for name, rule in rules.items()
        },
    )


def test_every_rule_says_in_words_of_its_own_what_it_does(rules: dict[str, Any]) -> None:
    """The crate describes steps by these sentences: twins do not share them."""
    sentences = [steps.first_sentence(rule.docstring) for rule in rules.values()]
    assert len(set(sentences)) == len(rules)
    assert all(len(sentence) > 10 for sentence in sentences)


def test_files_that_snakemake_does_not_know_lie_where_the_rule_says(rules: dict[str, Any]) -> None:
    part = {"shard": "000-of-001", "benchmark": "facts"}
    folders = {name: rule.params.folder(part) for name, rule in rules.items() if rule.params.get("folder")}
    columns = {name: rule.params.get("column") for name, rule in rules.items() if rule.params.get("column")}
    assert folders == {
        "render_pages": layout.PAGES,
        "label_pages": layout.LABELS,
        "merge_adapter": layout.MERGED,
        "make_retention": layout.RETENTION,
        "read_retention": f"{layout.RETENTION}/own",
        "make_replay": layout.REPLAY,
        "prepare_benchmark": f"{layout.BENCHMARKS}/images/facts",
        "split_documents": long_pages.FOLDER,
        "write_dataset": layout.DATASET,
    }
    assert columns == {"render_pages": "image", "label_pages": "label", "prepare_benchmark": "image"}


def test_no_rule_makes_a_directory_or_a_temporary_file(rules: dict[str, Any]) -> None:
    """Files are the edges: Snakemake compares the content of files, never that of directories."""
    for name, rule in rules.items():
        for path in rule.output:
            assert not set(getattr(path, "flags", {})) & {"directory", "temp", "touch", "pipe"}, (name, str(path))


def test_only_targets_have_nothing_to_run(rules: dict[str, Any]) -> None:
    workflow = next(iter(rules.values())).workflow
    targets = {rule.name: rule for rule in workflow.rules if rule.norun}
    assert {"all", "pages", "labels", "splits", "adapter", "merged", "report", "audit", "benchmarks"} <= set(targets)
    assert all(not rule.output for rule in targets.values())


def test_memory_asked_for_grows_with_the_base_model(tmp_path: Path) -> None:
    def asked(name: str) -> int:
        values = config.load({"base_model": {"name": name}})
        return plan_model.BaseModel(values, (Path(), package.REPOSITORY)).memory_mb(1000)

    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with (tmp_path / "model.safetensors").open("wb") as file:
        header = b'{"w": {"dtype": "U8", "shape": [2999999900], "data_offsets": [0, 2999999900]}}'
        file.write((92).to_bytes(8, "little") + header.ljust(92))
        file.truncate(3_000_000_000)  # a hole: hardly a byte of it lies on the disk
    assert asked(str(tmp_path)) == 7000
    assert asked("models/tiny") < 1100
    assert asked("owner/name") > 10_000  # not looked at yet


@pytest.mark.parametrize(
    ("task", "needed"),
    [({}, False), ({"prompt": "grounding"}, True), ({"mix": {"free_ocr": 1.0, "locate": 1.0}}, True),
     ({"mix": {"free_ocr": 1.0, "describe": 1.0}}, False)],
)  # fmt: skip
def test_blocks_are_placed_only_where_answers_have_boxes(
    task: dict[str, Any], needed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = Path("data/corrections/answers/describe/memo/p0001.md")
    answer.parent.mkdir(parents=True)
    answer.write_text("A memo.", encoding="utf-8")
    made = plan.make_plan({"base_model": {"name": "models/tiny"}, "task": task})
    assert made.blocks() == [f"{layout.BLOCKS}/{shard}.jsonl" for shard in made.shards if needed]
    assert made.of_boxes("place_blocks") == (("place_blocks",) if needed else ())
    assert made.documents.answers() == ([answer.as_posix()] if "describe" in task.get("mix", {}) else [])
    assert made.of_questions("task") == (("task",) if task else ())
    assert list(made.model.prompts(None)) == [made.config.task.prompt, *sorted(set(task.get("mix", {})) - {"free_ocr"})]
