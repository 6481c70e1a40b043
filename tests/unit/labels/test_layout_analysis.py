"""Promises about what layout analysis makes of regions, tables and the lines that are in none."""

from scribetune.labels import layout_analysis
from scribetune.labels.layout_model import Region
from scribetune.labels.line_room import LineRoom
from scribetune.labels.text_layer import Line, Span


def line(top: float, text: str) -> Line:
    box = (50.0, top, 250.0, top + 10)
    return Line((Span(text, box, 10.0, False, False, False, False),), box, 0)


def test_text_above_a_table_does_not_go_on_below_it() -> None:
    lines = [
        line(100, "Limits at the place of work as the law in Austria"),
        line(112, "has them in its annex of the year"),
    ]
    room = LineRoom(lines)
    assert len(layout_analysis._of_nobody(lines, room, [])) == 1
    assert len(layout_analysis._of_nobody(lines, room, [(50, 111, 250, 112)])) == 2


def test_frames_in_a_part_of_a_picture_are_no_table() -> None:
    picture = Region("picture", (50, 50, 250, 150))
    assert layout_analysis._is_in_picture((150, 60, 250, 140), [picture])
    assert not layout_analysis._is_in_picture(
        (50, 52, 250, 150), [picture]
    )  # all of it: a table that was taken for one
    assert not layout_analysis._is_in_picture((150, 60, 350, 140), [picture])
