r"""Presentation MathML as LaTeX: what tagged PDFs carry of their formulas, in the notation of the labels.

MathML Core and MathML 3, chapter 3. Own code, since what PyPI has was tried and is not good enough for labels:
mathml-to-latex 1.0.0 writes `\left(\right. a` for `(a` and `sin` for `\sin`; the style sheets of py-asciimath
0.3.0 `{x}^{2}` and `\mathrm{sin}`; mml2tex 0.1.0 needs another XSLT engine. Characters become commands by the table
that latex2mathml, which shows formulas in the report, reads them with.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from scribetune.labels.formulas.latex_characters import NAMES, kind_of, latex_of
from scribetune.labels.formulas.latex_rows import Piece, fenced, joined, with_environments
from scribetune.text.mathml import MAX_CHARACTERS, MAX_DEPTH

MAX_MARKUP = 100_000
"""Longer markup is no formula of a page."""

_FUNCTIONS = frozenset(NAMES["functions"])
_TALL_OPERATORS = frozenset("∑∏∐∫∬∭∮⋃⋂⨁⨂⨆⋁⋀")
_WITH_LIMITS = frozenset({r"\sum", r"\prod", r"\coprod", r"\bigcup", r"\bigcap", r"\bigoplus", r"\bigotimes"})
_OPENING: Mapping[str, str] = MappingProxyType(
    {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉", "|": "|", "‖": "‖", "∣": "∣"}
)
_OVER: Mapping[str, tuple[str, str]] = NAMES["over"]  # above one character, above several
_UNDER: Mapping[str, str] = NAMES["under"]
_ARROWS: Mapping[str, str] = NAMES["arrows"]
_UPRIGHT = r"\mathrm"
_VARIANTS: Mapping[str, str] = NAMES["variants"]
_RUN = re.compile(r"(\\(?:mathrm|mathbf|mathbb|mathcal|mathfrak|mathsf|mathtt|boldsymbol)\{)([^{}]*)\} ?\1")
_TEXT_ESCAPES: Mapping[str, str] = MappingProxyType({character: f"\\{character}" for character in "%#&$_{}"})
_SPACES = ((1.9, r"\qquad"), (0.9, r"\quad"), (0.26, r"\;"), (0.2, r"\:"), (0.1, r"\,"), (-0.3, ""), (-9.0, r"\!"))
_WIDTH = re.compile(r"([-+]?\d*\.?\d+)(em|ex|px|pt|)")
_NAMED = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w+;)")


class NotMathmlError(Exception):
    """Markup that is no presentation MathML, or too long or too deep to be a formula."""


@dataclass(frozen=True)
class Formula:
    """A formula of MathML."""

    latex: str  # without delimiters
    display: bool | None  # whether the markup says that it stands on its own line; None where it says nothing


def formula_of(markup: str) -> Formula:
    """Convert a `<math>` element; namespaces, prefixes and HTML's named characters are allowed.

    Raises:
        NotMathmlError: It is not well-formed, declares a document type (the way to entities that grow without limit or
            read files), holds other elements than those of presentation MathML, or is too long or too deep.
    """
    from lxml import etree

    text = markup.strip()
    if len(text) > MAX_MARKUP:
        raise NotMathmlError(f"{len(text)} characters of markup; at most {MAX_MARKUP} are read")
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        raise NotMathmlError("a document type is declared")
    named = _NAMED.sub(lambda match: html.unescape(match.group()), re.sub(r"^<\?xml[^>]*\?>", "", text))
    # A prefix that the PDF's producer declared somewhere else.
    named = re.sub(r"(</?)[A-Za-z]\w*:", r"\1", named) if re.search(r"<\w+:math\b(?![^>]*xmlns:)", named) else named
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(named.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotMathmlError(str(error)) from error
    return formula_of_element(root)


def formula_of_element(root: Any) -> Formula:
    """Convert the element tree of a `<math>` element (lxml's or the standard library's); see `formula_of`."""
    if _name(root) != "math":
        raise NotMathmlError(f"<{_name(root)}> is not <math>")
    latex = _tidy(joined(_row(list(root), 0)))
    if not latex or len(latex) > MAX_CHARACTERS:
        raise NotMathmlError(f"{len(latex)} characters of LaTeX; at least 1 and at most {MAX_CHARACTERS} are used")
    display = root.get("display") or root.get("mode")
    shown = None if display not in ("block", "inline", "display") else display != "inline"
    return Formula(latex, shown)


def _tidy(latex: str) -> str:
    before = ""
    while before != latex:  # \mathbf{A}\mathbf{B} is one run
        before, latex = latex, _RUN.sub(r"\1\2", latex)
    return latex.strip()


def _name(element: Any) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _row(elements: Sequence[Any], depth: int) -> list[Piece]:
    """Return the pieces of sibling elements, tables and fences that belong together made one."""
    pieces = [piece for element in elements for piece in _pieces(element, depth + 1)]
    return fenced(with_environments(pieces))


def _latex(element: Any, depth: int) -> str:
    return joined(_row([element], depth))


def _script(element: Any, depth: int) -> str:
    return joined(_row([element], depth), tight=True)


def _pieces(element: Any, depth: int) -> list[Piece]:
    if depth > MAX_DEPTH:
        raise NotMathmlError(f"deeper than {MAX_DEPTH} elements")
    name = _name(element)
    if name in _ROWS:
        return _row(list(element), depth)
    made = _HANDLERS.get(name)
    if made is None:
        raise NotMathmlError(f"<{name}> is no element of presentation MathML")
    found = made(element, depth)
    return found if isinstance(found, list) else [found]


_ROWS = frozenset({"math", "mrow", "mpadded", "merror", "mtd"})


def _text_of(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


# Tokens


def _identifier(element: Any, _: int) -> Piece:
    text = _text_of(element)
    if text in _FUNCTIONS:
        return Piece(f"\\{text}", "op")
    variant = _VARIANTS.get(element.get("mathvariant", ""), "")
    is_word = len(text) > 1 and text.isalpha() and text.isascii()
    if is_word:
        return Piece(f"{variant or _UPRIGHT}{{{text}}}")
    if len(text) == 1 and text.isascii() and text.isalnum() and variant:
        return Piece(f"{variant}{{{text}}}")
    latex = latex_of(text)
    if variant and variant != _UPRIGHT:
        latex = f"{variant}{{{latex}}}"
    piece = _operator_piece(text, latex) if len(text) == 1 else Piece(latex)
    return replace(piece, kind="ord") if piece.kind in ("bin", "rel") and text.isalnum() else piece


def _number(element: Any, _: int) -> Piece:
    text = _text_of(element)
    variant = _VARIANTS.get(element.get("mathvariant", ""), "")
    latex = latex_of(text)
    return Piece(f"{variant}{{{latex}}}" if variant and variant != _UPRIGHT else latex)


def _operator(element: Any, _: int) -> Piece:
    text = _text_of(element)
    if not text:
        if "".join(element.itertext()) or element.get("fence") != "true":
            return Piece("", "space")
        return Piece(".", "open" if element.get("form") == "prefix" else "close", "", stretchy="true")
    if text in _FUNCTIONS:
        return Piece(f"\\{text}", "op")
    if len(text) > 1 and text.isalpha() and text.isascii():
        return Piece(rf"\operatorname{{{text}}}", "op")
    piece = _operator_piece(text, latex_of(text))
    form, stretchy = element.get("form"), element.get("stretchy", "")
    if element.get("fence") == "true" and form in ("prefix", "postfix"):
        piece = replace(piece, kind="open" if form == "prefix" else "close")
    if element.get("minsize") and element.get("minsize") == element.get("maxsize"):
        stretchy = "false"
    return replace(piece, stretchy=stretchy)


def _operator_piece(text: str, latex: str) -> Piece:
    if text in _OPENING and text not in "|‖∣":
        return Piece(latex, "open", text)
    if text in _OPENING.values() and text not in "|‖∣":
        return Piece(latex, "close", text)
    if text in (",", ";"):
        return Piece(latex, "punct", text)
    kind = kind_of(text[:1]) if len(text) <= 2 else "ord"
    if text in ("+", "-", "−", "±", "∓", "×", "⋅", "·", "∗", "*"):
        kind = "bin"
    if text in ("=", "<", ">", "≤", "≥", "≠", "≈", "≡", "∼", ":", "→", "≔", ":="):
        kind = "rel"
    return Piece(latex, kind, text, tall=text in _TALL_OPERATORS)


def _text(element: Any, _: int) -> Piece:
    text = re.sub(r"\s+", " ", "".join(element.itertext()).replace("\u00a0", " "))
    if not text.strip():
        return Piece(r"\ " if text else "", "space")
    if text.strip() == "⧸":  # a slash through what follows: \not
        return Piece(r"\not", "not")
    escaped = "".join(_TEXT_ESCAPES.get(character, character) for character in text.replace("\\", ""))
    return Piece(rf"\text{{{escaped}}}")


def _space(element: Any, _: int) -> Piece:
    width = _WIDTH.fullmatch(element.get("width", "").strip())
    if width is None:
        return Piece("", "space")
    size = float(width.group(1)) / {"em": 1.0, "ex": 2.2, "px": 16.0, "pt": 10.0}.get(width.group(2), 1.0)
    if size == 0:
        return Piece("", "space")
    return Piece(next(latex for least, latex in _SPACES if size >= least or least == _SPACES[-1][0]), "space")


# What is built of parts


def _children(element: Any, least: int) -> list[Any]:
    children = list(element)
    if len(children) < least:
        raise NotMathmlError(f"<{_name(element)}> with {len(children)} elements; it needs {least}")
    return children


def _fraction(element: Any, depth: int, command: str = r"\frac") -> Piece:
    top, bottom = (_latex(child, depth) for child in _children(element, 2)[:2])
    if re.fullmatch(r"0(?:\.0+)?\w*", element.get("linethickness", "")):
        return Piece(rf"{{{top} \atop {bottom}}}", tall=True, stacked=(top, bottom))
    return Piece(f"{command}{{{top}}}{{{bottom}}}", tall=True)


def _style(element: Any, depth: int) -> list[Piece]:
    children = list(element)
    if len(children) == 1 and _name(children[0]) == "mfrac" and element.get("displaystyle") in ("true", "false"):
        command = r"\dfrac" if element.get("displaystyle") == "true" else r"\tfrac"
        return [_fraction(children[0], depth, command)]
    return _row(children, depth)


def _root(element: Any, depth: int) -> Piece:
    body, index = (_latex(child, depth) for child in _children(element, 2)[:2])
    return Piece(rf"\sqrt[{index}]{{{body}}}", tall=True)


def _base(element: Any, depth: int) -> tuple[str, str]:
    """Return the LaTeX that scripts are put to, braces around it where it is more than one thing, and its kind."""
    pieces = [piece for piece in _row([element], depth) if piece.latex]
    if len(pieces) == 1 and not pieces[0].scripted:
        piece = pieces[0]
        is_one = len(piece.latex) == 1 or piece.latex.startswith("\\") or piece.latex.isdigit()
        return (piece.latex if is_one else f"{{{piece.latex}}}"), piece.kind
    return f"{{{joined(pieces)}}}", "ord"


def _scripts(element: Any, depth: int, below: Any | None, above: Any | None) -> Piece:
    base, kind = _base(next(iter(element)), depth)
    latex = base
    under = "" if below is None else _script(below, depth)
    over = "" if above is None else _script(above, depth)
    if over and set(over) == {"'"}:
        latex, over = latex + over, ""
    has_limits = base in _WITH_LIMITS or base.startswith((r"\underbrace", r"\overbrace"))
    if under:
        latex += f"_{{{under}}}" if has_limits else f"_{_braced(under)}"
    if over:
        latex += f"^{{{over}}}" if has_limits else f"^{_braced(over)}"
    return Piece(latex, kind if kind in ("op", "open", "close") else "ord", scripted=bool(under or over))


def _braced(latex: str) -> str:
    return latex if len(latex) == 1 else f"{{{latex}}}"


def _takes_limits(element: Any, depth: int) -> bool:
    pieces = [piece for piece in _row([element], depth) if piece.latex]
    return len(pieces) == 1 and (pieces[0].kind == "op" or pieces[0].latex.startswith((r"\underbrace", r"\overbrace")))


def _over(element: Any, depth: int) -> Piece:
    base, mark = _children(element, 2)[:2]
    body, character = _latex(base, depth), _text_of(mark)
    if character in _OVER and not len(mark):
        narrow, wide = _OVER[character]
        is_one = len(body) == 1 or bool(re.fullmatch(r"\\[A-Za-z]+|\\math\w+\{.\}", body))
        return Piece(f"{narrow if is_one else wide}{{{body}}}", tall=not is_one)
    if _takes_limits(base, depth):
        return _scripts(element, depth, None, mark)
    if _text_of(base) in _ARROWS:
        return Piece(f"{_ARROWS[_text_of(base)]}{{{_latex(mark, depth)}}}", "rel")
    return Piece(rf"\overset{{{_latex(mark, depth)}}}{{{body}}}", tall=True)


def _under(element: Any, depth: int) -> Piece:
    base, mark = _children(element, 2)[:2]
    character = _text_of(mark)
    if character in _UNDER and not len(mark):
        return Piece(f"{_UNDER[character]}{{{_latex(base, depth)}}}")
    if _takes_limits(base, depth):
        return _scripts(element, depth, mark, None)
    return Piece(rf"\underset{{{_latex(mark, depth)}}}{{{_latex(base, depth)}}}", tall=True)


def _under_over(element: Any, depth: int) -> Piece:
    base, below, above = _children(element, 3)[:3]
    if _text_of(base) in _ARROWS:
        arrow = _ARROWS[_text_of(base)]
        return Piece(f"{arrow}[{_latex(below, depth)}]{{{_latex(above, depth)}}}", "rel")
    if _takes_limits(base, depth):
        return _scripts(element, depth, below, above)
    inner = rf"\underset{{{_latex(below, depth)}}}{{{_latex(base, depth)}}}"
    return Piece(rf"\overset{{{_latex(above, depth)}}}{{{inner}}}", tall=True)


def _multiscripts(element: Any, depth: int) -> Piece:
    children = _children(element, 1)
    names = [_name(child) for child in children]
    at = names.index("mprescripts") if "mprescripts" in names else len(children)
    base, _ = _base(children[0], depth)
    after, before = children[1:at], children[at + 1 :]
    latex = "".join(_script_pair(before, depth))
    return Piece((f"{{}}{latex}" if latex else "") + base + "".join(_script_pair(after, depth)), scripted=True)


def _script_pair(scripts: Sequence[Any], depth: int) -> list[str]:
    marks = []
    for index, script in enumerate(scripts):
        latex = "" if _name(script) == "none" else _script(script, depth)
        if latex:
            marks.append(f"{'^' if index % 2 else '_'}{_braced(latex)}")
    return marks


def _enclosed(element: Any, depth: int) -> list[Piece]:
    pieces = _row(list(element), depth)
    notation = set(element.get("notation", "").split())
    command = {"box": r"\boxed", "updiagonalstrike": r"\cancel", "downdiagonalstrike": r"\bcancel"}
    found = next((command[kind] for kind in command if kind in notation), "")
    return [Piece(f"{found}{{{joined(pieces)}}}", tall=True)] if found else pieces


def _fenced_element(element: Any, depth: int) -> list[Piece]:
    """Return `<mfenced>` as the row that it stands for."""
    separators = [mark for mark in element.get("separators", ",") if not mark.isspace()]
    start, end = element.get("open", "("), element.get("close", ")")
    inner: list[Piece] = []
    for index, child in enumerate(element):
        if index and separators:
            mark = separators[min(index, len(separators)) - 1]
            inner.append(_operator_piece(mark, latex_of(mark)))
        inner.extend(_row([child], depth))
    first = Piece(latex_of(start) or ".", "open", start)
    last = Piece(latex_of(end) or ".", "close", end)
    return fenced(with_environments([first, *inner, last]))


def _semantics(element: Any, depth: int) -> list[Piece]:
    for child in element:
        if _name(child) == "annotation" and child.get("encoding", "").lower() in (
            "application/x-tex", "tex", "latex", "application/x-latex",
        ):  # fmt: skip
            source = " ".join("".join(child.itertext()).split())
            if source:
                return [Piece(source, tall=True)]
    return _row(list(element)[:1], depth)


def _quoted(element: Any, depth: int) -> Piece:
    piece = _text(element, depth)
    return replace(piece, latex=piece.latex.replace("{", '{"', 1)[:-1] + '"}') if piece.latex else piece


# Tables


def _table_piece(element: Any, depth: int) -> Piece:
    rows = [_table_row(row, depth) for row in element if _name(row) in ("mtr", "mlabeledtr")]
    if len(rows) == 1 and len(rows[0]) == 1 and len(list(element)) == 1:
        return Piece(rows[0][0], tall=True)
    body = r" \\ ".join(" & ".join(row) for row in rows)
    marked = element.get("columnalign", "").split()
    if not marked:
        first = next((row for row in element if _name(row) == "mtr"), None)
        marked = [] if first is None else [cell.get("columnalign", "") for cell in first]
    marked = marked if all(marked) else []
    return Piece(body, table=(tuple(marked), max((len(row) for row in rows), default=0)), tall=True)


def _table_row(row: Any, depth: int) -> list[str]:
    cells = list(row)
    tag = ""
    if _name(row) == "mlabeledtr" and cells:
        tag = rf" \tag{{{_text_of(cells.pop(0)).strip('()')}}}"
    written = [joined(_row(list(cell), depth)).strip() for cell in cells]
    if tag and written:
        written[-1] += tag
    return written


_HANDLERS: Mapping[str, Callable[[Any, int], Piece | list[Piece]]] = MappingProxyType(
    {
        "mi": _identifier, "mn": _number, "mo": _operator, "mtext": _text, "ms": _quoted, "mspace": _space,
        "mfrac": _fraction, "mroot": _root, "mstyle": _style,
        "msqrt": lambda element, depth: Piece(rf"\sqrt{{{joined(_row(list(element), depth))}}}", tall=True),
        "mphantom": lambda element, depth: Piece(rf"\phantom{{{joined(_row(list(element), depth))}}}", "space"),
        "msub": lambda element, depth: _scripts(element, depth, _children(element, 2)[1], None),
        "msup": lambda element, depth: _scripts(element, depth, None, _children(element, 2)[1]),
        "msubsup": lambda element, depth: _scripts(element, depth, *_children(element, 3)[1:3]),
        "mover": _over, "munder": _under, "munderover": _under_over, "mmultiscripts": _multiscripts,
        "mtable": _table_piece, "menclose": _enclosed, "mfenced": _fenced_element, "semantics": _semantics,
        "maction": lambda element, depth: _row(list(element)[:1], depth),
        **dict.fromkeys(
            ("annotation", "annotation-xml", "maligngroup", "malignmark", "none", "mprescripts"), lambda *_: []
        ),
    }
)  # fmt: skip
