"""Running text of a tagged page under way: pieces that follow each other, joined by where they stand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scribetune.labels import line_ends, text_layer
from scribetune.labels.tables.cells import Box

SAME_LINE = 0.5
"""Of the lower one's height: two boxes that share it stand on one line."""
BREAK = "\n\n"
"""Between blocks; the text of a page has no line ends."""
_BOLD = 16  # span flag of MuPDF
_NEW_PARAGRAPH = 1.8  # of a line's height, between lines of one element: more than double spacing
_CLOSING = frozenset(".,;)]")
_UNSEEN = str.maketrans("", "", "\u200b\u2060\ufeff")


def share_line(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two boxes stand on one line."""
    height = min(a[3] - a[1], b[3] - b[1])
    return height > 0 and (min(a[3], b[3]) - max(a[1], b[1])) / height >= SAME_LINE


@dataclass
class TextUnderWay:
    """Text to which pieces are added; with the runs that are bold, raised and code."""

    text: str = ""
    bbox: Box | None = None
    bold: list[tuple[int, int]] = field(default_factory=list)
    raised: list[tuple[int, int]] = field(default_factory=list)
    code: list[tuple[int, int]] = field(default_factory=list)
    _main: tuple[float, float] = (0.0, 0.0)  # size and baseline of the last piece that is not raised

    def add_span(
        self,
        text: str,
        span: Mapping[str, Any],
        *,
        seen: Collection[str],
        ahead: str,
        code: bool = False,
        can_break: bool = False,
    ) -> None:
        """Append the text of one of MuPDF's spans; see `add`."""
        size, baseline = float(span["size"]), float(span["origin"][1])
        box: Box = tuple(span["bbox"])
        on_line = self.bbox is not None and share_line(self.bbox, box)
        raised = on_line and text_layer.is_raised(text, size, self._main[1] - baseline, self._main[0])
        if not raised and text.strip():
            self._main = (size, baseline)
        bold = bool(span["flags"] & _BOLD) and not code
        self.add(text.translate(_UNSEEN), box, bold=bold, raised=raised, seen=seen, ahead=ahead, can_break=can_break)
        if code:
            self.code.append((len(self.text) - len(text.translate(_UNSEEN)), len(self.text)))

    def add(
        self,
        piece: str,
        bbox: Box,
        *,
        bold: bool = False,
        raised: bool = False,
        seen: Collection[str] = (),
        ahead: str = "",
        can_break: bool = False,
    ) -> None:
        """Append a piece, with a blank where one is seen: a gap on the line, or a line's end between two words.

        A hyphen at a line's end that divides a word goes; `ahead` is the line that the piece begins, where it does.
        """
        if not piece:
            return
        if self.text.strip() and self.bbox is not None and piece.strip():
            if share_line(self.bbox, bbox):
                self.text += " " * self._is_apart(piece, bbox)
            else:
                if can_break and self._ends_paragraph(bbox):
                    self.text += BREAK
                piece = self._next_line(piece, ahead, seen)
        start = len(self.text)
        self.text += piece
        if bold:
            self.bold.append((start, len(self.text)))
        if raised and self.bbox is not None:
            self.raised.append((start, len(self.text)))
            # The line goes on behind the mark, at its own height.
            self.bbox = (self.bbox[0], self.bbox[1], bbox[2], self.bbox[3])
        else:
            self.bbox = bbox

    def _ends_paragraph(self, bbox: Box) -> bool:
        """Whether a line stands so far below the last one, or above it in the same column, that another text begins."""
        assert self.bbox is not None  # noqa: S101  narrows the type
        height = min(self.bbox[3] - self.bbox[1], bbox[3] - bbox[1])
        below, above = bbox[1] - self.bbox[3], self.bbox[1] - bbox[3]
        in_column = bbox[0] < self.bbox[2] and self.bbox[0] < bbox[2]
        return in_column and (below > _NEW_PARAGRAPH * height or above > height)

    def _next_line(self, piece: str, ahead: str, seen: Collection[str]) -> str:
        """End the line for a piece that begins the next one; returns it without blanks."""
        if self.text.endswith(BREAK) or piece.startswith(BREAK):
            return piece
        how = line_ends.joint(self.text.rsplit(BREAK, 1)[-1], ahead or piece, seen)
        self.text = line_ends.ended(self.text, how)
        if self.bold and self.bold[-1][1] > len(self.text):
            self.bold[-1] = (self.bold[-1][0], len(self.text))
        return piece.lstrip(" ")

    def _is_apart(self, piece: str, bbox: Box) -> bool:
        assert self.bbox is not None  # noqa: S101  narrows the type
        if self.text[-1].isspace() or piece[0].isspace() or piece[0] in _CLOSING:
            return False
        return text_layer.is_apart(self.text, piece, self.bbox, bbox)

    def is_far_from(self, bbox: Sequence[float]) -> bool:
        """Whether a box stands further below or above than the next line would."""
        if self.bbox is None:
            return False
        height = self.bbox[3] - self.bbox[1]
        return bbox[1] - self.bbox[3] > height or self.bbox[1] - bbox[3] > height

    def markdown(self, *, emphasis: bool) -> str:
        """Return the text; bold and raised runs marked where `emphasis` is asked for."""
        text = self._marked() if emphasis else self.text
        return BREAK.join(" ".join(part.split()) for part in text.split(BREAK) if part.strip())

    def _marked(self) -> str:
        # Where several marks meet, what ends comes before what begins, and the inner one ends before the outer one.
        marks: list[tuple[int, bool, int, str]] = []
        for runs, before, after in ((self.bold, "**", "**"), (self.code, "`", "`"), (self.raised, "<sup>", "</sup>")):
            for start, end in _merged(runs, self.text):
                inner = self.text[start:end]
                if inner.strip():
                    begins, ends = start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())
                    marks += [(begins, True, -ends, before), (ends, False, -begins, after)]
        pieces, at = [], 0
        for place, _, _, mark in sorted(marks):
            pieces += [self.text[at:place], mark]
            at = place
        return "".join([*pieces, self.text[at:]])


def _merged(runs: Sequence[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Return runs of one kind, those with nothing but blanks between them made one."""
    merged: list[tuple[int, int]] = []
    for start, end in runs:
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
