"""A folder of ten thousand PDFs: start-up, one change among them, and the audit.

    python measurements/ten_thousand.py /tmp/ten-thousand
    python measurements/ten_thousand.py /tmp/one-thousand --documents 1000

Makes small one-page PDFs in FOLDER/data/raw (the same for the same number), builds them up to `splits`, and measures on
what was built. A folder that is built already is only measured; each change is taken back afterwards. The pages are
tagged, so that labels come from their tags; `--untagged` has them read by layout analysis, which takes longer by far.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("src", "tests")]

from scribetune.audit import lineage  # noqa: E402
from scribetune.core import files, layout, manifests  # noqa: E402
from scribetune.dataset import selection, splits  # noqa: E402
from scribetune.documents.inputs import document_id  # noqa: E402
from support import audit_project  # noqa: E402  the folders above come first

SETTINGS = "pages: {long_side_px: 240}\n"
ONE_RULE = 'rule one:\n    output: "one.txt"\n    shell: "touch {output}"\n'
WATCH = """
import json, resource, subprocess, sys, time  # noqa: E402
started = time.monotonic()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
wall, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]) if not done.returncode else done.stdout)
sys.exit(done.returncode)
"""
"""Runs a command and prints what it took: a small process, since the peak of a child counts its parent's memory."""
FOLDERS = 40
ROUNDS = 5
PARTS = ("start", "audit", "changes")


@dataclass(frozen=True)
class Timing:
    """The best of several runs of a command: wall and processor seconds, peak memory of the process in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Change:
    """What one change cost.

    Attributes:
        what: The change.
        wall_s: Seconds until Snakemake was done.
        jobs: Rule → number of jobs, targets left out.
        job_s: Rule → seconds, as Snakemake's benchmark files have them.
        pages: Documents whose image or record was written, made or removed.
        labels: The same for labels.
        logs: What the jobs of the shards said of their documents.
    """

    what: str
    wall_s: float
    jobs: dict[str, int]
    job_s: dict[str, float]
    pages: list[str]
    labels: list[str]
    logs: list[str]


@dataclass
class Results:
    """Everything that was measured."""

    documents: int
    shards: int = 0
    build_s: float = 0.0
    timings: dict[str, Timing] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


# ---- the documents


def words(source: random.Random, count: int) -> str:
    """Return made-up words: a large vocabulary, so that no two documents are near-duplicates."""
    return " ".join(
        "".join(source.choice("bcdfglmnprst") + source.choice("aeiou") for _ in range(source.randint(2, 4)))
        for _ in range(count)
    )


def page(seed: int) -> tuple[str, list[str]]:
    """Return the heading and the lines of a page."""
    source = random.Random(seed)  # noqa: S311  made-up words
    return words(source, 3).title(), [words(source, 5) for _ in range(5)]


def write_pdf(path: Path, seed: int, *, tagged: bool) -> None:
    """Write a page with a heading and a paragraph, other words for every seed."""
    heading, lines = page(seed)
    pdf = pymupdf.open()
    made = pdf.new_page(width=240, height=180)
    made.insert_text((16, 34), heading, fontsize=14, fontname="hebo")
    made.insert_text((16, 60), lines, fontsize=10)
    if tagged:
        tag(pdf, made)
    path.parent.mkdir(parents=True, exist_ok=True)
    pdf.save(path, garbage=1, no_new_id=True)


def tag(pdf: pymupdf.Document, made: pymupdf.Page) -> None:
    """Tag the page's two pieces of text as a heading and a paragraph (ISO 32000-1, 14.7)."""
    heading, paragraph = made.get_contents()
    for number, (xref, kind) in enumerate(((heading, b"H1"), (paragraph, b"P"))):
        mark = b"/%s <</MCID %d>> BDC\n" % (kind, number)
        pdf.update_stream(xref, mark + pdf.xref_stream(xref) + b"\nEMC\n")
    root, whole, first, second, parents = (pdf.get_new_xref() for _ in range(5))
    pdf.update_object(root, f"<</Type/StructTreeRoot/K {whole} 0 R/ParentTree {parents} 0 R>>")
    pdf.update_object(whole, f"<</Type/StructElem/S/Document/P {root} 0 R/K[{first} 0 R {second} 0 R]>>")
    for number, (element, kind) in enumerate(((first, "H1"), (second, "P"))):
        pdf.update_object(element, f"<</Type/StructElem/S/{kind}/P {whole} 0 R/Pg {made.xref} 0 R/K {number}>>")
    pdf.update_object(parents, f"<</Nums[0[{first} 0 R {second} 0 R]]>>")
    pdf.xref_set_key(made.xref, "StructParents", "0")
    pdf.xref_set_key(pdf.pdf_catalog(), "StructTreeRoot", f"{root} 0 R")
    pdf.xref_set_key(pdf.pdf_catalog(), "MarkInfo", "<</Marked true>>")


