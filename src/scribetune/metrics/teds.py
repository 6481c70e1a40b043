"""TEDS: tree-edit-distance similarity of two HTML tables (Zhong et al., "Image-based table recognition", 2020).

Defined by IBM's PubTabNet, src/metric.py at commit 8ffde902, whose values this module gives (1e-9). A table is a tree
of its elements down to the cells (`td`); with n the greater number of elements below `table`,

    TEDS = 1 - distance / n,

where inserting or deleting an element costs 1, and renaming costs 1 where tags or spans differ, else, for two cells,
Levenshtein(tokens) / length of the longer (a token is a character or a tag). TEDS-S leaves the cells' content out.
There a distance is found by APTED in Python; here by Zhang and Shasha in a compiled loop, with each pair of different
cells compared once: a fixed cost model has one minimum.

`th` is no cell: its text does not count. METRICS asks for OmniDocBench's normalisation first, which makes it one
(`omnidocbench.normalisation.normalised_html_table`).
"""

import logging
from collections import deque
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from lxml import etree
from lxml import html as lxml_html
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from scribetune.metrics import kernels

LOGGER = logging.getLogger(__name__)

MAX_PAIRS = 20_000_000
"""Greatest product of the numbers of nodes that is compared: two tables of 4,400 cells (and 350 MB)."""

Indices = NDArray[np.int64]
Token = str
Label = tuple[object, int, int]
Content = str | tuple[Token, ...]
"""What a cell holds: its text, or tokens where it has tags."""


@dataclass(frozen=True)
class TableTree:
    """A table's elements in postorder.

    Attributes:
        elements: Number of elements below `table`, those within cells included.
        labels: For each node its tag and, for a cell, its column and row span.
        cells: For each node its content; None for a node that is no cell.
        leftmost: For each node the number of the leftmost leaf below it (its own, where it is one).
    """

    elements: int
    labels: tuple[Label, ...]
    cells: tuple[Content | None, ...]
    leftmost: tuple[int, ...]

    @cached_property
    def key_roots(self) -> Indices:
        """Nodes that have a left sibling, and the root, in ascending order."""
        last: dict[int, int] = {}
        for number, leaf in enumerate(self.leftmost):
            last[leaf] = number
        return np.array(sorted(last.values()), dtype=np.int64)


def teds(reference: str, prediction: str) -> float:
    """Return TEDS of two HTML documents (their first table in `body`), within 0 and 1."""
    return similarity(tree_from_html(reference), tree_from_html(prediction))


def teds_s(reference: str, prediction: str) -> float:
    """Return TEDS-S: the structure alone."""
    return similarity(tree_from_html(reference), tree_from_html(prediction), structure_only=True)


def tree_from_html(source: str) -> TableTree | None:
    """Read the first table of an HTML document; None where there is none, or where a span of it is no whole number.

    The reference raises on such a span, and OmniDocBench counts what raises as 0, as it does a missing table.
    """
    if not source:
        return None
    parser = lxml_html.HTMLParser(remove_comments=True, encoding="utf-8")
    try:
        table = lxml_html.fromstring(source, parser=parser).find("body/table")
        return None if table is None else _tree(table)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def similarity(reference: TableTree | None, prediction: TableTree | None, *, structure_only: bool = False) -> float:
    """Return TEDS (or TEDS-S) of two tables.

    Where one is missing, or neither has an element, it is 0; so it is for a pair beyond `MAX_PAIRS` nodes, with a
    warning: a table that large is a loop, and its value is hardly more.
    """
    if reference is None or prediction is None:
        return 0.0
    elements = max(reference.elements, prediction.elements)
    if not elements:
        return 0.0
    if (reference.labels, reference.leftmost) == (prediction.labels, prediction.leftmost) and (
        structure_only or reference.cells == prediction.cells
    ):
        return 1.0
    if len(reference.labels) * len(prediction.labels) > MAX_PAIRS:
        LOGGER.warning("TEDS of %d against %d elements is not computed and counts as 0", elements, reference.elements)
        return 0.0
    costs, first_cells, second_cells = _cell_costs(reference.cells, prediction.cells, structure_only=structure_only)
    numbers: dict[Label, int] = {}
    first, second = (
        (
            np.array(tree.leftmost, dtype=np.int64),
            np.array([numbers.setdefault(label, len(numbers)) for label in tree.labels], dtype=np.int64),
            cells,
            tree.key_roots,
        )
        # The prediction comes first in the reference implementation; the distance is the same both ways.
        for tree, cells in ((reference, first_cells), (prediction, second_cells))
    )
    return 1.0 - kernels.tree_distance(first, second, costs) / elements


