"""The table of mutations: what a user, a colleague or an accident changes, and exactly which jobs follow.

Each row starts from a finished build of seven PDFs in three shards, with one human label, and says what must run then:
no job less (that would be stale), none more (that would be wasted). docs/re-runs.md shows the table to users;
`PYTHONPATH=tests:pretraining python -m support.mutations` writes it anew.
"""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.review import decisions, spot_check
from scribetune.review.decisions import Review
from support import benchmark_folder, clone, forked_jobs, forked_snakemake, pdf_factory, stand_in
from support.clone import configure, edit, git, run

Job = tuple[str, str]
"""A rule and its shard; "" where the rule has one job."""
Jobs = frozenset[Job]

DOCUMENTS = {
    "000-of-004": ("report-0", "report-4", "report-6"),
    "002-of-004": ("report-2", "report-3", "report-5"),
    "003-of-004": ("report-1",),
}
"""Shard → its documents. A shard is a matter of a document's name: adding "report-8" goes to the first."""
SHARDS = tuple(DOCUMENTS)
FIRST, SECOND, THIRD = SHARDS
MORE_SHARDS = ("002-of-008", "003-of-008", "004-of-008", "006-of-008")
"""The shards once "report-9" is added too: nine documents are too many for four shards of about two."""
TARGETS = frozenset({"all", "pages", "labels", "splits", "adapter", "merged", "report", "audit", "benchmarks"})
STAGES = (
    "make_retention", "render_pages", "label_pages", "select_pages", "split_documents", "measure_leakage",
    "train_adapter", "write_adapter_card", "merge_adapter", "write_merged_card", "predict_base", "predict_tuned",
    "score_predictions", "write_report", "write_lineage", "write_model_card", "write_crate",
)  # fmt: skip
"""Every rule of a build of PDFs of one's own."""
BENCHMARK_STAGES = ("prepare_benchmark", "predict_benchmark_base", "predict_benchmark_tuned", "score_benchmark")
"""The rules that a build has besides, for each public benchmark."""
UP_TO = {"splits": {"render_pages", "label_pages", "select_pages", "split_documents"}, "all": set(STAGES)}
"""Target → the rules that lead to it."""

CONFIG = {
    "documents": {"per_shard": 2},
    "pages": {"long_side_px": 256},
    "train": {"epochs": 1, "effective_batch": 8},
    "retention": {"count": 2},
    "generate": {"max_new_tokens": 4},
}
"""A build of a minute, half of which is the import of model libraries."""


def jobs(*rules: str, shards: Iterable[str] = SHARDS) -> Jobs:
    """Return the jobs of rules; rules that work by shard have one for each of `shards`."""
    sharded = {"render_pages", "label_pages"}
    return frozenset((rule, shard) for rule in rules for shard in (shards if rule in sharded else ("",)))


NOTHING: Jobs = frozenset()
CRATE = jobs("write_crate")
FROM_SCORES = jobs("write_report", "write_lineage", "write_model_card", "write_crate")
FROM_TUNED = FROM_SCORES | jobs("predict_tuned", "score_predictions")
FROM_MERGING = FROM_TUNED | jobs("merge_adapter", "write_merged_card")
FROM_TRAINING = FROM_MERGING | jobs("train_adapter", "write_adapter_card")
FROM_SPLITS = FROM_TRAINING | jobs("split_documents", "measure_leakage", "predict_base")
FROM_SELECTION = FROM_SPLITS | jobs("select_pages")
EVERYTHING = jobs(*STAGES)


def from_labels(*shards: str) -> Jobs:
    """Return what follows when labels of these shards change."""
    return FROM_SELECTION | jobs("label_pages", shards=shards)


def from_pages(*shards: str) -> Jobs:
    """Return what follows when PDFs or pages of these shards change."""
    return from_labels(*shards) | jobs("render_pages", shards=shards)


