"""Promises about long pages: image and label are cut at one place, between blocks, where the image is white."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

from scribetune.core.config import Selection, Splits
from scribetune.dataset import long_pages, splits
from scribetune.dataset.questions import Questions
from scribetune.labels import cuts, reader, text_layer
from scribetune.text import sharegpt

PARAGRAPHS = tuple(
    " ".join(f"{word}{number}x{at}" for at, word in enumerate(("river", "stone", "ledger", "harbour") * 5))
    for number in range(8)
)
LABEL = "\n\n".join(PARAGRAPHS) + "\n"


def one_column(page: Any) -> None:
    for number, paragraph in enumerate(PARAGRAPHS):
        page.insert_textbox((60, 60 + 85 * number, 540, 130 + 85 * number), paragraph, fontsize=10)


def two_columns(page: Any) -> None:
    for number, paragraph in enumerate(PARAGRAPHS):
        left, top = 40 + 270 * (number // 4), 60 + 170 * (number % 4) + 80 * (number // 4)
        page.insert_textbox((left, top, left + 240, top + 160), paragraph, fontsize=10)


def made(folder: Path, draw: Any) -> tuple[str, float, Path]:
    """Return where a page can be cut, its height in points, and its image."""
    pdf = pymupdf.open()
    page = pdf.new_page(width=600, height=800)
    draw(page)
    image = folder / "page.png"
    page.get_pixmap(dpi=100, colorspace=pymupdf.csGRAY).save(image)
    return cuts.as_text(cuts.of_label(LABEL, text_layer.read(page).words)), 800.0, image


def test_the_label_of_a_long_page_says_where_it_can_be_cut_and_that_of_another_does_not(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    one_column(pdf.new_page(width=600, height=800))
    pdf.save(tmp_path / "page.pdf")
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", cuts_over=400)
    read = reader.PageReader(str(tmp_path / "page.pdf"), "", settings).read(0)
    assert [read.text[cut.offset :].split()[0] for cut in read.cuts] == [f"river{number}x0" for number in range(1, 8)]
    whole = reader.PageReader(str(tmp_path / "page.pdf"), "", replace(settings, cuts_over=100_000)).read(0)
    assert whole.cuts == ()


def test_parts_have_every_word_and_every_row_once(tmp_path: Path) -> None:
    offered, height, image = made(tmp_path, one_column)
    cell = long_pages.find(LABEL, offered, height, image, 20, 400)
    parts = long_pages.parts_of(LABEL, cell, long_pages.height_of(image))
    assert len(parts) > 1
    assert "\n\n".join(part.text for part in parts) + "\n" == LABEL
    assert all(len(part.text) <= 400 for part in parts)
    assert [part.top_px for part in parts[1:]] == [part.bottom_px for part in parts[:-1]]
    with Image.open(image) as picture:
        whole = np.asarray(picture)
    images = [np.asarray(Image.open(io.BytesIO(content))) for content in long_pages.images_of(image, parts)]
    assert np.array_equal(np.concatenate(images), whole)
    for part in parts[1:]:
        assert whole[part.top_px - 1 : part.top_px + 1].min() == 255, "the image is white where it is cut"


def test_each_part_shows_the_words_of_its_label(tmp_path: Path) -> None:
    offered, height, image = made(tmp_path, one_column)
    cell = long_pages.find(LABEL, offered, height, image, 20, 400)
    pdf = pymupdf.open()
    one_column(page := pdf.new_page(width=600, height=800))
    scale = long_pages.height_of(image) / 800
    for part in long_pages.parts_of(LABEL, cell, long_pages.height_of(image)):
        shown = page.get_text("words", clip=(0, part.top_px / scale, 600, part.bottom_px / scale))
        assert [word[4] for word in shown] == part.text.split()


def test_a_page_is_not_cut_through_its_columns(tmp_path: Path) -> None:
    offered, height, image = made(tmp_path, two_columns)
    assert long_pages.find(LABEL, offered, height, image, 20, 400) == ""


def test_a_line_across_the_gap_forbids_the_cut(tmp_path: Path) -> None:
    def struck(page: Any) -> None:
        one_column(page)
        page.draw_rect((30, 30, 35, 780), fill=(0, 0, 0))  # from the first block to the last

    offered, height, image = made(tmp_path, struck)
    assert json.loads(offered), "the text alone would let it be cut"
    assert long_pages.find(LABEL, offered, height, image, 20, 400) == ""


def test_a_block_longer_than_a_part_may_be_leaves_the_page_whole(tmp_path: Path) -> None:
    offered, height, image = made(tmp_path, one_column)
    assert long_pages.find(LABEL, offered, height, image, 20, len(PARAGRAPHS[0]) - 1) == ""


def test_tables_formulas_and_code_are_cut_nowhere() -> None:
    label = "<table><tr><td>a\n\nb</td></tr></table>\n\n$$x\n\ny$$\n\n```\nc\n\nd\n```\n\nThe end.\n"
    starts = [label[at:][:4] for at in cuts._block_starts(label)]
    assert starts == ["$$x\n", "```\n", "The "]


def test_parts_keep_document_split_and_lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    offered, height, image = made(tmp_path, one_column)
    cell = long_pages.find(LABEL, offered, height, image, 20, 400)
    names = [f"d{number}" for number in range(12)]
    assigned = splits.assign(dict(zip(names, names, strict=True)), {name: name for name in names}, {}, Splits())
    pages = [
        {
            "document": name, "page": 1, "image": image.as_posix(), "image_sha256": "whole", "label": name,
            "label_sha256": "text", "label_source": "machine", "category": "", "language": "", "page_cluster": name,
            "parts": cell if name == "d3" else "",
        }
        for name in names
    ]  # fmt: skip
    records = splits.records(
        pages,
        assigned,
        dict.fromkeys(names, LABEL),
        Questions({"free_ocr": "<image>\nRead. "}, "free_ocr"),
        tmp_path / "parts",
    )
    found = [(name, row) for name, rows in records.items() for row in rows if row["document"] == "d3"]
    (where,) = {name for name, _ in found}
    assert where == next(each.split for each in assigned if each.document == "d3")
    assert [row["id"] for _, row in found] == [f"d3/p0001-{number}" for number in range(1, len(found) + 1)]
    assert {row["page_image_sha256"] for _, row in found} == {"whole"}
    assert {row["page"] for _, row in found} == {1}
    assert "\n\n".join(sharegpt.said(row, "gpt") or "" for _, row in found) == LABEL.rstrip("\n")
    assert {long_pages.page_of(row["id"]) for _, row in found} == {"d3/p0001"}
    again = splits.records(
        pages,
        assigned,
        dict.fromkeys(names, LABEL),
        Questions({"free_ocr": "<image>\nRead. "}, "free_ocr"),
        tmp_path / "parts",
    )
    assert again == records


def test_limits_that_cut_nothing_are_the_default() -> None:
    assert Selection().long_pages == "refuse"
