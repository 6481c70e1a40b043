"""The symbols of a drawn formula, and what of them becomes one symbol: roots, fractions, accents, words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scribetune.labels.formulas.drawn_glyphs import AXIS, Glyph
from scribetune.labels.formulas.latex_characters import NAMES
from scribetune.labels.tables.cells import Box, union

_NEAR = 0.5  # sizes: how far what stands above or below a bar may be from it
_NEAR_IN_LINE = 0.36  # the same, of the largest font of the line
_NEXT = 0.25  # the same, from one part of that to the next
_BESIDE = 0.15  # the same: how far it may reach over the ends of the bar
_OVERLINE = 0.2
_LETTERS = 0.12  # between the letters of a word
_WORDS = 0.9
_LEVEL = 0.06


class UnplacedError(Exception):
    """A symbol is not known, or stands where no structure of a formula explains it."""


@dataclass(frozen=True)
class Symbol:
    """A glyph of a formula, or a structure of several."""

    latex: str
    kind: str  # as of `latex_rows.Piece`, or "accent", "radical", "piece", "letter" (upright) or "word"
    box: Box  # of its ink
    size: float  # of its font, in points
    base: float | None  # its baseline; None for what is centred on the axis
    is_tall: bool = False  # higher than a letter
    text: str = ""  # of letters and words
    style: str = ""

    @property
    def middle(self) -> tuple[float, float]:
        """Of its ink."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def axis(self) -> float:
        """Where the middle of an operator beside it would be."""
        return self.middle[1] if self.base is None else self.base - AXIS * self.size


@dataclass(frozen=True)
class Bar:
    """A horizontal line."""

    x0: float
    x1: float
    y: float


Reader = Callable[[Sequence[Symbol], Sequence[Bar]], str]
"""Writes symbols with the bars among them as LaTeX."""


def symbol_of(glyph: Glyph) -> Symbol:
    """Return a glyph as a symbol.

    Raises:
        UnplacedError: Nobody knows what it is.
    """
    meaning = glyph.meaning
    if not meaning.latex:
        raise UnplacedError(f"glyph of {glyph.font} without meaning")
    height = glyph.box[3] - glyph.box[1]
    kind = "bar" if glyph.is_centred and meaning.kind == "ord" else meaning.kind
    kind = "letter" if meaning.style and meaning.text.isalpha() else kind
    latex = rf"\mathbf{{{meaning.latex}}}" if meaning.style == "bf" and meaning.text.isdigit() else meaning.latex
    base = None if glyph.is_centred else glyph.y
    return Symbol(latex, kind, glyph.box, glyph.size, base, height > 1.15 * glyph.size, meaning.text, meaning.style)


