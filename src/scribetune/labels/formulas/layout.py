r"""LaTeX of a drawn formula, from the places of its symbols.

A line is symbols on one baseline; what stands above, below, raised and lowered beside each of them is read in the same
way: R. Zanibbi, D. Blostein, J. Cordy, "Recognizing Mathematical Expressions Using Tree Transformation", IEEE TPAMI 24
(2002).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from scribetune.labels.formulas import symbols as structures
from scribetune.labels.formulas.drawn_glyphs import AXIS
from scribetune.labels.formulas.latex_rows import Piece, fenced, joined
from scribetune.labels.formulas.symbols import Bar, Symbol, UnplacedError
from scribetune.labels.tables.cells import union

_SMALL = 0.85  # of the size of the line: scripts are smaller
_ON_LINE = 0.12  # of the size: how far from its baseline a symbol of a line may be
_ON_AXIS = 0.22
_RAISED = 0.15
_LOWERED = 0.05
_CENTRED = 0.3  # of the wider of two: how far the middle of a limit may be from that of its operator
_MUCH_BETTER = 0.4
_LIMIT_GAP = 0.6  # of their size: between the parts of one limit
_QUAD = 0.9
_TEXT_BLANK = 0.2
_MID = 0.28
_FIGURES_APART = 0.14
_ROWS_APART = 0.15
_COLUMNS_APART = 0.4
_CASES_APART = 0.9
_DEEPEST = 12
_LIMITS = frozenset({"max", "min", "sup", "inf", "lim", "limsup", "liminf", "argmax", "argmin", "det", "Pr", "gcd"})
_BRACES = {("(", ")"): "pmatrix", ("[", "]"): "bmatrix", (r"\{", r"\}"): "Bmatrix", ("|", "|"): "vmatrix"}


def latex_of(symbols: Sequence[Symbol], bars: Sequence[Bar]) -> str:
    """Return the LaTeX of one row of a formula; its symbols are single glyphs.

    Raises:
        UnplacedError: A symbol or a bar has no place in it.
    """
    return _read(structures.with_negations(structures.with_brackets(symbols)), bars, 0)


def _read(symbols: Sequence[Symbol], bars: Sequence[Bar], depth: int) -> str:
    if depth > _DEEPEST:
        raise UnplacedError("structures within each other without end")

    def inner(some: Sequence[Symbol], its_bars: Sequence[Bar]) -> str:
        return _read(some, its_bars, depth + 1)

    found, left = structures.with_roots(symbols, bars, inner)
    found = structures.with_accents(found)
    found = structures.with_fractions(found, left, inner)
    found = structures.with_words(found)
    found = _with_stacks(found, depth)
    return _line(found, depth)


def _line(symbols: Sequence[Symbol], depth: int) -> str:
    """Write symbols as a line with limits and scripts."""
    if not symbols:
        raise UnplacedError("nothing where something stands")
    size, base = _size_and_base(symbols)
    symbols = _with_limits(symbols, size, base, depth)
    main = sorted((s for s in symbols if _is_main(s, size, base)), key=lambda s: s.box[0])
    if not main:
        raise UnplacedError("no symbol on the line")
    scripts = _scripts([s for s in symbols if not any(s is other for other in main)], main, size, base, depth)
    main = _with_fences(main)
    pieces: list[Piece] = []
    before: Symbol | None = None
    for number, symbol in enumerate(main):
        above, below = scripts.get(number, ([], []))
        _add_gap(pieces, before, symbol, size)
        piece = _piece(symbol)
        if symbol.latex == "," and _is_between_figures(main, number, size):
            piece = Piece(",")
        if _divides(symbol, before, main[number + 1] if number + 1 < len(main) else None, size):
            piece = Piece(r"\mid", "rel")
        if above or below:
            marks = (f"_{_group(below, depth)}" if below else "") + (f"^{_group(above, depth)}" if above else "")
            if above and re.fullmatch(r"'+", primes := _group(above, depth).strip("{}")):
                marks = primes + (f"_{_group(below, depth)}" if below else "")
            piece = replace(piece, latex=_based(piece.latex) + marks, scripted=True)
        pieces.append(piece)
        last = union([symbol.box, *(s.box for s in (*above, *below))])
        before = replace(symbol, box=last)
    return _corrected(joined(fenced(pieces)))


def _scripts(
    symbols: Sequence[Symbol], main: Sequence[Symbol], size: float, base: float, depth: int
) -> dict[int, tuple[list[Symbol], list[Symbol]]]:
    """Return the raised and the lowered symbols beside each of a line; scripts of scripts go with these."""
    held: dict[int, list[Symbol]] = {}
    for symbol in symbols:
        held.setdefault(_owner(symbol, main), []).append(symbol)
    found: dict[int, tuple[list[Symbol], list[Symbol]]] = {}
    for at, its in held.items():
        largest = max(s.size for s in its)
        placed: list[tuple[Symbol, bool]] = []
        for symbol in sorted(its, key=lambda s: (-s.size, s.box[0])):
            near = [one for one in placed if one[0].size > symbol.size / _SMALL and one[0].box[0] < symbol.middle[0]]
            if symbol.size < _SMALL * largest and near:
                is_above = min(near, key=lambda one: _distance(one[0], symbol))[1]
            else:
                is_above = _is_above(symbol, main[at], size, base, depth)
            placed.append((symbol, is_above))
        found[at] = [s for s, is_above in placed if is_above], [s for s, is_above in placed if not is_above]
    return found


def _distance(one: Symbol, other: Symbol) -> float:
    """Return how far a script is from the symbol that it may belong to."""
    aside = max(other.box[0] - one.box[2], 0.0)
    return aside + max(one.box[1] - other.box[3], other.box[1] - one.box[3], 0.0) + abs(one.middle[1] - other.middle[1])


def _with_fences(main: Sequence[Symbol]) -> list[Symbol]:
    """Return a line whose tall vertical bars open and close by turns."""
    made: list[Symbol] = []
    opened: list[str] = []
    for symbol in main:
        if symbol.kind != "bar":
            made.append(symbol)
            continue
        is_first = not made or made[-1].kind in ("bin", "rel", "open", "op", "punct")
        if symbol.latex in opened and not is_first:
            opened.reverse()
            opened.remove(symbol.latex)
            opened.reverse()
            made.append(replace(symbol, kind="close"))
        else:
            opened.append(symbol.latex)
            made.append(replace(symbol, kind="open"))
    return made


def _group(symbols: Sequence[Symbol], depth: int) -> str:
    return f"{{{_read_scripts(symbols, depth)}}}"


def _read_scripts(symbols: Sequence[Symbol], depth: int) -> str:
    if depth > _DEEPEST:
        raise UnplacedError("scripts of scripts without end")
    return _line(_with_stacks(symbols, depth + 1), depth + 1)


def _based(latex: str) -> str:
    """Return what scripts can be put to: one that has some is taken together."""
    return f"{{{latex}}}" if latex.startswith((r"\underset", r"\overset")) else latex


def _size_and_base(symbols: Sequence[Symbol]) -> tuple[float, float]:
    """Return the size of a line's font, and where its baseline is."""
    with_base = [s for s in symbols if s.base is not None and s.kind != "accent"]
    if not with_base:
        size = max(s.size for s in symbols)
        first = min(symbols, key=lambda s: s.box[0])
        return size, first.axis + AXIS * size
    size = max(s.size for s in with_base)
    large = sorted((s for s in with_base if s.size > 0.9 * size), key=lambda s: s.box[0])

    def weight(symbol: Symbol) -> float:
        return sum(
            other.box[2] - other.box[0] for other in large if abs((other.base or 0) - (symbol.base or 0)) < 0.06 * size
        )

    best = max(large, key=lambda s: (weight(s), -s.box[0]))
    return size, best.base or 0.0


