"""Promises about items of lists: a bullet that nobody sees on the page is put on none."""

import pytest

from scribetune.labels import list_items
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.text_layer import Line, Span


def item(text: str, x: float = 72.0, *, raised: bool = False) -> PageBlock:
    """Return what the layout model calls an item."""
    box = (x, 100.0, x + 200, 110.0)
    return PageBlock(Kind.LIST, box, (Line((Span(text, box, 10, False, False, False, raised),), box, 0),))


@pytest.mark.parametrize(
    ("texts", "kinds"),
    [
        # Drawn bullets: none has a character.
        (["Emacs is free", "So is the compiler"], ["list", "list"]),
        (["Emacs is free"], ["text"]),
        # Bullets are characters here, and this line has none.
        (["• Emacs is free", "• So is the compiler", "No further information"], ["list", "list", "text"]),
        (["[Hue97] The Zipper", "[Joy87] Foncteurs analytiques"], ["text", "text"]),
        (["1． 请持学生证入场考试", "2． 认真完成答卷"], ["text", "text"]),
        (["（1）基本割集系统", "（2）基本回路系统"], ["text", "text"]),
        ([": aerosol", ": cleaning"], ["text", "text"]),
        (["1. Emacs is free"], ["list"]),
        # A dash alone: who said it; a star alone: a note.
        (["– Manfred Clynes [14]"], ["text"]),
        (["* in development"], ["text"]),
        (["– the first", "– the second"], ["list", "list"]),
    ],
)
def test_items_are_told_by_marks_that_are_seen(texts: list[str], kinds: list[str]) -> None:
    assert [block.kind.value for block in list_items.told([item(text) for text in texts])] == kinds


def test_a_note_is_no_item() -> None:
    notes = [item("1", raised=True), item("2", raised=True)]
    assert [block.kind for block in list_items.told(notes)] == [Kind.TEXT, Kind.TEXT]
