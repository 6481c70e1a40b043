"""Labels against what people wrote down of public documents, beside other readers of PDFs: one table.

    python measurements/public_truth.py --folder DIR
    python measurements/public_truth.py --folder DIR --reader labels --reader kreuzberg=/tmp/kreuzberg/bin/python

DIR has a subfolder for each set, as its repository has it; one that is not there is left out with a message that says
where it comes from (`python measurements/public_truth.py --list`). Nothing is fetched. Readers other than the labels
need an environment of their own: `python -m venv /tmp/kreuzberg && /tmp/kreuzberg/bin/pip install kreuzberg`, then
`--reader NAME=PYTHON`; without PYTHON the Python that runs this is taken.

Each reader works through a set in one process, a document after the other; one that ends the process, or takes longer
than `--limit`, is refused, and the next document has a new process. What was read is kept in OUT/answers: `--again`
reads all of it anew, `--kept` none, else only the labels are. OUT/public_truth.md is the table; OUT/public_truth.csv
has each of its figures with what it was counted over, OUT/documents.csv those of each document. `public_sets` says what
figures mean, `read_pdfs` how readers are called.
"""

import argparse
import csv
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from public_sets import FIGURES, SETS, Answer, Document, Figures, NotThereError, find  # noqa: E402
from read_pdfs import READERS  # noqa: E402

COST = ("seconds_a_page", "peak_mb", "pages", "refused")
TITLES = ("facts", "of tables", "of formulas", "adjacency", "GriTS", "TEDS", "text", "headings", "overall")


@dataclass(frozen=True)
class Row:
    """What one reader made of one set, or of a group of its documents."""

    set: str
    reader: str  # with its version
    figures: Figures
    cost: Mapping[str, float]  # keys of `COST`; empty where answers were not made here, and for a group


