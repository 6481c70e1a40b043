"""Tables against tables, blocks against blocks; every score within 0 and 1."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from scribetune.metrics.markdown import find_tables
from scribetune.metrics.tables import PageTables, page_tables
from scribetune.text.grids import Table
from scribetune.text.markdown import strip_emphasis
from support import icdar2013
from zoo.texts import TextBlock

_ITEM = re.compile(r"^\s*(?:[-*+•·–]|(\(?(?:\d{1,3}|[a-z])[.)]))\s+(.*)$")
_TAG = re.compile(r"</?(?:sup|sub|b|i)>")


@dataclass(frozen=True)
class TableScore:
    """Scores of a document's tables.

    Attributes:
        adjacency: F1 of adjacency relations over all its pages, tables where there is none counted against it.
        grits_top: GriTS_Top, mean over pages; pairs of tables as in `scribetune.metrics.tables`.
        grits_con: GriTS_Con, likewise.
        teds: TEDS, likewise.
        exact: 1 where every table of every page is the truth, cell by cell, and there is no other.
    """

    adjacency: float
    grits_top: float
    grits_con: float
    teds: float
    exact: float


@dataclass(frozen=True)
class TextScore:
    """Scores of a page's blocks.

    Attributes:
        blocks: F1 of blocks (kind, mark and text equal) as a multiset.
        ordered: The same of the longest common sequence: a block out of order does not count.
        texts: F1 of blocks by their text alone.
    """

    blocks: float
    ordered: float
    texts: float


def table_score(truth: Mapping[int, Sequence[Table]], pages: Mapping[int, str]) -> TableScore:
    """Score the tables in a document's labels; white space within cells is one blank on both sides."""
    found = {page: [one.with_collapsed_spaces() for one in find_tables(text)] for page, text in pages.items()}
    by_page = [
        page_tables(_html(truth.get(page, [])), _html(found.get(page, []))) for page in sorted(set(truth) | set(found))
    ]
    scored: list[PageTables] = [score for score in by_page if score is not None]
    return TableScore(
        icdar2013.score(truth, pages).adjacency_f1,
        sum(score.structure_f1 for score in scored) / len(scored),
        sum(score.content_f1 for score in scored) / len(scored),
        sum(score.teds for score in scored) / len(scored),
        float(
            all(
                [_filled(one) for one in found.get(page, [])] == [_filled(one) for one in truth.get(page, [])]
                for page in set(truth) | set(found)
            )
        ),
    )


def _html(tables: Sequence[Table]) -> str:
    return "\n\n".join(table.html for table in tables)


def _filled(table: Table) -> tuple[int, int, frozenset[tuple[int, int, str, int, int]]]:
    """Return a table's size and its cells with text: an empty cell that spans shows like several."""
    cells = frozenset((c.row, c.column, c.text, c.row_span, c.column_span) for c in table.cells if c.text)
    return table.rows, table.columns, cells


def text_score(truth: Sequence[TextBlock], page: str) -> TextScore:
    """Score the blocks of a page's label."""
    wanted = [(str(block.kind), block.mark, _plain(block.text)) for block in truth]
    found = _blocks(page)
    both = len(wanted) + len(found)
    texts = (Counter(text for *_, text in wanted) & Counter(text for *_, text in found)).total()
    return TextScore(
        2 * (Counter(wanted) & Counter(found)).total() / both,
        2 * _common(wanted, found) / both,
        2 * texts / both,
    )


def _blocks(page: str) -> list[tuple[str, str, str]]:
    """Divide Markdown into (kind, mark, text)."""
    made: list[tuple[str, str, str]] = []
    for part in re.split(r"\n\s*\n", page.strip()):
        open_block = False
        for line in part.split("\n"):
            item = _ITEM.match(line)
            if line.startswith("#"):
                made.append(("heading", "", _plain(line.lstrip("#"))))
                open_block = False
            elif item:
                made.append(("item", item[1] or "", _plain(item[2])))
                open_block = True
            elif open_block:
                kind, mark, text = made[-1]
                made[-1] = (kind, mark, _plain(f"{text} {line}"))
            elif line.strip():
                made.append(("paragraph", "", _plain(line)))
                open_block = True
    return made


def _plain(text: str) -> str:
    return " ".join(strip_emphasis(_TAG.sub("", text)).replace("\u00ad", "").split())


def _common(first: Sequence[object], second: Sequence[object]) -> int:
    """Return the length of the longest common subsequence."""
    best = [0] * (len(second) + 1)
    for one in first:
        before = 0
        for index, other in enumerate(second, 1):
            before, best[index] = best[index], before + 1 if one == other else max(best[index], best[index - 1])
    return best[-1]


def means(scores: Sequence[TableScore] | Sequence[TextScore]) -> dict[str, float]:
    """Return the mean of each score over documents."""
    return {
        field.name: sum(getattr(score, field.name) for score in scores) / len(scores) for field in fields(scores[0])
    }
