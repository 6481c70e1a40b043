"""How often two readers agree on lines of scanned receipts, and how often what they agree on is right.

Usage: python measurements/scans.py --folder DIR [--images 50] [--half 0|1] [--first 0-5] [--tables FILE]

DIR is a checkout of ICDAR-2019-SROIE (zzzDavid/ICDAR-2019-SROIE): `data/img/*.jpg` and `data/box/*.csv`. Every sixth
image is taken, from the one numbered `--first`; half 0 is what rules were made on, half 1 what is reported. Lines are
compared without blanks and case, since the truth is in capitals and divides words by no rule; lines that the truth
joins or divides are compared joined.
Tables that `scribetune teach rapidocr` would make of a receipt are counted, and written into FILE to be looked at.
"""

import argparse
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from scribetune.labels import scanned_tables, scanned_words, two_readings
from scribetune.labels.tables.cells import Box
from scribetune.labels.two_readings import DoublyRead

EVERY = 6


def truth_of(path: Path) -> list[tuple[Box, str]]:
    """Return the lines of an image with their boxes, in pixels."""
    found: list[tuple[Box, str]] = []
    for row in path.read_text(encoding="utf-8", errors="replace").splitlines():
        cells = row.split(",", 8)
        if len(cells) == 9:
            across, down = [int(x) for x in cells[:8:2]], [int(y) for y in cells[1:8:2]]
            found.append(((min(across), min(down), max(across), max(down)), cells[8]))
    return found


def groups(
    read: Sequence[DoublyRead], truth: Sequence[tuple[Box, str]], *, downwards: bool = False
) -> list[tuple[list[DoublyRead], list[str]]]:
    """Put lines and true lines together that lie upon each other, each from left to right, or from the top."""
    boxes = [line.box for line in read] + [box for box, _ in truth]
    parent = list(range(len(boxes)))

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for one in range(len(read)):
        for other in range(len(read), len(boxes)):
            if _shared(boxes[one], boxes[other]) > 0.5:
                parent[root(one)] = root(other)
    together: dict[int, list[int]] = {}
    for number in sorted(range(len(boxes)), key=lambda number: boxes[number][int(downwards)]):
        together.setdefault(root(number), []).append(number)
    return [
        ([read[n] for n in members if n < len(read)], [truth[n - len(read)][1] for n in members if n >= len(read)])
        for members in together.values()
    ]


def _shared(one: Box, other: Box) -> float:
    """Return which share of the smaller box lies in the other, as high as the line itself."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0, across) * max(0, down) / max(1, smaller)


def compared(text: str) -> str:
    """Return a text as it is compared."""
    return "".join(text.upper().split())


def _joined(ours: Sequence[DoublyRead], truth: Sequence[str]) -> tuple[str, str]:
    return compared("".join(line.text for line in ours)), compared("".join(truth))


def _key(ours: Sequence[DoublyRead]) -> frozenset[Box]:
    return frozenset(line.box for line in ours)


def main(folder: Path, images: int, half: int, languages: str, first: int, tables: Path | None) -> None:
    """Measure, and print one line of JSON, with the disagreements with the truth in the log."""
    paths = sorted((folder / "data/img").glob("*.jpg"))[first::EVERY][: 2 * images][half::2]
    counts = dict.fromkeys(("lines", "accepted", "exact", "others", "others_wrong", "missed", "not_in_truth"), 0)
    pages = {"at_0.8": 0, "tables": 0}
    began = time.process_time()
    for path in paths:
        with Image.open(path) as image:
            shown = image.convert("RGB")
        read = two_readings.lines_of(shown, languages)
        if tables is not None:
            scan = scanned_tables.of_lines(shown, read, partial(scanned_words.of_page, shown, languages))
            pages["tables"] += len(scan.tables)
            with tables.open("a", encoding="utf-8") as file:
                file.writelines(f"{path.stem} {table.box}\n{table.text}\n" for table in scan.tables)
        pages["at_0.8"] += sum(line.agrees for line in read) >= 0.8 * len(read)
        true_lines = truth_of(folder / "data/box" / f"{path.stem}.csv")
        also = {_key(ours): _joined(ours, truth) for ours, truth in groups(read, true_lines, downwards=True)}
        for ours, truth in groups(read, true_lines):
            if not ours or not truth:
                counts["missed"] += len(truth)
                counts["not_in_truth"] += len(ours)
                continue
            counts["lines"] += len(ours)
            text, said = _joined(ours, truth)
            if text != said and len(ours) > 1:  # lines that slope, joined by the truth's boxes: one below the other
                text, said = also[_key(ours)]
            if all(line.agrees for line in ours):
                counts["accepted"] += len(ours)
                counts["exact"] += len(ours) * (text == said)
                if text != said:
                    print(path.stem, text, said, sep="\t", flush=True)
            else:
                counts["others"] += len(ours)
                counts["others_wrong"] += len(ours) * (text != said)
    shares = {
        "coverage": round(counts["accepted"] / max(1, counts["lines"]), 4),
        "exact": round(counts["exact"] / max(1, counts["accepted"]), 4),
        "others_wrong_share": round(counts["others_wrong"] / max(1, counts["others"]), 4),
        "s_per_image": round((time.process_time() - began) / max(1, len(paths)), 2),
    }
    print(json.dumps({"readers": two_readings.readers(), "images": len(paths), **counts, **pages, **shares}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--first", type=int, choices=range(EVERY), default=0)
    parser.add_argument("--languages", default="eng")
    parser.add_argument("--tables", type=Path, help="file that the tables are written into")
    given = parser.parse_args()
    main(given.folder, given.images, given.half, given.languages, given.first, given.tables)
