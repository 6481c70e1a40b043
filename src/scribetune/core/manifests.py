"""Manifests: the CSV tables that are the edges between rules, one row per document or page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from scribetune.core import csv_files, files


def columns_of(row_type: type) -> list[str]:
    """Return the column names of a manifest whose rows are instances of a dataclass."""
    return [field.name for field in fields(row_type)]


def write(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV with a fixed order of columns, atomically. No rows: a header alone."""
    frame = pd.DataFrame([dict(row) for row in rows], columns=list(columns))
    files.write_text(path, csv_files.text_of_frame(frame))


def read(paths: Iterable[Path], text_columns: Sequence[str]) -> pd.DataFrame:
    """Read manifests of the same columns into one frame, in the order given.

    `text_columns` are kept as text: empty cells are "", and "0012" stays "0012". The other columns are numbers where
    every cell is one.
    """
    kinds = dict.fromkeys(text_columns, str)
    frames = [pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={}) for path in paths]
    for frame in frames:
        for column in frame.columns.intersection(list(text_columns)):
            if frame[column].str.startswith("'").any():
                frame[column] = frame[column].map(csv_files.plain)
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return frames[0] if frames else pd.DataFrame()
    return pd.concat(filled, ignore_index=True)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as {column: value}."""
    return [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]
