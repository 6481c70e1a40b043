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


def labels(lines: Sequence[Line], rules: Rules = STROKES, images: Sequence[Box] = ()) -> list[str]:
    found = drawings.labels_of([(PICTURE, lines)], [*lines, *BODY], rules, images, 10.0, PAGE)
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


def test_no_more_than_half_of_a_page_is_left_out() -> None:
    lines = [line(110 + 40 * n, 110 + 20 * row, "label") for n in range(6) for row in range(9)]
    few = lines[:8]
    everything = [*lines, line(50, 400, "One line of text below the drawing")]
    assert drawings.labels_of([(PICTURE, few)], everything, STROKES, (), 10.0, PAGE) == [few]
    assert drawings.labels_of([(PICTURE, lines)], everything, STROKES, (), 10.0, PAGE) == [[]]


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
