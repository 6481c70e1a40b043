"""Blocks of a page with their boxes, in the form in which DeepSeek-OCR writes them and reads them back.

Each block has a mark before its Markdown, `<|ref|>KIND<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>` and a line end, blocks
stand in reading order with an empty line between them. Places are shares of the page as it is shown, from 0 (left, top)
to 999 (right, bottom). A block that goes on in another column has a box for each part. A picture has no Markdown.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from scribetune.text.markdown import FIGURE

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in thousandths of the page, 0 to 999."""
Kind = Literal["title", "sub_title", "text", "table", "equation", "image", "table_caption", "image_caption"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Names of blocks that released models write; lists, notes and code are `text`, as there."""
MOST = 999
"""The last place of a page."""
_CELLS = "cells"
_OTHER_KINDS = {"table_footnote": "text", "header": "text", "footer": "text", "list": "text", "figure": "image"}
"""What models write besides, and what it is here."""
_CLOSED = re.compile(r"<table\b.*?</table>|^```.*?^```$|\$\$.*?\$\$", re.DOTALL | re.MULTILINE)
"""Blocks that may have empty lines in them."""
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_HEADING = re.compile(r"(#{1,6})\s")
_MARK = re.compile(r"<\|ref\|>((?:(?!<\|)[^\n])*)<\|/ref\|>[ \t]*<\|det\|>((?:(?!<\|)[^\n])*)<\|/det\|>[ \t]*\n?")
_CUT = re.compile(r"<\|ref\|>(?:(?!<\|)[^\n])*(?:<\|/ref\|>[ \t]*(?:<\|det\|>(?:(?!<\|)[^\n])*)?)?\Z")
"""A mark that an answer ends in."""
_PLACE = re.compile(r"\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]")
_LITERAL = re.compile(r"<(\|/?(?:ref|det)\|>)")
_ESCAPE = re.compile(r"&((?:amp;)*)lt;(\|/?(?:ref|det)\|>)")


@dataclass(frozen=True)
class Span:
    """A block of a label: from which character up to which, and what it is."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Block:
    """A block with its Markdown and its boxes: none where nobody said where it is."""

    kind: Kind
    text: str
    boxes: tuple[Box, ...] = ()
    cells: tuple[Box, ...] = ()  # of a table: its cells that are not empty, row by row


@dataclass(frozen=True)
class Answer:
    """What a model wrote."""

    blocks: tuple[Block, ...]
    malformed: int = 0  # marks that name no box

    @property
    def text(self) -> str:
        """The Markdown alone."""
        return "\n\n".join(block.text for block in self.blocks if block.text)


def split(label: str) -> list[Span]:
    """Return the blocks of a label in order, without the line ends around them.

    Captions are told by nobody here: they are `text`.
    """
    closed = [found.span() for found in _CLOSED.finditer(label)]
    edges = [0]
    for blank in _BLANK.finditer(label):
        if not any(start < blank.start() and blank.end() < end for start, end in closed):
            edges += [blank.start(), blank.end()]
    edges.append(len(label))
    spans = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        text = label[start:end]
        first = start + len(text) - len(text.lstrip("\n"))
        last = first + len(text.strip("\n"))
        if text.strip():
            spans.append(Span(first, last, _kind(label[first:last])))
    return spans


def _kind(text: str) -> Kind:
    heading = _HEADING.match(text)
    if heading:
        return "title" if len(heading[1]) == 1 else "sub_title"
    if text == FIGURE:
        return "image"
    if text.startswith("|") or text.lower().startswith("<table"):
        return "table"
    if text.startswith("$$") and text.endswith("$$") and len(text) > len("$$$$"):
        return "equation"
    return "text"


def write(blocks: Sequence[Block], *, with_cells: bool = False) -> str:
    """Return blocks as a model is to write them; one without a box has no mark.

    Args:
        blocks: In reading order.
        with_cells: Whether each table has a second mark, named `cells`, with a box for each of its cells.
    """
    return "\n\n".join(_written(block, with_cells=with_cells) for block in blocks)


def _written(block: Block, *, with_cells: bool) -> str:
    text = "" if block.kind == "image" and block.boxes else _escaped(block.text)
    if not block.boxes:
        return text
    marks = mark(block.kind, block.boxes)
    if with_cells and block.cells:
        marks += mark(_CELLS, block.cells)
    return f"{marks}\n{text}".rstrip("\n")


def mark(name: str, boxes: Sequence[Box]) -> str:
    """Return the mark of a block, or of a text, with its boxes."""
    places = ", ".join(f"[{', '.join(map(str, box))}]" for box in boxes)
    return f"<|ref|>{name}<|/ref|><|det|>[{places}]<|/det|>"


def _escaped(text: str) -> str:
    """Return text whose own marks, if it has any, are none of this form."""
    if not _LITERAL.search(text) and not _ESCAPE.search(text):
        return text
    return _LITERAL.sub(r"&lt;\1", _ESCAPE.sub(r"&amp;\1lt;\2", text))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: f"&{found[1][4:]}lt;{found[2]}" if found[1] else f"<{found[2]}", text)


def has_marks(answer: str) -> bool:
    """Whether there is a mark of a block in an answer."""
    return "<|ref|>" in answer and (_MARK.search(answer) is not None or _CUT.search(answer) is not None)


def plain(answer: str) -> str:
    """Return the Markdown of an answer without marks and boxes; what has no mark stays as it is, to the character."""
    return read(answer).text if has_marks(answer) else answer


def read(answer: str) -> Answer:
    """Take an answer apart into its blocks.

    What a model was asked to read line by line (`OCR this image.`) has the text itself in the place of a kind. A mark
    that the answer is cut off in counts for nothing.
    """
    answer = _CUT.sub("", answer)
    blocks: list[Block] = []
    malformed = 0
    marks = list(_MARK.finditer(answer))
    first = answer[: marks[0].start()] if marks else answer
    if first.strip():
        blocks.append(Block("text", _unescaped(first.strip("\n"))))
    for number, one in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(answer)
        text = _unescaped("\n".join(line.rstrip(" ") for line in answer[one.end() : end].split("\n")).strip("\n"))
        name, boxes = one[1].strip(), tuple(_boxes(one[2]))
        malformed += not boxes
        if name == _CELLS and blocks and blocks[-1].kind == "table" and not blocks[-1].text:
            blocks[-1] = Block("table", text, blocks[-1].boxes, boxes)
        else:
            blocks.append(_block(name, text, boxes))
    return Answer(tuple(blocks), malformed)


def _block(name: str, text: str, boxes: tuple[Box, ...]) -> Block:
    known = _OTHER_KINDS.get(name, name)
    if known == "image":
        return Block("image", FIGURE if not text else f"{FIGURE}\n\n{text}", boxes)
    for kind in KINDS:
        if kind == known and (text or kind == "table"):
            return Block(kind, text, boxes)
    return Block("text", "\n".join(part for part in (_unescaped(name), text) if part), boxes)


def _boxes(text: str) -> Iterator[Box]:
    for found in _PLACE.finditer(text):
        x1, y1, x2, y2 = (min(MOST, int(number)) for number in found.groups())
        if x1 <= x2 and y1 <= y2:
            yield x1, y1, x2, y2


def normalised(box: Sequence[float], width: float, height: float) -> Box:
    """Return a box of a page of that width and height, x0, y0, x1, y1 in the same unit, in thousandths of the page."""
    x0, y0, x1, y1 = box
    places = (x0 / width, y0 / height, x1 / width, y1 / height)
    a, b, c, d = (max(0, min(MOST, round(MOST * place))) for place in places)
    return a, b, c, d