@dataclass(frozen=True)
class Mutation:
    """A row of the table.

    Attributes:
        group: Heading it stands under.
        name: What happens, in a user's words.
        why: Why exactly these jobs follow; one sentence.
        apply: Does it to a project (a folder); returns another folder where the change makes one, such as a clone.
        jobs: What must run for target `all`.
        builds: Target that the test really builds afterwards; "" where the plan alone is compared.
        start: "build" (a finished build), or "shared" (it is recorded with git and DVC, both have a remote, and a
            colleague's build of another report title lies there as branch `colleague`).
    """

    group: str
    name: str
    why: str
    apply: Callable[[Path], Path | None]
    jobs: Jobs
    builds: str = ""
    start: str = "build"


# --- Running Snakemake -------------------------------------------------------------------------------------------


def snakemake(project: Path, *arguments: str, fails: bool = False) -> str:
    """Run Snakemake in a project."""
    command = [*arguments, "--cores", "1", "--resources", "gpu=1"]
    result = forked_snakemake.run(command, clone.environment(project), project)
    output = result.stdout + result.stderr
    assert (result.returncode != 0) == fails, f"snakemake {' '.join(command)}\n{output}"
    return output


def planned(project: Path, target: str = "all") -> Jobs:
    """Return the jobs that a dry run would execute."""
    output = snakemake(project, target, "--dry-run", "--printshellcmds")
    # A job's paragraph: "rule NAME:", then indented lines, one of which may be "wildcards: shard=…".
    blocks = re.findall(r"^(?:local)?rule (\w+):\n((?: +.*\n)*)", output, flags=re.MULTILINE)
    found = []
    for rule, details in blocks:
        shard = re.search(r"^ +wildcards: shard=(\S+)$", details, flags=re.MULTILINE)
        found.append((rule, shard[1] if shard else ""))
    assert len(found) == len(set(found)), f"a job is planned twice: {found}"
    said_nothing = "Nothing to be done" in output
    assert said_nothing == (not found), output
    return frozenset(job for job in found if job[0] not in TARGETS)


def written_logs(project: Path) -> dict[Job, int]:
    """Return {job: when it last began to write its log, in ns}; every job writes one."""
    logs = project / "logs"
    return {
        (
            path.relative_to(logs).with_suffix("").parts[0],
            path.stem if path.parent != logs else "",
        ): path.stat().st_mtime_ns
        for path in logs.rglob("*.log")
    }


def build(project: Path, target: str = "all") -> Jobs:
    """Build a target and return the jobs that really ran: those whose log was written anew."""
    before = written_logs(project)
    snakemake(project, target)
    return frozenset(job for job, when in written_logs(project).items() if before.get(job) != when)


_HEEDS_INTERRUPTS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from snakemake.cli import main; main()"
)
"""A shell starts its background jobs deaf to SIGINT, and programs inherit that: tests may run in the background."""


def interrupted(project: Path, target: str, *, after: int, signal: int) -> Jobs:
    """Build a target and send a signal to the whole build once so many jobs are done; return the jobs that are done.

    SIGINT is what Ctrl-C sends; SIGKILL what a power cut comes closest to.
    """
    before = written_logs(project)
    process = subprocess.Popen(
        [sys.executable, "-c", _HEEDS_INTERRUPTS, target, "--cores", "1", "--resources", "gpu=1"],
        cwd=project,
        env=clone.environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a process group of its own, as a terminal's job has
    )
    deadline = time.monotonic() + 120
    # The next job must have begun, so that there is something to interrupt.
    while len(_fresh(project, before)) <= after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, "the build ended before it could be interrupted"
    os.killpg(process.pid, signal)
    process.wait(timeout=60)
    return frozenset(job for job in _fresh(project, before) if "is done" in _log(project, job).read_text("utf-8"))


def _fresh(project: Path, before: dict[Job, int]) -> Jobs:
    return frozenset(job for job, when in written_logs(project).items() if before.get(job) != when)