def _is_main(symbol: Symbol, size: float, base: float) -> bool:
    axis = base - AXIS * size
    if symbol.base is None:
        _, top, _, bottom = symbol.box
        is_around = top < axis < bottom and min(axis - top, bottom - axis) > 0.12 * (bottom - top)
        return is_around and (symbol.size > _SMALL * size or bottom - top > 0.7 * size)
    if symbol.style == "fraction":
        return abs(symbol.axis - axis) < _ON_AXIS * size and symbol.size > 0.6 * size
    return symbol.size > _SMALL * size and abs(symbol.base - base) < _ON_LINE * size


def _owner(symbol: Symbol, main: Sequence[Symbol]) -> int:
    """Return the symbol of a line that a script belongs to: the last one that begins before its middle."""
    before = [n for n, other in enumerate(main) if other.middle[0] < symbol.middle[0]]
    if not before:
        raise UnplacedError("a script before the line")
    at = before[-1]
    # A script stands behind its symbol, whatever comes next reaches below it.
    if main[at].box[0] > symbol.box[0] + 0.3 * symbol.size and at > 0:
        at -= 1
    return at


def _is_above(symbol: Symbol, owner: Symbol, size: float, base: float, depth: int) -> bool:
    tall = owner.is_tall or owner.base is None
    height = owner.box[3] - owner.box[1]
    if tall and height > 1.2 * size:
        distance = (owner.middle[1] - symbol.middle[1]) / height
        if abs(distance) < 0.1:
            raise UnplacedError("a script in the middle")
        return distance > 0
    shift = base - symbol.base if symbol.base is not None else base - symbol.box[3] + 0.1 * symbol.size
    # The smallest size there is has scripts of the same one.
    if depth == 0 and symbol.size > _SMALL * size and symbol.base is not None and owner.kind != "op":
        raise UnplacedError("a symbol as large as the line, beside it")
    if shift > _RAISED * size:
        return True
    if shift < -_LOWERED * size or symbol.middle[1] > base - 0.05 * size:
        return False
    raise UnplacedError("a small symbol on the line")


