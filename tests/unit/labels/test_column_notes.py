"""Promises about notes at the foot of a column: they do not stand within the text that goes on in the next one."""

from dataclasses import replace

from scribetune.labels import column_notes, plain_pages
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line, Span

BODY, SMALL = 10.0, 8.0
LEFT, RIGHT = 50.0, 300.0
NOTICE = "Permission to make copies of this work is granted without fee."


def line(text: str, x: float, y: float, size: float = BODY, *, raised: bool = False) -> Line:
    box = (x, y, x + 200, y + 1.2 * size)
    words = Span(text, box, size, False, False, False, False)
    mark = Span("1", (x - 4, y, x, y + size), 6.0, False, False, False, True)
    return Line((mark, words) if raised else (words,), box, 0)


def block(*lines: Line, kind: Kind = Kind.TEXT, goes_on: bool = False, continues: bool = False) -> PageBlock:
    return PageBlock(kind, union([one.box for one in lines]), lines, goes_on=goes_on, continues=continues)


FIRST = block(
    line("The challenge of such programs is", LEFT, 100),
    line("to manage access between", LEFT, 112),
    goes_on=True,
)
NOTE = block(line(NOTICE, LEFT, 700, SMALL), line("No copies for profit.", LEFT, 710, SMALL))
COPYRIGHT = block(line("Copyright 2011 by the authors.", LEFT, 724, SMALL))
SECOND = block(
    line("parallel threads of a program.", RIGHT, 100),
    line("They share what they read.", RIGHT, 112),
    continues=True,
)
THIRD = block(line("Another paragraph ends the column with its text.", RIGHT, 400))


def test_a_notice_at_the_foot_of_a_column_comes_after_the_text_of_all() -> None:
    blocks = plain_pages.over_columns(column_notes.after_columns([FIRST, NOTE, COPYRIGHT, SECOND, THIRD]))
    assert [b.lines[0].text for b in blocks] == [
        "The challenge of such programs is",
        "Another paragraph ends the column with its text.",
        NOTICE,
        "Copyright 2011 by the authors.",
    ]
    assert blocks[0].lines == (*FIRST.lines, *SECOND.lines)


def test_so_does_a_note_after_a_whole_sentence_and_before_the_notes_of_the_last_column() -> None:
    whole = block(line("One paragraph ends here.", LEFT, 680))
    marked = block(line("A remark about it.", LEFT, 693, SMALL, raised=True))
    last = block(line("The remark of the last column.", RIGHT, 700, SMALL, raised=True), kind=Kind.FOOTNOTE)
    foot = block(line("17", LEFT, 760), kind=Kind.FOOTER)
    blocks = column_notes.after_columns([whole, marked, THIRD, last, foot])
    assert blocks == [whole, THIRD, marked, last, foot]


def test_small_print_that_is_no_note_stays_where_it_is() -> None:
    caption = block(line("Figure 3: costs of every region.", LEFT, 700, SMALL))
    close = block(line("a quotation", LEFT, 124.5, SMALL))
    higher = block(line("the text that ends further down", RIGHT, 740))
    goes_on_small = block(line("and the next column is small too", RIGHT, 100, SMALL))
    below = replace(SECOND, lines=(line("below it", LEFT, 740),), box=(LEFT, 740, LEFT + 200, 752))
    table = block(line("x", LEFT, 600), kind=Kind.TABLE)
    for blocks in (
        [FIRST, caption, SECOND, THIRD],
        [FIRST, close, SECOND, THIRD],
        [FIRST, NOTE, SECOND, higher],
        [FIRST, NOTE, goes_on_small, THIRD],
        [FIRST, NOTE, below],
        [FIRST, table, NOTE, SECOND],
        [NOTE, SECOND, THIRD],
    ):
        assert column_notes.after_columns(blocks) == blocks
