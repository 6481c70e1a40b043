"""Labels that people, or another model, wrote: they take the place of the machine's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import files, layout, user_text
from scribetune.labels.rows import LabelRow, row_of
from scribetune.text import markdown

_AUTHOR = re.compile(r"<!-- (reviewer|teacher):(.*)-->")


@dataclass(frozen=True)
class Correction:
    """A label that people or another model wrote."""

    text: str  # in normal form
    source: str  # "correction" (a person's) or "teacher" (a model's)
    author: str  # who or what wrote it; "" where the file does not say


def read_correction(path: Path) -> Correction:
    """Read a label that overrides the machine's.

    A first line `<!-- reviewer: NAME -->` or `<!-- teacher: MODEL -->` names who or what made it and is no part of it.

    Raises:
        UserError: It is no text in an encoding that is accepted.
    """
    text = user_text.read(path)
    first, _, rest = text.partition("\n")
    marker = _AUTHOR.fullmatch(first.strip())
    if marker is None:
        return Correction(markdown.normalise(text), "correction", "")
    source = "teacher" if marker.group(1) == "teacher" else "correction"
    return Correction(markdown.normalise(rest), source, marker.group(2).strip())


def corrections_by_page(paths: Iterable[Path]) -> dict[tuple[str, int], Path]:
    """Return (document, page) → file for `<folder>/<document>/p<NNNN>.md`."""
    return {(path.parent.name, int(path.stem.removeprefix("p"))): path for path in paths}


def correct(row: LabelRow, path: Path) -> LabelRow:
    """Put a correction in the place of a machine label, on disk and in its row."""
    correction = read_correction(path)
    text = correction.text
    write_changed(layout.page_label(row.document, row.page), text)
    return row_of(
        row.document,
        row.page,
        text,
        "the correction is empty",
        source=correction.source,
        reviewer=correction.author,
        formulas=text.count("$") // 2,
    )


def write_changed(path: Path, text: str) -> None:
    """Write a file unless it has that content: what is untouched keeps its time."""
    data = text.encode()
    if not (path.exists() and path.read_bytes() == data):
        files.write_bytes(path, data)