def _is_between_figures(main: list[Symbol], number: int, size: float) -> bool:
    """Whether a comma groups the figures of a number."""
    near = main[number - 1 : number] + main[number + 1 : number + 2]
    return (
        len(near) == 2
        and all(symbol.text.isdigit() for symbol in near)
        and near[1].box[0] - main[number].box[2] < _FIGURES_APART * size
    )


def _divides(symbol: Symbol, before: Symbol | None, after: Symbol | None, size: float) -> bool:
    """Whether a vertical bar stands between two parts of a row, and encloses neither."""
    if symbol.latex != "|" or before is None or after is None:
        return False
    ends = before.kind not in ("op", "rel", "bin", "open", "punct") and after.latex not in (r"\|", "|")
    return ends and min(after.box[0] - symbol.box[2], symbol.box[0] - before.box[2]) > _MID * size


def _piece(symbol: Symbol) -> Piece:
    if symbol.kind in ("open", "close"):
        return Piece(
            symbol.latex, symbol.kind, symbol.latex, symbol.is_tall, stretchy="true" if symbol.is_tall else "false"
        )
    kind = symbol.kind if symbol.kind in ("op", "bin", "rel", "punct") else "ord"
    return Piece(symbol.latex, kind, tall=symbol.is_tall)


def _add_gap(pieces: list[Piece], before: Symbol | None, symbol: Symbol, size: float) -> None:
    """Add the blank between two symbols, where there is more than formulas have."""
    if before is None:
        return
    gap = symbol.box[0] - before.box[2]
    if gap > _QUAD * size and symbol.kind not in ("bin", "rel") and before.kind not in ("bin", "rel"):
        pieces.append(Piece(r"\quad", "space"))
        if symbol.kind == "word" or before.kind == "word":
            return
    words = "word" in (before.kind, symbol.kind)
    if words and gap > _TEXT_BLANK * size and symbol.kind not in ("rel", "bin") and before.kind not in ("rel", "bin"):
        pieces.append(Piece(r"\ ", "space"))


def _corrected(latex: str) -> str:
    r"""Put overprinted signs together: \not and a relation, the bar and the arrow of \mapsto; words into \text."""
    latex = re.sub(r"\\mapstochar\s*\\to\b", r"\\mapsto", latex)
    latex = re.sub(r"(?<![\d.])\.\s?\.\s?\.(?!\.)", r"\\ldots", latex)
    latex = re.sub(r"\\cdot\s*\\cdot\s*\\cdot\b", r"\\cdots", latex)
    latex = re.sub(r"\\math(?:rm|it|bf)\{([^{}]{2,})\}(?=\\ )", r"\\text{\1}", latex)
    latex = re.sub(r"(?<=\\ )\\math(?:rm|it|bf)\{([^{}]{2,})\}", r"\\text{\1}", latex)
    latex = re.sub(r"(?<=\\quad)\s*\\math(?:rm|it|bf)\{([^{}]{2,})\}", r" \\text{\1}", latex)
    while True:
        merged = re.sub(r"\\text\{([^{}]*)\}\\ \s*\\text\{([^{}]*)\}", r"\\text{\1 \2}", latex)
        if merged == latex:
            break
        latex = merged
    latex = re.sub(r"\\text\{([^{}]*)\}\\ ", r"\\text{\1 }", latex)
    return re.sub(r"\\ \\text\{", r"\\text{ ", latex)


