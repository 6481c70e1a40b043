"""Promises about the RO-Crate: every path and reference resolves, hashes are right, equal builds give equal bytes."""

import json
import re
import time
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

import write_crate
from scribetune import config, crate, files, manifests, selection
from support.lineage_factory import lineage

REPOSITORY = Path(__file__).resolve().parents[2]
SHARDS = ("000-of-002", "001-of-002")
NAMES = ("a.pdf", "deep er/报告 {1} #2 100%.pdf", "c.pdf")
RAW = "data/raw"


def settings() -> dict[str, dict[str, Any]]:
    """Return the default value of every key that a step reads."""
    values = config.Config().model_dump(mode="json")
    chosen: dict[str, dict[str, Any]] = {}
    for name in crate.all_settings():
        section, _, key = name.partition(".")
        chosen.setdefault(section, {}).update({key: values[section][key]} if key else values[section])
    return chosen


def make_build(folder: Path, raw: Path, *, licence: str = "CC-BY-4.0") -> dict[str, Any]:
    """Write a build's files by hand, and return the arguments of the script."""
    rows = []
    for document, name in zip("abc", NAMES, strict=True):
        files.write_bytes(raw / name, f"%PDF {name}".encode())
        rows.append(
            {"document": document, "path": name, "sha256": files.sha256_file(raw / name), "status": "ok", "pages": 1,
             "bytes": (raw / name).stat().st_size, "licence": licence if document == "a" else ""}
        )  # fmt: skip
    for path in crate.input_files(SHARDS):
        files.write_text(folder / path, f"content of {path}")
    for path in ("data/pages/a/p0001.png", "data/labels/a/p0001.md", "models/merged/config.json"):
        files.write_text(folder / path, "x")
    manifests.write(folder / "reports/documents.csv", rows, selection.DOCUMENT_REPORT_COLUMNS)
    shards = []
    for shard, its_rows in zip(SHARDS, (rows[:1], rows[1:]), strict=True):
        shards.append(folder / f"data/manifests/documents/{shard}.csv")
        manifests.write(shards[-1], its_rows, ["document", "path", "sha256"])
    base = folder / "models/tiny/model.safetensors"
    files.write_text(base, "base")
    weights = folder / "models/adapter/adapter_model.safetensors"
    record = lineage(
        adapter={weights.name: files.sha256_file(weights)},
        base_model={"name": "models/tiny", "revision": "", "files": {base.name: files.sha256_file(base)}},
        merged={"merged": {"sha256": {"config.json": files.sha256_bytes(b"x")}}},
    )
    files.write_json(folder / "reports/lineage.json", record)
    for name in ("Snakefile", "rules/audit.smk"):
        files.write_text(folder / name, "# a workflow")
    return {
        "lineage": Path("reports/lineage.json"),
        "documents": Path("reports/documents.csv"),
        "shards": [path.relative_to(folder) for path in shards],
        "base_files": [Path("models/tiny/model.safetensors")],
        "workflow": [Path("Snakefile"), Path("rules/audit.smk")],
        "copies": [],
        "settings": settings(),
        "codes": {step.rule: "c0de" for step in crate.STEPS},
        "raw": RAW,
        "has_samples": False,
        "target": Path(crate.METADATA),
    }


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return make_build(tmp_path, tmp_path / RAW)


