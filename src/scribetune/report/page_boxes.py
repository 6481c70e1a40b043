"""Boxes of a page's blocks as a drawing over its image: those of its label, and those that the tuned model wrote."""

from collections.abc import Sequence

from markupsafe import Markup

from scribetune.text import grounding
from scribetune.text.grounding import Block

_MOST = 400
"""Boxes that are drawn of a label or a reading: a page has some dozens."""


def of_text(text: str) -> tuple[Block, ...]:
    """Return the blocks of an answer, () of one without boxes."""
    return grounding.read(text).blocks if grounding.has_marks(text) else ()


def overlay(reference: Sequence[Block], tuned: Sequence[Block]) -> Markup:
    """Return an SVG to be laid over a page image, whatever its size; "" where there is no box.

    Kinds are names that models and labels write: everything is escaped.
    """
    drawn = [*_rects("reference", reference), *_rects("tuned", tuned)]
    if not drawn:
        return Markup()
    frame = Markup(
        '<svg class="boxes" viewBox="0 0 {most} {most}" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    )
    return frame.format(most=grounding.MOST, drawn=Markup().join(drawn))


def _rects(whose: str, blocks: Sequence[Block]) -> list[Markup]:
    rect = Markup(
        '<rect class="{whose}" x="{x}" y="{y}" width="{width}" height="{height}"><title>{kind}</title></rect>'
    )
    return [
        rect.format(whose=whose, x=x1, y=y1, width=x2 - x1, height=y2 - y1, kind=block.kind)
        for block in blocks
        for x1, y1, x2, y2 in block.boxes
    ][:_MOST]