def _with_limits(symbols: Sequence[Symbol], size: float, base: float, depth: int) -> list[Symbol]:
    """Put what stands right above or below symbols of the line to these."""
    symbols = list(symbols)
    main = [s for s in symbols if _is_main(s, size, base)]
    others = [s for s in symbols if not any(s is m for m in main)]
    for is_above in (False, True):
        far = [s for s in others if _is_far(s, size, base, is_above=is_above)]
        small = [s for s in far if depth or s.size < _SMALL * size]
        for chain, owner in _owned(_chains(small), main, is_above=is_above):
            box = union([s.box for s in chain])
            latex = _read_scripts(chain, depth)
            mark = "^" if is_above else "_"
            if owner.kind == "op":
                made = replace(owner, latex=f"{owner.latex}{mark}{{{latex}}}")
            else:
                name = r"\overset" if is_above else r"\underset"
                made = replace(owner, latex=f"{name}{{{latex}}}{{{owner.latex}}}")
            made = replace(made, box=union([owner.box, (box[0], owner.box[1], box[2], owner.box[3])]))
            used = {id(s) for s in (*chain, owner)}
            symbols = [*(s for s in symbols if id(s) not in used), made]
            main = [made if s is owner else s for s in main]
    return symbols


def _owned(
    chains: Sequence[Sequence[Symbol]], main: Sequence[Symbol], *, is_above: bool
) -> list[tuple[Sequence[Symbol], Symbol]]:
    """Return chains with the symbols that they are centred on; limits of neighbours that meet are cut between them."""
    found: list[tuple[Sequence[Symbol], Symbol]] = []
    for chain in chains:
        owner = _centre_of(chain, main, is_above=is_above)
        whole = [(chain, owner)] if owner is not None else []
        cuts = [_with_owners((chain[:at], chain[at:]), main, is_above=is_above) for at in range(1, len(chain))]
        both = [cut for cut in cuts if len(cut) == 2 and cut[0][1] is not cut[1][1]]
        best = min(both, key=_aside, default=whole)
        found.extend(best if not whole or _aside(best) < _MUCH_BETTER * _aside(whole) else whole)
    return found


def _with_owners(
    parts: Sequence[Sequence[Symbol]], main: Sequence[Symbol], *, is_above: bool
) -> list[tuple[Sequence[Symbol], Symbol]]:
    owners = [(part, _centre_of(part, main, is_above=is_above)) for part in parts]
    return [(part, owner) for part, owner in owners if owner is not None]


def _aside(owned: Sequence[tuple[Sequence[Symbol], Symbol]]) -> float:
    """Return how far limits are from the middle of their symbols, on average."""
    return sum(abs(_middle(part) - owner.middle[0]) for part, owner in owned) / max(len(owned), 1)


def _middle(chain: Sequence[Symbol]) -> float:
    x0, _, x1, _ = union([s.box for s in chain])
    return (x0 + x1) / 2


def _is_far(symbol: Symbol, size: float, base: float, *, is_above: bool) -> bool:
    middle = symbol.middle[1]
    return middle < base - 0.62 * size if is_above else middle > base + 0.22 * size


def _chains(symbols: Sequence[Symbol]) -> list[list[Symbol]]:
    chains: list[list[Symbol]] = []
    for symbol in sorted(symbols, key=lambda s: s.box[0]):
        if chains and symbol.box[0] - max(s.box[2] for s in chains[-1]) < _LIMIT_GAP * symbol.size:
            chains[-1].append(symbol)
        else:
            chains.append([symbol])
    return chains


def _centre_of(chain: Sequence[Symbol], main: Sequence[Symbol], *, is_above: bool) -> Symbol | None:
    """Return the symbol of a line that a chain of small ones is centred on."""
    box = union([s.box for s in chain])
    middle = (box[0] + box[2]) / 2
    size = max(s.size for s in chain)
    best: tuple[float, Symbol] | None = None
    for symbol in main:
        width = max(symbol.box[2] - symbol.box[0], box[2] - box[0])
        apart = abs(symbol.middle[0] - middle)
        gap = symbol.box[1] - box[3] if is_above else box[1] - symbol.box[3]
        is_operator = symbol.kind == "op" or symbol.text in _LIMITS
        near = _CENTRED * width if is_operator else min(_CENTRED * width, 0.2 * size)
        if apart > near + 0.05 * size or gap < -0.15 * size or gap > 1.2 * size:
            continue
        if symbol.latex.startswith(r"\int") and box[0] > symbol.middle[0]:
            continue
        if symbol.kind in ("open", "close", "punct", "bin"):
            continue
        if best is None or apart < best[0]:
            best = (apart, symbol)
    return best[1] if best is not None else None