def _log(project: Path, job: Job) -> Path:
    return project / "logs" / (f"{job[0]}/{job[1]}.log" if job[1] else f"{job[0]}.log")


# --- Projects ----------------------------------------------------------------------------------------------------


def make_project(project: Path) -> None:
    """Make a project that is ready to build: the repository's code, PDFs of its own, one human label, a small model."""
    clone.copy_code(project)
    for document in sum(DOCUMENTS.values(), ()):
        pdf_factory.healthy(project / f"data/raw/{document}.pdf", int(document[-1]))
    _correct(project, "report-6", "# Corrected\n\nThis page was read by a person.\n")
    shutil.copytree(stand_in.folder(), project / "models" / "tiny")
    configure(project, CONFIG)


def share(project: Path) -> None:
    """Record a finished build with git and DVC, push both, and let a colleague build and push another title."""
    root = project.parent
    git(root, "init", "-q", "--bare", "--initial-branch=main", "origin.git")
    git(project, "init", "-q", "--initial-branch=main")
    git(project, "remote", "add", "origin", "../origin.git")
    run(project, "dvc", "remote", "add", "--default", "storage", "../../storage")  # relative to .dvc/config
    run(project, "dvc", "add", "--quiet", "data/raw")
    run(project, "scribetune", "commit")
    _push(project, "The first build", "main")
    colleague = root / "colleague"
    git(root, "clone", "-q", "origin.git", "colleague")
    run(colleague, "dvc", "pull", "--quiet")
    git(colleague, "checkout", "-q", "-b", "colleague")
    configure(colleague, {"report": {"title": "A colleague's title"}})
    snakemake(colleague, "all")
    run(colleague, "scribetune", "commit")
    _push(colleague, "Another title", "colleague")
    shutil.rmtree(colleague)
    git(project, "fetch", "-q")
    git(project, "branch", "-q", "colleague", "origin/colleague")


