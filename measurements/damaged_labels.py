"""Labels damaged on purpose: how often do word recall and word precision see it?

    python measurements/damaged_labels.py ../shared/corpus/icdar2013/*.pdf --pages 3

Pages whose label has each word of the layer, and none besides, are damaged in four ways, each once a page at a place
drawn with a seed: a word taken out; six words out and six others twice, so that the label is as long as before; a
figure of a table written behind the table instead, so that the label has the same words; a cell of a mark (%, —)
emptied.
"""

import argparse
import logging
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pymupdf

from scribetune.labels import coverage, reader

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "measurement")
LEAST_WORDS = 80
_TEXT = re.compile(r"^(?![|<!`])[^\n]+$", re.MULTILINE)
_FIGURE = re.compile(r"(?<=\| )[\d.,%]+(?= \|)")
_MARK = re.compile(r"(?<=\| )[%°±€$—–*†#&§-](?= \|)")


def runs_of(label: str, length: int) -> list[tuple[int, int]]:
    """Return where so many words follow each other within a line of running text."""
    found: list[tuple[int, int]] = []
    for line in _TEXT.finditer(label):
        words = [(line.start() + word.start(), line.start() + word.end()) for word in re.finditer(r"\S+", line.group())]
        found.extend((words[at][0], words[at + length - 1][1]) for at in range(1, len(words) - length))
    return found


def damaged(label: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield what was done, and the label after it."""
    if words := runs_of(label, 1):
        start, end = rng.choice(words)
        yield "a word taken out", label[:start] + label[end:]
    runs = runs_of(label, 6)
    if len(runs) > 20:
        (start, end), (from_, to) = rng.sample(runs, 2)
        if to < start or end < from_:
            edits = sorted([(start, end, ""), (to, to, f" {label[from_:to]}")], reverse=True)
            text = label
            for first, last, put in edits:
                text = text[:first] + put + text[last:]
            yield "six words out, six others twice", text
    if len({match.group() for match in _FIGURE.finditer(label)}) > 3:
        match = rng.choice(list(_FIGURE.finditer(label)))
        yield "a figure behind its table", f"{label[: match.start()]}{label[match.end() :]}\n{match.group()}\n"
    if marks := list(_MARK.finditer(label)):
        match = rng.choice(marks)
        yield "a cell of a mark emptied", label[: match.start()] + label[match.end() :]


def compared(path: Path, pages: int) -> Iterator[tuple[Any, ...]]:
    """Yield what was compared on each page of a PDF: pieces, words and label."""
    calls: list[tuple[Any, ...]] = []
    original = coverage.of_pieces

    def noted(*arguments: Any) -> coverage.Coverage:
        calls.append(arguments)
        return original(*arguments)

    try:
        opened = reader.PageReader(str(path), "", SETTINGS)
    except reader.UnreadablePdfError:
        return
    for number in range(min(pages, opened.page_count)):
        calls.clear()
        with mock.patch.object(coverage, "of_pieces", noted):
            opened.read(number)
        yield from calls[-1:]


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdfs", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=3, help="pages of each PDF, at most")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    rng = random.Random(arguments.seed)  # noqa: S311  no secret
    done: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for path in arguments.pdfs:
        for pieces, words, label in compared(path, arguments.pages):
            whole = coverage.of_pieces(pieces, words, label)
            if len(words) < LEAST_WORDS or whole.recall < 1 or whole.precision < 1:
                continue
            for name, text in damaged(label, rng):
                found = coverage.of_pieces(pieces, words, text)
                done[name] += 1
                seen[name] += found.recall < 1
    for name, count in done.items():
        print(f"{name:34} {count:4} pages, seen on {seen[name]}")


if __name__ == "__main__":
    main()
