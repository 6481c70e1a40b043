"""Promises about CSV files: a spreadsheet obeys no cell of a user's, and what was written is read."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from scribetune.core import csv_files, manifests
from scribetune.documents import inputs, withdrawals
from scribetune.documents.inputs import Document, SheetRow
from scribetune.documents.withdrawals import Withdrawal
from scribetune.evaluation import scoring
from scribetune.review import decisions

FORMULAS = (
    "=1+1", '=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "- a list", "-",
    "'=1+1", "''=1", "\n=1", "\uff1d1+1", "\uff20SUM(A1)",
)  # fmt: skip
HARMLESS = ("", "-0.5", "+7", "-1e-3", "plain", "it's", "'quoted'", "'-0.5", "a=b", "季度", "1-2")


def test_what_was_written_is_read_and_no_spreadsheet_obeys_it() -> None:
    for cell in (*FORMULAS, *HARMLESS):
        assert csv_files.plain(csv_files.guarded(cell)) == cell
    assert all(csv_files.guarded(cell).startswith("'") for cell in FORMULAS)
    assert [csv_files.guarded(cell) for cell in HARMLESS] == list(HARMLESS)
    assert [csv_files.guarded(value) for value in (-0.5, 3, None)] == [-0.5, 3, None]


def in_a_spreadsheet(path: Path) -> set[str]:
    """Return the first signs of the cells that a spreadsheet would obey."""
    with path.open(encoding="utf-8", newline="") as stream:
        cells = {cell for row in csv.reader(stream) for cell in row}
    return {
        cell[0]
        for cell in cells
        if cell[:1] in tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20") and not csv_files._NUMBER.fullmatch(cell)
    }


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_table_has_a_formula_of_a_users(tmp_path: Path, formula: str) -> None:
    rows = [{"path": formula, "category": formula, "share": -0.5}]
    manifests.write(tmp_path / "documents.csv", rows, ["path", "category", "share"])
    read = manifests.rows(manifests.read([tmp_path / "documents.csv"], ("path", "category")))
    assert read == rows
    assert csv_files.read(tmp_path / "documents.csv") == [{**rows[0], "share": "-0.5"}]

    review = decisions.Review("d", 1, "reject", formula, formula, "2026", "trust", "", "", "")
    decisions.add(tmp_path / "reviews.csv", review)
    decisions.add(tmp_path / "reviews.csv", review)
    assert decisions.read(tmp_path / "reviews.csv") == (review, review)

    withdrawal = Withdrawal("0" * 64, formula, "d", "2026-01-01", formula.strip(), (), 7)
    withdrawals.write(tmp_path / "withdrawn.csv", [withdrawal])
    assert withdrawals.read(tmp_path / "withdrawn.csv")[0].reason == formula.strip()

    frame = pd.DataFrame({"id": [formula], "category": [formula], "cer_base": [-0.5]})
    scoring.write_samples(frame, tmp_path / "samples.csv")
    assert csv_files.read(tmp_path / "samples.csv") == [{"id": formula, "category": formula, "cer_base": "-0.5"}]

    assert set().union(*map(in_a_spreadsheet, tmp_path.glob("*.csv"))) == set()


def test_a_path_copied_from_a_report_into_the_sheet_names_its_document(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("path,category\n'=1+1.pdf,'=a\n=1+1.pdf,'=a\n", encoding="utf-8")
    rows = inputs.read_sheet(tmp_path / "sheet.csv", [Document("1-1", Path("=1+1.pdf"), "=1+1.pdf")])
    assert rows == {"1-1": SheetRow(category="=a")}
