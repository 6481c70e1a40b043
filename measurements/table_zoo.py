"""Labels on PDFs made from a seed with exact truth: tables of 56 styles, paragraphs and lists of 24.

    PYTHONPATH=tests python measurements/table_zoo.py                          # 500 tables, half of them reported on
    PYTHONPATH=tests python measurements/table_zoo.py --half develop --keep FOLDER   # the half to develop on, with PDFs
    PYTHONPATH=tests python measurements/table_zoo.py --texts                  # paragraphs and lists
    PYTHONPATH=tests python measurements/table_zoo.py --without wrapped-rows   # what a repair of tables brings
    PYTHONPATH=tests python measurements/table_zoo.py --repairs                # the same for each of them
    PYTHONPATH=tests python measurements/table_zoo.py --over-pages             # tables over two pages and more
    PYTHONPATH=tests python measurements/table_zoo.py --make-only --keep FOLDER     # PDFs and truth alone

The styles lie in two halves; no style is in both (measurements/zoo/styles.py). Rules are made on the one and figures
reported on the other: do not look at tables of the half that is reported. A number of tables is shared out over all
styles, so that a half has half of it. Scores: tests/support/icdar2013.py for adjacency, `scribetune.metrics` for GriTS
and TEDS; `exact` is the share of documents whose tables are the truth, cell by cell.
"""

import argparse
import csv
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import pairwise, product
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from zoo import labels, repairs  # noqa: E402
from zoo.documents import TableDocument, TextDocument, shared_out, table_document, text_document  # noqa: E402
from zoo.over_pages import document as over_pages_document  # noqa: E402
from zoo.scores import TableScore, TextScore, means, table_score, text_score  # noqa: E402
from zoo.styles import TABLES, TEXTS  # noqa: E402

from scribetune.labels.continued_tables import continued  # noqa: E402  the folder above comes first
from scribetune.labels.reader import PageReader  # noqa: E402
from scribetune.samples.typesetting import Typesetter  # noqa: E402

Document = TableDocument | TextDocument
Row = dict[str, Any]


def made(arguments: argparse.Namespace, folder: Path) -> list[tuple[Document, Path]]:
    """Make the documents, and write each with its truth into a folder."""
    documents: list[tuple[Document, Path]] = []
    with Typesetter() as typesetter:
        styles: Sequence[Any] = TEXTS if arguments.texts else TABLES
        make: Any = text_document if arguments.texts else table_document
        for style, number in shared_out(styles, arguments.count):
            if arguments.half not in ("both", style.half) or arguments.style not in style.name:
                continue
            document = make(typesetter, style, number, arguments.seed)
            path = folder / f"{style.half}-{styles.index(style):02}-{number:03}.pdf"
            path.write_bytes(document.pdf)
            path.with_suffix(".json").write_text(truth(document), encoding="utf-8")
            documents.append((document, path))
    if not documents:
        sys.exit(f"no style of the half {arguments.half!r} has {arguments.style!r} in its name")
    return documents


def truth(document: Document) -> str:
    """Return a document's truth as JSON: tables as HTML and as cells, or blocks."""
    found: Row = {"style": document.style.name, "half": document.style.half}
    if isinstance(document, TextDocument):
        found["blocks"] = [asdict(block) for block in document.blocks]
    else:
        found["pages"] = {
            str(page): [
                {
                    "html": table.html,
                    "cells": [[c.row, c.column, c.row_span, c.column_span, c.text] for c in table.cells],
                }
                for table in tables
            ]
            for page, tables in document.tables.items()
        }
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def scored(document: Document, pages: dict[int, str]) -> TableScore | TextScore:
    """Score one document."""
    if isinstance(document, TextDocument):
        return text_score(document.blocks, pages.get(1, ""))
    return table_score(document.tables, pages)


def read(documents: Sequence[tuple[Document, Path]], name: str, keep: Path | None) -> list[Row]:
    """Let one reader read all documents; return a row each."""
    rows = []
    for document, path in documents:
        reading = labels.READERS[name](path)
        if keep is not None:
            text = "\n\n".join(f"<!-- page {page} -->\n\n{text}" for page, text in reading.pages.items())
            (keep / f"{path.stem}.{name}.md").write_text(text, encoding="utf-8")
        rows.append(
            {
                "half": document.style.half,
                "style": document.style.name,
                "number": document.number,
                "reader": name,
                "pages": len(reading.pages),
                "seconds": reading.seconds,
                "score": scored(document, reading.pages),
            }
        )
    return rows


def summaries(rows: Sequence[Row], readers: Sequence[str]) -> list[Row]:
    """Return the means of each style and each half for each reader, styles by their first score, lowest first."""
    groups: dict[tuple[str, str], None] = {}
    for row in rows:
        groups.setdefault((row["half"], row["style"]))
        groups.setdefault((row["half"], "all"))
    found = []
    for half, style in groups:
        for reader in readers:
            its = [r for r in rows if (r["half"], r["reader"]) == (half, reader) and style in (r["style"], "all")]
            speed = sum(r["pages"] for r in its) / max(sum(r["seconds"] for r in its), 1e-9)
            values = means([r["score"] for r in its])
            found.append({"half": half, "style": style, "reader": reader, "documents": len(its), **values})
            found[-1]["pages_per_second"] = speed
    order = {(r["half"], r["style"]): next(iter(_scores(r).values())) for r in found if r["reader"] == readers[0]}
    return sorted(found, key=lambda r: (r["half"], r["style"] == "all", order[r["half"], r["style"]], r["style"]))


