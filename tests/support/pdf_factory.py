"""PDFs for tests, made with PyMuPDF: healthy ones and each kind of bad one."""

import random
from pathlib import Path

import pymupdf

WORDS = (
    "revenue",
    "table",
    "margin",
    "quarter",
    "growth",
    "asset",
    "ledger",
    "audit",
    "region",
    "market",
    "price",
    "order",
    "unit",
    "report",
    "plan",
    "result",
    "cost",
    "budget",
    "invoice",
    "supplier",
    "contract",
    "balance",
    "interest",
    "capital",
    "output",
    "demand",
    "supply",
    "index",
    "factor",
    "method",
    "sample",
)


def sentence(seed: int) -> str:
    """Return seven words; other seeds give others."""
    return " ".join(random.Random(seed).sample(WORDS, 7))


def text_page(document: pymupdf.Document, title: str, seed: int, *, rows: int = 4) -> None:
    """Add a page with a heading, a paragraph and a ruled table; other seeds give other words."""
    source = random.Random(seed)
    page = document.new_page(width=320, height=320)
    page.insert_text((20, 34), title, fontsize=16, fontname="hebo")
    for line in range(5):
        page.insert_text((20, 60 + 15 * line), " ".join(source.sample(WORDS, 7)), fontsize=11)
    left, top, width, height = 20, 150, 90, 22
    for row in range(rows + 1):
        page.draw_line((left, top + row * height), (left + 3 * width, top + row * height))
        for column in range(3):
            if row < rows:
                cell = source.choice(WORDS) if row == 0 or column == 0 else f"{source.randint(100, 9999):,}"
                page.insert_text((left + 5 + column * width, top + 15 + row * height), cell, fontsize=11)
    for column in range(4):
        page.draw_line((left + column * width, top), (left + column * width, top + rows * height))


def healthy(path: Path, seed: int, pages: int = 1) -> Path:
    """A PDF with a text layer, different for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = pymupdf.open()
    for page in range(pages):
        text_page(document, f"Report {seed} part {page + 1}", seed * 100 + page)
    document.save(path, garbage=3, no_new_id=True)
    return path


def bad_ones(folder: Path) -> dict[str, str]:
    """Write one PDF of each bad kind; returns file name → the status that it must get."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "page.pdf").write_text("<html><body><h1>not a pdf</h1></body></html>", encoding="utf-8")
    (folder / "noise.pdf").write_bytes(b"%PDF-1.7\n" + random.Random(1).randbytes(3000))
    (folder / "words.pdf").write_bytes(b"\x00\x01 these bytes are nothing at all \xff")
    locked = pymupdf.open()
    text_page(locked, "Locked", 5)
    locked.save(folder / "locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    drawing = pymupdf.open()
    drawing.new_page(width=320, height=320).draw_rect((50, 50, 200, 200), fill=(1, 0, 0))
    drawing.save(folder / "textless.pdf")
    return {
        "empty.pdf": "not_a_pdf",
        "page.pdf": "not_a_pdf",
        "noise.pdf": "error",
        "words.pdf": "not_a_pdf",
        "locked.pdf": "encrypted",
        "textless.pdf": "ok",
    }
