"""Values of form fields, put beside their labels: a PDF draws them after everything else on the page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scribetune.labels import right_to_left
from scribetune.labels.tables.cells import Box, holds, union
from scribetune.labels.text_layer import Line, TextLayer

_SAME_ROW = 0.5  # of the lower line's height


def with_values(layer: TextLayer, page: Any) -> TextLayer:
    """Return a page's text layer with each value at the end of the line that names it, on its row.

    A value below its label, or without one on its row, stays a line of its own; so do check marks.
    """
    import pymupdf

    if page.first_widget is None:
        return layer
    typed = (pymupdf.PDF_WIDGET_TYPE_TEXT, pymupdf.PDF_WIDGET_TYPE_COMBOBOX)
    fields = [tuple(widget.rect) for widget in page.widgets(typed) if widget.field_value]
    values = {number for number, line in enumerate(layer.lines) if any(holds(field, line.middle) for field in fields)}
    if not values or len(values) == len(layer.lines):
        return layer
    named: dict[int, list[int]] = {}
    for value in values:
        label = _label_of(value, layer.lines, values)
        if label is not None:
            named.setdefault(label, []).append(value)
    taken = {value for found in named.values() for value in found if len(found) == 1}
    lines = []
    for number, line in enumerate(layer.lines):
        own = [layer.lines[at] for at in named.get(number, ()) if at in taken]
        if own:
            lines.append(replace(line, spans=line.spans + own[0].spans, box=union([line.box, own[0].box])))
        elif number not in taken:
            lines.append(line)
    return replace(layer, lines=tuple(lines))


def _label_of(value: int, lines: Sequence[Line], values: set[int]) -> int | None:
    """Return the line that names a value: the next one on its row, where it is not another value."""
    box = lines[value].box
    nearest: tuple[float, int] | None = None
    for number, line in enumerate(lines):
        if number == value or not line.horizontal or not _on_one_row(line.box, box):
            continue
        before = right_to_left.is_right_to_left(line.text)
        gap = line.box[0] - box[2] if before else box[0] - line.box[2]
        if gap > -1 and (nearest is None or gap < nearest[0]):
            nearest = gap, number
    return nearest[1] if nearest is not None and nearest[1] not in values else None


def _on_one_row(box: Box, other: Box) -> bool:
    overlap = min(box[3], other[3]) - max(box[1], other[1])
    return overlap > _SAME_ROW * min(box[3] - box[1], other[3] - other[1])