def _push(project: Path, message: str, branch: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", message)
    run(project, "dvc", "push", "--quiet")
    git(project, "push", "-q", "-u", "origin", f"HEAD:{branch}")


# --- What happens ------------------------------------------------------------------------------------------------


def _touch_everything(project: Path) -> None:
    later = time.time() + 10
    for path in project.rglob("*"):
        if not {".snakemake", ".git", ".dvc"} & set(path.relative_to(project).parts):
            os.utime(path, (later, later))


def _fresh_clone(project: Path) -> Path:
    git(project.parent, "clone", "-q", "origin.git", "fresh")
    fresh = project.parent / "fresh"
    run(fresh, "dvc", "pull", "--quiet")
    return fresh


def _switch_and_back(project: Path) -> None:
    git(project, "checkout", "-q", "colleague")
    git(project, "checkout", "-q", "main")


def _switch(project: Path) -> None:
    git(project, "checkout", "-q", "colleague")


def _switch_with_dvc(project: Path) -> None:
    _switch(project)
    run(project, "dvc", "pull", "--quiet")


def _pull(project: Path) -> None:
    git(project, "pull", "-q", "--ff-only", "origin", "colleague")


def _pull_with_dvc(project: Path) -> None:
    _pull(project)
    run(project, "dvc", "pull", "--quiet")


def _apply_experiment(project: Path) -> None:
    title = "config/config.yaml:report.title=An experiment"
    run(project, "env", f"PATH={forked_jobs.programs()}:{clone.environment(project)['PATH']}",
        "dvc", "exp", "run", "-n", "titled", "-S", title)  # fmt: skip
    git(project, "checkout", "-q", "--", ".")
    run(project, "dvc", "checkout", "--quiet")
    run(project, "dvc", "exp", "apply", "titled")


def _modules(project: Path) -> list[Path]:
    return sorted([*(project / "src").rglob("*.py"), *(project / "scripts").rglob("*.py")])


def _reformat(project: Path) -> None:
    for path in _modules(project):
        path.write_text(ast.unparse(ast.parse(path.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")


def _reword_docstrings(project: Path) -> None:
    for path in _modules(project):
        source = path.read_text(encoding="utf-8")
        path.write_text(source.replace('"""', '"""So to say: ', 1), encoding="utf-8")


def _move_a_module(project: Path) -> None:
    package = project / "src" / "scribetune"
    room = package / "attic"
    room.mkdir()
    (room / "__init__.py").write_text('"""A new room."""\n', encoding="utf-8")
    (package / "core" / "errors.py").rename(room / "errors.py")
    for path in [*_modules(project), project / "Snakefile", *(project / "rules").glob("*.smk")]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("scribetune.core.errors", "scribetune.attic.errors"), encoding="utf-8")


def _definition(module: str, name: str) -> Callable[[Path], None]:
    """Return a mutation that puts one more statement into a function or a class."""

    def apply(project: Path) -> None:
        path = project / "src" / module
        source = path.read_text(encoding="utf-8")
        kinds = (ast.FunctionDef, ast.ClassDef)
        (found,) = [node for node in ast.parse(source).body if isinstance(node, kinds) and node.name == name]
        body = found.body[1:] if ast.get_docstring(found) is not None else found.body
        lines = source.splitlines(keepends=True)
        lines.insert(body[0].lineno - 1, f"{' ' * body[0].col_offset}pass\n")
        path.write_text("".join(lines), encoding="utf-8")

    return apply


def _keys(**values: Mapping[str, Any]) -> Callable[[Path], None]:
    return lambda project: configure(project, values)


def _name_a_benchmark(project: Path) -> None:
    benchmark_folder.omnidocbench(project.parent / "benchmark")
    named = {"name": "omni", "truth": "../benchmark/OmniDocBench.json"}
    configure(project, {"evaluation": {"benchmarks": [named]}})


def _comment(name: str, text: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        path = project / name
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    return apply


def _upgrade(lock: str, package: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        path = project / "envs" / f"{lock}.txt"
        text, count = re.subn(rf"^{package}==\S+", f"{package}==999.0", path.read_text("utf-8"), flags=re.MULTILINE)
        assert count == 1, f"{package} is not pinned in {path.name}: adapt the mutation"
        path.write_text(text, encoding="utf-8")
        run(project, sys.executable, "envs/conda.py")

    return apply


def _pdf(name: str, seed: int) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        pdf_factory.healthy(project / f"data/raw/{name}.pdf", seed)

    return apply


def _rename(old: str, new: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        (project / new).parent.mkdir(parents=True, exist_ok=True)
        (project / old).rename(project / new)

    return apply


def _delete(*names: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        for name in names:
            (project / name).unlink()

    return apply


def _create(name: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        (project / name).write_text("Nothing to read here.\n", encoding="utf-8")

    return apply


def _both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        for change in changes:
            change(project)

    return apply


def _correct(project: Path, document: str, text: str) -> None:
    path = project / "data/corrections" / document / "p0001.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!-- reviewer: A. Reader -->\n{text}", encoding="utf-8")


def _correction(document: str) -> Callable[[Path], None]:
    return lambda project: _correct(project, document, "# Corrected too\n\nAnother person read this page.\n")


def _reviewed(verdict: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        digest = hashlib.sha256((project / "data/raw/report-2.pdf").read_bytes()).hexdigest()
        decided = Review("report-2", 1, verdict, "seen", "A. Reader", "2026-01-01T00:00:00", "trust", digest, "", "")
        decisions.add(project / "data/corrections/reviews.csv", decided)

    return apply


def _spot_checked(project: Path) -> None:
    sample = spot_check.Sample(1, 1, 7, (spot_check.Sampled("report-2/p0001", ""),))
    decided = Review("report-2", 1, "accept", "", "A. Reader", "2026-01-01T00:00:00", sample.name, "", "", "")
    spot_check.write(project / "data/corrections" / f"{sample.name}.json", sample, [decided])


def _sheet(row: str) -> Callable[[Path], None]:
    return _comment("config/documents.csv", row)


def _other_base(project: Path) -> None:
    shutil.copytree(project / "models/tiny", project / "models/other")
    configure(project, {"base_model": {"name": "models/other"}, "results": {"replace": ["models/tiny"]}})


def _retrained_base(project: Path) -> None:
    _flip(project / "models/tiny/model.safetensors")


def _flip(path: Path) -> None:
    """Change the last byte of a file, as a bad disk or a hand would."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _tamper(*names: str) -> Callable[[Path], None]:
    def apply(project: Path) -> None:
        for name in names:
            _flip(project / name)

    return apply


def _swap_digit(name: str) -> Callable[[Path], None]:
    """Change one digit of a text file and give it back its old time: a change that hides."""

    def apply(project: Path) -> None:
        path = project / name
        before = path.stat()
        text = path.read_text(encoding="utf-8")
        position = max(text.rfind(digit) for digit in "0123456789")
        path.write_text(f"{text[:position]}{(int(text[position]) + 1) % 10}{text[position + 1 :]}", encoding="utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return apply


# --- The table ---------------------------------------------------------------------------------------------------

CLOCKS, GIT, CODE, KEYS, DATA, MODEL, ACCIDENTS = (
    "Clocks, clones and branches",
    "Colleagues and experiments",
    "Code and environment",
    "Configuration",
    "PDFs and human labels",
    "The base model",
    "Accidents and tampering",
)

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        CLOCKS, "every file is touched", "content decides, never a clock", _touch_everything, NOTHING,
    ),
    Mutation(
        CLOCKS, "`git clone` and `dvc pull`", "git has Snakemake's records, DVC the files they are about",
        _fresh_clone, NOTHING, start="shared",
    ),
    Mutation(
        CLOCKS, "switch to another branch and back", "only times changed", _switch_and_back, NOTHING, start="shared",
    ),
    Mutation(
        GIT, "`git pull` of a colleague's build, and `dvc pull`", "it was built there", _pull_with_dvc, NOTHING,
        start="shared",
    ),
    Mutation(
        GIT, "`git pull` of a colleague's build, without `dvc pull`",
        "the title changed; what was built there is not here",
        _pull, jobs("write_report", "write_crate"), start="shared", builds="all",
    ),
    Mutation(
        GIT, "switch to a colleague's branch, and `dvc pull`", "it was built there", _switch_with_dvc, NOTHING,
        start="shared",
    ),
    Mutation(
        GIT, "`dvc exp apply` of an experiment with another title", "it was built in the experiment",
        _apply_experiment, NOTHING, start="shared",
    ),
    Mutation(
        CODE, "a module moves to another folder, and its importers follow",
        "definitions are compared, not the files that they stand in", _move_a_module, NOTHING,
    ),
    Mutation(
        CODE, "docstrings are reworded in every module", "words about code are no code", _reword_docstrings, NOTHING,
    ),
    Mutation(
        CODE, "every module is reformatted, comments removed", "the syntax tree is the same", _reformat, NOTHING,
    ),
    Mutation(
        CODE, "a function that no stage uses", "the sheet is read when a build is planned; what it says is compared",
        _definition("scribetune/documents/inputs.py", "read_sheet"), NOTHING,
    ),
    Mutation(
        CODE, "a function that one stage uses", "the report's own", _definition("scribetune/report/page.py", "write"),
        jobs("write_report", "write_crate"), builds="all",
    ),
    Mutation(
        CODE, "a class that several stages use", "how measures are named is in the report and in the code of the cards",
        _definition("scribetune/report/tables.py", "Measure"),
        jobs("write_report", "write_adapter_card", "write_merged_card", "write_model_card", "write_crate"),
    ),
    Mutation(
        CODE, "a function that four stages use", "labels, selection, splits and training read manifests with it",
        _definition("scribetune/core/manifests.py", "read"), from_labels(*SHARDS),
    ),
    Mutation(
        CODE, "a script's own `main`", "a script is one rule's", _definition("../scripts/write_lineage.py", "main"),
        jobs("write_lineage", "write_model_card", "write_crate"),
    ),
    Mutation(
        CODE, "the style sheet of the report", "a template is code of its rule",
        _comment("src/scribetune/report/templates/report.css", "\np { margin: 0 }\n"),
        jobs("write_report", "write_crate"),
    ),
    Mutation(
        CODE, "the wording of the model cards", "cards are written by rules of their own, so nothing trains anew",
        _comment("src/scribetune/report/templates/model_card.md.j2", "\nOne more line.\n"),
        jobs("write_adapter_card", "write_merged_card", "write_model_card", "write_crate"), builds="all",
    ),
    Mutation(
        CODE, "a comment in a rule file", "the crate holds the workflow's text",
        _comment("rules/pages.smk", "\n# why\n"), CRATE,
    ),
    Mutation(
        CODE, "a library is upgraded in the lock", "every result depends on the libraries", _upgrade("cpu", "pandas"),
        EVERYTHING,
    ),
    Mutation(
        CODE, "a library is upgraded in the other machine's lock", "it is not this environment",
        _upgrade("gpu", "pandas"), NOTHING,
    ),
    Mutation(CODE, "a comment in the lock", "the pins are the same", _comment("envs/cpu.txt", "# why\n"), NOTHING),
    Mutation(
        KEYS, "a comment in config.yaml", "values count", _comment("config/config.yaml", "\n# why\n"), NOTHING,
    ),
    Mutation(
        KEYS, "a value is written in another way", "values count",
        lambda project: edit(project / "config/config.yaml", "learning_rate: 0.0015", "learning_rate: 1.5e-3"), NOTHING,
    ),
    Mutation(
        KEYS, "page size", "every page is rendered, read and learned anew", _keys(pages={"long_side_px": 320}),
        from_pages(*SHARDS) | jobs("make_retention"),
    ),
    Mutation(
        KEYS, "how tables are written in labels", "pages stay", _keys(labels={"tables": "html"}), from_labels(*SHARDS),
    ),
    Mutation(
        KEYS, "a quality gate", "labels stay; another choice of pages", _keys(selection={"min_characters": 21}),
        FROM_SELECTION,
    ),
    Mutation(KEYS, "seed of the splits", "another partition", _keys(splits={"seed": 9}), FROM_SPLITS),
    Mutation(
        KEYS, "learning rate", "another adapter; data and the base's predictions stay",
        _keys(train={"optimization": {"learning_rate": 0.001}}), FROM_TRAINING,
    ),
    Mutation(
        KEYS, "how the base model sees pages (its mode)", "page images stay; everything that loads the model",
        _keys(base_model={"mode": "base"}), FROM_TRAINING | jobs("predict_base"),
    ),
    Mutation(
        KEYS, "number of GPUs, checkpoints, memory for features, pages read at once",
        "keys that decide about no result (config/README.md marks them)",
        _keys(
            train={"machine": {"gpus": 2, "vision_memory_gb": 1.0}, "checkpoints": {"steps": 7}}, generate={"batch": 3}
        ),
        NOTHING,
    ),
    Mutation(
        KEYS, "number format of the merged model", "the adapter stays", _keys(merge={"precision": "bfloat16"}),
        FROM_MERGING,
    ),
    Mutation(
        KEYS, "longest answer", "both models read again", _keys(generate={"max_new_tokens": 5}),
        FROM_TUNED | jobs("predict_base"),
    ),
    Mutation(
        KEYS, "limits of the verdict", "predictions stay; scores, report, audit and card hold the verdict",
        _keys(gate={"max_retention_cer_rise": 0.5}), FROM_SCORES | jobs("score_predictions"),
    ),
    Mutation(
        KEYS, "name a public benchmark", "both models read it; predictions of test pages stay", _name_a_benchmark,
        FROM_SCORES | jobs(*BENCHMARK_STAGES),
    ),
    Mutation(
        KEYS, "title of the report", "the report alone, and the crate that describes it",
        _keys(report={"title": "Another"}), jobs("write_report", "write_crate"),
    ),
    Mutation(
        DATA, "add a PDF", "its shard, then what sees all documents", _pdf("report-8", 8), from_pages(FIRST), "splits",
    ),
    Mutation(DATA, "change a PDF", "its shard alone is rendered", _pdf("report-3", 33), from_pages(SECOND)),
    Mutation(
        DATA, "rename a PDF (same content)",
        "its name is in every record: the shard that lost it and the one that got it",
        _rename("data/raw/report-0.pdf", "data/raw/report-9.pdf"), from_pages(FIRST, SECOND),
    ),
    Mutation(DATA, "delete a PDF", "its shard without it", _delete("data/raw/report-5.pdf"), from_pages(SECOND)),
    Mutation(
        DATA, "delete the only PDF of a shard", "its shard is gone, no other is rendered",
        _delete("data/raw/report-1.pdf"), FROM_SELECTION,
    ),
    Mutation(
        DATA, "more PDFs than the shards hold", "there are twice as many shards, each a job of its own; what is known "
        "of a document is taken over", _both(_pdf("report-8", 8), _pdf("report-9", 9)), from_pages(*MORE_SHARDS),
    ),
    Mutation(
        DATA, "a file that is no document", "reports/documents.csv names it; splits that stay the same train nothing",
        _create("data/raw/notes.txt"), FROM_SELECTION, "splits",
    ),
    Mutation(DATA, "add a correction", "labels of its shard", _correction("report-2"), from_labels(SECOND)),
    Mutation(DATA, "change a correction", "labels of its shard", _correction("report-6"), from_labels(FIRST)),
    Mutation(
        DATA, "remove a correction", "the machine's label comes back", _delete("data/corrections/report-6/p0001.md"),
        from_labels(FIRST), "splits",
    ),
    Mutation(DATA, "accept a page in review", "the label stays what it is", _reviewed("accept"), NOTHING),
    Mutation(DATA, "reject a page in review", "selection leaves it out", _reviewed("reject"), FROM_SELECTION),
    Mutation(
        DATA, "judge a page of a spot check", "the report tells of it",
        _spot_checked, jobs("write_report", "write_crate"),
    ),
    Mutation(
        DATA, "pin a document's split in the sheet", "pages and labels stay", _sheet("report-1.pdf,,,,test,\n"),
        FROM_SPLITS,
    ),
    Mutation(
        DATA, "note a document's language in the sheet", "selection passes it on", _sheet("report-1.pdf,,en,,,\n"),
        FROM_SELECTION,
    ),
    Mutation(
        MODEL, "another base model, with consent to replace what is there", "data stay; everything that loads it",
        _other_base, FROM_TRAINING | jobs("predict_base"),
    ),
    Mutation(
        MODEL, "other weights in the same folder", "data stay; everything that loads it", _retrained_base,
        FROM_TRAINING | jobs("predict_base"),
    ),
    Mutation(
        ACCIDENTS, "delete an intermediate manifest", "nothing needs it until something changes",
        _delete("data/manifests/selection/all.csv"), NOTHING,
    ),
    Mutation(
        ACCIDENTS, "delete an intermediate manifest, then change what reads it",
        "it is made again, and what follows from it",
        _both(_delete("data/manifests/selection/all.csv"), _keys(splits={"seed": 9})), FROM_SELECTION,
    ),
    Mutation(
        ACCIDENTS, "delete the report", "it was asked for", _delete("reports/index.html"),
        jobs("write_report", "write_crate"),
    ),
    Mutation(
        ACCIDENTS, "an intermediate manifest is altered", "it is made again, never built upon",
        _tamper("data/manifests/selection/all.csv"), FROM_SELECTION, "splits",
    ),
    Mutation(
        ACCIDENTS, "an intermediate manifest is altered, its time kept", "content decides, never a clock",
        _swap_digit("data/manifests/selection/all.csv"), FROM_SELECTION,
    ),
    Mutation(
        ACCIDENTS, "a page image is altered", "its shard is rendered again", _tamper("data/pages/report-3/p0001.png"),
        from_pages(SECOND), "splits",
    ),
    Mutation(
        ACCIDENTS, "a page image is deleted", "its shard is rendered again", _delete("data/pages/report-3/p0001.png"),
        from_pages(SECOND),
    ),
    Mutation(
        ACCIDENTS, "a label is altered", "its shard is labelled again", _tamper("data/labels/report-3/p0001.md"),
        from_labels(SECOND),
    ),
    Mutation(
        ACCIDENTS, "the adapter's weights are altered", "it is trained again, never merged",
        _tamper("models/adapter/adapter_model.safetensors"), FROM_TRAINING,
    ),
    Mutation(
        ACCIDENTS, "the merged weights are altered", "they are merged again, never measured",
        _tamper("models/merged/model.safetensors"), FROM_MERGING,
    ),
    Mutation(
        ACCIDENTS, "predictions are altered", "they are made again, never scored",
        _tamper("reports/predictions/tuned.jsonl"), FROM_TUNED,
    ),
    Mutation(
        ACCIDENTS, "the report is altered", "it is written again", _tamper("reports/index.html"),
        jobs("write_report", "write_crate"), builds="all",
    ),
)  # fmt: skip


# --- docs/re-runs.md ---------------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "re-runs.md"
TABLE_STARTS, TABLE_ENDS = "<!-- table: tests/support/mutations.py -->", "<!-- end of the table -->"
_CHAINS = (
    ("select_pages", FROM_SELECTION),
    ("split_documents", FROM_SPLITS),
    ("train_adapter", FROM_TRAINING),
    ("merge_adapter", FROM_MERGING),
    ("predict_tuned", FROM_TUNED),
)


def in_words(wanted: Jobs) -> str:
    """Return a set of jobs as the table shows it."""
    if not wanted:
        return "nothing"
    if wanted == EVERYTHING:
        return "everything"
    chain, follows = next(((name, part) for name, part in _CHAINS if part <= wanted), ("", NOTHING))
    parts = []
    for rule in dict.fromkeys(name for name, _ in sorted(wanted - follows, key=_place)):
        shards = {shard for name, shard in wanted if name == rule}
        some = f" ({len(shards)} of {len(SHARDS)} shards)" if len(shards) < len(SHARDS) and shards != {""} else ""
        parts.append(f"`{rule}`{some}")
    return ", ".join([*parts, f"`{chain}` and what follows"] if chain else parts)


def _place(job: Job) -> tuple[int, str]:
    reporting = STAGES.index("write_report")
    order = [*STAGES[:reporting], *BENCHMARK_STAGES, *STAGES[reporting:]]
    return order.index(job[0]), job[1]


def table() -> str:
    """Return the table in Markdown, a section for each group."""
    lines = [TABLE_STARTS]
    for group in dict.fromkeys(mutation.group for mutation in MUTATIONS):
        lines += ["", f"### {group}", "", "| what happens | what re-runs | because |", "|---|---|---|"]
        lines += [f"| {m.name} | {in_words(m.jobs)} | {m.why} |" for m in MUTATIONS if m.group == group]
    follow = "\n".join(
        f"- after `{name}`: " + ", ".join(f"`{rule}`" for rule, _ in sorted(part - {(name, "")}, key=_place))
        for name, part in _CHAINS
    )
    return "\n".join([*lines, "", "What follows:", "", follow, "", TABLE_ENDS])


def page_with_table(text: str) -> str:
    """Return docs/re-runs.md with the table as it is now."""
    before, rest = text.split(TABLE_STARTS)
    return before + table() + rest.split(TABLE_ENDS)[1]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