def _with_stacks(symbols: Sequence[Symbol], depth: int) -> list[Symbol]:
    """Put rows between tall brackets together: matrices, binomials, cases."""
    symbols = sorted(symbols, key=lambda s: s.box[0])
    opened: list[Symbol] = []
    for symbol in symbols:
        if symbol.kind == "open" and symbol.is_tall:
            opened.append(symbol)
        elif symbol.kind == "close" and symbol.is_tall and opened:
            first = opened.pop()
            inside = _between(symbols, first, symbol)
            made = _stack(inside, first.latex, symbol.latex, depth)
            if made:
                used = {id(s) for s in (first, symbol, *inside)}
                box = union([first.box, symbol.box])
                whole = Symbol(made, "ord", box, first.size, None, is_tall=True)
                return _with_stacks([*(s for s in symbols if id(s) not in used), whole], depth)
    for first in opened:
        if first.latex == r"\{":
            inside = [s for s in symbols if s.box[0] >= first.box[2] - 0.1 * s.size and _is_beside(s, first)]
            made = _stack(inside, first.latex, "", depth)
            if made:
                used = {id(s) for s in (first, *inside)}
                whole = Symbol(
                    made, "ord", union([first.box, *(s.box for s in inside)]), first.size, None, is_tall=True
                )
                return [*(s for s in symbols if id(s) not in used), whole]
    return symbols


def _between(symbols: Sequence[Symbol], first: Symbol, last: Symbol) -> list[Symbol]:
    return [
        s for s in symbols if first.box[2] - 0.5 < s.middle[0] < last.box[0] + 0.5 and _is_beside(s, first)
        and s is not first and s is not last
    ]  # fmt: skip


def _is_beside(symbol: Symbol, bracket: Symbol) -> bool:
    slack = 0.6 * symbol.size
    return bracket.box[1] - slack < symbol.middle[1] < bracket.box[3] + slack


def _stack(inside: Sequence[Symbol], first: str, last: str, depth: int) -> str:
    """Return rows between brackets as a matrix, "" where there is one row."""
    rows = rows_of(inside)
    if len(rows) < 2 or (len({s.is_tall and s.base is None for s in inside}) > 1 and _has_limits(rows)):
        return ""
    if _has_limits(rows):
        return ""
    columns = _columns(inside) if first != r"\{" or last else _columns(inside, _CASES_APART)
    cells = [[[s for s in row if low <= s.middle[0] < high] for low, high in columns] for row in rows]
    written = [[_line(cell, depth + 1) if cell else "" for cell in row] for row in cells]
    if (first, last) == ("(", ")") and len(columns) == 1 and len(rows) == 2:
        return rf"\binom{{{written[0][0]}}}{{{written[1][0]}}}"
    name = "cases" if (first, last) == (r"\{", "") else _BRACES.get((first, last))
    if name is None:
        raise UnplacedError("rows between brackets that do not match")
    body = r" \\ ".join(" & ".join(row) for row in written)
    return rf"\begin{{{name}}} {body} \end{{{name}}}"


def _has_limits(rows: Sequence[Sequence[Symbol]]) -> bool:
    """Whether rows are the limits of operators between them, or parts of one line."""
    sizes = [max(s.size for s in row) for row in rows]
    return min(sizes) < _SMALL * max(sizes)


def rows_of(symbols: Sequence[Symbol], apart: float = _ROWS_APART) -> list[list[Symbol]]:
    """Divide symbols at white space across them."""
    rows: list[list[Symbol]] = []
    bottom = float("-inf")
    for symbol in sorted(symbols, key=lambda s: s.box[1]):
        if not rows or symbol.box[1] > bottom + apart * symbol.size:
            rows.append([])
        rows[-1].append(symbol)
        bottom = max(bottom, symbol.box[3])
    return rows


def _columns(symbols: Sequence[Symbol], apart: float = _COLUMNS_APART) -> list[tuple[float, float]]:
    """Return the columns of a matrix: from where to where each goes."""
    edges = [float("-inf")]
    right = float("-inf")
    for symbol in sorted(symbols, key=lambda s: s.box[0]):
        if right > float("-inf") and symbol.box[0] > right + apart * symbol.size:
            edges.append((right + symbol.box[0]) / 2)
        right = max(right, symbol.box[2])
    return [*zip(edges, [*edges[1:], float("inf")], strict=True)]
