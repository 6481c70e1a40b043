"""Words under dark bars: a redaction that was painted over a text, which the text layer still has, and nobody sees."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from scribetune.labels.tables.cells import Box, Word, union
from scribetune.labels.text_layer import Line, Span, TextLayer

_DARK = 0.35  # of white, each channel
_MOSTLY = 0.7  # of a word's width
_INSET = 0.1  # of a word's height: bars have edges


def dark_boxes(drawings: Iterable[Mapping[str, Any]]) -> list[Box]:
    """Return the boxes filled with a dark colour; `drawings` as PyMuPDF's `get_cdrawings` gives them."""
    return [
        (float(x0), float(y0), float(x1), float(y1))
        for path in drawings
        if "f" in path["type"] and path.get("fill") and max(path["fill"]) < _DARK
        for item in path["items"]
        if item[0] == "re"
        for x0, y0, x1, y1 in [item[1]]
    ]


def bars_over(words: Sequence[Word], boxes: Sequence[Box]) -> list[Box]:
    """Return those of dark boxes that words lie in.

    Whether the words are seen all the same (white on black) the page's image says.
    """
    return [box for box in boxes if any(_is_under(word, box) for word in words)]


def without_covered(layer: TextLayer, bars: Sequence[Box], is_seen: Callable[[Box], bool]) -> TextLayer:
    """Return a text layer without the words under bars that have no contrast there (`is_seen` of a box)."""
    gone = [word for word in layer.words if any(_is_under(word, bar) and not is_seen(_in(word, bar)) for bar in bars)]
    if not gone:
        return layer
    lines = [shown for line in layer.lines if (shown := _without(line, gone)) is not None]
    words = tuple(word for word in layer.words if word not in gone)
    return replace(layer, lines=tuple(lines), words=words, unseen=(*layer.unseen, *gone))


def _is_under(word: Word, bar: Box) -> bool:
    y = word.centre[1]
    return bar[1] < y < bar[3] and min(word.x1, bar[2]) - max(word.x0, bar[0]) > _MOSTLY * (word.x1 - word.x0)


def _in(word: Word, bar: Box) -> Box:
    """Return the part of a word's box under a bar, its edges left out."""
    inset = _INSET * word.height
    x0, y0 = max(word.x0, bar[0]) + inset, max(word.y0, bar[1]) + inset
    return x0, y0, max(min(word.x1, bar[2]) - inset, x0), max(min(word.y1, bar[3]) - inset, y0)


def _without(line: Line, gone: Sequence[Word]) -> Line | None:
    x0, y0, x1, y1 = line.box
    here = [word for word in gone if x0 <= word.centre[0] <= x1 and y0 <= word.centre[1] <= y1]
    if not here:
        return line
    spans = [shown for span in line.spans if (shown := _span_without(span, here)).text.strip()]
    return replace(line, spans=tuple(spans), box=union([span.box for span in spans])) if spans else None


def _span_without(span: Span, gone: Sequence[Word]) -> Span:
    """Return a span without words: of equal words, each time the one that stands nearest."""
    text = span.text
    width = max(span.box[2] - span.box[0], 1.0)
    for word in gone:
        if not span.box[0] <= word.centre[0] <= span.box[2]:
            continue
        wanted = (word.x0 - span.box[0]) / width * len(span.text)
        places = [at for at in range(len(text)) if text.startswith(word.text, at)]
        if places:
            at = min(places, key=lambda at: abs(at - wanted))
            # What is left keeps its place in the text.
            text = text[:at] + " " * len(word.text) + text[at + len(word.text) :]
    if text == span.text:
        return span
    before, after = (" " if edge.isspace() else "" for edge in (span.text[:1], span.text[-1:]))
    return replace(span, text=before + " ".join(text.split()) + after)
