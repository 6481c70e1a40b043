"""Labels that people, or another model, wrote: they take the place of the machine's."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files, layout, user_text
from scribetune.core.errors import counted
from scribetune.labels import agreement
from scribetune.labels.rows import LabelRow, row_of
from scribetune.text import markdown

_AUTHOR = re.compile(r"<!-- (reviewer|teacher):(.*)-->")
_UNSURE = re.compile(r"<!-- unsure: (\d+) of (\d+) lines: (.*) -->")


@dataclass(frozen=True)
class Correction:
    """A label that people or another model wrote."""

    text: str  # in normal form
    source: str  # "correction" (a person's) or "teacher" (a model's)
    author: str  # who or what wrote it; "" where the file does not say
    agreement: float = agreement.UNKNOWN  # share of its lines that two readers agree on, where two have read it
    disagreements: str = ""  # the others, as JSON: what one reads, what the other, where


def read_correction(path: Path) -> Correction:
    """Read a label that overrides the machine's.

    A first line `<!-- reviewer: NAME -->` or `<!-- teacher: MODEL -->` names who or what made it and is no part of it;
    nor is a second one after a teacher's that says on which lines two readers do not agree (`with_unsure`).

    Raises:
        UserError: It is no text in an encoding that is accepted.
    """
    text = user_text.read(path)
    first, _, rest = text.partition("\n")
    marker = _AUTHOR.fullmatch(first.strip())
    if marker is None:
        return Correction(markdown.normalise(text), "correction", "")
    author = marker.group(2).strip()
    if marker.group(1) != "teacher":
        return Correction(markdown.normalise(rest), "correction", author)
    second, _, below = rest.partition("\n")
    unsure = _UNSURE.fullmatch(second.strip())
    if unsure is None:
        return Correction(markdown.normalise(rest), "teacher", author)
    agreed = 1 - int(unsure.group(1)) / max(1, int(unsure.group(2)))
    places = unsure.group(3).replace("\\u002d", "-") if unsure.group(3) != "[]" else ""
    return Correction(markdown.normalise(below), "teacher", author, agreed, places)


def with_unsure(author: str, text: str, unsure: Sequence[Mapping[str, Any]], lines: int) -> str:
    """Return the file of a label that two readers wrote, who do not agree on some of its lines.

    Args:
        author: Who they are.
        text: The label.
        unsure: Lines that they do not agree on: what one reads, what the other, and where.
        lines: Number of all lines.
    """
    places = json.dumps(list(unsure), ensure_ascii=False).replace("-", "\\u002d")  # no end of a comment in it
    return f"<!-- teacher: {author} -->\n<!-- unsure: {len(unsure)} of {lines} lines: {places} -->\n{text}"


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
        agreement=correction.agreement,
        disagreements=correction.disagreements,
        message=_in_words(correction.disagreements),
    )


def _in_words(unsure: str) -> str:
    """Return lines that two readers do not agree on in words; "" for none."""
    lines = json.loads(unsure) if unsure else []
    first = ", ".join(f"“{line['label']}” or “{line['image']}” at {line['place']}" for line in lines[:3])
    more = f", and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"two readers do not agree on {counted(len(lines), 'line')}: {first}{more}" if lines else ""


def write_changed(path: Path, text: str) -> None:
    """Write a file unless it has that content: what is untouched keeps its time."""
    data = text.encode()
    if not (path.exists() and path.read_bytes() == data):
        files.write_bytes(path, data)
