"""Pages that are too long to learn from, cut into parts: image and label at once, where the image is white.

A part is a record like a page's, of the same document and split: its id is the page's with the number of the part
("report/p0003-1"), its image lies in data/splits/parts. The label says where blocks begin and between which heights of
the page there is a gap (`labels.cuts`); the image must be white from one side to the other somewhere in that gap.
"""

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core import files, layout
from scribetune.core.config import Selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDER = f"{layout.SPLITS}/parts"
_WHITE = 8
"""Most that a row's pixels differ from the paper, of 255: what JPEG and antialiasing leave."""
_LEAST_WHITE_ROWS = 3
_PART = re.compile(r"(/p\d{4,})-\d+$")


@dataclass(frozen=True)
class Part:
    """One part of a page: its text, and from which row of the image up to which."""

    text: str
    top_px: int
    bottom_px: int
    start: int = 0  # of its text, in the label


def page_of(record_id: str) -> str:
    """Return the id of the page that a record is of: "report/p0003" for its part "report/p0003-1"."""
    return _PART.sub(r"\1", record_id)


def find(label: str, cuts: str, height_pt: float, image: Path, least: int, most: int) -> str:
    """Return where a page is cut, as a cell of the selection: [[offset, row], …]; "" where it cannot be.

    Args:
        label: The page's label.
        cuts: Where blocks begin and the page has a gap, as the manifest of labels has it.
        height_pt: Of the page, that heights in it are of.
        image: The page image.
        least: Fewest characters of a part.
        most: Most characters of a part.
    """
    offered = json.loads(cuts) if cuts else []
    if not offered or not height_pt:
        return ""
    white = _white_rows(image)  # (height,)
    scale = len(white) / height_pt
    usable = [(int(offset), row) for offset, above, below in offered if (row := _row(white, above, below, scale))]
    chosen = _choose([offset for offset, _ in usable], len(label.rstrip("\n")), least, most)
    rows = dict(usable)
    return json.dumps([[offset, rows[offset]] for offset in chosen]) if chosen else ""


def cutter(limits: Selection) -> Callable[[Mapping[str, Any], str], str]:
    """Return what `selection.select` asks where a page is cut: by its row and its label."""

    def cut(row: Mapping[str, Any], label: str) -> str:
        height = float(row.get("height_pt") or 0)
        image = Path(str(row["image"]))
        return find(label, str(row.get("cuts", "")), height, image, limits.min_characters, limits.max_characters)

    return cut


def parts_of(label: str, cell: str, height_px: int) -> list[Part]:
    """Return the parts of a page, in order, from its label and its cell in the selection."""
    cut = [(int(offset), int(row)) for offset, row in json.loads(cell)]
    edges = [(0, 0), *cut, (len(label), height_px)]
    found = []
    for (start, top), (end, bottom) in pairwise(edges):
        text = label[start:end]
        found.append(Part(text.strip("\n"), top, bottom, start + len(text) - len(text.lstrip("\n"))))
    return found


def records(
    whole: Mapping[str, Any], label: str, cell: str, say: Callable[[Part, int, str], Mapping[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Return a record for each part of a page, and write their images below `folder`.

    Args:
        whole: The page's own record.
        label: Its label.
        cell: Where it is cut.
        say: Returns what is said in a part's record, from the part, the height of the page's image and its own hash;
            {} where the part is left out.
        folder: Of the parts' images.
    """
    image = Path(whole["images"][0])
    height_px = height_of(image)
    parts = parts_of(label, cell, height_px)
    found = []
    for number, (part, content) in enumerate(zip(parts, images_of(image, parts), strict=True), start=1):
        digest = files.sha256_bytes(content)
        spoken = say(part, height_px, digest)
        if not spoken:
            continue
        path = folder / whole["document"] / f"{layout.page_name(whole['page'])}-{number}.png"
        files.write_bytes(path, content, durable=False)
        own = {
            "id": f"{whole['id']}-{number}",
            "part": number,
            "image_sha256": digest,
            "label_sha256": files.sha256_bytes(f"{part.text}\n".encode()),
            "page_image_sha256": whole["image_sha256"],
            "page_label_sha256": whole["label_sha256"],
            "continues": whole["continues"] if number == 1 else "",
            **spoken,
            "images": [path.as_posix()],
        }
        found.append({**whole, **own})
    return found


def images_of(image: Path, parts: Sequence[Part]) -> list[bytes]:
    """Return the image of each part as PNG, at full width: the same page gives the same bytes."""
    from PIL import Image

    found = []
    with Image.open(image) as picture:
        for part in parts:
            stream = io.BytesIO()
            picture.crop((0, part.top_px, picture.width, part.bottom_px)).save(stream, "PNG")
            found.append(stream.getvalue())
    return found


def height_of(image: Path) -> int:
    """Return the height of an image in pixels."""
    from PIL import Image

    with Image.open(image) as picture:
        return int(picture.height)


def _white_rows(image: Path) -> "NDArray[np.bool_]":
    """Tell of each row of an image whether it is paper from one side to the other; paper is its commonest tone."""
    import numpy as np
    from PIL import Image

    with Image.open(image) as picture:
        gray = np.asarray(picture.convert("L"), dtype=np.int16)  # (height, width)
    paper = int(np.bincount(gray.ravel().astype(np.uint8), minlength=256).argmax())
    white: NDArray[np.bool_] = np.abs(gray - paper).max(axis=1) <= _WHITE
    return white


def _row(white: "NDArray[np.bool_]", above: float, below: float, scale: float) -> int:
    """Return the middle of the broadest white band between two heights of the page; 0 where none is broad enough."""
    first, last = max(0, round(above * scale)), min(len(white), round(below * scale))
    middle = length = 0
    start: int | None = None
    for row in range(first, last + 1):
        if row < last and white[row]:
            start = row if start is None else start
        elif start is not None:
            if row - start > length:
                middle, length = (start + row) // 2, row - start
            start = None
    return middle if length >= _LEAST_WHITE_ROWS else 0


def _choose(offsets: Sequence[int], length: int, least: int, most: int) -> list[int]:
    """Return the fewest places that leave parts of `least` to `most` characters, most even of these; [] for none."""
    edges: list[int] = [0, *offsets, length]
    # Number of parts, then the longest of them, of the best way to each edge.
    best: dict[int, tuple[int, int, tuple[int, ...]]] = {0: (0, 0, ())}
    for at in range(1, len(edges)):
        ways: list[tuple[int, int, tuple[int, ...]]] = []
        for before, (count, longest, path) in best.items():
            size = edges[at] - edges[before]
            if least <= size <= most:
                ways.append((count + 1, max(longest, size), (*path, edges[at])))
        if ways:
            best[at] = min(ways)
    whole = best.get(len(edges) - 1)
    return list(whole[2][:-1]) if whole else []
