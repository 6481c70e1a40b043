"""Splits of a build without the build: records with page images, as `split_documents` writes them."""

import io
import random
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from scribetune.core import files
from scribetune.text import sharegpt

WORDS = (
    "river", "stone", "ledger", "quarter", "harbour", "profit", "invoice", "copper", "meadow", "lantern", "bridge",
    "orchard", "signal", "velvet",
)  # fmt: skip


def text_of(number: int, words: int = 60) -> str:
    """Return the text of a page that has hardly three words in a row with any other."""
    chosen = random.Random(number).choices(WORDS, k=words)
    return f"# Page {number}\n\n" + " ".join(f"{word}{number * 7 + at}" for at, word in enumerate(chosen))


def image_of(text: str, size: tuple[int, int] = (240, 320)) -> bytes:
    """Return the image of a page: its text, set small."""
    picture = Image.new("L", size, 255)
    draw = ImageDraw.Draw(picture)
    lines = [text[at : at + 36] for at in range(0, len(text), 36)]
    for number, line in enumerate(lines[:24]):
        draw.text((8, 8 + 12 * number), line.encode("ascii", "replace").decode(), fill=0)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def record(root: Path, document: str, page: int, text: str, **changes: Any) -> dict[str, Any]:
    """Write a page's image below `root`, and return its record."""
    path = f"data/pages/{document}/p{page:04d}.png"
    image = image_of(text)
    files.write_bytes(root / path, image, durable=False)
    return {
        "id": f"{document}/p{page:04d}",
        "document": document,
        "page": page,
        "image_sha256": files.sha256_bytes(image),
        "label_sha256": files.sha256_bytes(f"{text}\n".encode()),
        "label_source": "machine",
        "category": "",
        "language": "en",
        "continues": "",
        **sharegpt.answered("<image>\nFree OCR. ", text),
        "images": [path],
        **changes,
    }


def write(root: Path, train: int = 6, validation: int = 2, test: int = 2) -> dict[str, list[dict[str, Any]]]:
    """Write three splits of documents of one page each, and return their records."""
    numbers = iter(range(1, 1 + train + validation + test))
    splits = {
        name: [record(root, f"doc-{number:02d}", 1, text_of(number)) for number in islice(numbers, count)]
        for name, count in (("train", train), ("validation", validation), ("test", test))
    }
    for name, records in splits.items():
        files.write_jsonl(root / f"data/splits/{name}.jsonl", records)
    return splits


def paths(root: Path) -> dict[str, Path]:
    """Return the files of the splits."""
    return {name: root / f"data/splits/{name}.jsonl" for name in ("train", "validation", "test")}
