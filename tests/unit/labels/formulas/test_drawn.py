"""Formulas that no tag describes: from the places of their glyphs to LaTeX."""

from pathlib import Path

import pymupdf
import pytest
import typst

from scribetune.labels.reader import LabelSettings, PageReader, PageText

SETTINGS = LabelSettings("keep", "markdown", "alt", "ignore", 60.0, "test")
BEFORE = "The value that is asked for is given by the following formula of the theory:"
AFTER = "where all of the letters have the meaning that they had in the chapter before."


def read(folder: Path, body: str) -> PageText:
    """Typeset a page whose formulas have no LaTeX in its tags, and read it."""
    text = f"#set page(width: 400pt, height: 300pt, margin: 40pt)\n{body}\n"
    (folder / "page.typ").write_text(text, encoding="utf-8")
    typst.compile(str(folder / "page.typ"), output=str(folder / "page.pdf"), font_paths=[str(folder)])
    return PageReader(str(folder / "page.pdf"), "", SETTINGS).read(0)


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        ("x_i^2 + y_(i+1) = 0", r"x_{i}^{2} + y_{i + 1} = 0"),
        ("(x_i^2)/(2 sigma^2)", r"\frac{x_{i}^{2}}{2\sigma^{2}}"),
        ("1/(1 + 1/x)", r"\frac{1}{1 + \frac{1}{x}}"),
        ("sum_(i=1)^n x_i = integral_0^1 f(t) t", r"\sum_{i = 1}^{n}x_{i} = \int_{0}^{1} f(t)t"),
        ("lim_(n -> infinity) a_n", r"\lim_{n \to \infty}a_{n}"),
        ("sqrt(x^2 + 1) + root(3, y)", r"\sqrt{x^{2} + 1} + \sqrt[3]{y}"),
        ("sqrt(a/b)", r"\sqrt{\frac{a}{b}}"),
        ("hat(x) + overline(A B) + tilde(y)", r"\hat{x} + \overline{AB} + \tilde{y}"),
        ("mat(a, b; c, d) x", r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}x"),
        ("f(x) = cases(x \"if\" x > 0, -x \"otherwise\")",
         r"f(x) = \begin{cases} x\text{ if }x > 0 \\ -x\text{ otherwise} \end{cases}"),
        ("a &= b + c \\ &= d - e", r"\begin{aligned} a &= b + c \\ &= d - e \end{aligned}"),
        ("x in.not RR, cal(F) subset.eq NN", r"x \notin \mathbb{R}, \mathcal{F} \subseteq \mathbb{N}"),
        ("abs(x/y) <= 1", r"\left| \frac{x}{y} \right| \leq 1"),
        ("e^(-x^2/2)", r"e^{-\frac{x^{2}}{2}}"),
        ("a = ... b + dots.c c", r"a = \ldots b + \cdots c"),
        ("f'(x) = 0", r"f'(x) = 0"),
    ],
)  # fmt: skip
def test_a_displayed_formula_is_read_by_its_places(formula: str, latex: str, tmp_path: Path) -> None:
    page = read(tmp_path, f"{BEFORE}\n$ {formula} $\n{AFTER}")
    assert page.text.strip() == f"{BEFORE}\n\n$${latex}$$\n\n{AFTER}"
    assert (page.formulas, page.formulas_lost, page.formulas_unicode) == (1, 0, 0)
    assert (page.word_recall, page.word_precision) == (1.0, 1.0)


def test_formulas_stand_in_their_sentence(tmp_path: Path) -> None:
    page = read(tmp_path, "Let $x_i^2$ be less than $a/b$ for all (real) values of $x in RR$, as was said before.")
    assert page.text.strip() == (
        r"Let $x_{i}^{2}$ be less than $\frac{a}{b}$ for all (real) values of $x \in \mathbb{R}$, as was said before."
    )
    assert (page.formulas, page.word_recall, page.word_precision) == (3, 1.0, 1.0)


def test_a_hyphen_between_a_formula_and_a_word_is_none_of_its_signs(tmp_path: Path) -> None:
    text = "The $i$-th node and the $(x_1 + 1)$-th are in an $n$-way tree, and $k - 1$ stands for itself as always."
    found = read(tmp_path, text).text.strip()
    assert "The $i$-th node" in found and "an $n$-way tree, and $k - 1$ stands" in found
    assert "$x_{1} + 1$)-th are" in found or "$(x_{1} + 1)$-th are" in found


def test_slanted_letters_beside_a_mathematical_font_are_variables(tmp_path: Path) -> None:
    page = read(
        tmp_path, "Here _n_#text(size: 7pt, baseline: 2pt)[_k_] is in $RR$, and _a_ word is _slanted_ in 1,250 cases."
    )
    assert "Here $n_{k}$ is in $\\mathbb{R}$, and" in page.text
    assert "and *a* word is *slanted* in 1,250 cases." in page.text


def test_a_formula_that_is_not_certain_stays_as_characters_and_says_so(tmp_path: Path) -> None:
    page = read(tmp_path, f"{BEFORE}\n$ x #move(dy: -5pt, $y$) = z $\n{AFTER}")
    assert "$" not in page.text
    assert (page.formulas, page.formulas_lost) == (0, 1)
    assert page.word_recall == 1.0


def test_formulas_of_headings_and_cells_stay_whole(tmp_path: Path) -> None:
    """No mark of emphasis is taken out of a heading's formula, and no bar ends a cell of a Markdown table."""
    table = "#table(columns: 2, [Name], [Value], [norm], [$abs(x_1) + x_2$], [sum], [$y$])"
    page = read(tmp_path, f"= On $x_1 + x_2$ and their sum\n{BEFORE}\n\n{table}\n\n{AFTER}")
    assert "# On $x_{1} + x_{2}$ and their sum\n" in page.text
    assert r"| norm | $\vert x_{1}\vert + x_{2}$ |" in page.text


def test_the_number_of_an_equation_is_its_tag(tmp_path: Path) -> None:
    body = f'#set math.equation(numbering: "(1)")\n{BEFORE}\n$ a = b^2 $\n{AFTER}'
    assert "\n\n$$a = b^{2} \\tag{1}$$\n\n" in read(tmp_path, body).text


@pytest.mark.parametrize(
    "text",
    [
        "Water is H#sub[2]O, an area is 5 m#super[2], and a price is 10 \\$ on the 3#super[rd] of May, as always.",
        "He said that 10 < 20, and that 3 × 4 = 12, which nobody here has ever called into question so far.",
    ],
)
def test_running_text_is_no_formula(text: str, tmp_path: Path) -> None:
    page = read(tmp_path, text)
    assert page.formulas == 0
    assert "\\sub" not in page.text and "$x" not in page.text


def test_lines_of_formulas_and_chinese_words_are_text(tmp_path: Path) -> None:
    """Displayed formulas begin at no edge of the text; Chinese has few words, and these are short."""
    (tmp_path / "cjk.ttf").write_bytes(pymupdf.Font("cjk").buffer)
    first = "构造一个尽可能简单的多项式，使得下面这个函数处处都是解析的"
    fonts = '#set par(leading: 1.2em)\n#set text(font: ("New Computer Modern", "Droid Sans Fallback"))'
    page = read(tmp_path, f"{fonts}\n{first} \\ $i, f'(0) > 0$。（15分）")
    assert page.text.strip() == f"{first}$i, f'(0) > 0$。（15分）"
