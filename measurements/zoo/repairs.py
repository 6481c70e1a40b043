"""What labels do to the tables that the library finds, each to be left out: what it is worth shows without it.

Each repair is a function of `scribetune.labels`, replaced here by one that does nothing in its place. Where that code
changes, this list has to follow: a name that is gone is an error. What puts words beside tables that no cell has
(`layout_analysis.missing_from`) is no repair of a table: scores of tables do not show it.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_TABLES = "scribetune.labels.tables."
_REPAIR = _TABLES + "repair:"
_HEADER = _TABLES + "header:"
_ROWS = _TABLES + "rows:RowDivision."


@dataclass(frozen=True)
class Repair:
    """A repair: what is replaced ("module:name" or "module:Class.name"), and the functions in its place."""

    what: str
    replaced: dict[str, Callable[..., Any]]


def _nothing(*_: object, **__: object) -> None:
    return None


def _false(*_: object, **__: object) -> bool:
    return False


REPAIRS = {
    "all": Repair(
        "all of them: tables as the library finds them",
        {_REPAIR + "repair": lambda found, *_: [found]},
    ),
    "rebuilding": Repair(
        "tables without lines built again from words; captions and tables side by side are still told apart",
        {_REPAIR + "_Rebuilding.table": lambda self: self.found},
    ),
    "side-by-side": Repair(
        "tables with the same headings beside each other become several",
        {_REPAIR + "_side_by_side": lambda table: [table]},
    ),
    "captions": Repair(
        "running text above and below is no row",
        {_REPAIR + "_stripped": lambda table: table, _REPAIR + "_Rebuilding._strip": _nothing},
    ),
    "split-columns": Repair("columns split at corridors without words", {_REPAIR + "split_columns": _nothing}),
    "merge-columns": Repair("columns without words in the body merged", {_REPAIR + "merge_columns": _nothing}),
    "wrapped-headings": Repair(
        "lines of a heading below each other joined", {_HEADER + "_stacked": lambda _grid, cells: cells}
    ),
    "centred-cells": Repair(
        "cells of the body span the columns that they are centred over",
        {_TABLES + "grid:Grid.centred": lambda _self, _segment, first, last, _low, _high: (first, last)},
    ),
    "spans-of-headings": Repair(
        "headings span the columns that explain best where they stand",
        {_HEADER + "_spans": lambda grid, segments, *_: [(grid.column_at(one.middle),) * 2 for one in segments]},
    ),
    "continued-headings": Repair(
        "headings that a line goes on with span no others", {_HEADER + "_is_continued": _false}
    ),
    "wrapped-rows": Repair(
        "lines are put together to rows; without: each is one",
        {_ROWS + "rows": lambda self: [[line] for line in self._body]},
    ),
    "named-rows": Repair("rows have a name in the first column", {_ROWS + "_named": lambda *_: 0.0}),
    "header": Repair(
        "the header ends at a rule, or before the first figures; without: after a line",
        {_REPAIR + "_Rebuilding._body_start": lambda _self: 1},
    ),
    "mirrored": Repair("right-to-left tables are mirrored", {_TABLES + "direction:reads_leftwards": _false}),
}


@contextlib.contextmanager
def without(name: str) -> Iterator[None]:
    """Leave a repair out.

    Raises:
        LookupError: There is no such repair, or the labels' code has no such function any more.
    """
    if name not in REPAIRS:
        raise LookupError(f"no repair is called {name!r}; there are: {', '.join(REPAIRS)}")
    with contextlib.ExitStack() as stack:
        for place, function in REPAIRS[name].replaced.items():
            holder, attribute = holder_of(place)
            original = getattr(holder, attribute)
            stack.callback(setattr, holder, attribute, original)
            setattr(holder, attribute, function)
        yield


def holder_of(place: str) -> tuple[Any, str]:
    """Return the module or class that has a function, and the function's name.

    Raises:
        LookupError: The labels' code has no such function any more.
    """
    module, _, path = place.partition(":")
    *outer, attribute = path.split(".")
    holder: Any = importlib.import_module(module)
    for name in outer:
        holder = getattr(holder, name, None)
    if not hasattr(holder, attribute):
        raise LookupError(f"{place} is gone from the labels' code: bring REPAIRS in {__file__} up to date")
    return holder, attribute