def name_of(number: int) -> str:
    """Return the path of a document below the raw folder."""
    return f"customer {number % FOLDERS:02d}/{2015 + number % 9}/report-{number:05d}.pdf"


def make_documents(raw: Path, count: int, *, tagged: bool) -> None:
    """Write the documents that are not there yet."""
    for number in range(count):
        if not (raw / name_of(number)).exists():
            write_pdf(raw / name_of(number), number, tagged=tagged)


# ---- running things


def timed(command: Sequence[str], folder: Path, rounds: int = ROUNDS) -> Timing:
    """Run a command several times and return the best wall and processor time, and the peak memory."""
    found: list[list[float]] = []
    for _ in range(rounds):
        watched = [sys.executable, "-S", "-c", WATCH, *command]
        done = subprocess.run(watched, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        found.append(json.loads(done.stdout))
    return Timing(*(round(min(column), 2) for column in zip(*found, strict=True)))


def environment() -> dict[str, str]:
    """Return the environment of every command: this repository's code, whatever is installed."""
    return os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"}


def snakemake(*arguments: str, snakefile: Path = REPOSITORY / "Snakefile", cores: int = 2) -> list[str]:
    """Return a Snakemake command for the current folder; targets come first."""
    command = [sys.executable, "-m", "snakemake", *arguments, "-s", str(snakefile), "--cores", str(cores)]
    return [*command, "--configfile", "mine.yaml"] if snakefile.is_relative_to(REPOSITORY) else command


def scribetune(*arguments: str) -> list[str]:
    """Return a command of the console script."""
    return [sys.executable, "-c", "from scribetune.cli import app; app()", *arguments]


def build(folder: Path, cores: int) -> tuple[float, str]:
    """Build the splits; returns the seconds, and what Snakemake said."""
    started = time.monotonic()
    done = subprocess.run(
        snakemake("splits", cores=cores), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - started, done.stdout + done.stderr


# ---- start-up


def measure_start(folder: Path, results: Results) -> None:
    """Dry runs on the built folder beside one on a Snakefile of one rule."""
    small = folder / "one-rule"
    small.mkdir(exist_ok=True)
    (small / "Snakefile").write_text(ONE_RULE, encoding="utf-8")
    one = snakemake("-n", "--quiet", "all", snakefile=small / "Snakefile")
    results.timings["snakemake -n, one rule"] = timed(one, small)
    for target in ("splits", "all"):
        command = snakemake(target, "-n", "--quiet", "all")
        results.timings[f"snakemake -n {target}"] = timed(command, folder)


# ---- one change


def written(root: Path) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return path → (document, moment and inode): files are replaced whole, so that writing one changes both."""
    found = {}
    for document in os.scandir(root):
        for file in os.scandir(document.path):
            state = file.stat()
            found[f"{document.name}/{file.name}"] = (document.name, (state.st_mtime_ns, state.st_ino))
    return found


def rewritten(before: dict[str, tuple[str, tuple[int, int]]], root: Path) -> list[str]:
    """Return the documents of which a file was written, made or removed since."""
    after = written(root)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    return sorted({(after.get(name) or before[name])[0] for name in changed})


def measure_change(folder: Path, cores: int, what: str, make: Callable[[], None]) -> Change:
    """Make a change, build, and see what was worked on."""
    roots = [folder / layout.PAGES, folder / layout.LABELS]
    before = [written(root) for root in roots]
    moment = time.time()
    make()
    wall, said = build(folder, cores)
    ran = re.findall(r"^\[[\d:]+\] \d+ of \d+ done: (\w+)", said, flags=re.MULTILINE)
    logs = [log for log in sorted((folder / "logs").rglob("*.log")) if log.stat().st_mtime >= moment]
    told = [
        f"{log.relative_to(folder / 'logs').with_suffix('')}: {line.rsplit(': ', 1)[1]}"
        for log in logs
        for line in log.read_text(encoding="utf-8").splitlines()
        if re.search(r"\d+ to (render|label)", line)
    ]
    seconds: dict[str, float] = {}
    for path in (folder / "benchmarks" / "jobs").rglob("*.tsv"):
        if path.stat().st_mtime >= moment:
            rule = path.relative_to(folder / "benchmarks" / "jobs").parts[0].removesuffix(".tsv")
            seconds[rule] = seconds.get(rule, 0.0) + float(path.read_text(encoding="utf-8").splitlines()[1].split()[0])
    pages, labels = (rewritten(old, root) for old, root in zip(before, roots, strict=True))
    jobs = {rule: ran.count(rule) for rule in dict.fromkeys(ran) if rule != "splits"}
    return Change(what, round(wall, 1), jobs, {k: round(v, 1) for k, v in seconds.items()}, pages, labels, told)


def changes(folder: Path, count: int, *, tagged: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each change with a function that makes it; the last ones take everything back."""
    raw = folder / layout.RAW
    some = raw / name_of(count // 3)
    corrected = folder / "data" / "corrections" / document_id(name_of(count // 2)) / "p0001.md"
    label = folder / layout.page_label(corrected.parent.name, 1)
    added = raw / name_of(count)
    renamed = raw / name_of(count // 5)
    other = renamed.with_name("another name.pdf")

    def correct() -> None:
        corrected.parent.mkdir(parents=True)
        text = f"<!-- reviewer: Ada -->\n{label.read_text(encoding='utf-8')}\nOne more sentence.\n"
        corrected.write_text(text, encoding="utf-8")

    def change() -> None:
        write_pdf(some, count + 1, tagged=tagged)

    yield "a PDF changed", change
    yield "a correction added", correct
    yield "a PDF added", lambda: write_pdf(added, count, tagged=tagged)
    yield "a PDF renamed", lambda: shutil.move(renamed, other)

    def take_back() -> None:
        write_pdf(some, count // 3, tagged=tagged)
        shutil.rmtree(folder / "data" / "corrections")
        added.unlink()
        shutil.move(other, renamed)

    yield "all taken back", take_back


# ---- the audit


def make_lineage(folder: Path) -> str:
    """Record an adapter of these documents as a build does: the real lineage functions on the real splits.

    Only the models and the scores are made up, since nothing was trained. Returns the path of a PDF that it learned
    from.
    """
    records = {name: files.read_jsonl(folder / layout.SPLITS / f"{name}.jsonl") for name in splits.NAMES}
    tables = {
        stage: manifests.rows(
            manifests.read(sorted((folder / layout.MANIFESTS / stage).glob("*.csv")), selection.DOCUMENT_TEXT_COLUMNS)
        )
        for stage in ("splits", "documents")
    }
    weights = folder / layout.ADAPTER / "adapter_model.safetensors"
    files.write_bytes(weights, b"weights")
    adapter = lineage.of_adapter(
        lineage.Sources(
            records, tables["splits"], tables["documents"], {}, {"train": {"rank": 16}}, {"train_adapter": "c0de"},
            "e", "cpu.txt", {"name": "hub/model", "revision": "0" * 40, "files": {}},
        ),
        {"backend": "peft", "steps": 3, "skipped": []},
        [weights],
    )  # fmt: skip
    files.write_json(folder / layout.ADAPTER / "lineage.json", adapter)
    outputs = [
        path for stage in ("documents", "pages", "labels") for path in (folder / layout.MANIFESTS / stage).iterdir()
    ]
    scores = {"base": audit_project.METRICS, "tuned": audit_project.METRICS, "change": {}}
    whole = lineage.of_build(adapter, {}, scores, outputs, {})
    whole["outputs"] = {str(Path(path).relative_to(folder)): value for path, value in whole["outputs"].items()}
    files.write_json(folder / layout.REPORTS / "lineage.json", whole)
    return next(row["path"] for row in adapter["documents"] if row["split"] == "train")


def measure_audit(folder: Path, results: Results) -> None:
    """The queries of the audit, on a lineage of all documents, in a git repository that has recorded it."""
    learned = make_lineage(folder)
    project = audit_project.Project(folder)
    (folder / ".gitignore").write_text("/*\n!/dvc.lock\n", encoding="utf-8")
    project.lock({"reports/lineage.json": project.put((folder / layout.REPORTS / "lineage.json").read_bytes())})
    project.commit("recorded")
    some_page = f"{document_id(learned)}/p0001"
    for arguments in (
        ["whence", "models/adapter"], ["whence", some_page], ["touched-by", f"{layout.RAW}/{learned}"],
        ["touched-by", some_page], ["verify"],
    ):  # fmt: skip
        shown = " ".join(["PAGE" if a == some_page else "PDF" if a.endswith(".pdf") else a for a in arguments])
        results.timings[f"scribetune {shown}"] = timed(scribetune(*arguments), folder, 3)
    for path in (layout.ADAPTER, f"{layout.REPORTS}/lineage.json", ".git", ".dvc", "dvc.lock"):
        shutil.rmtree(folder / path) if (folder / path).is_dir() else (folder / path).unlink()


# ---- all of it


def show(results: Results) -> None:
    """Print the results as a table."""
    if results.build_s:
        print(f"build of {results.documents} documents up to splits: {results.build_s:.0f} s")
    print(f"{'':46} {'wall s':>7} {'CPU s':>7} {'peak MB':>8}")
    for name, timing in results.timings.items():
        print(f"{name:46} {timing.wall_s:7.2f} {timing.cpu_s:7.2f} {timing.peak_mb:8.0f}")
    for change in results.changes:
        jobs = ", ".join(f"{rule} {n} ({change.job_s.get(rule, 0.0)} s)" for rule, n in change.jobs.items())
        print(f"{change.what}: {change.wall_s} s; {jobs}")
        print(f"  rendered: {', '.join(change.pages) or 'none'}\n  labelled: {', '.join(change.labels) or 'none'}")
        for line in change.logs:
            print(f"  {line}")


def main() -> None:
    """Make, build, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the documents are made and built")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--untagged", action="store_true", help="labels by layout analysis instead of from tags")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--only", choices=["build", *PARTS], nargs="+", help="do these alone")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    wanted = given.only or PARTS
    make_documents(folder / layout.RAW, given.documents, tagged=not given.untagged)
    (folder / "mine.yaml").write_text(SETTINGS, encoding="utf-8")
    results = Results(given.documents)
    is_new = not (folder / layout.SPLITS).exists()
    seconds, _ = build(folder, given.cores)
    results.build_s = round(seconds, 1) if is_new else 0.0
    results.shards = len(list((folder / layout.MANIFESTS / "documents").iterdir()))
    if "start" in wanted:
        measure_start(folder, results)
    if "audit" in wanted:
        measure_audit(folder, results)
    if "changes" in wanted:
        for what, make in changes(folder, given.documents, tagged=not given.untagged):
            results.changes.append(measure_change(folder, given.cores, what, make))
    show(results)
    if given.json:
        files.write_json(given.json, asdict(results))


if __name__ == "__main__":
    main()
