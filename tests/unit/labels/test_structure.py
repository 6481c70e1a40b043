"""Promises about tagged PDFs: what the author marked is what the label says, and doubtful tags are not used."""

from pathlib import Path

import pymupdf
import pytest
import typst
from PIL import Image

from scribetune.labels import structure, tag_tree
from scribetune.labels.formulas.sources import FormulaTag
from scribetune.labels.tag_tree import TagTree

PAGE = r"""
#set document(date: none)
#set page(width: 330pt, height: 420pt, margin: 18pt)
#set text(size: 11pt)
= Quarterly report
Revenue rose with a rate of #math.equation(alt: "r = \\frac{a}{b}", $r = a/b$) in the year, and *costs* fell in every
region that we serve.
== Items
- first point that is long enough to be broken over two lines of this narrow page, which it is
- second | point
+ one
+ two
#table(columns: 3, table.header[Item][Value][Change], [North], [1,234], [+15%], [A | B], [], [−3%])
#math.equation(block: true, alt: "g = \\sqrt{x}", $ g = sqrt(x) $)
"""


def compiled(folder: Path, source: str) -> pymupdf.Document:
    (folder / "page.typ").write_text(source, encoding="utf-8")
    typst.compile(str(folder / "page.typ"), output=str(folder / "page.pdf"))
    return pymupdf.open(folder / "page.pdf")


def read(document: pymupdf.Document, *, html_tables: bool = False) -> structure.TaggedPage | None:
    return structure.read(document[0], tag_tree.read(document), html_tables=html_tables)


def test_headings_lists_tables_and_formulas_come_from_the_tags(tmp_path: Path) -> None:
    page = read(compiled(tmp_path, PAGE))
    assert page is not None
    assert page.text == "\n\n".join(
        [
            "# Quarterly report",
            "Revenue rose with a rate of $r = \\frac{a}{b}$ in the year, and **costs** fell in every region that we "
            "serve.",
            "## Items",
            "- first point that is long enough to be broken over two lines of this narrow page, which it is\n"
            "- second | point",
            "1. one\n2. two",
            "| Item | Value | Change |\n|---|---|---|\n| North | 1,234 | +15% |\n| A \\| B |  | −3% |",
            "$$g = \\sqrt{x}$$",
        ]
    )
    assert (page.tables, page.formulas, page.marks) == (1, 2, 5)


def test_tables_become_html_where_asked(tmp_path: Path) -> None:
    page = read(compiled(tmp_path, PAGE), html_tables=True)
    assert page is not None
    assert "<tr><td>A | B</td><td></td><td>−3%</td></tr></table>" in page.text


def test_a_page_without_tags_says_so() -> None:
    document = pymupdf.open()
    document.new_page().insert_text((50, 50), "plain")
    assert read(document) is None


def test_a_table_with_spans_is_left_to_layout_analysis(tmp_path: Path) -> None:
    document = compiled(
        tmp_path, "#set document(date: none)\n#table(columns: 2, table.cell(colspan: 2)[wide], [a], [b])"
    )
    with pytest.raises(structure.UnusableTagsError, match="spanning cells"):
        read(document)


def test_formulas_that_do_not_match_the_tree_are_not_guessed(tmp_path: Path) -> None:
    document = compiled(tmp_path, PAGE)
    with pytest.raises(structure.UnusableTagsError, match="more formulas"):
        structure.read(document[0], TagTree({document[0].xref: [FormulaTag("only one")]}, frozenset()))
    with pytest.raises(structure.UnusableTagsError, match="fewer formulas"):
        structure.read(document[0], TagTree({document[0].xref: [FormulaTag("one")] * 3}, frozenset()))


def test_chinese_lines_join_without_a_blank() -> None:
    line = structure._Line()
    line.add("季度财务", (0, 0, 40, 10))
    line.add("报告", (0, 12, 20, 22))
    line.add("for Q3", (0, 24, 20, 34))
    assert line.markdown(emphasis=False) == "季度财务报告for Q3"


def test_headers_figures_and_formulas_of_tagged_pages_follow_the_configuration(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), (200, 30, 30)).save(tmp_path / "box.png")
    document = compiled(
        tmp_path,
        """
#set document(date: none)
#set page(width: 300pt, height: 400pt, header: [Annual report], numbering: "1")
= Heading
Text before #box(image("box.png", width: 60pt, alt: "red")) and after.
#figure(image("box.png", width: 90pt, alt: "red"), caption: [A red box])
$ sum_(i=1)^n i = n(n+1)/2 $
and inline $x^2 + y^2$ too.
""",
    )
    kept = structure.read(document[0], tag_tree.read(document))
    dropped = structure.read(document[0], tag_tree.read(document), keep_headers=False)
    assert kept is not None
    assert dropped is not None
    blocks = dropped.text.split("\n\n")
    assert blocks[0] == "# Heading"
    assert blocks[-1].endswith("too.")
    assert blocks.count("![figure]()") == 2
    assert kept.text.split("\n\n")[0] == "Annual report"
    assert kept.text.split("\n\n")[-1] == "1"
    assert kept.text.split("\n\n")[1:-1] == blocks
    # The tags cover what the configuration drops, too.
    assert [piece.text for piece in kept.pieces] == [piece.text for piece in dropped.pieces]
    assert [piece.text for piece in dropped.pieces if not piece.is_wanted][:1] == ["Annual report"]
    assert (dropped.formulas, dropped.formulas_unicode) == (0, 2)
