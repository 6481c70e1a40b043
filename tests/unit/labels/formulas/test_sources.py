r"""Promises about formulas of tagged PDFs: whatever carries their source, the label has it as LaTeX."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import reader, structure, tag_tree
from scribetune.labels.formulas import sources
from support.tagged_pdf import Tag, document

MATHML = "application/mathml+xml"
XMLNS = 'xmlns="http://www.w3.org/1998/Math/MathML"'
HALF = f"<math {XMLNS}><mfrac><mi>a</mi><mn>2</mn></mfrac></math>"
SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


def text_of(pdf: pymupdf.Document) -> str:
    page = structure.read(pdf[0], tag_tree.read(pdf))
    assert page is not None
    return page.text


def in_line(formula: Tag) -> pymupdf.Document:
    return document(Tag("H1", ["Title"]), Tag("P", ["The share ", formula, " is small."]))


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        (Tag("Formula", ["a/2"], "/Alt(\\\\frac{a}{2})"), r"\frac{a}{2}"),
        (Tag("Formula", ["a/2"], "/Alt(LaTeX formula starts $\\\\frac {a}{2}$ LaTeX formula ends )"), r"\frac {a}{2}"),
        (Tag("Formula", ["a/2"], "/Alt(<math><mi>a</mi><mo>/</mo><mn>2</mn></math>)"), "a/2"),
        (Tag("Formula", ["a/2"], "/ActualText(\\\\frac{a}{2})"), r"\frac{a}{2}"),
        (Tag("Formula", ["a/2"], "/ActualText(<math><mi>a</mi><mo>/</mo><mn>2</mn></math>)"), "a/2"),
        (Tag("Formula", ["a/2"], "/Alt(a over 2)", [(MATHML, HALF)]), r"\frac{a}{2}"),
        (Tag("Formula", ["a/2"], "", [("application/x-tex", "$\\frac{a}{2}$ % half")]), r"\frac{a}{2}"),
        (Tag("Formula", ["a/2"], "", [("text/x-tex", "\\half{a}"), (MATHML, HALF)]), r"\frac{a}{2}"),
        (Tag("Formula", ["a/2"], "", [("text/x-tex", "a/2"), (MATHML, HALF)]), "a/2"),
    ],
)
def test_the_source_of_a_formula_is_found_wherever_it_is(formula: Tag, latex: str) -> None:
    assert text_of(in_line(formula)) == f"# Title\n\nThe share ${latex}$ is small."


def test_mathml_structure_elements_are_read_with_the_text_of_the_page() -> None:
    power = Tag("msup", [Tag("mi", ["y"]), Tag("mn", ["2"])])
    root = Tag("math", [Tag("mrow", [Tag("mi", ["x"]), Tag("mo", ["+"]), power])])
    assert "The share $x + y^2$ is small." in text_of(in_line(Tag("Formula", [root])))
    bold = Tag("math", [Tag("mi", ["v"], "/A<</O/NSO/mathvariant/bold>>")])
    assert r"The share $\mathbf{v}$ is" in text_of(in_line(Tag("Formula", [bold])))


@pytest.mark.parametrize(
    ("shown", "alternative", "expected"),
    [
        ("t", "pi", "t"),  # the name of a letter, read aloud
        ("xy", "x y", "$x y$"),
        ("E=mc2", "E = mc^2", "$E = mc^2$"),
        ("ab", "a_(i)", "ab"),
        ("S/2", "(a+b)^(n+1)/2", "S/2"),  # what Word's editor of formulas takes
        ("a1", "the value of a_1 over time", "a1"),
        ("max x2", "max x^2", "$max x^2$"),
    ],
)
def test_an_alternative_text_is_latex_if_it_says_what_is_shown(shown: str, alternative: str, expected: str) -> None:
    assert text_of(in_line(Tag("Formula", [shown], f"/Alt({alternative})"))).endswith(f"The share {expected} is small.")


WORD = '/MSFT_MathML(<math display="inline"><msqrt><mi>a</mi></msqrt></math>)'


@pytest.mark.parametrize(
    "attributes",
    [
        f"<</O/MSFT_Office{WORD}>>",
        f"[<</O/Layout/Placement/Inline>><</O/MSFT_Office{WORD}>>]",
        "<</O/MSFT_Office/MSFT_MathML<3C6D6174683E3C6D737172743E3C6D693E613C2F6D693E3C2F6D737172743E3C2F6D6174683E>>>",
    ],
)
def test_word_keeps_mathml_among_the_attributes(attributes: str) -> None:
    formula = Tag("Formula", ["Va"], f"/Alt(square root of a)/A {attributes}")
    assert text_of(in_line(formula)).endswith(r"The share $\sqrt{a}$ is small.")


def test_roles_may_be_an_object_and_a_page_may_stand_with_the_content_alone() -> None:
    root = Tag("math", [Tag("mrow", [Tag("mi", ["x"]), Tag("mo", [">"]), Tag("mi", ["y"])])])
    pdf = in_line(Tag("Formula", [root]))
    top = int(pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")[1].split()[0])
    roles = pdf.get_new_xref()
    pdf.update_object(roles, "<</Title/P/Strong/Span>>")
    pdf.xref_set_key(top, "RoleMap", f"{roles} 0 R")
    for xref in range(1, pdf.xref_length()):
        if pdf.xref_get_key(xref, "Type")[1] == "/StructElem":
            page, kids = pdf.xref_get_key(xref, "Pg")[1], pdf.xref_get_key(xref, "K")[1]
            numbers = kids.strip("[]").split()
            if numbers and all(map(str.isdigit, numbers)):
                pdf.xref_set_key(xref, "K", f"[<</Type/MCR/Pg {page}/MCID {numbers[0]}>>]")
            pdf.xref_set_key(xref, "Pg", "null")
    assert text_of(pdf).endswith("The share $x > y$ is small.")
    assert list(tag_tree.read(pdf).formulas) == [pdf[0].xref]


def test_what_describes_a_formula_in_words_is_no_formula() -> None:
    pdf = in_line(Tag("Formula", ["a/2"], "/Alt(the letter a over two)"))
    page = structure.read(pdf[0], tag_tree.read(pdf))
    assert page is not None
    assert "The share a/2 is small." in page.text
    assert (page.formulas, page.formulas_unicode) == (0, 1)


@pytest.mark.parametrize(
    "formula",
    [
        Tag("Formula", ["a/2"], "", [(MATHML, HALF.replace("<math", '<math display="block"'))]),
        Tag(
            "Formula", ["a/2"], "", [("application/x-tex", "\\begin {equation}\\frac{a}{2}\\label{e}\\end {equation}")]
        ),
        Tag("Formula", ["a/2"], "/Alt(\\\\frac{a}{2})/A<</O/Layout/Placement/Block>>"),
        Tag(
            "Formula",
            [Tag("math", [Tag("mfrac", [Tag("mi", ["a"]), Tag("mn", ["2"])])], "/A<</O/NSO/display(block)>>")],
        ),
    ],
)
def test_a_formula_on_its_own_line_divides_its_paragraph(formula: Tag) -> None:
    assert text_of(in_line(formula)) == "# Title\n\nThe share\n\n$$\\frac{a}{2}$$\n\nis small."
    assert text_of(document(Tag("H1", ["Of ", formula]))) == r"# Of $\frac{a}{2}$"


def test_the_number_of_an_equation_stays() -> None:
    formula = Tag("Formula", ["a/2", Tag("Lbl", ["   (3.1)"])], "/Alt(\\\\frac{a}{2})")
    assert text_of(document(Tag("H1", ["T"]), formula)) == "# T\n\n$$\\frac{a}{2} \\tag{3.1}$$"


def test_environments_that_number_equations_become_those_inside_a_formula() -> None:
    tag = sources.latex_of_source("\\begin{align*} a &= b \\\\ c &= d \\nonumber \\end{align*}")
    assert tag == sources.FormulaTag(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", True)
    assert sources.latex_of_source(r"\(x\)") == sources.FormulaTag("x", False)
    assert sources.latex_of_source(r"x$ and $y") == sources.FormulaTag()


def test_hostile_markup_costs_the_formula_and_not_the_page() -> None:
    bomb = '<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><math><mi>&b;</mi></math>'
    huge = "<math>" + "<mi>x</mi>" * 50_000 + "</math>"
    deep = "<math>" + "<mrow>" * 5_000 + "</mrow>" * 5_000 + "</math>"
    for markup in (bomb, huge, deep, "<math", "<script/>"):
        assert "The share a/2 is small." in text_of(in_line(Tag("Formula", ["a/2"], "", [(MATHML, markup)])))


def test_a_page_read_by_its_layout_has_the_same_formulas(tmp_path: Path) -> None:
    pdf = document(
        Tag(
            "P",
            ["The share of all that was sold in the year is ", Tag("Formula", ["aaa/2"], "", [(MATHML, HALF)]), " ."],
        ),
        Tag("P", ["and this is another line of the same page that says nothing."]),
    )
    pdf.save(tmp_path / "page.pdf")
    settings = reader.LabelSettings("keep", "markdown", "alt", "ignore", 60.0, "test")
    read = reader.PageReader(str(tmp_path / "page.pdf"), "", settings).read(0)
    assert r"$\frac{a}{2}$" in read.text
    assert (read.formulas, read.formulas_lost) == (1, 0)
