"""Promises about tagged PDFs: what the author marked is what the label says, and doubtful tags are not used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymupdf
import pytest
import typst
from PIL import Image

from scribetune.labels import structure, tag_tree, tagged_order, tagged_tables
from scribetune.labels.tag_tree import TagTree
from scribetune.labels.tagged_text import TextUnderWay
from scribetune.text.grids import Cell
from support.tagged_pdf import Tag, document

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


def test_a_tagged_table_has_the_spans_of_its_cells(tmp_path: Path) -> None:
    document = compiled(
        tmp_path,
        "#set document(date: none)\n"
        "#table(columns: 3, table.cell(colspan: 2)[wide], [x], table.cell(rowspan: 2)[tall], [a], [], [b], [c])",
    )
    page = read(document)
    assert page is not None
    assert page.text.startswith('<table><tr><td colspan="2">wide</td><td>x</td></tr><tr><td rowspan="2">tall</td>')
    assert page.text.endswith("<td>a</td><td></td></tr><tr><td>b</td><td>c</td></tr></table>")


def test_a_formula_that_the_tree_does_not_have_is_not_guessed(tmp_path: Path) -> None:
    document = compiled(tmp_path, PAGE)
    with pytest.raises(structure.UnusableTagsError, match="does not have"):
        structure.read(document[0], TagTree({}))


def test_chinese_lines_join_without_a_blank() -> None:
    line = TextUnderWay()
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


def tagged(*tags: Tag) -> str:
    pdf = document(*tags)
    page = structure.read(pdf[0], tag_tree.read(pdf))
    assert page is not None
    return page.text


def test_contents_are_a_list_without_leaders() -> None:
    entry = Tag("TOCI", [Tag("Reference", [Tag("Link", ["1 Lists . . . . . . . 3"])])])
    inner = Tag("TOC", [Tag("TOCI", ["1.1 Items ........ 4"])])
    assert tagged(Tag("TOC", [entry, inner])) == "- 1 Lists 3\n  - 1.1 Items 4"


def test_a_formula_on_the_line_of_paragraphs_belongs_to_them() -> None:
    formula = Tag("Formula", ["x"], "/Alt(x)")
    assert tagged(Tag("P", ["Times "]), formula, Tag("Span", [", the end"])) == "Times $x$, the end"


def test_kinds_of_their_own_and_the_library_s_name_for_no_structure_are_read() -> None:
    own = Tag("MyOwnBox", [Tag("NonStruct", [Tag("H1", ["Title"])]), Tag("P", ["Text of ", Tag("MyOwnWord", ["it"])])])
    assert tagged(own) == "# Title\n\nText of it"


def test_cells_hold_lists_and_labels_of_items_stay() -> None:
    items = Tag("L", [Tag("LI", [Tag("Lbl", ["a)"]), Tag("LBody", ["one"])])])
    row = Tag("TR", [Tag("TD", [items]), Tag("TD", ["two"])])
    other = Tag("TR", [Tag("TD", ["three"]), Tag("TD", ["four"])])
    assert tagged(Tag("Table", [row, other])) == "| a) one | two |\n|---|---|\n| three | four |"
    source = Tag("L", [Tag("LI", [Tag("Lbl", ["[1]"]), Tag("LBody", ["Somebody"])])])
    assert tagged(source) == "- [1] Somebody"


def test_the_first_words_of_an_item_with_a_mark_of_its_own_are_none() -> None:
    people = [Tag("LI", [Tag("Lbl", ["-"]), Tag("LBody", [name])]) for name in ("J. Lindqvist leads", "A) Smith")]
    assert tagged(Tag("L", people)) == "- J. Lindqvist leads\n- A) Smith"


def test_a_kid_that_is_not_there_costs_no_other() -> None:
    pdf = document(Tag("P", ["Text"]), Tag("H1", ["Title"]))
    top = next(x for x in range(1, pdf.xref_length()) if pdf.xref_get_key(x, "S")[1] == "/Document")
    kids = pdf.xref_get_key(top, "K")[1]
    pdf.xref_set_key(top, "K", kids.replace("]", " 9999 0 R]"))
    page = structure.read(pdf[0], tag_tree.read(pdf))
    assert page is not None
    assert page.text == "Text\n\n# Title"


def test_pieces_of_a_browser_s_paragraph_are_one() -> None:
    pieces = [Tag("NonStruct", ["Edgar was "]), Tag("Link", ["King"]), Tag("NonStruct", [" of all."])]
    assert tagged(Tag("Div", [Tag("H1", ["Title"]), *pieces])) == "# Title\n\nEdgar was King of all."


def test_rows_and_columns_without_any_text_are_none() -> None:
    rows = [Tag("TR", [Tag("TD", [text]), Tag("TD"), Tag("TD", ["x"])]) for text in ("a", "b")]
    empty = Tag("TR", [Tag("TD"), Tag("TD"), Tag("TD")])
    assert tagged(Tag("Table", [rows[0], empty, rows[1]])) == "| a | x |\n|---|---|\n| b | x |"


def element(kind: str, top: float, *blocks: dict[str, Any], left: float = 0.0) -> dict[str, Any]:
    bottom = max((block["bbox"][3] for block in blocks), default=top + 10)
    return {"std": kind, "bbox": (left, top, left + 100, bottom), "blocks": list(blocks)}


def test_what_stands_between_the_items_of_a_list_is_written_there() -> None:
    items = element("L", 0, element("LI", 0), element("LI", 100))
    ordered = tagged_order.by_place([items, element("Table", 20), element("P", 200), element("P", 50, left=300)])
    assert [(one["std"], one["bbox"][1]) for one in ordered] == [
        ("L", 0), ("Table", 20), ("L", 100), ("P", 200), ("P", 50)
    ]  # fmt: skip


def test_text_without_a_tag_stands_where_the_page_has_it_and_in_no_table() -> None:
    def loose(*tops: float) -> dict[str, Any]:
        lines = [{"bbox": (0, top, 100, top + 10), "spans": [{"text": "x"}]} for top in tops]
        return {"type": 0, "bbox": (0, tops[0], 100, tops[-1] + 10), "lines": lines}

    document = element("Document", 50, element("P", 50), element("P", 300))
    found = tagged_order.with_loose_text([loose(780), loose(5, 200), document], 800, 0.085)
    assert [one.get("std") or one["bbox"][1] for one in found] == [5, "Document", 780]
    assert [one.get("std") or one["bbox"][1] for one in found[1]["blocks"]] == ["P", 200, "P"]
    with pytest.raises(tagged_order.LooseTextError):
        tagged_order.with_loose_text(
            [loose(120), element("Table", 100, element("TR", 100), element("TR", 140))], 800, 0.1
        )


def test_running_heads_are_read_row_by_row_whatever_tag_holds_them() -> None:
    """The foot's rows lie in a paragraph, and without a tag just above the margin; a heading of the page stays."""

    def line(text: str, left: float, top: float) -> dict[str, Any]:
        return {"bbox": (left, top, left + 40, top + 10), "spans": [{"text": text}]}

    def leaf(*lines: dict[str, Any]) -> dict[str, Any]:
        boxes = [one["bbox"] for one in lines]
        return {"type": 0, "lines": list(lines), "bbox": (0, boxes[0][1], 300, boxes[-1][3])}

    def texts(elements: Sequence[dict[str, Any]]) -> list[str]:
        return [" ".join(text for _, text in tagged_order.rows_of(one)) for one in elements]

    head = leaf(line("Old", 0, 20), line("houses", 45, 20), line("Sheet 2", 240, 21), line("Mill", 0, 34))
    title = element("H1", 90, leaf(line("Title", 0, 90)))
    body = element("P", 120, leaf(line("text", 0, 120), line("A-1907", 240, 760)))
    document = element("Document", 90, title, body)
    press = leaf(line("2", 0, 715), line("Press", 100, 715))
    found = tagged_order.with_loose_text([press, head, document], 800, 0.085, lambda box: box[1] > 755 or box[1] == 90)
    assert texts(found) == ["Old houses", "Sheet 2", "Mill", "Title text", "2", "Press", "A-1907"]
    ordered = list(tagged_order.in_paragraphs(found))
    assert texts(ordered) == texts(found)


