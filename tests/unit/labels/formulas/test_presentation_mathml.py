r"""Promises about MathML → LaTeX: there and back again is the same formula, and other tools' MathML is read too."""

import pytest
import rapidfuzz

from scribetune.labels.formulas.presentation_mathml import NotMathmlError, formula_of
from scribetune.metrics.markdown import formula_exact
from scribetune.metrics.omnidocbench.normalisation import normalised_formula
from scribetune.text.mathml import mathml

FORMULAS = r"""
\frac{a}{b}
\sqrt{x^2+1}
\sqrt[3]{x}
\sum_{i=1}^{n} x_i
\prod_{k=1}^{K} a_k
\int_0^{\infty} e^{-x}\,dx
\begin{pmatrix} a & b \\ c & d\end{pmatrix}
\begin{bmatrix} a & b \\ c & d\end{bmatrix}
\begin{vmatrix} a & b \\ c & d\end{vmatrix}
\begin{matrix} a & b \\ c & d\end{matrix}
\begin{array}{cc} a & b \\ c & d \end{array}
\begin{cases} x & x>0 \\ -x & \text{otherwise}\end{cases}
\bar{x}
\overline{AB}
\hat{\beta} = (X^{\top}X)^{-1}X^{\top}y
\vec{F}=m\vec{a}
\dot{x} + \ddot{y}
\tilde{z}
\widehat{AB}
\mathbb{R}^n
\mathcal{L}
\mathfrak{g}
\mathbf{AB}
\mathrm{kg}
\text{if } x > 0
\sin\theta \cdot \cos^2\varphi
\left( \frac{1}{2} \right)
\left[ \frac{a}{b} \right]
\lim_{x\to 0} f(x)
\max_i x_i
x \in A \cup B \subseteq C
\binom{n}{k}
\partial_t u = \nabla^2 u
a \neq b
x' + y''
5\%
\underbrace{a+b}_{n}
\overbrace{a+b}^{n}
\underline{x}
\forall x \exists y
a \leq b \geq c
a \times b \pm c
\alpha\beta\gamma\delta
\Gamma\Delta\Omega
\operatorname{rank} A
\left. x \right|_0
\{a,b\}
\|x\|
\lfloor x \rfloor
\langle x, y \rangle
a \Rightarrow b
a \iff b
x_1, x_2, \ldots, x_n
1 + \cdots + n
\xrightarrow{f}
\overset{a}{=}
A \setminus B
\frac{\partial f}{\partial x}
x^{y^z}
\boxed{x}
\dfrac{a}{b}
\log_2 n
E = mc^2
r = \frac{a}{b}
\sigma^2 = \frac{1}{n}\sum_{i=1}^{n}(x_i - \bar{x})^2
P(A \mid B) = \frac{P(B \mid A)P(A)}{P(B)}
f(x) = \frac{1}{\sqrt{2\pi}}e^{-x^2/2}
a \quad b
a \; b
\emptyset \subset \mathbb{N}
\infty
\neg p \wedge q \vee r
\oint_C f
\iint_D f
x \approx y \equiv z
\angle ABC = 90^{\circ}
\ell_1
""".strip().split("\n")


def round_trip(latex: str) -> str:
    markup = mathml(latex, display=True)
    assert markup is not None
    return formula_of(str(markup)).latex


@pytest.mark.parametrize("latex", FORMULAS)
def test_latex_to_mathml_and_back_is_the_same_formula(latex: str) -> None:
    assert formula_exact(f"$${latex}$$", f"$${round_trip(latex)}$$") == 1.0


def test_the_distance_over_all_formulas_is_none() -> None:
    assert len(FORMULAS) >= 60
    assert all(
        rapidfuzz.distance.Levenshtein.distance(normalised_formula(latex), normalised_formula(round_trip(latex))) == 0
        for latex in FORMULAS
    )


@pytest.mark.parametrize(
    ("markup", "latex"),
    [
        (
            "<math><mrow><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac><mo>)</mo></mrow></math>",
            r"\left( \frac{a}{b} \right)",
        ),
        ("<math><mi>f</mi><mo>&ApplyFunction;</mo><mrow><mo>(</mo><mi>x</mi><mo>)</mo></mrow></math>", "f(x)"),
        (
            "<mml:math><mml:mfenced separators=';'><mml:mi>a</mml:mi><mml:mi>b</mml:mi></mml:mfenced></mml:math>",
            "(a; b)",
        ),
        ("<math><mi>𝑥</mi><mo>∈</mo><mi>𝔸</mi><mi>𝐯</mi></math>", r"x \in \mathbb{A}\mathbf{v}"),
        ("<math><msup><mi>sin</mi><mn>2</mn></msup><mi>&alpha;</mi></math>", r"\sin^2 \alpha"),
        (
            "<math><mtable columnalign='right left'><mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr>"
            "<mtr><mtd><mi>c</mi></mtd><mtd><mo>=</mo><mi>d</mi></mtd></mtr></mtable></math>",
            r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        ),
        ("<math><mtable><mlabeledtr><mtd>(2)</mtd><mtd><mi>x</mi></mtd></mlabeledtr></mtable></math>", r"x \tag{2}"),
        (
            "<math><mmultiscripts><mi>C</mi><mn>6</mn><none/><mprescripts/><none/><mn>14</mn></mmultiscripts></math>",
            "{}^{14}C_6",
        ),
        (
            "<math><semantics><mi>x</mi><annotation encoding='TeX'>\\vec x</annotation></semantics></math>",
            r"\vec x",
        ),
        ("<math><munder><mo>lim</mo><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder></math>", r"\lim_{x\to0}"),
        ("<math><msup><mi>e</mi><mrow><mo>−</mo><mi>x</mi></mrow></msup><mn>5%</mn></math>", r"e^{-x}5\%"),
        ("<math><mtext>a_b &amp; c$</mtext></math>", r"\text{a\_b \& c\$}"),
    ],
)
def test_what_other_tools_write_is_read(markup: str, latex: str) -> None:
    assert formula_of(markup).latex == latex


def test_the_markup_says_whether_a_formula_stands_alone() -> None:
    assert formula_of("<math display='block'><mi>x</mi></math>").display is True
    assert formula_of("<math display='inline'><mi>x</mi></math>").display is False
    assert formula_of("<math><mi>x</mi></math>").display is None


@pytest.mark.parametrize(
    "markup",
    [
        "<!DOCTYPE math SYSTEM 'file:///etc/passwd'><math><mi>x</mi></math>",
        "<math><apply><plus/><ci>x</ci></apply></math>",
        "<math>" + "<mrow>" * 150 + "</mrow>" * 150 + "</math>",
        "<math><mfrac><mi>a</mi></mfrac></math>",
        "<math><mi>x</math>",
        "<math/>",
        "<svg/>",
        "x",
    ],
)
def test_what_is_no_formula_is_refused(markup: str) -> None:
    with pytest.raises(NotMathmlError):
        formula_of(markup)
