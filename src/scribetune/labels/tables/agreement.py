"""How far the tables of a page are to be trusted: two readings compared, and what the page shows, as one number.

The number is that of a logistic regression whose coefficients are none of them negative: more that speaks for a table
never lowers its trust. They are fitted by `measurements/table_agreement.py --fit` on tables whose truth is known, right
ones and those with defects (docs/evidence/table_agreement.md); seven right tables were counted to three wrong ones.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from types import MappingProxyType
from typing import Any

from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables import cell_words
from scribetune.labels.tables.cells import Box, PageTable, Word, union
from scribetune.labels.tables.witness import Compared, Witness, compare
from scribetune.metrics.markdown import find_tables

UNKNOWN = -1.0
"""Trust of a page without tables, and of one whose tables were not read twice."""

INTERCEPT = -24.28
COEFFICIENTS = MappingProxyType(
    {
        "columns": 0.45,
        "body": 4.22,
        "ruled": 0.46,
        "walls": 2.21,
        "whole": 1.05,
        "apart": 2.06,
        "order": 5.34,
        "named": 1.72,
        "filled": 1.53,
        "head": 6.47,
        "kinds": 1.86,
        "held": 1.08,
    }
)
_DOUBT_OF_TAGS = 0.4  # of the doubt in a table whose cells the author named
_DOUBT_OF_LINES = 0.2  # of the doubt where lines frame the cells, and each word stands in its own
_FRAMED = 0.9  # of the borders between rows and columns are drawn: those within spans are not
_GRIDS = ("second", "first")
_SHOWN = 0.9  # tables that are trusted less keep both readings, to be seen side by side


@dataclass(frozen=True)
class TableReading:
    """A table as two readers see it."""

    trust: float  # within 0 and 1
    box: Box  # around its words, in points
    rows: int
    columns: int
    second_rows: int
    second_columns: int
    differs: str  # the first cell that differs, in words; "" where none does
    second: tuple[tuple[str, ...], ...] = ()  # the second reading, row by row; of tables that are not trusted
    first: tuple[tuple[str, ...], ...] = ()  # the label's, likewise; what spans slots is in the first of them


def trust_of(witness: Witness) -> float:
    """Return the trust that what was seen of a table deserves, within 0 and 1."""
    trust = 1 / (1 + exp(-INTERCEPT - sum(weight * getattr(witness, name) for name, weight in COEFFICIENTS.items())))
    return 1 - _DOUBT_OF_LINES * (1 - trust) if _lines_decide(witness) else trust


def _lines_decide(witness: Witness) -> bool:
    """Whether a table is as its lines are: white space, by which the second reading goes, says less than they do."""
    in_place = witness.walls == witness.order == witness.held == witness.whole == 1
    return in_place and witness.ruled >= _FRAMED


def of_tables(tables: Sequence[PageTable], words: Sequence[Word], rules: Rules) -> list[TableReading]:
    """Read the tables of a page again; `words` and `rules` are all of the page. Tables without words have no place."""
    found = ((table, compare(table, words, rules)) for table in tables)
    return [_reading(table, compared) for table, compared in found if compared is not None]


def of_text(label: str, words: Sequence[Word], rules: Rules) -> list[TableReading]:
    """Read the tables of a label that an author's tags made again: their places are those of their words."""
    tables = []
    for grid in find_tables(label):
        cells = tuple(cell for cell in grid.cells if cell.text)
        table = PageTable((0.0, 0.0, 0.0, 0.0), grid.rows, grid.columns, cells)
        taken = cell_words.of_table(table, words).in_order
        if taken:
            box = union([words[number].box for number in taken])
            tables.append(PageTable(box, grid.rows, grid.columns, cells))
    readings = of_tables(tables, words, rules)
    return [replace(one, trust=round(1 - _DOUBT_OF_TAGS * (1 - one.trust), 4)) for one in readings]


def _reading(table: PageTable, compared: Compared) -> TableReading:
    trust = trust_of(compared.witness)
    first, second = _rows(table), compared.second
    if is_right_to_left("".join(cell.text for cell in table.cells)):  # it is read on the page from the left
        second = tuple(row[::-1] for row in second)
    return TableReading(
        round(trust, 4),
        tuple(round(edge, 1) for edge in compared.box),  # type: ignore[arg-type]  # four of them
        table.rows,
        table.columns,
        compared.rows,
        compared.columns,
        compared.differs,
        second if trust < _SHOWN else (),
        first if trust < _SHOWN else (),
    )


def _rows(table: PageTable) -> tuple[tuple[str, ...], ...]:
    """Return the texts of a table's slots, row by row."""
    texts = {(cell.row, cell.column): cell.text for cell in table.cells}
    return tuple(tuple(texts.get((row, column), "") for column in range(table.columns)) for row in range(table.rows))


def least(readings: Sequence[TableReading]) -> float:
    """Return the trust of a page: that of its worst table; `UNKNOWN` where there is none."""
    return min((reading.trust for reading in readings), default=UNKNOWN)


def as_json(readings: Sequence[TableReading]) -> str:
    """Return readings as a cell of a manifest; "" for none."""
    if not readings:
        return ""
    rows = [vars(one) for one in readings]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def from_json(cell: str) -> list[TableReading]:
    """Return what `as_json` wrote."""
    found: list[dict[str, Any]] = json.loads(cell) if cell else []
    return [
        TableReading(
            **one | {"box": tuple(one["box"])} | {name: tuple(map(tuple, one.get(name, ()))) for name in _GRIDS}
        )
        for one in found
    ]


def in_words(readings: Sequence[TableReading], least_trust: float = _SHOWN) -> list[str]:
    """Say of each table that is trusted less than `least_trust` where it is, and what the two readings are."""
    return [
        f"Table {number} (from {reading.box[0]:.0f}, {reading.box[1]:.0f} to {reading.box[2]:.0f}, "
        f"{reading.box[3]:.0f} points) is trusted {reading.trust:.2f}: the label has {reading.rows} rows × "
        f"{reading.columns} columns, the second reading {reading.second_rows} × {reading.second_columns}"
        + (f"; they differ in {reading.differs}" if reading.differs else "; its cells do not stand as in a table")
        for number, reading in enumerate(readings, 1)
        if reading.trust < least_trust
    ]
