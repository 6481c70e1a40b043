"""Where blocks of a label stand: on a page of known places, on turned and cut pages, and in a shard's records."""

from pathlib import Path
from typing import Any

import pymupdf
import pytest

from scribetune.core import files
from scribetune.documents.inputs import Document
from scribetune.labels import block_boxes, block_shard
from scribetune.labels.block_boxes import Seen
from scribetune.labels.tables.cells import Word
from scribetune.metrics.boxes import iou
from scribetune.text import grounding, placed_blocks
from scribetune.text.markdown import FIGURE

WIDTH, HEIGHT = 600.0, 800.0
LABEL = (
    "# Harbour report\n\nThe first paragraph tells of ships that came in.\n\n"
    "Table 1: Ships by month\n\n"
    "| Month | Ships |\n|---|---|\n| May | 12 |\n| June | 17 |\n\n"
    f"{FIGURE}\n\nFigure 1. The harbour\n\n_____\n"
)
PLACES = {  # (left, top of the baseline), text
    "title": [((60, 80), "Harbour report")],
    "text": [((60, 120), "The first paragraph tells"), ((60, 134), "of ships that came in.")],
    "table_caption": [((60, 200), "Table 1: Ships by month")],
    "table": [((60, 230), "Month"), ((300, 230), "Ships"), ((60, 250), "May"), ((300, 250), "12"),
              ((60, 270), "June"), ((300, 270), "17")],
    "image_caption": [((60, 620), "Figure 1. The harbour")],
}  # fmt: skip
PICTURE = (60, 330, 460, 600)


def drawn(page: Any) -> None:
    for lines in PLACES.values():
        for place, text in lines:
            page.insert_text(place, text, fontsize=10)
    page.insert_text((60, 700), "_____", fontsize=10)
    image = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 40, 27))
    for x in range(40):
        for y in range(27):
            image.set_pixel(x, y, (6 * x, 9 * y, 40))
    page.insert_image(PICTURE, pixmap=image)


def made(path: Path, rotation: int = 0) -> Path:
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    drawn(page)
    page.set_rotation(rotation)
    pdf.save(path)
    return path


def expected(kind: str) -> grounding.Box:
    lefts = [place[0] for place, _ in PLACES[kind]]
    rights = [place[0] + pymupdf.get_text_length(text, fontsize=10) for place, text in PLACES[kind]]
    tops, bottoms = [place[1] - 10.7 for place, _ in PLACES[kind]], [place[1] + 3.0 for place, _ in PLACES[kind]]
    return grounding.normalised((min(lefts), min(tops), max(rights), max(bottoms)), WIDTH, HEIGHT)


def test_every_block_of_a_page_is_where_it_was_drawn(tmp_path: Path) -> None:
    page = pymupdf.open(made(tmp_path / "a.pdf"))[0]
    label = LABEL.rstrip("\n")
    found = block_boxes.of_page(label, page)
    assert found.reason == ""
    blocks = placed_blocks.grounded(label, found)
    kinds = ["title", "text", "table_caption", "table", "image", "image_caption", "text"]
    assert [block.kind for block in blocks] == kinds
    for block in blocks[:-1]:
        wanted = expected(block.kind) if block.kind in PLACES else grounding.normalised(PICTURE, WIDTH, HEIGHT)
        assert len(block.boxes) == 1 and iou(block.boxes[0], wanted) > 0.9, block
    rule = blocks[-1].boxes[0]
    assert 840 < rule[1] < rule[3] < 880 and rule[0] == 100
    cells = blocks[3].cells
    assert len(cells) == 6 and cells[0][1] == cells[1][1] and cells[0][0] == cells[2][0] < cells[1][0]
    assert grounding.plain(grounding.write(blocks, with_cells=True)) == label


def test_places_are_those_of_the_page_as_it_is_shown(tmp_path: Path) -> None:
    page = pymupdf.open(made(tmp_path / "a.pdf", rotation=180))[0]
    label = "# Harbour report"
    (block,) = block_boxes.of_page(label, page).blocks
    x1, y1, x2, y2 = expected("title")
    turned = (999 - x2, 999 - y2, 999 - x1, 999 - y1)
    assert all(abs(a - b) <= 3 for a, b in zip(block.boxes[0], turned, strict=True))


