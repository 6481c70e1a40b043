"""Mathematical expressions that are written three ways from one source: LaTeX, Typst math and a plain line.

One tree for all notations, so that the LaTeX in a label always says what the page shows.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_GREEK: Mapping[str, str] = MappingProxyType(
    {
        "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "eta": "η", "theta": "θ",
        "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
        "omega": "ω", "Delta": "Δ", "Sigma": "Σ", "Omega": "Ω",
    }
)  # fmt: skip

_TYPST_GREEK: Mapping[str, str] = MappingProxyType({"varepsilon": "epsilon"})
"""Names that differ from LaTeX's."""

_OPERATORS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "=": ("=", "=", "="),
        "+": ("+", "+", "+"),
        "-": ("-", "-", "-"),
        "×": (r"\times", "times", "×"),
        "·": (r"\cdot", "dot.op", "·"),
        "≈": (r"\approx", "approx", "≈"),
        "/": ("/", "\\/", "/"),
    }
)


class Expression(ABC):
    """A part of a formula."""

    @abstractmethod
    def latex(self) -> str:
        """Return LaTeX for math mode, without delimiters."""

    @abstractmethod
    def typst(self) -> str:
        """Return Typst math, without delimiters."""

    @abstractmethod
    def plain(self) -> str:
        """Return one line of plain text."""


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

    def latex(self) -> str:
        """Return the letter or the command."""
        return f"\\{self.name}" if self.name in _GREEK else self.name

    def typst(self) -> str:
        """Return the letter or the symbol's name."""
        return _TYPST_GREEK.get(self.name, self.name)

    def plain(self) -> str:
        """Return the character."""
        return _GREEK.get(self.name, self.name)


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

    def latex(self) -> str:
        """Return the number with an escaped percent sign."""
        return self.text.replace("%", r"\%")

    def typst(self) -> str:
        """Return the number."""
        return self.text

    def plain(self) -> str:
        """Return the number."""
        return self.text


@dataclass(frozen=True)
class Fraction(Expression):
    """Numerator over denominator."""

    numerator: Expression
    denominator: Expression

    def latex(self) -> str:
        r"""Return `\frac{…}{…}`."""
        return rf"\frac{{{self.numerator.latex()}}}{{{self.denominator.latex()}}}"

    def typst(self) -> str:
        """Return `frac(…, …)`."""
        return f"frac({self.numerator.typst()}, {self.denominator.typst()})"

    def plain(self) -> str:
        """Return numerator/denominator, in parentheses where they have several terms."""
        return f"{_grouped(self.numerator)}/{_grouped(self.denominator)}"


@dataclass(frozen=True)
class Scripted(Expression):
    """A base with a subscript, a superscript or both."""

    base: Expression
    below: Expression | None = None
    above: Expression | None = None

    def latex(self) -> str:
        """Return `x_i^2`; braces where a script is longer than one character."""
        below = "" if self.below is None else f"_{_braced(self.below.latex())}"
        above = "" if self.above is None else f"^{_braced(self.above.latex())}"
        return self.base.latex() + below + above

    def typst(self) -> str:
        """Return `attach(x, b: i, t: 2)`, which says the same as `x_i^2` for any parts."""
        below = "" if self.below is None else f", b: {self.below.typst()}"
        above = "" if self.above is None else f", t: {self.above.typst()}"
        return f"attach({self.base.typst()}{below}{above})"

    def plain(self) -> str:
        """Return the subscript after the base, the superscript after `^`."""
        below = "" if self.below is None else self.below.plain()
        above = "" if self.above is None else f"^{_grouped(self.above)}"
        return self.base.plain() + below + above


@dataclass(frozen=True)
class Root(Expression):
    """Square root."""

    body: Expression

    def latex(self) -> str:
        r"""Return `\sqrt{…}`."""
        return rf"\sqrt{{{self.body.latex()}}}"

    def typst(self) -> str:
        """Return `sqrt(…)`."""
        return f"sqrt({self.body.typst()})"

    def plain(self) -> str:
        """Return √(…)."""
        return f"√{_grouped(self.body)}"


@dataclass(frozen=True)
class Mean(Expression):
    """A symbol with a bar: the mean of the values it stands for."""

    body: Expression

    def latex(self) -> str:
        r"""Return `\bar{…}`."""
        return rf"\bar{{{self.body.latex()}}}"

    def typst(self) -> str:
        """Return `macron(…)`."""
        return f"macron({self.body.typst()})"

    def plain(self) -> str:
        """Return the symbol with a combining macron."""
        return f"{self.body.plain()}\u0304"


@dataclass(frozen=True)
class Parentheses(Expression):
    """Parentheses; `tall` where they enclose a fraction."""

    body: Expression
    tall: bool = False

    def latex(self) -> str:
        r"""Return `(…)` or `\left( … \right)`."""
        return rf"\left( {self.body.latex()} \right)" if self.tall else f"({self.body.latex()})"

    def typst(self) -> str:
        """Return `(…)`, which Typst sizes by itself."""
        return f"({self.body.typst()})"

    def plain(self) -> str:
        """Return `(…)`."""
        return f"({self.body.plain()})"


@dataclass(frozen=True)
class Sum(Expression):
    """A sum over an index, from `start` to `end`."""

    index: Symbol
    start: Expression
    end: Expression
    body: Expression

    def latex(self) -> str:
        r"""Return `\sum_{i=1}^{n} …`."""
        limits = f"_{{{self.index.latex()}={self.start.latex()}}}^{{{self.end.latex()}}}"
        return rf"\sum{limits} {self.body.latex()}"

    def typst(self) -> str:
        """Return `attach(sum, …) …`."""
        limits = f"b: {self.index.typst()} = {self.start.typst()}, t: {self.end.typst()}"
        return f"attach(sum, {limits}) {self.body.typst()}"

    def plain(self) -> str:
        """Return `Σ …`, without the limits."""
        return f"Σ {self.body.plain()}"


@dataclass(frozen=True)
class Row(Expression):
    """Expressions and operators side by side; adjacent expressions are multiplied.

    Raises:
        ValueError: An operator that is not in the table of this module.
    """

    parts: tuple["Expression | str", ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            if isinstance(part, str) and part not in _OPERATORS:
                raise ValueError(f"operator {part!r}: expected one of {' '.join(_OPERATORS)}")

    def latex(self) -> str:
        """Return the parts with one blank between them."""
        return _spaced(" ".join(_OPERATORS[p][0] if isinstance(p, str) else p.latex() for p in self.parts))

    def typst(self) -> str:
        """Return the parts with one blank between them."""
        return " ".join(_OPERATORS[p][1] if isinstance(p, str) else p.typst() for p in self.parts)

    def plain(self) -> str:
        """Return the parts; factors stand together, operators between blanks."""
        text = ""
        for part in self.parts:
            text += f" {_OPERATORS[part][2]} " if isinstance(part, str) else part.plain()
        return _spaced(text).strip()


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
