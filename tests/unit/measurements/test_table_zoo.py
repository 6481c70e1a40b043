"""Promises: the zoo's documents are the same each time, its truth is what is on the page, its halves share no style."""

import dataclasses
from collections import Counter
from collections.abc import Iterator

import pymupdf
import pytest
from zoo import repairs
from zoo.documents import TableDocument, shared_out, table_document, text_document
from zoo.scores import table_score, text_score
from zoo.styles import TABLES, TEXTS, TableStyle, TextStyle
from zoo.texts import TextBlock

from scribetune.samples.typesetting import Typesetter
from scribetune.text.grids import Cell, Table, table


@pytest.fixture(scope="module")
def typesetter() -> Iterator[Typesetter]:
    with Typesetter() as made:
        yield made


@pytest.fixture(scope="module")
def tables(typesetter: Typesetter) -> list[TableDocument]:
    return [table_document(typesetter, style, 0, 7) for style in TABLES]


def of(styles: tuple[TableStyle, ...], features: str) -> TableStyle:
    return next(style for style in styles if style.features == frozenset(features.split()))


def grids_of(document: TableDocument) -> list[Table]:
    return [grid for grids in document.tables.values() for grid in grids]


def test_no_style_is_in_both_halves_and_each_half_has_half_of_them() -> None:
    for styles in (TABLES, TEXTS):
        names: Counter[str] = Counter(style.name.rsplit(" (", 1)[0] + style.script for style in styles)
        assert max(names.values()) == 1
        assert sum(style.half == "develop" for style in styles) == len(styles) / 2


def test_a_seed_makes_the_same_bytes_and_another_seed_other_tables(typesetter: Typesetter) -> None:
    for style in (
        of(TABLES, "row-spans"),
        of(TABLES, "column-spans"),
        of(TABLES, "sideways"),
        of(TABLES, "pages units"),
    ):
        once, again = (table_document(typesetter, style, 3, 7) for _ in range(2))
        assert once.pdf == again.pdf
        assert once.tables == again.tables
        assert table_document(typesetter, style, 3, 8).tables != once.tables
        assert table_document(typesetter, style, 4, 7).tables != once.tables


def test_spans_cover_each_grid_exactly_once(tables: list[TableDocument]) -> None:
    for document in tables:
        for grid in grids_of(document):
            covered = Counter(slot for cell in grid.cells for slot in cell.slots)
            assert covered == Counter((row, column) for row in range(grid.rows) for column in range(grid.columns))


def test_features_of_a_style_are_in_its_tables(tables: list[TableDocument]) -> None:
    for document in tables:
        cells = [cell for grid in grids_of(document) for cell in grid.cells]
        features = document.style.features
        assert ("side-by-side" in features) == (len(document.tables[1]) == 2)
        assert ("pages" in features) == (len(document.tables) == 2)
        assert any(cell.row_span > 1 for cell in cells) == bool(features & {"row-spans", "two-level"})
        assert any(cell.column_span > 1 for cell in cells) == bool(features & {"column-spans", "two-level"})


def test_the_words_of_the_cells_are_on_the_page(tables: list[TableDocument]) -> None:
    for document in tables:
        if document.style.script != "en":
            continue  # other scripts have no blanks, or an order of their own
        with pymupdf.open(stream=document.pdf) as pdf:
            assert pdf.page_count == len(document.tables)
            for page, grids in document.tables.items():
                # A word may stand against the next cell's: letters are compared.
                drawn = Counter("".join(pdf[page - 1].get_text().split()))
                wanted = Counter("".join("".join(cell.text.split()) for grid in grids for cell in grid.cells))
                assert not wanted - drawn, (document.style.name, wanted - drawn)


def test_no_document_has_tags_that_would_tell(tables: list[TableDocument]) -> None:
    for document in tables:
        with pymupdf.open(stream=document.pdf) as pdf:
            assert pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")[0] == "null"


def test_texts_are_the_same_each_time_and_on_one_page(typesetter: Typesetter) -> None:
    for style in TEXTS:
        once, again = (text_document(typesetter, style, 1, 7) for _ in range(2))
        assert (once.pdf, once.blocks) == (again.pdf, again.blocks)
        with pymupdf.open(stream=once.pdf) as pdf:
            assert pdf.page_count == 1
            drawn = Counter("".join(pdf[0].get_text().split()))
        wanted = Counter("".join("".join(f"{block.mark}{block.text}".split()) for block in once.blocks))
        assert not wanted - drawn, (style.name, wanted - drawn)


def test_styles_take_turns() -> None:
    assert [number for _, number in shared_out(TABLES, len(TABLES) + 1)] == [0] * len(TABLES) + [1]


def test_the_truth_itself_scores_one_and_a_table_beside_it_counts_against() -> None:
    grid = table([Cell(0, 0, "a", column_span=2), Cell(1, 0, "b"), Cell(1, 1, "c d")], "html")
    assert dataclasses.astuple(table_score({1: [grid]}, {1: grid.html})) == (1.0,) * 5
    spaced = "<table>\n <tr>\n <td colspan=2>\n a\n </td></tr><tr><td>b</td><td>c \n d</td></tr></table>"
    assert dataclasses.astuple(table_score({1: [grid]}, {1: spaced})) == (1.0,) * 5
    more = table_score({1: [grid]}, {1: grid.html, 2: grid.html})
    assert more.exact == 0.0
    assert more.adjacency == pytest.approx(2 / 3)


def test_blocks_are_compared_by_kind_mark_and_order() -> None:
    truth = [TextBlock("heading", "One"), TextBlock("paragraph", "Two words."), TextBlock("item", "three", "1.")]
    assert dataclasses.astuple(text_score(truth, "# One\n\nTwo *words*.\n\n1. three\n")) == (1.0, 1.0, 1.0)
    turned = text_score(truth, "Two words.\n\n# One\n\n1. three\n")
    assert turned.blocks == 1.0
    assert turned.ordered == pytest.approx(2 / 3)
    assert text_score(truth, "# One\n\nTwo\n\nwords.\n\n- three\n").blocks == pytest.approx(2 / 7)


@pytest.mark.parametrize("name", repairs.REPAIRS)
def test_each_repair_can_be_left_out_and_is_back_afterwards(name: str) -> None:
    places = [repairs.holder_of(place) for place in repairs.REPAIRS[name].replaced]
    before = [getattr(holder, attribute) for holder, attribute in places]
    with repairs.without(name):
        assert all(getattr(h, a) is not f for (h, a), f in zip(places, before, strict=True))
    assert all(getattr(h, a) is f for (h, a), f in zip(places, before, strict=True))


def test_a_repair_that_is_gone_is_an_error_that_names_it() -> None:
    with pytest.raises(LookupError, match="repair:no_such_name is gone"):
        repairs.holder_of("scribetune.labels.tables.repair:no_such_name")


def test_style_names_say_what_is_in_them() -> None:
    assert TextStyle("report", "drawn", frozenset()).name == "plain (drawn)"
    assert TableStyle("report", "typst", "none", frozenset(("wrapped",)), "he").name == "none, wrapped, he (typst)"
