"""Promises about the words of drawings: the picture's mark stands for them, and no text goes with them."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import drawings, layout_analysis, layout_model
from scribetune.labels.layout_model import Region
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.labels.ruling_lines import Rules, rules_of
from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line, Span
from scribetune.text.markdown import FIGURE

PICTURE: Box = (100.0, 100.0, 400.0, 300.0)
PAGE = (595.0, 842.0)
STROKES = Rules((), (), (), slanted=((120, 120, 150, 150), (200, 200, 240, 230)))
SETTINGS = LabelSettings("keep", "html", "alt", "use", 60.0, "")


def line(x: float, y: float, text: str, *, size: float = 10.0, mono: bool = False) -> Line:
    box = (x, y, x + 0.5 * size * len(text), y + size)
    return Line((Span(text, box, size, False, False, mono, False),), box, 0)


BODY = [
    line(50, 400 + 12 * n, "A line of the running text of a page, as long as such lines are. " * 2) for n in range(9)
]


def labels(
    lines: Sequence[Line], rules: Rules = STROKES, images: Sequence[Box] = (), drawn: Sequence[Box] = (PICTURE,)
) -> list[str]:
    found = drawings.labels_of([(PICTURE, lines)], [*lines, *BODY], rules, images, 10.0, PAGE, drawn)
    return [one.text for one in found[0]]


TICKS = [line(110, 110 + 20 * n, f"{n}.5") for n in range(8)] + [line(200, 280, "Number of clients")]


def test_ticks_of_an_axis_are_words_of_the_drawing() -> None:
    assert labels(TICKS) == [one.text for one in TICKS]


@pytest.mark.parametrize(
    "texts",
    [
        [
            "A remark in a frame goes on from line to line",
            "and ends where its sentence does, as no label of a box would",
        ],
        ["The sum of all parts here", "is more than the whole of", "them, as long as these are", "words of one text"],
        ["Figure 3: Latency"],
        ["图 2 系统"],
        ["Fig. 4. The first line of a caption", "and its second line"],
        ["• apples", "• pears", "• plums"],
    ],
)
def test_running_text_and_captions_in_a_picture_stay(texts: list[str]) -> None:
    stack = [line(150, 180 + 12 * n, text) for n, text in enumerate(texts)]
    assert labels([*TICKS, *stack]) == [one.text for one in TICKS]


def test_the_heading_of_a_text_in_a_picture_stays() -> None:
    text = [
        "If the card has been within the",
        "area for some minutes, it is",
        "locked by the button on the",
        "handle of the door.",
    ]
    heading = line(150, 160, "Hands-free locking")
    stack = [line(150, 185 + 12 * n, part) for n, part in enumerate(text)]
    assert labels([*TICKS, heading, *stack]) == [one.text for one in TICKS]


def test_a_program_in_a_picture_and_a_title_on_it_stay() -> None:
    program = [line(150, 180 + 12 * n, text, mono=True) for n, text in enumerate(["def f():", "x = 1", "return x"])]
    title = line(150, 120, "Annual Report", size=20)
    assert labels([*TICKS, *program, title]) == [one.text for one in TICKS]


def test_a_frame_around_short_lines_is_no_drawing() -> None:
    page = pymupdf.open().new_page()
    page.draw_rect(pymupdf.Rect(PICTURE), radius=0.1)
    page.draw_line((100, 200), (400, 200))
    rules = rules_of(page.get_cdrawings())
    assert not rules.slanted
    assert labels(TICKS, rules) == []
    for x in (120, 200):
        page.draw_polyline([(x, 150), (x + 4, 152), (x, 154)], fill=(0, 0, 0), closePath=True)  # heads of arrows
    assert labels(TICKS, rules_of(page.get_cdrawings())) == [one.text for one in TICKS]


def test_an_image_is_a_drawing_but_not_the_background_of_a_page_or_a_table() -> None:
    nothing = Rules((), (), ())
    assert labels(TICKS, nothing, [PICTURE]) == [one.text for one in TICKS]
    assert labels(TICKS, nothing, [(0, 0, *PAGE)]) == []
    table = [line(110 + 60 * n, 110 + 20 * row, f"{n}.{row}") for row in range(4) for n in range(4)]
    assert labels(table, nothing, [PICTURE]) == []


def test_no_piece_of_a_caption_is_a_word_of_the_drawing() -> None:
    pieces = [line(150, 280, "Figure 10:"), line(215, 280, "Scalability."), line(290, 280, "A varying number")]
    below = line(150, 292, "of images is pushed.")
    assert labels([*TICKS[:8], *pieces, below]) == [one.text for one in TICKS[:8]]


@pytest.mark.parametrize("reach", [3.0, 60.0])
def test_the_ticks_of_an_axis_make_a_chart_of_bars_a_drawing_and_rows_of_rules_none(reach: float) -> None:
    page = pymupdf.open().new_page()
    for n in range(6):
        page.draw_line((140, 150 + 20 * n), (140 + reach, 150 + 20 * n))
        page.draw_rect(pymupdf.Rect(150 + 30 * n, 260 - 15 * n, 160 + 30 * n, 260), fill=(0, 0, 0))
    assert labels(TICKS, rules_of(page.get_cdrawings())) == ([one.text for one in TICKS] if reach < 10 else [])


def test_a_page_with_little_else_than_a_flowchart_leaves_its_words_out() -> None:
    lines = [line(110 + 40 * n, 110 + 20 * row, "label") for n in range(6) for row in range(9)]
    everything = [*lines, line(150, 310, "Figure 2: Start")]
    arrows = Rules(
        (), (), (), slanted=tuple((110.0 + 30 * n, 120.0 + 15 * n, 114.0 + 30 * n, 130.0 + 15 * n) for n in range(9))
    )
    assert drawings.labels_of([(PICTURE, lines)], everything, arrows, (), 10.0, PAGE, [PICTURE]) == [lines]
    assert drawings.labels_of([(PICTURE, lines)], lines, arrows, (), 10.0, PAGE, [PICTURE]) == [[]]


def test_text_far_from_what_is_drawn_is_no_word_of_the_drawing() -> None:
    drawn: list[Box] = [(120, 120, 150, 150), (140, 120, 190, 180)]
    lines = [line(130, 130, "2.5"), line(150, 185, "Clients"), line(110, 265, "Go on")]
    assert labels(lines, drawn=drawn) == ["2.5", "Clients"]
    assert labels(lines, drawn=[]) == []


def test_drawings_side_by_side_are_as_many_as_their_captions() -> None:
    frames: list[Box] = [(100, 100, 240, 300), (260, 100, 400, 300)]
    two = [line(110, 310, "Figure 1. Start"), line(270, 310, "Figure 2. Stop")]
    assert drawings.side_by_side(PICTURE, two, frames) == [(100, 100, 241, 300), (259, 100, 400, 300)]
    above = [line(105, 80, "Figure 8. Before"), line(300, 80, "Figure 9. After")]
    assert len(drawings.side_by_side(PICTURE, [*above, *two], frames)) == 2
    assert drawings.side_by_side(PICTURE, [*above, two[0]], frames) == [PICTURE]
    assert drawings.side_by_side(PICTURE, two[:1], frames) == [PICTURE]
    beyond = line(390, 310, "Figure 2. Stop there")
    assert drawings.side_by_side(PICTURE, [two[0], beyond], frames) == [PICTURE]
    assert drawings.side_by_side(PICTURE, two, [(100, 100, 300, 200), (290, 100, 400, 300)]) == [PICTURE]


def test_a_caption_that_begins_in_a_picture_goes_on_below_it() -> None:
    first, second = line(150, 280, "Figure 3: What a"), [line(150, 292, "caption says.")]
    other = [line(50, 400, "Text of the page.")]
    assert drawings.continued([*TICKS[:8], first], [other, second]) == ([first], 1)
    assert drawings.continued(TICKS, [other, second]) is None


def test_no_more_than_half_of_a_page_is_left_out() -> None:
    lines = [line(110 + 40 * n, 110 + 20 * row, "label") for n in range(6) for row in range(9)]
    few = lines[:8]
    everything = [*lines, line(50, 400, "One line of text below the drawing")]
    assert drawings.labels_of([(PICTURE, few)], everything, STROKES, (), 10.0, PAGE, [PICTURE]) == [few]
    assert drawings.labels_of([(PICTURE, lines)], everything, STROKES, (), 10.0, PAGE, [PICTURE]) == [[]]


def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lost: bool = False) -> tuple[str, float, int]:
    """Return the label of a page with a plot, its recall, and how much speaks against it."""
    pdf = pymupdf.open()
    page = pdf.new_page(width=PAGE[0], height=PAGE[1])
    for n in range(70):
        page.draw_line((120 + 3 * n, 280 - 2 * n), (123 + 3 * n, 277 - 2 * n))
    for n in range(6):
        page.insert_text((102, 290 - 30 * n), str(100 * n), fontsize=8)
    page.insert_text((200, 298), "Clients", fontsize=8)
    page.insert_text((150, 125), "Throughput", fontsize=8)
    page.insert_text((180, 320), "Figure 2: Requests per second", fontsize=10)
    text = "Running text of the page stands below the figure and goes on for some lines of usual length. "
    page.insert_textbox(pymupdf.Rect(72, 360, 520, 600), text * 5, fontsize=10)
    path = tmp_path / "plot.pdf"
    pdf.save(path)
    regions = [
        Region("picture", PICTURE),
        Region("caption", (170, 308, 340, 324)),
        Region("text", (70, 358, 522, 600)),
    ]
    monkeypatch.setattr(layout_model, "regions_of", lambda page: regions)
    if lost:
        kept = layout_analysis.blocks_of
        monkeypatch.setattr(
            layout_analysis, "blocks_of", lambda *a: [b for b in kept(*a) if "Running" not in str(b.lines)]
        )
    found = PageReader(str(path), "", SETTINGS).read(0)
    return found.text, found.word_recall, len(found.findings or ())


def test_a_figure_is_its_mark_before_its_caption_and_nobody_misses_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, recall, findings = read(tmp_path, monkeypatch)
    assert text.startswith(f"{FIGURE}\n\nFigure 2: Requests per second\n\nRunning text")
    assert "Throughput" not in text
    assert "300" not in text
    assert recall == 1.0
    assert findings == 0


def test_a_paragraph_that_is_lost_beside_a_drawing_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, recall, findings = read(tmp_path, monkeypatch, lost=True)
    assert "Running" not in text
    assert recall < 0.2
    assert findings > 0


@pytest.mark.parametrize("below", [330.0, 309.0])
def test_the_first_line_of_a_caption_in_the_region_of_a_picture_is_read_with_the_next(
    below: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=PAGE[0], height=PAGE[1])
    for n in range(70):
        page.draw_line((120 + 3 * n, 280 - 2 * n), (123 + 3 * n, 277 - 2 * n))
    for n in range(6):
        page.insert_text((102, 290 - 30 * n), str(100 * n), fontsize=8)
    for x, text in ((110, "Figure 10:"), (170, "Scalability."), (235, "A varying number")):
        page.insert_text((x, 306), text, fontsize=10)
    page.insert_text((110, 318), "of images is pushed at one time.", fontsize=10)
    text = "Running text of the page stands below the figure and goes on for some lines of usual length. "
    page.insert_textbox(pymupdf.Rect(72, 360, 400, 600), text * 5, fontsize=10)
    path = tmp_path / "plot.pdf"
    pdf.save(path)
    regions = [Region("picture", (100, 100, 400, below)), Region("text", (70, 358, 402, 600))]
    if below < 320:
        regions.insert(1, Region("caption", (108, below, 340, 322)))
    monkeypatch.setattr(layout_model, "regions_of", lambda page: regions)
    found = PageReader(str(path), "", SETTINGS).read(0)
    caption = "Figure 10: Scalability. A varying number of images is pushed at one time."
    assert found.text == f"{FIGURE}\n\n{caption}\n\n{(text * 5).strip()}\n"
    assert found.findings == ()