def _scores(row: Row) -> dict[str, float]:
    names = {"half", "style", "reader", "documents", "pages_per_second"}
    return {name: value for name, value in row.items() if name not in names}


def show(found: Sequence[Row]) -> None:
    """Print the means, a line for each style, reader and half."""
    print(f"{'half':8} {'style':44} {'reader':8} {'n':>4}", *(f"{name:>10}" for name in _scores(found[0])), "pages/s")
    for row in found:
        values = [f"{value:10.3f}" for value in _scores(row).values()]
        start = f"{row['half']:8} {row['style']:44} {row['reader']:8} {row['documents']:4}"
        print(start, *values, f"{row['pages_per_second']:7.2f}")


def write(path: Path, found: Sequence[Row]) -> None:
    """Write the means as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(found[0])
        for row in found:
            writer.writerow(f"{value:.4f}" if isinstance(value, float) else value for value in row.values())


def compare(documents: Sequence[tuple[Document, Path]], names: Sequence[str]) -> list[Row]:
    """Print, and return, what each repair brings: the mean with it less the mean without it."""
    found: list[Row] = []
    with labels.remembered_regions():
        whole = [row["score"] for row in read(documents, "labels", None)]
        base = means(whole)
        print(f"{'without':22}", *(f"{name:>10}" for name in base), "better worse   (documents that it makes so)")
        print(f"{'nothing':22}", *(f"{value:10.4f}" for value in base.values()))
        for name in names:
            with repairs.without(name):
                scores = [row["score"] for row in read(documents, "labels", None)]
            gain = {key: base[key] - value for key, value in means(scores).items()}
            pairs = list(zip(whole, scores, strict=True))
            better = sum(a.adjacency > b.adjacency + 1e-9 for a, b in pairs)
            worse = sum(a.adjacency < b.adjacency - 1e-9 for a, b in pairs)
            print(f"{name:22}", *(f"{value:+10.4f}" for value in gain.values()), f"{better:6} {worse:5}")
            found.append({"repair": name, "documents": len(documents), **gain, "better": better, "worse": worse})
    return found


def over_pages(arguments: argparse.Namespace, folder: Path) -> None:
    """Print how many tables that go on over a page are found, and how many others are joined."""
    found: dict[bool, list[bool]] = {True: [], False: []}
    halves = ("develop", "report") if arguments.half == "both" else (arguments.half,)
    with Typesetter() as typesetter:
        for half, number in product(halves, range(arguments.count // 10)):
            made = over_pages_document(typesetter, half, number, arguments.seed)
            path = folder / "document.pdf"
            path.write_bytes(made.pdf)
            reader = PageReader(str(path), "", labels.SETTINGS)
            ends = [reader.read(page).ends for page in range(reader.page_count)]
            for before, after in pairwise(ends):
                is_joined = bool(continued(before, after))
                found[made.is_joined].append(is_joined)
                if is_joined != made.is_joined and arguments.half == "develop":
                    print("wrong:", made.name)
    print(f"found {sum(found[True])} of {len(found[True])}, joined falsely {sum(found[False])} of {len(found[False])}")


def main() -> None:
    """Make the zoo, read it, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="documents of both halves together (500 tables, 240 texts)")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other documents of the same styles")
    parser.add_argument("--half", choices=("develop", "report", "both"), default="report")
    parser.add_argument("--style", default="", help="only styles with this in their name")
    parser.add_argument("--texts", action="store_true", help="paragraphs and lists instead of tables")
    parser.add_argument("--over-pages", action="store_true", help="tables that go on over a page (a tenth of --count)")
    parser.add_argument("--skip-library", action="store_true", help="leave pymupdf4llm out")
    parser.add_argument("--without", action="append", choices=list(repairs.REPAIRS), help="compare labels without it")
    parser.add_argument("--repairs", action="store_true", help="compare labels without each of the repairs")
    parser.add_argument("--csv", type=Path, help="write the means there")
    parser.add_argument("--keep", type=Path, help="leave PDFs, truth (JSON) and labels in this folder")
    parser.add_argument("--make-only", action="store_true", help="make the documents and read none")
    arguments = parser.parse_args()
    arguments.count = arguments.count or (240 if arguments.texts else 500)
    if arguments.texts and (arguments.without or arguments.repairs):
        parser.error("--without and --repairs are about tables: leave --texts out")
    logging.disable(logging.WARNING)
    labels.quiet()
    with ExitStack() as stack:
        folder = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.over_pages:
            over_pages(arguments, folder)
            return
        documents = made(arguments, folder)
        print(f"{len(documents)} documents, seed {arguments.seed}", f"in {folder}" if arguments.keep else "")
        if arguments.make_only:
            return
        if arguments.without or arguments.repairs:
            found = compare(documents, list(repairs.REPAIRS) if arguments.repairs else arguments.without)
        else:
            readers = ["labels"] if arguments.skip_library else ["labels", "library"]
            found = summaries([r for name in readers for r in read(documents, name, arguments.keep)], readers)
            show(found)
        if arguments.csv:
            write(arguments.csv, found)


if __name__ == "__main__":
    main()
