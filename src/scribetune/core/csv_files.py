"""CSV files that people open in spreadsheets: no cell of a user's is written so that a spreadsheet obeys it.

A cell that begins with `=`, `+`, `-`, `@` (or their full-width forms), tab or a line end is a formula there. It is
written with an apostrophe before it, which spreadsheets take for "this is text", and read without it. Numbers stay
numbers.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scribetune.core import user_text
from scribetune.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile("'*[-=+@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would obey a cell, or would but for apostrophes before it."""
    return _FORMULA.match(cell) is not None and not _NUMBER.fullmatch(cell.lstrip("'"))


def guarded(cell: Any) -> Any:
    """Return a cell as it is written."""
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def plain(cell: str) -> str:
    """Return a cell as it was before it was written."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def read(path: Path, *, strict: bool = False) -> list[dict[str, str]]:
    """Return the rows of a CSV in UTF-8 as text; None for cells that a row lacks.

    Args:
        path: The file.
        strict: A quote in the wrong place is an error.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not in UTF-8.
        csv.Error: It is no CSV.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream, strict=strict)
        return [{name: plain(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows]


def read_cells(text: str) -> list[tuple[int, list[str]]]:
    """Return (number of its last line, cells) of each row of a CSV's text, the header first, blank lines left out.

    Raises:
        csv.Error: It is no CSV.
    """
    table = csv.reader(io.StringIO(text, newline=""))
    return [(table.line_num, list(map(plain, row))) for row in table if row]


def read_table(path: Path, columns: Sequence[str], *, required: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (number of its line, {column: cell without blanks around it}) of each row of a user's CSV.

    Args:
        path: The file; its first line may name any of the columns, in any order. Those it does not name are empty.
        columns: The columns that may be there.
        required: The one that must.

    Raises:
        UserError: It cannot be read, or its columns are other ones.
    """
    try:
        rows = read_cells(user_text.read(path, line_ends=True))
    except (OSError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}", accepted="a CSV", todo="correct it") from error
    if not rows:
        return
    header = rows[0][1]
    unknown = [name for name in header if name not in columns]
    if unknown or required not in header:
        raise UserError(
            f"{path} has the wrong columns", value=unknown or tuple(header),
            accepted=f"{', '.join(columns)} ({required} is required)", todo="correct its first line",
        )  # fmt: skip
    for number, row in rows[1:]:
        cells = dict(zip(header, map(str.strip, row), strict=False))
        yield number, {name: cells.get(name, "") for name in columns}


def text_of(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return the text of a CSV."""
    cells = [list(map(guarded, row)) for row in rows]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n", quoting=_quoting(cell for row in cells for cell in row))
    table.writerow(columns)
    table.writerows(cells)
    return out.getvalue()


def text_of_frame(frame: "pd.DataFrame") -> str:
    """Return the text of a CSV of a frame's columns, without its index."""
    import pandas as pd

    texts = {
        str(name): pd.Series(list(map(guarded, column)), frame.index, column.dtype)
        for name, column in frame.select_dtypes(exclude="number").items()
    }
    quoting = _quoting(cell for column in texts.values() for cell in column)
    return frame.assign(**texts).to_csv(index=False, lineterminator="\n", quoting=quoting)


def _quoting(cells: Iterable[Any]) -> Literal[0, 2]:
    """Return how cells are quoted: a carriage return ends a line unless it is quoted, and is not quoted of itself."""
    has_returns = any("\r" in cell for cell in cells if isinstance(cell, str))
    return csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL
