"""Speed of the metrics beside their reference implementations, on one core.

    pip install --target /tmp/references --no-deps jiwer apted distance
    PYTHONPATH=/tmp/references python measurements/metrics.py            a minute or two
    PYTHONPATH=/tmp/references python measurements/metrics.py --quick    smaller references, seconds

References: jiwer for CER; for TEDS, trees compared by `apted` with `distance`, as PubTabNet does; for GriTS, every pair
of cells by difflib and the two alignments in Python, as table-transformer does. Where one is not installed its column
is left out. OmniDocBench's own code is in no package index: its figure, about 20 pages per CPU-second, is from
METRICS' issue. Compiled loops are compiled before the clock starts; what that costs is printed first.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import jiwer
from lxml import html as lxml_html

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from scribetune.metrics import grits, teds, text_scores  # noqa: E402  the folder above comes first
from scribetune.metrics.markdown import table_from_html  # noqa: E402
from scribetune.metrics.omnidocbench import ground_truth, page_scores  # noqa: E402

WORDS = ("revenue", "total", "net", "accuracy", "2024", "1,204", "annual report", "committee", "数据", "金额", "合计")
Rows = list[list[str]]


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def words(draw: random.Random, count: int) -> str:
    """Return so many words."""
    return " ".join(draw.choices(WORDS, k=count))


def misread(draw: random.Random, line: str, share: float = 0.05) -> str:
    """Replace, drop or double a share of the characters."""
    return "".join(
        sign if draw.random() > share else draw.choice(["", sign + sign, draw.choice("abc数1")]) for sign in line
    )


def rows(draw: random.Random, height: int, width: int) -> Rows:
    """Return a table's cells, most of them figures of their own."""
    return [[f"{draw.choice(WORDS)[:3]}{draw.randrange(1000)}" for _ in range(width)] for _ in range(height)]


def html(cells: Rows) -> str:
    """Write cells as an HTML document."""
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
    return f"<html><body><table>{body}</table></body></html>"


