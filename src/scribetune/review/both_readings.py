"""Both readings of what is doubted on a page: what its label has, what a second reader has, who that is, and where.

Three readers doubt labels: a second reading of tables (`labels.tables.agreement`), the page image
(`labels.image_witness`), and of scans the second of two readers (`labels.two_readings`). Texts are as they were read:
whoever shows them escapes them (`html_of` does).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from markupsafe import Markup, escape

from scribetune.labels.tables import agreement
from scribetune.labels.tables.cells import Box
from scribetune.text import grid_diff
from scribetune.text.grid_diff import Grid, Slots
from scribetune.text.visible_text import visible

WITNESSES = MappingProxyType(
    {
        "table": "A second reading of the table, from its words alone, differs from the label.",
        "font": "The page image shows other letters than the text layer says: most words of a font are read otherwise.",
        "letter": "The page image shows another letter than the text layer says, each time that it comes.",
        "lost": "The page image shows lines where the text layer has no words.",
        "undrawn": "The page image shows nothing where the text layer has words.",
        "unsure": "Two readers of the scan do not read these lines alike, or the first is not certain of a letter.",
    }
)
"""Who doubts, and why, in plain words."""
SHOWN_ROWS, SHOWN_COLUMNS, SHOWN_CHARACTERS = 40, 16, 120
_MOST_PLACES = 12
_SAME_SHAPE = 0.02
_PLACE = re.compile(r"(-?\d+),(-?\d+)–(-?\d+),(-?\d+) px")


@dataclass(frozen=True)
class BothReadings:
    """Two readings of one place, or of several, of a page."""

    kind: str  # a key of `WITNESSES`
    label: Grid  # row by row; words are rows of one cell
    other: Grid
    places: tuple[Box, ...]  # left, top, right, bottom
    unit: str  # of the places: "pt" of the page as it is shown, or "px" of its image
    trust: float | None = None  # of a table

    @property
    def witness(self) -> str:
        """Who doubts, in plain words."""
        return WITNESSES[self.kind]

    @property
    def place(self) -> str:
        """The first place, in words."""
        if not self.places:
            return ""
        x0, y0, x1, y1 = self.places[0]
        return f"{x0:.0f}, {y0:.0f} – {x1:.0f}, {y1:.0f} {self.unit}"


def of_row(row: Mapping[str, str]) -> tuple[BothReadings, ...]:
    """Return what two readers read otherwise on a page, from its row in the manifest of labels: tables first."""
    tables = (one for one in agreement.from_json(row.get("table_readings", "")) if one.second)
    found = [BothReadings("table", one.first, one.second, (one.box,), "pt", one.trust) for one in tables]
    told = json.loads(row.get("disagreements") or "[]")
    unsure = [one for one in told if "place" in one]
    if unsure:
        places = [tuple(map(float, at.groups())) for one in unsure if (at := _PLACE.fullmatch(one["place"]))]
        found.append(_words("unsure", [(one["label"], one["image"]) for one in unsure], places, "px"))
    for one in told:
        if one.get("kind") in WITNESSES:
            readings = one["readings"]
            pairs = [(reading["label"], reading["image"]) for reading in readings]
            found.append(_words(one["kind"], pairs, [tuple(reading["box"]) for reading in readings], "pt"))
    return tuple(found)


def _words(kind: str, pairs: list[tuple[str, str]], places: list[tuple[float, ...]], unit: str) -> BothReadings:
    boxes = tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in places[:_MOST_PLACES])
    return BothReadings(kind, [(label,) for label, _ in pairs], [(other,) for _, other in pairs], boxes, unit)


def page_size(row: Mapping[str, str]) -> tuple[float, float] | None:
    """Return width and height of a page in points, in which places are; None where they are not known."""
    width, height = (float(row.get(name) or 0) for name in ("width_pt", "height_pt"))
    return (width, height) if width > 0 and height > 0 else None


def shares(
    found: BothReadings, size_pt: tuple[float, float] | None, image_px: tuple[int, int]
) -> list[tuple[float, float, float, float]]:
    """Return left, top, width and height of places as shares of the page image; none where they are not on it.

    A page that was turned to be read has other sides than its image.
    """
    size = size_pt if found.unit == "pt" else image_px
    if size is None or abs(size[0] * image_px[1] / (size[1] * image_px[0]) - 1) > _SAME_SHAPE:
        return []
    return [
        (x0 / size[0], y0 / size[1], max(0.0, x1 - x0) / size[0], max(0.0, y1 - y0) / size[1])
        for x0, y0, x1, y1 in found.places
    ]


def html_of(found: BothReadings) -> tuple[Markup, Markup]:
    """Return both readings as safe HTML tables, cells that differ in <mark>; long ones end with an ellipsis."""
    if found.kind == "table":
        label_unlike, other_unlike = grid_diff.differing(found.label, found.other)
    else:  # row beside row; of each reading all is another
        pairs = zip(found.label, found.other, strict=True)
        unlike = frozenset((row, 0) for row, (one, other) in enumerate(pairs) if one != other)
        label_unlike = other_unlike = unlike
    return _table(found.label, label_unlike), _table(found.other, other_unlike)


def _table(grid: Grid, unlike: Slots) -> Markup:
    rows = []
    for at, texts in enumerate(grid[:SHOWN_ROWS]):
        cells = [_cell(text, is_unlike=(at, column) in unlike) for column, text in enumerate(texts[:SHOWN_COLUMNS])]
        rows.append(f"<tr>{''.join(cells)}{'<td>…</td>' if len(texts) > SHOWN_COLUMNS else ''}</tr>")
    if len(grid) > SHOWN_ROWS:
        rows.append("<tr><td>…</td></tr>")
    return Markup(f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else "")  # noqa: S704  each cell is escaped


def _cell(text: str, *, is_unlike: bool) -> str:
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    escaped = str(escape(visible(shown)))
    # An empty cell that differs has to be seen too.
    return f'<td dir="auto">{f"<mark>{escaped or chr(0x2205)}</mark>" if is_unlike else escaped}</td>'
