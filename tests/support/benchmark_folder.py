"""Hand-made benchmarks in the forms of OmniDocBench and olmOCR-bench: small, with what goes wrong in them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw

TEXTS = (
    "The committee reviewed the annual budget and approved the proposal for new equipment.",
    "Maintenance costs rose by twelve percent, mainly because of fuel prices in the autumn.",
    "A second inspection is planned for the spring, after which the report is published.",
)
TABLE = "<table><tr><td>Item</td><td>Sum</td></tr><tr><td>Paper</td><td>12</td></tr></table>"


def annotated_page(image: str, texts: Sequence[str], *, table: str = "", **attributes: object) -> dict[str, Any]:
    """Return a page as OmniDocBench annotates it: paragraphs, then a table, then a display formula."""
    elements: list[dict[str, Any]] = [
        {"category_type": "text_block", "order": order, "anno_id": order, "text": text}
        for order, text in enumerate(texts, start=1)
    ]
    if table:
        elements.append({"category_type": "table", "order": len(elements) + 1, "anno_id": 90, "html": table})
        formula = {"category_type": "equation_isolated", "order": len(elements) + 1, "anno_id": 91, "latex": "$$a=b$$"}
        elements.append(formula)
    return {
        "layout_dets": elements,
        "extra": {"relation": []},
        "page_info": {"image_path": image, "page_no": 0, "page_attribute": dict(attributes)},
    }


def page_image(text: str, size: tuple[int, int] = (320, 420)) -> Image.Image:
    """Return a white page with a line of text."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((20, 30), text[:44], fill="black")
    return image


def omnidocbench(folder: Path, *, learned: str = "") -> Path:
    """Write a set of three pages with images, one without, and a record of no form; return its truth.

    Args:
        folder: Where; images go to its folder `images`.
        learned: Text of a further page, with an image, that a model may have learned from.
    """
    images = folder / "images"
    images.mkdir(parents=True)
    page_image(TEXTS[0]).save(images / "book_1.jpg", quality=90)
    page_image(TEXTS[1]).convert("L").save(images / "book_2.png")
    glass = page_image(TEXTS[2]).convert("RGBA")
    glass.putalpha(glass.convert("L").point(lambda value: 255 - value))  # black letters on nothing
    glass.save(images / "slides_3.png")
    pages = [
        annotated_page("book_1.jpg", TEXTS[:1], data_source="book", language="english", layout="single_column"),
        annotated_page(
            "book_2.png", TEXTS[1:2], table=TABLE, data_source="book", language="english", layout="double_column"
        ),
        annotated_page("slides_3.png", TEXTS[2:], data_source="PPT2PDF", language="english", layout="single_column"),
        annotated_page("gone_4.jpg", TEXTS[:2], data_source="PPT2PDF", language="en_ch_mixed", layout="other_layout"),
        {"some": "thing else"},
    ]
    if learned:
        page_image("learned").save(images / "learned_5.png")
        pages.insert(0, annotated_page("learned_5.png", [learned], data_source="note", language="english"))
    truth = folder / "OmniDocBench.json"
    truth.write_text(json.dumps(pages, ensure_ascii=False), encoding="utf-8")
    return truth


def olmocr(folder: Path) -> Path:
    """Write a set of one PDF of two pages with facts in two files, one fact of no type and a line of no JSON."""
    pdfs = folder / "pdfs" / "old"
    pdfs.mkdir(parents=True)
    document = pymupdf.open()
    for text in TEXTS[:2]:
        page = document.new_page(width=300, height=200)
        page.insert_text((20, 40), text[:50], fontsize=9)
    document.save(pdfs / "letter.pdf", no_new_id=True)
    facts: list[Mapping[str, Any]] = [
        {"id": "f1", "pdf": "old/letter.pdf", "page": 1, "type": "present", "text": "The committee", "max_diffs": 0},
        {"id": "f2", "pdf": "old/letter.pdf", "page": 2, "type": "present", "text": "Maintenance costs"},
        {"id": "f3", "pdf": "old/letter.pdf", "page": 2, "type": "absent", "text": "Page 7 of 9"},
        {"id": "f4", "pdf": "old/letter.pdf", "page": 2, "type": "sonnet", "text": "x"},
        {"id": "f5", "pdf": "old/letter.pdf", "page": 9, "type": "present", "text": "no such page"},
    ]
    write_jsonl(folder / "old_scans.jsonl", facts)
    with (folder / "old_scans.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("{no json\n")
    math = {"id": "m1", "pdf": "old/letter.pdf", "page": 1, "type": "math", "math": "x^2"}
    write_jsonl(folder / "arxiv_math.jsonl", [math])
    return folder


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write one JSON object per line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