def test_what_is_marked_as_no_content_has_no_tag() -> None:
    line = {"type": 0, "bbox": (0, 5, 9, 15), "lines": [{"bbox": (0, 5, 9, 15), "spans": [{"text": "Page 1"}]}]}
    artifact = {"std": "P", "raw": "Artifact", "index": -1, "bbox": (0, 5, 9, 15), "blocks": [line]}
    kept = element("Document", 50, element("P", 50))
    document = {**kept, "blocks": [*kept["blocks"], artifact]}
    assert tagged_order.without_artifacts([artifact, document]) == [
        {**kept, "blocks": [{**kept["blocks"][0], "blocks": []}]}, line, line
    ]  # fmt: skip


def cells(*rows: str) -> Any:
    """Return a grid of the words of rows, where they stand."""
    found = [
        (Cell(number, column, word), (row.index(word), 10 * number, row.index(word) + len(word), 10 * number + 8))
        for number, row in enumerate(rows)
        for column, word in enumerate(row.split())
    ]
    columns = max(len(row.split()) for row in rows)
    return tagged_tables.Grid(len(rows), columns, tuple(c for c, _ in found), tuple(b for _, b in found))


def test_cells_that_tags_put_into_other_columns_are_found_out() -> None:
    assert tagged_tables.stands_as_said(cells("name  one   two", "a     1     2  ", "wide name  11"))
    assert not tagged_tables.stands_as_said(cells("name  one  two  three", "a              3"))


def test_rows_that_are_tables_of_their_own_are_one_table() -> None:
    def row(top: float, *places: float) -> list[tuple[float, float, float, float]]:
        return [(x, top, x + 50, top + 10) for x in places]

    assert tagged_tables.go_on([row(0, 0, 100, 200)], [row(15, 0, 110, 200)])
    assert tagged_tables.go_on([row(0, 0, 100), row(15, 0, 100)], [row(30, 0, 100)])
    assert not tagged_tables.go_on([row(0, 0, 100)], [row(40, 0, 100)])  # text between
    assert not tagged_tables.go_on([row(0, 0, 100)], [row(15, 0, 200)])  # other columns
    assert not tagged_tables.go_on([row(0, 0, 100), row(15, 0, 100)], [row(30, 0, 100), row(45, 0, 100)])
    with pytest.raises(tagged_tables.EmptyCellsError):
        tagged_tables.go_on([row(0, 0, 100, 200)], [row(15, 0, 200)])
