"""Promise: the labels' tables are those that people marked in the documents of the ICDAR 2013 table competition."""

from pathlib import Path

import pytest

from scribetune.labels import reader as label_reader
from scribetune.text.grids import Cell, table
from support import icdar2013
from support.icdar2013 import DocumentScore

DATA = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "icdar2013"
SETTINGS = label_reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


def shared_data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the ICDAR 2013 documents are not there: {DATA}")
    return DATA


def score(pdf: Path) -> DocumentScore:
    reader = label_reader.PageReader(str(pdf), "", SETTINGS)
    found = {number + 1: reader.read(number).text for number in range(reader.page_count)}
    return icdar2013.score(icdar2013.references(pdf.with_name(f"{pdf.stem}-str.xml")), found)


@pytest.mark.slow
def test_tables_of_all_documents_are_those_that_people_marked() -> None:
    scores = [score(pdf) for pdf in sorted(shared_data().glob("*.pdf"))]
    everything = icdar2013.total(scores)
    assert sum(one.adjacency_f1 for one in scores) / len(scores) >= 0.96
    assert sum(one.grits_con_f1 for one in scores) / len(scores) >= 0.93
    assert everything.adjacency_f1 >= 0.96
    assert everything.grits_con_f1 >= 0.93


def test_a_document_of_several_tables_scores_as_they_were_marked() -> None:
    assert score(shared_data() / "us-034.pdf").adjacency_f1 >= 0.98


def test_a_table_where_there_is_none_counts_against_the_label() -> None:
    marked = {1: [table([Cell(0, 0, "a"), Cell(0, 1, "b"), Cell(1, 0, "c"), Cell(1, 1, "d")], "html")]}
    one = "| a | b |\n|---|---|\n| c | d |\n"
    assert icdar2013.score(marked, {1: one}).adjacency_f1 == 1.0
    both = icdar2013.score(marked, {1: one, 2: one})
    assert both.adjacency_f1 == pytest.approx(2 * 4 / (4 + 8))
    assert both.grits_con_f1 == pytest.approx(2 / 3)
    assert icdar2013.score(marked, {1: "no table"}).grits_con == 0.0


def test_cells_are_counted_from_the_first_that_is_marked(tmp_path: Path) -> None:
    cell = '<cell start-row="1" start-col="1" end-col="2"><content>wide\ncell</content></cell>'
    (tmp_path / "a-str.xml").write_text(
        f'<document><table><region page="3">{cell}</region></table></document>', encoding="utf-8"
    )
    ((found,),) = icdar2013.references(tmp_path / "a-str.xml").values()
    assert found.cells == (Cell(0, 0, "wide cell", 1, 2),)
