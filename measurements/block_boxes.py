"""Boxes of tables in machine labels against the regions that people marked (ICDAR 2013 table competition).

    PYTHONPATH=src:tests python measurements/block_boxes.py ../shared/corpus/icdar2013 [--json FILE]

For each NAME.pdf: its pages' labels, the boxes of their tables, and people's regions from NAME-reg.xml; where there is
none, a region is the box around the cells that NAME-str.xml has of it. Both have the origin at the lower left.
Tables are paired page by page for the greatest sum of IoU; a region without a table counts 0. All settings as the
defaults. The scores of cells are of the boxes of cells that are not empty.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from lxml import etree  # noqa: E402

from scribetune.documents.rendering import open_pdf  # noqa: E402
from scribetune.labels import block_boxes, mended_fonts  # noqa: E402
from scribetune.labels.reader import LabelSettings, PageReader, prepare_worker  # noqa: E402
from scribetune.labels.tables.cells import Box, union  # noqa: E402
from scribetune.metrics import boxes  # noqa: E402
from scribetune.text import grounding, placed_blocks  # noqa: E402

SETTINGS = LabelSettings("keep", "markdown", "alt", "use", 120.0, "", table_agreement="none", witnesses="none")


def regions(pdf: Path, heights: dict[int, float]) -> tuple[dict[int, list[Box]], dict[int, list[Box]], str]:
    """Return people's tables and their cells by page (from 1), from above, and which file says so."""
    of_regions, of_cells = pdf.with_name(f"{pdf.stem}-reg.xml"), pdf.with_name(f"{pdf.stem}-str.xml")
    tables: dict[int, list[Box]] = {}
    cells: dict[int, list[Box]] = {}
    for region in etree.parse(str(of_cells)).iter("region"):
        page = int(region.get("page") or 1)
        found = [_box(cell, heights[page]) for cell in region.iter("bounding-box")]
        cells.setdefault(page, []).extend(found)
        tables.setdefault(page, []).append(union(found))
    if of_regions.is_file():
        tables = {}
        for region in etree.parse(str(of_regions)).iter("region"):
            page = int(region.get("page") or 1)
            tables.setdefault(page, []).append(_box(next(region.iter("bounding-box")), heights[page]))
    return tables, cells, of_regions.name if of_regions.is_file() else of_cells.name


def _box(element: Any, height: float) -> Box:
    x1, x2, y1, y2 = (float(element.get(name)) for name in ("x1", "x2", "y1", "y2"))
    return min(x1, x2), height - max(y1, y2), max(x1, x2), height - min(y1, y2)


def pages(pdf: Path) -> Iterator[tuple[int, list[grounding.Block], str, float]]:
    """Yield (page from 1, blocks of its label, why they are not learned, seconds that their places took)."""
    reader = PageReader(str(pdf), "", SETTINGS)
    opened, _, _ = open_pdf(str(pdf), "")
    fonts = mended_fonts.MendedFonts((opened,))
    for index in range(reader.page_count):
        label = reader.read(index).text.rstrip("\n")
        begin = time.perf_counter()
        found = block_boxes.of_page(label, fonts.page(index))
        took = time.perf_counter() - begin
        yield index + 1, placed_blocks.grounded(label, found), found.reason, took


def main() -> None:
    """Print a line for each document, then the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", help="stems of documents; all where none is named")
    parser.add_argument("--worst", type=int, default=10)
    arguments = parser.parse_args()
    prepare_worker()
    total, cell_total = boxes.BoxScore(), boxes.BoxScore()
    seconds = 0.0
    count = learned = 0
    reasons: list[str] = []
    each: list[tuple[float, str]] = []
    sources = set()
    for pdf in sorted(arguments.folder.glob("*.pdf")):
        if arguments.only and pdf.stem not in arguments.only:
            continue
        opened, _, _ = open_pdf(str(pdf), "")
        sizes = {number + 1: (page.rect.width, page.rect.height) for number, page in enumerate(opened)}
        tables, cells, source = regions(pdf, {page: size[1] for page, size in sizes.items()})
        sources.add(source[-7:])
        document = boxes.BoxScore()
        for number, blocks, reason, took in pages(pdf):
            seconds, count = seconds + took, count + 1
            learned += not reason
            reasons += [f"{pdf.stem} p{number}: {reason}"] if reason else []
            true = [grounding.normalised(box, *sizes[number]) for box in tables.get(number, ())]
            true_cells = tuple(grounding.normalised(box, *sizes[number]) for box in cells.get(number, ()))
            expected = [grounding.Block("table", "", (box,)) for box in true]
            written = [grounding.Block("table", "", block.boxes) for block in blocks if block.kind == "table"]
            document += boxes.score(expected, written)
            if true:
                own = tuple(cell for block in blocks for cell in block.cells)
                cell_total += boxes.score(
                    [grounding.Block("table", "", (), true_cells)], [grounding.Block("table", "", (), own)]
                )
            if true or written:
                mine = [box for block in written for box in block.boxes]
                pairs = dict(boxes.paired(true, mine))
                for box in true:
                    iou = boxes.iou(box, pairs[box]) if box in pairs else 0.0
                    each.append((iou, f"{pdf.stem} p{number} {box} {pairs.get(box)}"))
        total += document
        print(f"{pdf.stem:10} regions {document.expected['table']:3} tables {document.written['table']:3} "
              f"IoU {document.mean_iou('table') or 0:.3f} F1 {document.f1('table') or 0:.3f}", flush=True)  # fmt: skip
    paired = [iou for iou, _ in each if iou]
    result = {
        "truth": sorted(sources), "regions": total.expected["table"], "tables": total.written["table"],
        "mean_iou": total.mean_iou("table"), "mean_iou_of_paired": sum(paired) / len(paired), "paired": len(paired),
        "f1_at_0.5": total.f1("table"),
        "cells": cell_total.expected[boxes.CELL], "cells_mean_iou": cell_total.mean_iou(boxes.CELL),
        "cells_f1_at_0.5": cell_total.f1(boxes.CELL),
        "pages": count, "pages_learned": learned, "seconds_a_page": seconds / count,
    }  # fmt: skip
    for iou, where in sorted(each)[: arguments.worst]:
        print(f"{iou:.3f} {where}")
    for reason in reasons:
        print(f"not learned: {reason}")
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
