"""Blocks of a label with their places on the page: what data/manifests/blocks has, and what is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scribetune.text import grounding
from scribetune.text.grounding import Kind


@dataclass(frozen=True)
class PlacedBlock:
    """A block of a label.

    Attributes:
        start: Its first character in the label.
        end: Behind its last one.
        kind: What it is.
        boxes: Where it stands, in thousandths of the page; one for each column that it is in; () where nobody knows.
        cells: Of a table, the boxes of its cells that are not empty, row by row.
    """

    start: int
    end: int
    kind: Kind
    boxes: tuple[grounding.Box, ...] = ()
    cells: tuple[grounding.Box, ...] = ()


@dataclass(frozen=True)
class PlacedPage:
    """The blocks of a page, and why they cannot be learned, in words; "" where they can."""

    blocks: tuple[PlacedBlock, ...] = ()
    reason: str = ""


def as_record(document: str, page: int, label_sha256: str, found: PlacedPage) -> dict[str, Any]:
    """Return a page as a record of data/manifests/blocks."""
    return {
        "id": f"{document}/p{page:04d}",
        "label_sha256": label_sha256,
        "reason": found.reason,
        "blocks": [
            {
                "start": block.start, "end": block.end, "kind": block.kind, "boxes": [list(box) for box in block.boxes],
                **({"cells": [list(box) for box in block.cells]} if block.cells else {}),
            }
            for block in found.blocks
        ],
    }  # fmt: skip


def of_record(record: Mapping[str, Any]) -> PlacedPage:
    """Return what `as_record` wrote.

    Raises:
        KeyError: The record lacks a part.
    """
    blocks = tuple(
        PlacedBlock(
            int(row["start"]), int(row["end"]), row["kind"],
            tuple((a, b, c, d) for a, b, c, d in row["boxes"]),
            tuple((a, b, c, d) for a, b, c, d in row.get("cells", ())),
        )
        for row in record["blocks"]
    )  # fmt: skip
    return PlacedPage(blocks, str(record["reason"]))


def in_part(found: PlacedPage, start: int, end: int, top: float, bottom: float) -> PlacedPage:
    """Return the blocks of a part of a page: between two characters of the label, and two heights (0 to 1) of the page.

    The part's blocks are counted from its own first character, and its boxes are shares of the part.
    """
    scale = bottom - top

    def moved(box: grounding.Box) -> grounding.Box:
        x1, y1, x2, y2 = box
        return x1, _share((y1 / grounding.MOST - top) / scale), x2, _share((y2 / grounding.MOST - top) / scale)

    blocks = tuple(
        replace(
            block, start=block.start - start, end=block.end - start, boxes=tuple(map(moved, block.boxes)),
            cells=tuple(map(moved, block.cells)),
        )
        for block in found.blocks
        if start <= block.start < end
    )  # fmt: skip
    return PlacedPage(blocks, found.reason)


def _share(value: float) -> int:
    return max(0, min(grounding.MOST, round(grounding.MOST * value)))


def grounded(label: str, found: PlacedPage) -> list[grounding.Block]:
    """Return a label's blocks with Markdown and boxes, to be written as an answer."""
    return [grounding.Block(b.kind, label[b.start : b.end], b.boxes, b.cells) for b in found.blocks]