def table_pair(draw: random.Random, height: int, width: int) -> tuple[Rows, Rows]:
    """Return a table and what was read of it: a tenth of the cells misread, a row missing."""
    cells = rows(draw, height, width)
    read = [[misread(draw, cell) if draw.random() < 0.1 else cell for cell in row] for row in cells]
    return cells, read[: height // 2] + read[height // 2 + 1 :]


def page_pair(draw: random.Random) -> tuple[str, str]:
    """Return a page (title, eight paragraphs, a formula, a table) and what was read of it."""
    paragraphs = [words(draw, draw.randrange(30, 70)) for _ in range(8)]
    formula = f"$$E_{draw.randrange(9)} = m c^{{2}} + \\frac{{a}}{{b}}$$"
    cells = rows(draw, 8, 4)
    page = [f"# {words(draw, 4)}", *paragraphs[:4], formula, html(cells)[12:-14], *paragraphs[4:]]
    read = [misread(draw, block, 0.02) if not block.startswith("<") else block for block in page]
    if draw.random() < 0.5:
        position = draw.randrange(1, 4)
        read[position : position + 2] = [" ".join(read[position : position + 2])]
    if draw.random() < 0.3:
        read.pop(draw.randrange(len(read)))
    return "\n\n".join(page), "\n\n".join(read)


def reference_teds(reference: str, prediction: str) -> float | None:
    """Return TEDS by apted and distance; None where they are not installed."""
    try:
        import distance
        from apted import APTED, Config
    except ImportError:
        return None

    class Node:
        def __init__(self, element: "lxml_html.HtmlElement") -> None:
            self.tag = element.tag
            self.text = list(element.text or "") if element.tag == "td" else []
            self.children = [] if element.tag == "td" else [Node(child) for child in element]

    class Costs(Config):
        def rename(self, first: Node, second: Node) -> float:
            if first.tag != second.tag:
                return 1.0
            longer = max(len(first.text), len(second.text))
            return float(distance.levenshtein(first.text, second.text)) / longer if longer else 0.0

    trees = [lxml_html.fromstring(source).find("body/table") for source in (reference, prediction)]
    elements = max(len(tree.xpath(".//*")) for tree in trees)
    return 1.0 - float(APTED(*map(Node, trees), Costs()).compute_edit_distance()) / elements


def reference_grits(reference: Rows, prediction: Rows) -> float:
    """Return GriTS_Con of two grids without spans: difflib for every pair of cells, alignments in Python."""

    def similarity(first: str, second: str) -> float:
        if not first and not second:
            return 1.0
        blocks = SequenceMatcher(None, first, second).get_matching_blocks()
        return 2 * sum(block.size for block in blocks) / (len(first) + len(second))

    cells = {
        (i, j, k, m): similarity(reference[i][j], prediction[k][m])
        for i in range(len(reference))
        for j in range(len(reference[0]))
        for k in range(len(prediction))
        for m in range(len(prediction[0]))
    }

    def align(height: int, width: int, gain: Callable[[int, int], float]) -> tuple[list[tuple[int, int]], float]:
        best = [[0.0] * (width + 1) for _ in range(height + 1)]
        for i in range(1, height + 1):
            for j in range(1, width + 1):
                best[i][j] = max(best[i - 1][j - 1] + gain(i - 1, j - 1), best[i - 1][j], best[i][j - 1])
        pairs, i, j = [], height, width
        while i and j:
            if best[i][j] == best[i - 1][j - 1] + gain(i - 1, j - 1):
                pairs.append((i - 1, j - 1))
                i, j = i - 1, j - 1
            elif best[i][j] == best[i - 1][j]:
                i -= 1
            else:
                j -= 1
        return pairs[::-1], best[height][width]

    sizes = (len(reference), len(reference[0]), len(prediction), len(prediction[0]))
    lines = {
        (i, k): align(sizes[1], sizes[3], lambda j, m, i=i, k=k: cells[i, j, k, m])[1]
        for i in range(sizes[0])
        for k in range(sizes[2])
    }
    columns = {
        (j, m): align(sizes[0], sizes[2], lambda i, k, j=j, m=m: cells[i, j, k, m])[1]
        for j in range(sizes[1])
        for m in range(sizes[3])
    }
    row_pairs, _ = align(sizes[0], sizes[2], lambda i, k: lines[i, k])
    column_pairs, _ = align(sizes[1], sizes[3], lambda j, m: columns[j, m])
    matched = sum(cells[i, j, k, m] for i, k in row_pairs for j, m in column_pairs)
    return 2 * matched / (sizes[0] * sizes[1] + sizes[2] * sizes[3])


def cer_figures(draw: random.Random, pairs: int, length: int) -> None:
    """Compare CER with jiwer's."""
    references = [words(draw, length)[:length] for _ in range(pairs)]
    hypotheses = [misread(draw, reference) for reference in references]
    ours = seconds(lambda: [text_scores.cer(*pair) for pair in zip(references, hypotheses, strict=True)])
    theirs = seconds(lambda: [jiwer.cer(*pair) for pair in zip(references, hypotheses, strict=True)])
    same = all(text_scores.cer(*pair) == jiwer.cer(*pair) for pair in zip(references, hypotheses, strict=True))
    report(f"CER, {pairs} pairs of {length} characters", ours, theirs, "jiwer", same=same)


def table_figures(draw: random.Random, sizes: Sequence[tuple[int, int]], grid: tuple[int, int]) -> None:
    """Compare TEDS and GriTS with references of the same definition."""
    for size in sizes:
        first, second = table_pair(draw, *size)
        ours = seconds(lambda: teds.teds(html(first), html(second)))  # noqa: B023 - called at once
        start = time.process_time()
        value = reference_teds(html(first), html(second))
        theirs = time.process_time() - start if value is not None else None
        same = value is None or abs(value - teds.teds(html(first), html(second))) < 1e-9
        report(f"TEDS, {size[0]}×{size[1]}", ours, theirs, "apted", same=same)
    first, second = table_pair(draw, *grid)
    tables = [table_from_html(html(cells)) for cells in (first, second)]
    ours = seconds(lambda: grits.grits_con(*tables))
    start = time.process_time()
    value = reference_grits(first, second)
    theirs = time.process_time() - start
    same = abs(value - grits.grits_con(*tables).f1) < 1e-9
    report(f"GriTS_Con, {grid[0]}×{grid[1]}", ours, theirs, "difflib", same=same)


def page_figures(draw: random.Random, count: int) -> None:
    """Print how many whole pages OmniDocBench's measures take a second."""
    made = [page_pair(draw) for _ in range(count)]
    labels = [ground_truth.page_from_markdown(label) for label, _ in made]

    def score() -> None:
        for label, (_, read) in zip(labels, made, strict=True):
            page_scores.page_scores(page_scores.page_elements(label, read))

    taken = seconds(score)
    print(
        f"OmniDocBench, {count} pages of {sum(len(read) for _, read in made) // count} characters: "
        f"{count / taken:.0f} pages per CPU-second (the original: about 20)"
    )


def report(what: str, ours: float, theirs: float | None, name: str, *, same: bool) -> None:
    """Print one line."""
    beside = f", {name} {theirs:.2f} s: {theirs / ours:.0f} times" if theirs is not None else f", {name} not installed"
    print(f"{what}: {ours:.3f} s{beside}, values {'equal' if same else 'DIFFERENT'}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller tables and fewer pages")
    quick = parser.parse_args().quick
    draw = random.Random(1)  # noqa: S311 - texts, not secrets
    warm = seconds(lambda: [_warm(draw) for _ in range(3)])
    print(f"compiling, or reading what was compiled: {warm:.1f} s")
    cer_figures(draw, 100 if quick else 1000, 3000)
    table_figures(draw, [(20, 8)] if quick else [(20, 8), (100, 10)], (20, 6) if quick else (60, 10))
    page_figures(draw, 100 if quick else 1000)


def _warm(draw: random.Random) -> None:
    first, second = table_pair(draw, 60, 10)
    teds.teds(html(first), html(second))
    grits.grits_con(table_from_html(html(first)), table_from_html(html(second)))
    for _ in range(150):
        label, read = page_pair(draw)
        page_scores.page_scores(page_scores.page_elements(ground_truth.page_from_markdown(label), read))


if __name__ == "__main__":
    main()
