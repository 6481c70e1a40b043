"""Promises about tables over pages: one table is known as one, two are two, and joined its header comes once."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.documents.inputs import Document
from scribetune.labels import continued_tables, reader, shard
from scribetune.labels.continued_tables import of_text

HEADER = ("Ware", "Pieces", "Weight")
SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
NAMES = ("Harbour", "Orchard", "Meadow", "Library", "Foundry", "Chapel", "Granary", "Market", "Quarry", "Bakery")


def rows(first: int, count: int) -> list[tuple[str, str, str]]:
    return [
        (f"{NAMES[n % 10]} {chr(65 + n % 26)}", f"{31 * n + 7}", f"{n}.{n % 7}5") for n in range(first, first + count)
    ]


def document(folder: Path, *pages: tuple[str, Sequence[Sequence[str]], str]) -> Path:
    """Write a PDF: on each page a text, a ruled table (to the foot of the page, if it is long) and a text."""
    pdf = pymupdf.open()
    for above, table, below in pages:
        page = pdf.new_page(width=400, height=600)
        y = 60.0
        if above:
            page.insert_text((40, y), above, fontsize=9)
            y += 20
        top = y
        for row in table:
            for x, cell in zip((44, 184, 284), row, strict=True):
                page.insert_text((x, y + 12), cell, fontsize=9)
            page.draw_line((40, y), (360, y))
            y += 16
        page.draw_line((40, y), (360, y))
        for x in (40, 180, 280, 360):
            page.draw_line((x, top), (x, y))
        if below:
            page.insert_text((40, y + 30), below, fontsize=9)
    pdf.save(folder / "document.pdf")
    return folder / "document.pdf"


def continues(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the manifest says of each page."""
    monkeypatch.chdir(path.parent)
    with pymupdf.open(path) as pdf:
        pages = list(range(1, pdf.page_count + 1))
    given = {"document": ("hash", pages)}
    made = shard.label_shard([Document("document", path, path.name)], given, {}, {}, SETTINGS, workers=1)
    return [row.continues for row in made]


@pytest.mark.parametrize("header", [[HEADER], []])
def test_a_table_that_goes_on_is_known(
    header: list[Sequence[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Stocks of the houses at the end of the year."
    path = document(
        tmp_path,
        (text, [HEADER, *rows(0, 28)], ""),
        ("", [*header, *rows(28, 28)], ""),
        ("", [*header, *rows(56, 9)], text),
    )
    assert continues(path, monkeypatch) == ["", "p0001-t1", "p0002-t1"]


@pytest.mark.parametrize(
    ("first", "above", "second"),
    [
        ([HEADER, *rows(0, 28)], "", [("Ship", "Crew", "Length"), *rows(28, 9)]),
        ([HEADER, *rows(0, 28)], "This is told of the houses in the north.", [HEADER, *rows(28, 9)]),
        ([HEADER, *rows(0, 8)], "", rows(28, 9)),
    ],
)
def test_two_tables_are_two(
    first: list[Sequence[str]],
    above: str,
    second: list[Sequence[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With other headings, with text between, or where the first ends in the middle of its page."""
    assert continues(document(tmp_path, ("", first, ""), (above, second, "")), monkeypatch) == ["", ""]


@pytest.mark.parametrize("mark", ["Table 2 (continued)", "(Fortsetzung von Seite 1)", "续表 2"])
def test_a_mark_says_that_a_table_goes_on(mark: str) -> None:
    above = of_text("Text.\n\n| Ware | Pieces |\n|---|---|\n| a | some |\n")
    below = of_text(f"{mark}\n\n| b | many |\n|---|---|\n| c | none |\n\nText.\n")
    assert continued_tables.continued(above, below) == 1
    assert continued_tables.continued(above, of_text("Text.\n\n| b | many |\n|---|---|\n| c | none |\n")) == 0


def test_an_element_of_tags_on_both_pages_is_one_table() -> None:
    above = of_text("| a | 1 |\n|---|---|\n\n| b | 1 |\n|---|---|\n", {7: 1, 9: 2})
    below = of_text("| c | d |\n|---|---|\n", {9: 1})
    assert continued_tables.continued(above, below) == 2


def test_joined_pages_have_a_header_once() -> None:
    first = "# Stocks\n\n| Ware | Pieces |\n|---|---|\n| a | 1 |\n\n12\n"
    second = "| Ware | Pieces |\n|---|---|\n| b | 2 |\n\nThe end.\n"
    assert continued_tables.joined([first, second], [False, True]) == (
        "# Stocks\n\n| Ware | Pieces |\n|---|---|\n| a | 1 |\n| b | 2 |\n\n12\n\nThe end.\n"
    )
    apart = continued_tables.joined([first, second], [False, False])
    assert apart.count("| Ware | Pieces |") == 2


def test_joined_tables_keep_their_spans() -> None:
    first = '<table><tr><td>Ware</td><td>Pieces</td></tr><tr><td colspan="2">Wood</td></tr></table>\n'
    second = "| b | 2 |\n|---|---|\n| c | 3 |\n"
    assert continued_tables.joined([first, second], [False, True]) == (
        '<table><tr><td>Ware</td><td>Pieces</td></tr><tr><td colspan="2">Wood</td></tr>'
        "<tr><td>b</td><td>2</td></tr><tr><td>c</td><td>3</td></tr></table>\n"
    )