def words(*lines: tuple[float, float, str]) -> list[Word]:
    found = []
    for left, y, text in lines:
        x = left
        for word in text.split():
            found.append(Word(x, y, x + 5 * len(word), y + 10, word))
            x += 5 * len(word) + 4
    return found


def test_a_paragraph_in_two_columns_has_a_box_in_each() -> None:
    left = [(40, 700.0 + 12 * n, f"left{n} one two{n} three{n}") for n in range(4)]
    right = [(320, 60.0 + 12 * n, f"right{n} four{n} five{n} six{n}") for n in range(4)]
    label = " ".join(text for _, _, text in (*left, *right))
    (block,) = block_boxes.place(label, Seen(words(*left, *right), WIDTH, HEIGHT)).blocks
    first, second = block.boxes
    assert first[0] < second[0] and first[1] > 870 and second[3] < 150


def test_a_word_that_is_found_elsewhere_makes_no_box_of_the_whole_page() -> None:
    lines = [(40, 100.0 + 12 * n, f"some words{n} stand here{n}") for n in range(5)]
    seen = Seen(words(*lines, (500, 780, "stray")), WIDTH, HEIGHT)
    label = " ".join(text for _, _, text in lines) + " stray"
    (block,) = block_boxes.place(label, seen).blocks
    assert block.boxes[0][3] < 250 and block.boxes[0][2] < 500


def test_a_formula_has_the_signs_that_latex_spells() -> None:
    seen = Seen(
        words((40, 100, "Before it"), (200, 140, "∑"), (210, 140, "x"), (216, 140, "≤"), (224, 140, "7"),
              (40, 180, "after it")),
        WIDTH, HEIGHT,
    )  # fmt: skip
    label = "Before it\n\n$$\n\\sum x \\leq 7\n$$\n\nafter it"
    found = block_boxes.place(label, seen)
    assert found.reason == ""
    assert found.blocks[1].kind == "equation"
    assert found.blocks[1].boxes == (grounding.normalised((200, 140, 229, 150), WIDTH, HEIGHT),)


@pytest.mark.parametrize(
    ("label", "lines", "reason"),
    [
        ("", [], "its label is empty"),
        ("text", [], "it has no text layer"),
        ("nothing of this is there at all", [(10, 10, "other words")], "7 of 7 words of its label have no place"),
        (f"some text\n\n{FIGURE}", [(10, 10, "some text")], "1 of 2 blocks have no box (image)"),
    ],
)
def test_a_page_whose_blocks_have_no_places_says_why(
    label: str, lines: list[tuple[float, float, str]], reason: str
) -> None:
    assert block_boxes.place(label, Seen(words(*lines), WIDTH, HEIGHT)).reason.startswith(reason)


def test_a_shard_has_a_record_for_each_labelled_page_and_says_why_one_has_no_boxes(tmp_path: Path) -> None:
    made(tmp_path / "a.pdf")
    (tmp_path / "b.pdf").write_bytes(b"no pdf")
    for name in "abc":
        (tmp_path / f"{name}.md").write_text(LABEL, encoding="utf-8")
    documents = [
        Document("a", tmp_path / "a.pdf", "a.pdf"), Document("b", tmp_path / "b.pdf", "b.pdf"),
        Document("c", tmp_path / "c.png", "c.png"),
    ]  # fmt: skip
    rows = [
        {"document": name, "page": 1, "status": "ok", "label": str(tmp_path / f"{name}.md"), "label_sha256": name}
        for name in "abc"
    ]
    rows.append({"document": "a", "page": 2, "status": "no_text", "label": "", "label_sha256": ""})
    records = block_shard.place_shard(documents, rows, {}, 60.0, 1)
    assert [record["id"] for record in records] == ["a/p0001", "b/p0001", "c/p0001"]
    whole, broken, image = records
    assert whole["reason"] == "" and len(whole["blocks"]) == 7 and whole["label_sha256"] == "a"
    assert "not_a_pdf" in broken["reason"] and "no text layer" in image["reason"]
    files.write_jsonl(tmp_path / "blocks.jsonl", records)
    assert placed_blocks.of_record(files.read_jsonl(tmp_path / "blocks.jsonl")[0]).blocks[0].kind == "title"