def with_brackets(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Put the pieces of large brackets together, which stand one below the other."""
    pieces = sorted((s for s in symbols if s.kind == "piece"), key=lambda s: (round(s.box[0]), s.box[1]))
    made: list[list[Symbol]] = []
    for piece in pieces:
        same = next((part for part in made if _is_one_bracket(part, piece)), None)
        if same is None:
            made.append([piece])
        else:
            same.append(piece)
    brackets = []
    for part in made:
        names = {piece.latex for piece in part} - {"|{"}
        if len(names) != 1:
            raise UnplacedError(f"pieces of a bracket that are none: {sorted(names)}")
        latex = names.pop()
        kind = "open" if latex in ("(", "[", r"\{") else "close" if latex in (")", "]", r"\}") else "bar"
        box = union([piece.box for piece in part])
        brackets.append(Symbol(latex, kind, box, part[0].size, None, box[3] - box[1] > 1.15 * part[0].size))
    return [*(s for s in symbols if s.kind != "piece"), *brackets]


def _is_one_bracket(part: Sequence[Symbol], piece: Symbol) -> bool:
    x0, _, x1, _ = union([other.box for other in part])
    is_below = -0.5 * piece.size < piece.box[1] - part[-1].box[3] < 0.3 * piece.size
    overlaps = piece.box[0] < x1 + 0.3 * piece.size and x0 < piece.box[2] + 0.3 * piece.size
    return is_below and overlaps


def with_roots(symbols: Sequence[Symbol], bars: Sequence[Bar], read: Reader) -> tuple[list[Symbol], list[Bar]]:
    """Put roots together: a sign, the bar that begins at its upper right corner, and what is below that."""
    symbols, bars = list(symbols), list(bars)
    signs = [s for s in symbols if s.kind == "radical"]
    found = []
    for sign in signs:
        slack = 0.25 * sign.size
        near = [
            bar
            for bar in bars
            if abs(bar.x0 - sign.box[2]) < slack and abs(bar.y - sign.box[1]) < slack and bar.x1 > sign.box[2]
        ]
        if not near:
            raise UnplacedError("a root without a bar")
        found.append((sign, min(near, key=lambda bar: abs(bar.y - sign.box[1]))))
    for sign, bar in sorted(found, key=lambda one: one[1].x1 - one[1].x0):
        bottom = max(sign.box[3], bar.y + sign.size)
        inside = [
            s
            for s in symbols
            if s is not sign
            and sign.box[2] - 0.1 * sign.size < s.middle[0] < bar.x1 + 0.05 * sign.size
            and bar.y < s.middle[1] < bottom + 0.1 * sign.size
        ]
        if not inside:
            raise UnplacedError("a root of nothing")
        inner = [b for b in bars if b is not bar and _is_within(b, bar) and bar.y < b.y < bottom]
        index = [s for s in symbols if s is not sign and _is_index(s, sign, bar)]
        degree = f"[{read(index, [])}]" if index else ""
        used = {id(s) for s in (*inside, sign, *index)}
        symbols = [s for s in symbols if id(s) not in used]
        bars = [b for b in bars if b is not bar and b not in inner]
        box = union([sign.box, (bar.x0, bar.y, bar.x1, bar.y), *(s.box for s in inside)])
        base = None if sign.is_tall else _baseline(inside)
        symbols.append(Symbol(rf"\sqrt{degree}{{{read(inside, inner)}}}", "ord", box, sign.size, base, sign.is_tall))
    return symbols, bars


def _is_index(symbol: Symbol, sign: Symbol, bar: Bar) -> bool:
    """Whether a symbol stands in the corner of a root, and says which one it is."""
    x0, _, x1, _ = sign.box
    slack = 0.2 * sign.size
    return (
        symbol.size < 0.75 * sign.size
        and x0 - slack < symbol.box[2] < x0 + 0.6 * (x1 - x0) + slack
        and x0 - 1.5 * slack < symbol.box[0]
        and bar.y - 1.5 * slack < symbol.middle[1] < sign.middle[1]
    )


def _baseline(symbols: Sequence[Symbol]) -> float | None:
    """Return the baseline of the largest symbols, None where they have none."""
    size = max(s.size for s in symbols)
    bases = [s.base for s in sorted(symbols, key=lambda s: s.box[0]) if s.base is not None and s.size > 0.9 * size]
    return max(bases, key=lambda base: (sum(abs(base - b) < 0.5 for b in bases), -bases.index(base))) if bases else None


def _is_within(inner: Bar, outer: Bar) -> bool:
    return inner.x0 > outer.x0 - 1 and inner.x1 < outer.x1 + 1


def with_fractions(symbols: Sequence[Symbol], bars: Sequence[Bar], read: Reader) -> list[Symbol]:
    """Put what bars divide, overline or underline together, the narrowest first.

    Raises:
        UnplacedError: A bar has nothing above or below it.
    """
    symbols = list(symbols)
    left = sorted(bars, key=lambda bar: bar.x1 - bar.x0)
    for number, bar in enumerate(left):
        others = [other for other in left[number + 1 :] if other.x0 < bar.x1 and bar.x0 < other.x1]
        top = max((other.y for other in others if other.y < bar.y), default=float("-inf"))
        bottom = min((other.y for other in others if other.y > bar.y), default=float("inf"))
        inside = [s for s in symbols if _is_at(s, bar) and top < s.middle[1] < bottom]
        scale = max(s.size for s in symbols)
        above = _chain([s for s in inside if s.middle[1] < bar.y], bar, scale, upwards=True)
        below = _chain([s for s in inside if s.middle[1] > bar.y], bar, scale, upwards=False)
        if not above and not below:
            raise UnplacedError("a bar with nothing above or below")
        used = {id(s) for s in (*above, *below)} if above and below else set()
        box = union([(bar.x0, bar.y, bar.x1, bar.y), *(s.box for s in (*above, *below))])
        if above and below:
            size = max(s.size for s in (*above, *below))
            latex = rf"\frac{{{read(above, [])}}}{{{read(below, [])}}}"
            made = Symbol(latex, "ord", box, size, bar.y + AXIS * size, is_tall=True, style="fraction")
        else:
            part = below or above
            gap = min(s.box[1] for s in part) - bar.y if below else bar.y - max(s.box[3] for s in part)
            size = max(s.size for s in part)
            other = [s for s in inside if s not in part and abs(s.middle[1] - bar.y) < size]
            if gap > _OVERLINE * size or other:
                raise UnplacedError("a bar far from anything")
            used = {id(s) for s in part}
            single = len(part) == 1 and below and not part[0].is_tall
            name = r"\bar" if single else r"\overline" if below else r"\underline"
            made = Symbol(rf"{name}{{{read(part, [])}}}", "ord", box, size, _baseline(part), is_tall=False)
        symbols = [s for s in symbols if id(s) not in used]
        symbols.append(made)
    return symbols


def _is_at(symbol: Symbol, bar: Bar) -> bool:
    slack = _BESIDE * symbol.size + 0.5
    return bar.x0 - slack <= symbol.box[0] and symbol.box[2] <= bar.x1 + slack


def _chain(symbols: Sequence[Symbol], bar: Bar, scale: float, *, upwards: bool) -> list[Symbol]:
    """Return the symbols near a bar, and those near these."""
    taken: list[Symbol] = []
    edge = bar.y
    for symbol in sorted(symbols, key=lambda s: -s.box[3] if upwards else s.box[1]):
        gap = edge - symbol.box[3] if upwards else symbol.box[1] - edge
        if gap > (_NEXT * symbol.size if taken else max(_NEAR * symbol.size, _NEAR_IN_LINE * scale)):
            break
        taken.append(symbol)
        edge = min(edge, symbol.box[1]) if upwards else max(edge, symbol.box[3])
    return taken


def with_accents(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Put accents on the symbols below them."""
    symbols = list(symbols)
    for accent in [s for s in symbols if s.kind == "accent"]:
        below = [
            s
            for s in symbols
            if s.kind != "accent"
            and s.box[0] - 0.2 * s.size < accent.middle[0] < s.box[2] + 0.3 * s.size
            and -0.35 * s.size < s.box[1] - accent.box[3] < 0.4 * s.size
        ]
        if accent.latex.startswith(r"\wide"):
            below = [s for s in below if s.kind != "op"]
        if not below:
            if accent.latex in (r"\tilde", r"\hat") and accent.base is not None:
                continue
            raise UnplacedError(f"an accent over nothing: {accent.latex}")
        base = min(below, key=lambda s: abs(s.middle[0] - accent.middle[0]))
        inner = base.latex if base.kind != "letter" else _styled(base.latex, base.style)
        symbols = [s for s in symbols if s is not accent and s is not base]
        made = replace(base, latex=f"{accent.latex}{{{inner}}}", kind="ord", box=union([accent.box, base.box]), text="")
        symbols.append(made)
    return symbols


def with_words(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Put upright letters that follow each other together: names of functions, words."""
    letters = sorted((s for s in symbols if s.kind == "letter"), key=lambda s: (round(s.base or 0.0), s.box[0]))
    words: list[list[Symbol]] = []
    for letter in letters:
        before = words[-1][-1] if words else None
        if before is not None and _is_one_word(before, letter):
            words[-1].append(letter)
        else:
            words.append([letter])
    made = [s for s in symbols if s.kind != "letter"]
    for part in words:
        text = "".join(s.text for s in part)
        first = part[0]
        box = union([s.box for s in part])
        if first.style == "rm" and text in NAMES["functions"]:
            made.append(replace(first, latex=f"\\{text}", kind="op", box=box, text=text))
        else:
            kind = "word" if len(text) > 1 else "ord"
            made.append(replace(first, latex=_styled(text, first.style), kind=kind, box=box, text=text))
    return made


def with_negations(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Put strokes through the relations that they negate."""
    symbols = list(symbols)
    for stroke in [s for s in symbols if s.latex in ("/", r"\not")]:
        across = [
            s for s in symbols if s.kind == "rel" and s is not stroke
            and s.box[0] < stroke.middle[0] < s.box[2] and stroke.box[1] < s.middle[1] < stroke.box[3]
        ]  # fmt: skip
        if across:
            latex = _NEGATED.get(across[0].latex, rf"\not{across[0].latex}")
            symbols = [s for s in symbols if s is not stroke and s is not across[0]]
            symbols.append(replace(across[0], latex=latex))
        elif stroke.latex == r"\not":
            raise UnplacedError("a stroke through nothing")
    return symbols


_NEGATED = {"=": r"\neq", r"\in": r"\notin", r"\mid": r"\nmid", r"\subset": r"\not\subset"}


def _styled(text: str, style: str) -> str:
    if style == "it" and len(text) == 1:
        return text
    return f"\\math{style}{{{text}}}" if style else text


def _is_one_word(before: Symbol, after: Symbol) -> bool:
    size = max(before.size, after.size)
    return (
        before.style == after.style
        and abs(before.size - after.size) < 0.05 * size
        and abs((before.base or 0.0) - (after.base or 0.0)) < _LEVEL * size
        and -0.3 * size < after.box[0] - before.box[2] < _LETTERS * size
    )