class Reading:
    """One reader at work: its process, and its answers line by line."""

    def __init__(self, reader: str, python: str, tasks: Sequence[Mapping[str, Any]], limit_s: float) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if reader == "labels":
            environment["PYTHONPATH"] = str(REPOSITORY / "src")
        else:
            environment.pop("PYTHONPATH", None)
        self._limit_s, self._is_late = limit_s, False
        command = [python, str(REPOSITORY / "measurements" / "read_pdfs.py"), reader]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        self._answers, end = os.pipe()
        with tempfile.TemporaryFile() as asked:
            asked.write("".join(json.dumps(task) + "\n" for task in tasks).encode())
            asked.seek(0)
            self._process = subprocess.Popen(
                command, stdin=asked, stdout=end, stderr=self._errors, env=environment, start_new_session=True
            )
        os.close(end)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield answers until there is none for `limit_s` seconds, or the process ended."""
        pipe, waiting = self._answers, b""
        while True:
            if not select.select([pipe], [], [], self._limit_s)[0]:
                self._is_late = True
                return
            part = os.read(pipe, 1 << 16)
            if not part:
                return
            *lines, waiting = (waiting + part).split(b"\n")
            yield from map(json.loads, lines)

    def why_it_ended(self) -> str:
        """End the process and what it started if they still run, and say why there were no more answers."""
        os.close(self._answers)
        try:
            code = self._process.wait(0 if self._is_late else 5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            return f"no answer within {self._limit_s:g} s"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"the process ended with code {code}: {' '.join(last)[:200]}"


def read(reader: str, python: str, documents: Sequence[Document], limit_s: float) -> list[dict[str, Any]]:
    """Read documents in a process; the one at which it ends or hangs is refused, the rest go to another process."""
    tasks = [{"pdf": str(document.pdf.resolve()), "headers": document.headers} for document in documents]
    answers: list[dict[str, Any]] = []
    while len(answers) < len(tasks):
        reading = Reading(reader, python, tasks[len(answers) :], limit_s)
        answers.extend(reading)
        why = reading.why_it_ended()
        if len(answers) < len(tasks):
            answers.append({
                "pdf": tasks[len(answers)]["pdf"], "pages": [], "whole": False, "refused": {}, "error": why,
                "seconds": 0.0, "peak_mb": 0,
            })  # fmt: skip
    return answers


def costs(documents: Sequence[Document], answers: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
    """Return processor time, memory and pages refused, by the names of `COST`."""
    pages, refused = 0, 0
    for document, answer in zip(documents, answers, strict=True):
        with pymupdf.open(document.pdf) as pdf:
            pages += pdf.page_count
            refused += _refused(answer, pdf.page_count)
    seconds = sum(answer["seconds"] for answer in answers)
    peak_mb = max(answer["peak_mb"] for answer in answers)
    return dict(zip(COST, (seconds / max(pages, 1), peak_mb, pages, refused), strict=True))


def rows_of(name: str, reader: str, groups: Mapping[str, Figures], cost: Mapping[str, float]) -> list[Row]:
    """Return a row for the set and one for each group of its documents."""
    return [
        Row(f"{name}: {group}" if group else name, reader, figures, {} if group else cost)
        for group, figures in groups.items()
    ]


def _refused(answer: Mapping[str, Any], pages: int) -> int:
    """Count the pages of which a reader has no text, or none that it would trust."""
    if answer["error"]:
        return pages
    if answer["whole"]:
        return 0 if any(map(str.isalnum, "".join(answer["pages"]))) else pages
    empty = {number for number, text in enumerate(answer["pages"], 1) if not any(map(str.isalnum, text))}
    return len(empty | set(map(int, answer["refused"])))


def sampled(documents: Sequence[Document], most: int) -> list[Document]:
    """Return at most so many documents, evenly spread."""
    if not most or most >= len(documents):
        return list(documents)
    return [documents[number * len(documents) // most] for number in range(most)]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, a figure a line."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("set", "reader", "figure", "value", "counted"))
        for row in rows:
            for name in FIGURES:
                if name in row.figures:
                    figure = row.figures[name]
                    writer.writerow((row.set, row.reader, name, f"{figure.value:.6f}", figure.counted))
            for name in COST if row.cost else ():
                writer.writerow((row.set, row.reader, name, f"{row.cost[name]:.6g}", row.cost["pages"]))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as one Markdown table."""
    lines = [
        f"| set | reader | {' | '.join(TITLES)} | s/page | MB | refused |",
        "|---|---|" + "---|" * (len(TITLES) + 3),
    ]
    for row in rows:
        cells = [row.set, row.reader]
        cells += [_shown(name, row.figures) for name in FIGURES]
        if row.cost:
            refused = f"{row.cost['refused']:g} of {row.cost['pages']:g}"
            cells += [f"{row.cost['seconds_a_page']:.3f}", f"{row.cost['peak_mb']:g}", refused]
        else:
            cells += ["", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(name: str, figures: Figures) -> str:
    if name not in figures:
        return ""
    figure = figures[name]
    if name.endswith("facts"):
        return f"{round(figure.value * figure.counted)} of {figure.counted}"
    return f"{figure.value:.3f}"


def measure(arguments: argparse.Namespace, readers: Mapping[str, tuple[str, str]]) -> tuple[list[Row], list[Row]]:
    """Read and score every set that is there; `readers` is name → (Python, version).

    Returns a row for each set and reader, and one for each of their documents.
    """
    rows: list[Row] = []
    single: list[Row] = []
    for name in arguments.set or SETS:
        work = arguments.out / "pdfs" / name
        work.mkdir(parents=True, exist_ok=True)
        try:
            found = find(name, arguments.folder, work)
        except NotThereError as error:
            print(f"{name} is left out: {error}; where it comes from: {SETS[name].origin}", file=sys.stderr)
            continue
        documents = sampled(found.documents, arguments.documents)
        print(f"{name}: {len(documents)} of {len(found.documents)} documents", file=sys.stderr)
        for reader, (python, version) in readers.items() if documents else ():
            read_ = _answers(name, reader, python, documents, arguments)
            answers = {
                document.name: Answer(answer["pages"], answer["whole"])
                for document, answer in zip(documents, read_, strict=True)
            }
            rows += rows_of(name, f"{reader} {version}", found.score(answers), costs(documents, read_))
            single += [
                Row(f"{name}: {document}", reader, found.score({document: answer})[""], {})
                for document, answer in answers.items()
            ]
            print(table(rows[-1:]).splitlines()[-1], file=sys.stderr)
        for reader, published in found.published.items():
            rows += rows_of(name, f"{reader} (published)", found.score(published), {})
    return rows, single


def _answers(
    name: str, reader: str, python: str, documents: Sequence[Document], arguments: argparse.Namespace
) -> list[Any]:
    """Return what a reader makes of a set, or made of it before."""
    file = arguments.out / "answers" / f"{name}-{reader}.json"
    if file.is_file() and not arguments.again and (arguments.kept or reader != "labels"):
        answers: list[Any] = json.loads(file.read_text(encoding="utf-8"))
        if [answer["pdf"] for answer in answers] == [str(document.pdf.resolve()) for document in documents]:
            return answers
    answers = read(reader, python, documents, arguments.limit)
    for answer in answers:
        if answer["error"]:
            print(f"  {reader}: {Path(answer['pdf']).name}: {answer['error']}", file=sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(answers), encoding="utf-8")
    return answers


def version_of(reader: str, python: str) -> str:
    """Return a reader's version (of the labels the commit), "" where it is not installed."""
    if reader == "labels":
        command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    else:
        command = [python, str(REPOSITORY / "measurements" / "read_pdfs.py"), reader, "--version"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def main() -> int:
    """Read the arguments, measure, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the sets lie, each in its subfolder")
    parser.add_argument("--out", type=Path, default=Path("public_truth"), help="where the table goes")
    parser.add_argument("--reader", action="append", help=f"NAME or NAME=PYTHON: {', '.join(READERS)}")
    parser.add_argument("--set", action="append", choices=SETS, help="this set (again for more); else all")
    parser.add_argument("--documents", type=int, default=0, help="of each set at most so many, evenly spread")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds without an answer before one is refused")
    parser.add_argument("--again", action="store_true", help="read anew what is kept in OUT/answers")
    parser.add_argument("--kept", action="store_true", help="read nothing anew that is kept there, the labels included")
    parser.add_argument("--list", action="store_true", help="say where the sets come from")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name}: {source.origin}" for name, source in SETS.items()))
        return 0
    if arguments.folder is None or not arguments.folder.is_dir():
        parser.error(f"--folder {arguments.folder}: accepted is a folder with the sets (see --list)")
    readers = {}
    for given in arguments.reader or ["labels"]:
        name, _, python = given.partition("=")
        if name not in READERS:
            parser.error(f"--reader {given}: accepted are {', '.join(READERS)}")
        version = version_of(name, python or sys.executable)
        if not version:
            parser.error(
                f"--reader {given}: {READERS[name][0]} is not there; install it, or name the Python that has it"
            )
        readers[name] = (python or sys.executable, version)
    rows, single = measure(arguments, readers)
    if not rows:
        parser.error(f"--folder {arguments.folder}: none of the sets is there (see --list)")
    write(arguments.out / "public_truth.csv", rows)
    write(arguments.out / "documents.csv", single)
    (arguments.out / "public_truth.md").write_text(table(rows), encoding="utf-8")
    print(table(rows), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