def written(arguments: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Write the crate, and return its entities by identifier."""
    write_crate.main(**arguments)
    value = json.loads(arguments["target"].read_text(encoding="utf-8"))
    entities = {entity["@id"]: entity for entity in value["@graph"]}
    assert len(entities) == len(value["@graph"])
    return entities


def kinds(entity: dict[str, Any]) -> list[str]:
    kind = entity["@type"]
    return kind if isinstance(kind, list) else [kind]


def references(entity: dict[str, Any], key: str) -> list[str]:
    value = entity.get(key, [])
    return [item["@id"] for item in (value if isinstance(value, list) else [value])]


def test_every_reference_inside_of_the_crate_resolves(build: dict[str, Any]) -> None:
    entities = written(build)
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and not item["@id"].startswith("http"):
                    assert item["@id"] in entities, (entity["@id"], item)


def test_every_file_is_there_with_the_hash_and_size_that_are_told(build: dict[str, Any]) -> None:
    entities = written(build)
    listed = [entity for entity in entities.values() if "File" in kinds(entity)]
    assert {*crate.input_files(SHARDS), *(f"{RAW}/{name}" for name in NAMES)} <= {unquote(e["@id"]) for e in listed}
    for entity in listed:
        path = Path(unquote(entity["@id"]))
        assert files.sha256_file(path) == entity["sha256"], path
        assert path.stat().st_size == int(entity["contentSize"])
    for entity in entities.values():
        assert "Dataset" not in kinds(entity) or Path(unquote(entity["@id"])).is_dir()


def test_the_same_build_gives_the_same_bytes(build: dict[str, Any]) -> None:
    write_crate.main(**build)
    first = build["target"].read_bytes()
    time.sleep(0.01)
    write_crate.main(**build)
    assert build["target"].read_bytes() == first
    assert not re.search(rb"20\d\d-\d\d-\d\d|[0-9a-f]{8}-[0-9a-f]{4}-", first)


def test_the_rocrate_library_reads_it_back_without_a_warning(build: dict[str, Any], tmp_path: Path) -> None:
    entities = written(build)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ROCrate(tmp_path)
    assert {entity.id for entity in read.get_entities()} == set(entities)
    assert read.mainEntity.id == "Snakefile"
    assert read.mainEntity["programmingLanguage"]["name"] == "Snakemake"


def test_every_job_has_an_action_with_what_it_read_and_made(build: dict[str, Any]) -> None:
    entities = written(build)
    jobs = {entity["name"]: entity for entity in entities.values() if entity["@id"].startswith("#run/")}
    assert {f"label_pages/{shard}" for shard in SHARDS} <= set(jobs)
    assert "make_samples" not in jobs
    labels = jobs[f"label_pages/{SHARDS[0]}"]
    assert f"{RAW}/a.pdf" in references(labels, "object")
    assert f"{RAW}/c.pdf" not in references(labels, "object")
    assert "#value/labels.tables" in references(labels, "object")
    assert references(labels, "result") == [f"data/manifests/labels/{SHARDS[0]}.csv", "data/labels/"]
    assert "#metric/tuned/cer_mean" in references(jobs["score_predictions"], "result")
    assert entities["#metric/tuned/cer_mean"]["value"] == 0.25
    assert entities["#value/train.rank"]["value"] == 16
    assert references(entities["#orchestration"], "object") == [f"#control/{name}" for name in jobs]


def test_the_profiles_and_the_root_have_what_they_must(build: dict[str, Any]) -> None:
    entities = written(build)
    root = entities["./"]
    assert {"name", "description", "datePublished", "license", "mainEntity"} <= set(root)
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in references(root, "conformsTo")
    workflow = entities[references(root, "mainEntity")[0]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == set(kinds(workflow))
    tools, steps = references(workflow, "hasPart"), references(workflow, "step")
    instruments = {
        tool for e in entities.values() if "CreateAction" in kinds(e) for tool in references(e, "instrument")
    }
    assert set(tools) | {"Snakefile"} == instruments
    assert [references(entities[step], "workExample") for step in steps] == [[tool] for tool in tools]
    assert entities["#run"]["instrument"] == {"@id": "Snakefile"}


def test_a_licence_of_the_sheet_is_the_files(build: dict[str, Any]) -> None:
    entities = written(build)
    assert entities[f"{RAW}/a.pdf"]["license"] == "CC-BY-4.0"
    assert "license" not in entities[f"{RAW}/c.pdf"]


def test_documents_in_another_folder_are_named_by_content_and_no_path_of_the_machine_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, raw = tmp_path / "build", tmp_path / "private"
    folder.mkdir()
    monkeypatch.chdir(folder)
    arguments = make_build(folder, raw) | {"raw": str(raw)}
    copy = raw / "z copy of a.pdf"
    copy.write_bytes((raw / "a.pdf").read_bytes())
    digest = files.sha256_file(copy)
    with (folder / "reports/documents.csv").open("a", encoding="utf-8") as stream:
        stream.write(f"d,{copy.name},{digest},5,ok,duplicate,1,0,1,,,,,\ne,unread.pdf,,,error,unreadable,0,0,0,,,,,\n")
    with arguments["shards"][0].open("a", encoding="utf-8") as stream:
        stream.write(f"d,{copy.name},{digest}\ne,unread.pdf,\n")
    entities = written(arguments)
    entity = entities[crate.content_uri(digest)]
    assert (entity["name"], entity["alternateName"]) == ("a.pdf", [copy.name])
    objects = references(entities[f"#run/render_pages/{SHARDS[0]}"], "object")
    assert objects.count(entity["@id"]) == 1
    assert "#unread/unread.pdf" in objects
    assert str(tmp_path) not in Path(crate.METADATA).read_text(encoding="utf-8")


def test_human_labels_are_read_by_the_labelling(build: dict[str, Any]) -> None:
    files.write_text(Path("data/corrections/b/p0001.md"), "# By hand")
    entities = written(build)
    assert "data/corrections/" in references(entities[f"#run/label_pages/{SHARDS[0]}"], "object")
    assert "data/corrections/" in references(entities["./"], "hasPart")


def test_the_name_of_a_content_is_that_of_rfc_6920() -> None:
    # The example of RFC 6920, section 8.1: the words "Hello World!".
    digest = files.sha256_bytes(b"Hello World!")
    assert crate.content_uri(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


def test_an_absolute_path_below_the_build_is_told_as_a_relative_one(build: dict[str, Any], tmp_path: Path) -> None:
    assert f"{RAW}/a.pdf" in written(build | {"raw": str(tmp_path / RAW)})


def test_a_base_model_of_the_hub_is_named_by_id_and_revision(build: dict[str, Any]) -> None:
    record = json.loads(build["lineage"].read_text(encoding="utf-8"))
    record["base_model"] = {"name": "owner/model", "revision": "a" * 40, "files": {}}
    files.write_json(build["lineage"], record)
    entities = written(build | {"base_files": []})
    uri = f"https://huggingface.co/owner/model/tree/{'a' * 40}"
    assert uri in references(entities["#run/train_adapter"], "object")


def test_a_workflow_from_elsewhere_is_copied_into_the_crate(build: dict[str, Any], tmp_path: Path) -> None:
    copies = crate.workflow_copies(REPOSITORY / "Snakefile", [REPOSITORY / "rules/audit.smk"])
    assert copies == ["reports/workflow/Snakefile", "reports/workflow/rules/audit.smk"]
    assert crate.workflow_copies(tmp_path / "Snakefile", []) == []
    workflow = [REPOSITORY / "Snakefile", REPOSITORY / "rules/audit.smk"]
    entities = written(build | {"workflow": workflow, "copies": list(map(Path, copies))})
    assert references(entities["./"], "mainEntity") == ["reports/workflow/Snakefile"]
    assert Path(copies[0]).read_bytes() == (REPOSITORY / "Snakefile").read_bytes()


def rule_texts() -> dict[str, str]:
    """Return {rule: its text} of the rules that a build runs; `gate` makes nothing and is no part of one."""
    texts = {}
    for path in sorted((REPOSITORY / "rules").glob("*.smk")):
        for block in re.split(r"^ *rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            if path.name != "pretraining.smk" and "script:" in block and "output:" in block:
                texts[block.split(":")[0]] = block
    return texts


def test_the_steps_are_the_rules() -> None:
    assert {step.rule for step in crate.steps(["a benchmark"])} | {"write_crate"} == set(rule_texts())


def test_public_benchmarks_are_steps_of_builds_that_have_them_alone(build: dict[str, Any], tmp_path: Path) -> None:
    assert crate.steps() == list(crate.STEPS)
    before = set(written(build))
    names = ("facts", "omni")
    for path in set(crate.input_files(SHARDS, names)) - set(crate.input_files(SHARDS)):
        files.write_text(tmp_path / path, f"content of {path}")
    record = json.loads(build["lineage"].read_text(encoding="utf-8"))
    record["benchmarks"] = {name: {"truth": {"truth.json": files.sha256_bytes(name.encode())}} for name in names}
    files.write_json(build["lineage"], record)
    entities = written(build | {"codes": {step.rule: "c0de" for step in crate.steps(names)}})
    assert {f"#run/{step.rule}/{name}" for step in crate.BENCHMARK_STEPS for name in names} <= set(entities) - before
    truth = crate.content_uri(files.sha256_bytes(b"omni"))
    assert truth in references(entities["#run/score_benchmark/omni"], "object")
    assert truth not in references(entities["#run/score_benchmark/facts"], "object")
    scores = {f"reports/benchmarks/{name}/scores.json" for name in names}
    assert scores <= set(references(entities["#run/write_report"], "object"))
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                assert not isinstance(item, dict) or item["@id"].startswith("http") or item["@id"] in entities


@pytest.mark.parametrize("step", crate.steps(["a benchmark"]), ids=lambda step: step.rule)
def test_a_step_names_the_configuration_keys_of_its_rule(step: crate.Step) -> None:
    calls = re.findall(r"plan\.settings\((.*?)\)", rule_texts()[step.rule], flags=re.DOTALL)
    assert {name for call in calls for name in re.findall(r'"(.*?)"', call)} == set(step.settings)


def test_thousands_of_documents_take_seconds(build: dict[str, Any]) -> None:
    count = 2000
    rows = [
        {"document": f"d{i}", "path": f"d{i}.pdf", "sha256": f"{i:064x}", "bytes": 1000, "status": "ok", "pages": 1}
        for i in range(count)
    ]
    manifests.write(build["documents"], rows, selection.DOCUMENT_REPORT_COLUMNS)
    manifests.write(build["shards"][0], rows, ["document", "path", "sha256"])
    started = time.process_time()
    write_crate.main(**build)
    assert time.process_time() - started < 5
    assert build["target"].stat().st_size < 1200 * count
