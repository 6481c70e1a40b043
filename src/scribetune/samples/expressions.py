"""Mathematical expressions that are written three ways from one source: LaTeX, Typst math and a plain line.

One tree for all notations, so that the LaTeX in a label always says what the page shows.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

_GREEK: Mapping[str, str] = MappingProxyType(
    {
        "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "eta": "η", "theta": "θ",
        "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
        "omega": "ω", "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω",
    }
)  # fmt: skip

_TYPST_GREEK: Mapping[str, str] = MappingProxyType({"varepsilon": "epsilon"})
"""Names that differ from LaTeX's."""


class Written(NamedTuple):
    """An expression in three notations, without delimiters: LaTeX, Typst math, one line of plain text."""

    latex: str
    typst: str
    plain: str


OPERATORS: Mapping[str, Written] = MappingProxyType(
    {
        "=": Written("=", "=", "="),
        "+": Written("+", "+", "+"),
        "-": Written("-", "-", "-"),
        "×": Written(r"\times", "times", "×"),
        "·": Written(r"\cdot", "dot.op", "·"),
        "≈": Written(r"\approx", "approx", "≈"),
        "/": Written("/", "\\/", "/"),
    }
)


class Expression(ABC):
    """A part of a formula."""

    @cached_property
    def written(self) -> Written:
        """The expression in all notations."""
        return self._write()

    @abstractmethod
    def _write(self) -> Written: ...

    def latex(self) -> str:
        """Return LaTeX for math mode, without delimiters."""
        return self.written.latex

    def typst(self) -> str:
        """Return Typst math, without delimiters."""
        return self.written.typst

    def plain(self) -> str:
        """Return one line of plain text."""
        return self.written.plain


@dataclass(frozen=True)
class Symbol(Expression):
    """A letter, or a Greek letter by its LaTeX name ("sigma"). Anything else is an error.

    Raises:
        ValueError: Neither one ASCII letter nor a known Greek name.
    """

    name: str

    def __post_init__(self) -> None:
        is_letter = len(self.name) == 1 and self.name.isascii() and self.name.isalpha()
        if not is_letter and self.name not in _GREEK:
            raise ValueError(f"symbol {self.name!r}: expected one letter or one of {', '.join(_GREEK)}")

    def _write(self) -> Written:
        name = self.name
        latex = f"\\{name}" if name in _GREEK else name
        return Written(latex, _TYPST_GREEK.get(name, name), _GREEK.get(name, name))


@dataclass(frozen=True)
class Number(Expression):
    """A number as it is written, for example "12.5" or "7.3%" (digits, one point, a percent sign).

    Raises:
        ValueError: Other characters.
    """

    text: str

    def __post_init__(self) -> None:
        digits = self.text.removesuffix("%")
        if not digits.replace(".", "", 1).isdigit():
            raise ValueError(f"number {self.text!r}: expected digits with at most one point, and perhaps a final %")

    def _write(self) -> Written:
        return Written(self.text.replace("%", r"\%"), self.text, self.text)


@dataclass(frozen=True)
class Fraction(Expression):
    """Numerator over denominator; in plain text in parentheses where they have several terms."""

    numerator: Expression
    denominator: Expression

    def _write(self) -> Written:
        top, bottom = self.numerator.written, self.denominator.written
        plain = f"{_grouped(self.numerator)}/{_grouped(self.denominator)}"
        return Written(rf"\frac{{{top.latex}}}{{{bottom.latex}}}", f"frac({top.typst}, {bottom.typst})", plain)


@dataclass(frozen=True)
class Scripted(Expression):
    """A base with a subscript, a superscript or both."""

    base: Expression
    below: Expression | None = None
    above: Expression | None = None

    def _write(self) -> Written:
        latex, typst, plain = self.base.written
        if self.below is not None:
            below = self.below.written
            latex, typst, plain = f"{latex}_{_braced(below.latex)}", f"{typst}, b: {below.typst}", plain + below.plain
        if self.above is not None:
            above = self.above.written
            latex, typst = f"{latex}^{_braced(above.latex)}", f"{typst}, t: {above.typst}"
            plain += f"^{_grouped(self.above)}"
        return Written(latex, f"attach({typst})", plain)


@dataclass(frozen=True)
class Root(Expression):
    """Square root."""

    body: Expression

    def _write(self) -> Written:
        body = self.body.written
        return Written(rf"\sqrt{{{body.latex}}}", f"sqrt({body.typst})", f"√{_grouped(self.body)}")


@dataclass(frozen=True)
class Mean(Expression):
    """A symbol with a bar (a combining macron in plain text): the mean of the values it stands for."""

    body: Expression

    def _write(self) -> Written:
        body = self.body.written
        return Written(rf"\bar{{{body.latex}}}", f"macron({body.typst})", f"{body.plain}\u0304")


@dataclass(frozen=True)
class Parentheses(Expression):
    """Parentheses; `tall` where they enclose a fraction (Typst sizes them by itself)."""

    body: Expression
    tall: bool = False

    def _write(self) -> Written:
        body = self.body.written
        latex = rf"\left( {body.latex} \right)" if self.tall else f"({body.latex})"
        return Written(latex, f"({body.typst})", f"({body.plain})")


@dataclass(frozen=True)
class Sum(Expression):
    """A sum over an index, from `start` to `end`; plain text leaves the limits out."""

    index: Symbol
    start: Expression
    end: Expression
    body: Expression

    def _write(self) -> Written:
        index, start, end, body = (part.written for part in (self.index, self.start, self.end, self.body))
        return Written(
            rf"\sum_{{{index.latex}={start.latex}}}^{{{end.latex}}} {body.latex}",
            f"attach(sum, b: {index.typst} = {start.typst}, t: {end.typst}) {body.typst}",
            f"Σ {body.plain}",
        )


@dataclass(frozen=True)
class Row(Expression):
    """Expressions and operators side by side; adjacent expressions are multiplied.

    Raises:
        ValueError: An operator that is not in the table of this module.
    """

    parts: tuple["Expression | str", ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            if isinstance(part, str) and part not in OPERATORS:
                raise ValueError(f"operator {part!r}: expected one of {' '.join(OPERATORS)}")

    def _write(self) -> Written:
        parts = [OPERATORS[part] if isinstance(part, str) else part.written for part in self.parts]
        # Factors stand together in plain text, operators between blanks.
        plain = "".join(
            f" {written.plain} " if isinstance(part, str) else written.plain
            for part, written in zip(self.parts, parts, strict=True)
        )
        latex = " ".join(part.latex for part in parts)
        return Written(_spaced(latex), " ".join(part.typst for part in parts), _spaced(plain).strip())


def row(*parts: "Expression | str") -> Row:
    """Return a `Row` of expressions and operators."""
    return Row(parts)


def _spaced(text: str) -> str:
    return text.replace(" / ", "/")


def _braced(latex: str) -> str:
    return latex if len(latex) == 1 else f"{{{latex}}}"


def _grouped(expression: Expression) -> str:
    text = expression.plain()
    is_whole = isinstance(expression, Symbol | Number | Parentheses | Scripted | Mean)
    return text if is_whole else f"({text})"