def _tree(table: "etree._Element") -> TableTree:
    labels: list[Label] = []
    cells: list[Content | None] = []
    leftmost: list[int] = []

    # HTML parsers cut what is nested more than 256 deep, so recursion ends.
    def add(element: "etree._Element") -> int:
        """Add an element after those below it; return its leftmost leaf."""
        leaf = -1
        if element.tag == "td":
            spans = (int(element.get("colspan", "1")), int(element.get("rowspan", "1")))
            labels_of_node: Label = ("td", *spans)
            node_cells: Content | None = _content(element)
        else:
            for child in element:
                first = add(child)
                leaf = first if leaf < 0 else leaf
            labels_of_node, node_cells = (element.tag, -1, -1), None
        labels.append(labels_of_node)
        cells.append(node_cells)
        leftmost.append(len(leftmost) if leaf < 0 else leaf)
        return leftmost[-1]

    add(table)
    below = sum(isinstance(element.tag, str) for element in table.iter()) - 1
    return TableTree(below, tuple(labels), tuple(cells), tuple(leftmost))


def _content(cell: "etree._Element") -> Content:
    if not len(cell):
        return cell.text or ""
    tokens: deque[Token] = deque()
    _tokenize(cell, tokens)
    tokens.popleft()
    tokens.pop()
    return tuple(tokens)


def _tokenize(element: "etree._Element", tokens: deque[Token]) -> None:
    tokens.append(f"<{element.tag}>")
    tokens.extend(element.text or "")
    for child in element:
        _tokenize(child, tokens)
    if element.tag != "unk":
        tokens.append(f"</{element.tag}>")
    if element.tag != "td":
        tokens.extend(element.tail or "")


def _cell_costs(
    reference: tuple[Content | None, ...],
    prediction: tuple[Content | None, ...],
    *,
    structure_only: bool,
) -> tuple[NDArray[np.float64], Indices, Indices]:
    """Return the cost of each pair of different contents, and for each node the number of its content (-1: no cell)."""
    tags: dict[Token, str] = {}

    def numbered(cells: tuple[Content | None, ...]) -> tuple[list[str], Indices]:
        contents: dict[str, int] = {}
        numbers = []
        for cell in cells:
            if cell is None:
                numbers.append(-1)
                continue
            # A tag becomes one character that no parsed text holds: a lone surrogate.
            content = (
                cell
                if isinstance(cell, str)
                else "".join(
                    token if len(token) == 1 else tags.setdefault(token, chr(0xD800 + len(tags) % 0x800))
                    for token in cell
                )
            )
            numbers.append(contents.setdefault("" if structure_only else content, len(contents)))
        return list(contents), np.array(numbers, dtype=np.int64)

    first, first_numbers = numbered(reference)
    second, second_numbers = numbered(prediction)
    if structure_only or not first or not second:
        return np.zeros((max(len(first), 1), max(len(second), 1))), first_numbers, second_numbers
    distances = process.cdist(first, second, scorer=Levenshtein.distance, dtype=np.int32)
    longer = np.maximum.outer([len(content) for content in first], [len(content) for content in second])
    return distances / np.maximum(longer, 1), first_numbers, second_numbers
