"""Small pages with their number on them, and splits of them for any family's prompt."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from scribetune.core.files import write_jsonl


def page_image(number: int, size: tuple[int, int]) -> Image.Image:
    """Return a page with its number, the larger the longer."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((5, 5), f"page {number} {'x' * number}", fill="black", font_size=30)
    return image


def write_pages(folder: Path, name: str, prompt: str, count: int, sizes: Sequence[tuple[int, int]]) -> Path:
    """Write pages of these sizes in turn and a split of them; return its path."""
    rows = []
    for number in range(count):
        path = folder / f"{name}-{number}.png"
        page_image(number, sizes[number % len(sizes)]).save(path)
        talk = [{"from": "human", "value": prompt}, {"from": "gpt", "value": f"Total {number}: 季度"}]
        document = f"{name}-{number}"
        row = {"id": f"{document}/p0001", "document": document, "page": 1, "conversations": talk, "images": [str(path)]}
        rows.append(row)
    write_jsonl(folder / f"{name}.jsonl", rows)
    return folder / f"{name}.jsonl"
