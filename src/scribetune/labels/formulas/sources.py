r"""What a tagged PDF carries of a formula besides its glyphs, and how it becomes LaTeX.

The most exact first: LaTeX in an associated file, MathML in an associated file (ISO 32000-2, 14.13: /AF of the /Formula
element; LuaLaTeX's tagging project and word processors write them), MathML as structure elements (14.8.6.3), MathML or
LaTeX in /Alt (ISO 32000-1, 14.9.3), and in /ActualText.
"""

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from xml.etree.ElementTree import Element

from scribetune.labels.formulas import presentation_mathml
from scribetune.labels.text_pages import texts_of
from scribetune.text.mathml import MAX_CHARACTERS, MAX_DEPTH, mathml

logger = logging.getLogger(__name__)

MAX_FILE = 200_000
"""Bytes; a longer associated file is not read."""
_KIDS = re.compile(r"<<.*?>>|(\d+) \d+ R|\d+|null", re.DOTALL)
_PARTS = re.compile(r"<<|>>|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)|[^<>()]+|[<>]", re.DOTALL)
_ATTRIBUTE = re.compile(
    r"/(display|mathvariant|linethickness|stretchy|form|fence|columnalign|open|close|separators|notation|displaystyle|"
    r"width|Placement)\s*(?:/([\w#.-]+)|\(([^()]*)\)|(-?[\d.]+))"
)
_MATHML_TYPES = ("application/mathml+xml", "application/mathml-presentation+xml", "text/mathml", "application/mathml")
_LATEX_TYPES = ("application/x-tex", "text/x-tex", "application/x-latex", "text/x-latex", "application/tex")
_MARKS = re.compile(r"[\\^_{}]")
_LINEAR_FORMAT = re.compile(r"[▒█■├┤┬┴┼〖〗⁡√∛∜]|[\^_]\(")  # of Word's editor of formulas
_MATH = re.compile(r"<(?:\w+:)?math\b")
_SPOKEN = re.compile(r"^LaTeX formula starts\b(.*)\bLaTeX formula ends\s*$", re.DOTALL)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*(?:\n|$)")
_CROSS_REFERENCES = re.compile(r"\\label\s*\{[^{}]*\}|\\nonumber\b|\\notag\b")
_DELIMITED = (
    (re.compile(r"\$\$(.*)\$\$", re.DOTALL), True),
    (re.compile(r"\\\[(.*)\\\]", re.DOTALL), True),
    (re.compile(r"\\\((.*)\\\)", re.DOTALL), False),
    (re.compile(r"\$(.*)\$", re.DOTALL), False),
    (re.compile(r"\\begin\{math\}(.*)\\end\{math\}", re.DOTALL), False),
    (re.compile(r"\\begin\{(?:equation|displaymath)\*?\}(.*)\\end\{(?:equation|displaymath)\*?\}", re.DOTALL), True),
)
_ENVIRONMENTS = re.compile(r"\\(begin|end)\{(align|gather|multline|alignat|flalign|eqnarray)\*?\}")
_INNER = {
    "align": "aligned", "flalign": "aligned", "eqnarray": "aligned", "gather": "gathered", "multline": "gathered",
    "alignat": "alignedat",
}  # fmt: skip
_DOLLAR = re.compile(r"(?<!\\)\$")
_EQUATION_NUMBER = re.compile(r"[(\[]?([\w.\-–′']{1,12})[)\]]?")


@dataclass(frozen=True)
class MathElement:
    """A MathML structure element; its text is on the page."""

    name: str  # "mfrac"
    attributes: Mapping[str, str]  # those that matter
    kids: tuple[tuple[int, "MathElement"], ...]  # (place among its parent's kids, element)
    text: str = ""  # its /ActualText


@dataclass(frozen=True)
class FormulaTag:
    """A /Formula element of the structure tree."""

    latex: str = ""  # what an associated file says, "" where there is none
    display: bool | None = None  # whether it stands on its own line, where the tag says so
    elements: tuple[int, MathElement] | None = None  # (place among its kids, its `math` element), where it has one
    alternative: str = ""  # LaTeX of /Alt or /ActualText, "" where there is none
    from_markup: bool = False  # whether that was MathML; else it may be words that describe the formula

    def latex_of(self, block: Mapping[str, Any]) -> str:
        """Return its LaTeX, "" where none is known; `block` is the element with its text (TEXT_COLLECT_STRUCTURE)."""
        if self.latex:
            return self.latex
        if self.elements is not None:
            index, root = self.elements
            try:
                return presentation_mathml.formula_of_element(_filled(root, _child(block, index))).latex
            except presentation_mathml.NotMathmlError as error:
                logger.info("MathML structure elements are not used: %s", error)
        return self.alternative if self.from_markup or _says_what_is_shown(self.alternative, block) else ""

    @property
    def has_latex(self) -> bool:
        """Whether it carries anything but glyphs, or what may be no more than these."""
        return bool(self.latex or self.from_markup or _MARKS.search(self.alternative) or self.elements)


def equation_number(block: Mapping[str, Any]) -> str:
    """Return the number of an equation, without parentheses: the /Lbl in its /Formula; "" where it has none."""
    for child in block.get("blocks", []):
        if child.get("std") == "Lbl":
            number = _EQUATION_NUMBER.fullmatch("".join(texts_of(child)).strip())
            return number.group(1) if number else ""
    return ""


def with_number(latex: str, number: str) -> str:
    r"""Return LaTeX with the equation's number as `\tag{…}`, unless it has one."""
    return rf"{latex} \tag{{{number}}}" if number and r"\tag" not in latex else latex


def read(pdf: Any, xref: int) -> FormulaTag:
    """Read the /Formula element with this xref: associated files, structure elements, /Alt, /ActualText."""
    source, markup = _associated(pdf, xref)
    exact = latex_of_source(source) if source else FormulaTag()
    markup = markup or _markup_of_attributes(pdf, xref)
    from_markup = latex_of_markup(markup) if markup else FormulaTag()
    # An author's own commands mean nothing outside of their document.
    chosen = exact if exact.latex and (is_known(exact.latex) or not from_markup.latex) else from_markup
    attributes = _attributes(pdf, xref)
    display = chosen.display
    alternative = FormulaTag()
    for key in ("Alt", "ActualText"):
        kind, text = pdf.xref_get_key(xref, key)
        if kind == "string" and not alternative.latex:
            alternative = _of_alternative(text, is_alt=key == "Alt")
    elements = _math_element(pdf, xref)
    if display is None and elements is not None and elements[1].attributes.get("display") in ("block", "inline"):
        display = elements[1].attributes["display"] == "block"
    if display is None:
        display = alternative.display
    if display is None and attributes.get("Placement") in ("Block", "Inline"):
        display = attributes["Placement"] == "Block"
    return FormulaTag(chosen.latex, display, elements, alternative.latex, alternative.from_markup)


def latex_of_markup(markup: str) -> FormulaTag:
    """Return what MathML markup says; an empty tag where it is not readable."""
    try:
        formula = presentation_mathml.formula_of(markup)
    except presentation_mathml.NotMathmlError as error:
        logger.info("MathML is not used: %s", error)
        return FormulaTag()
    return replace(latex_of_source(formula.latex), display=formula.display)


def latex_of_source(text: str) -> FormulaTag:
    r"""Return what an author wrote without delimiters, comments, labels and the environments that number equations.

    Returns:
        The tag; with `display` where the delimiters tell; empty where the text cannot stand between dollar signs.
    """
    latex = " ".join(_COMMENT.sub(" ", text.replace("\ufeff", "")).split())
    latex = re.sub(r"\\(begin|end) \{", r"\\\1{", latex)
    latex = " ".join(_CROSS_REFERENCES.sub(" ", latex).split())
    display = None
    for pattern, is_display in _DELIMITED:
        match = pattern.fullmatch(latex)
        if match:
            latex, display = match.group(1).strip(), is_display
            break
    if _ENVIRONMENTS.match(latex):
        latex, display = _ENVIRONMENTS.sub(lambda m: f"\\{m.group(1)}{{{_INNER[m.group(2)]}}}", latex), True
    if not latex or len(latex) > MAX_CHARACTERS or _DOLLAR.search(re.sub(r"\\text\{[^{}]*\}", "", latex)):
        return FormulaTag()
    return FormulaTag(latex, display)


def is_known(latex: str) -> bool:
    """Whether all commands of a formula are LaTeX's: an author's own ones come into MathML with their backslash."""
    shown = mathml(latex, display=True)
    return shown is not None and "\\" not in str(shown)


def is_prose(text: str) -> bool:
    """Whether an alternative text describes a formula in words ("x squared over two") and is none itself."""
    words = re.findall(r"[^\W\d_]{3,}", text)
    return not _MARKS.search(text) and len(words) >= 2


def _says_what_is_shown(alternative: str, block: Mapping[str, Any]) -> bool:
    """Whether an alternative text is LaTeX of what its place on the page shows.

    Without a mark of LaTeX it is that if it has the characters of the page: "xy" is a product where x and y are drawn,
    and words where others are ("pi" for π, "the ratio"); but not for characters of several sizes, as an exponent's.
    """
    if not alternative or _LINEAR_FORMAT.search(alternative):
        return False
    glyphs = "".join(texts_of(block))
    if "\\" in alternative:
        return True
    if _MARKS.search(alternative):
        words = re.findall(r"[^\W\d_]{3,}", alternative)
        return len(words) < 2 or all(word in unicodedata.normalize("NFKC", glyphs) for word in words)
    sizes = list(_sizes_of(block))
    return bool(sizes) and max(sizes) < 1.15 * min(sizes) and _letters(alternative) == _letters(glyphs)


def _letters(text: str) -> str:
    return re.sub(r"\W", "", unicodedata.normalize("NFKC", text))


def _sizes_of(block: Mapping[str, Any]) -> Iterator[float]:
    for line in block.get("lines", []):
        yield from (span["size"] for span in line["spans"] if span["text"].strip())
    for child in block.get("blocks", []):
        yield from _sizes_of(child)


def _of_alternative(text: str, *, is_alt: bool) -> FormulaTag:
    if _MATH.search(text):
        return replace(latex_of_markup(text[text.index("<") :]), from_markup=True)
    spoken = _SPOKEN.match(" ".join(text.split()))
    found = latex_of_source(spoken.group(1) if spoken else text)
    if is_alt:
        return FormulaTag() if is_prose(found.latex) else found
    # /ActualText of most formulas is the characters that the page shows.
    return found if re.search(r"\\[A-Za-z]|[\^_]", found.latex) else FormulaTag()


def _associated(pdf: Any, xref: int) -> tuple[str, str]:
    """Return (LaTeX source, MathML) of an element's associated files, "" for what it does not have."""
    source = markup = ""
    for number in re.findall(r"(\d+) \d+ R", pdf.xref_get_key(xref, "AF")[1]):
        for file, name in _files(pdf, int(number)):
            kind = _media_type(pdf, file)
            is_markup = kind in _MATHML_TYPES or name.endswith((".mml", ".mathml"))
            is_source = kind in _LATEX_TYPES or name.endswith(".tex")
            if not (is_markup or is_source) or len(pdf.xref_stream_raw(file) or b"") > MAX_FILE:
                continue
            data = pdf.xref_stream(file) or b""
            if len(data) > MAX_FILE:
                continue
            text = _decoded(data)
            if is_markup:
                markup = markup or text
            else:
                source = source or text
    return source, markup


def _decoded(data: bytes) -> str:
    return data.decode("utf-16" if data[:2] in (b"\xfe\xff", b"\xff\xfe") else "utf-8-sig", "replace")


def _files(pdf: Any, number: int) -> Iterator[tuple[int, str]]:
    """Yield (xref of the stream, name) of a file specification, or of an array of them."""
    written = pdf.xref_object(number, compressed=True)
    if written.startswith("["):
        for inner in re.findall(r"(\d+) \d+ R", written):
            yield from _files(pdf, int(inner))
        return
    embedded = pdf.xref_get_key(number, "EF/F")
    if embedded[0] != "xref":
        embedded = pdf.xref_get_key(number, "EF/UF")
    if embedded[0] == "xref":
        name = pdf.xref_get_key(number, "UF")[1] + " " + pdf.xref_get_key(number, "F")[1]
        yield int(embedded[1].split()[0]), name.lower().strip()


def _media_type(pdf: Any, file: int) -> str:
    name: str = pdf.xref_get_key(file, "Subtype")[1]
    return re.sub(r"#([0-9A-Fa-f]{2})", lambda match: chr(int(match.group(1), 16)), name.removeprefix("/")).lower()


def kids(pdf: Any, xref: int) -> Iterator[tuple[int, int]]:
    """Yield (place, xref) of the structure elements directly below one; marked content and objects count as places."""
    kind, written = pdf.xref_get_key(xref, "K")
    if kind == "xref" and (kids := pdf.xref_object(int(written.split()[0]), compressed=True)).startswith("["):
        written = kids
    for place, kid in enumerate(_KIDS.finditer(written)):
        if kid.group(1):
            yield place, int(kid.group(1))


def references(written: str) -> Iterator[int]:
    """Yield the xrefs of the objects in an array of kids, or of the only one, as PDF writes them."""
    for kid in _KIDS.finditer(written):
        if kid.group(1):
            yield int(kid.group(1))


def _math_element(pdf: Any, xref: int) -> tuple[int, MathElement] | None:
    for place, kid in kids(pdf, xref):
        if pdf.xref_get_key(kid, "S")[1] == "/math":
            element = _element(pdf, kid, 0)
            return None if element is None else (place, element)
    return None


def _element(pdf: Any, xref: int, depth: int) -> MathElement | None:
    if depth > MAX_DEPTH:
        return None
    name = pdf.xref_get_key(xref, "S")[1].removeprefix("/")
    inner = [(place, _element(pdf, kid, depth + 1)) for place, kid in kids(pdf, xref)]
    text = pdf.xref_get_key(xref, "ActualText")
    found = tuple((place, element) for place, element in inner if element is not None)
    return MathElement(name, _attributes(pdf, xref), found, text[1] if text[0] == "string" else "")


def names_of(element: MathElement) -> Iterator[str]:
    """Yield the names of an element and all below it."""
    yield element.name
    for _, kid in element.kids:
        yield from names_of(kid)


def attribute_objects(pdf: Any, xref: int) -> Iterator[str]:
    """Yield the attribute objects of an element (/A: one, an array of them, references to them), as PDF writes them."""
    kind, written = pdf.xref_get_key(xref, "A")
    if kind == "xref":
        written = pdf.xref_object(int(written.split()[0]), compressed=True)
    if not written.startswith("["):
        yield written
        return
    depth, held = 0, ""
    for part in _PARTS.findall(written[1:-1]):
        depth += (part == "<<") - (part == ">>")
        held += part
        if depth == 0 and part == ">>":
            yield held.strip()
            held = ""
        elif depth == 0:
            for number in re.findall(r"(\d+) \d+ R", held):
                yield pdf.xref_object(int(number), compressed=True)
            held = ""


def _attributes(pdf: Any, xref: int) -> dict[str, str]:
    found = (match.groups() for text in attribute_objects(pdf, xref) for match in _ATTRIBUTE.finditer(text))
    return {name: value or string or number or "" for name, value, string, number in found}


def _markup_of_attributes(pdf: Any, xref: int) -> str:
    """Return the MathML that Word keeps among the attributes of an element; "" where there is none."""
    for written in attribute_objects(pdf, xref):
        if "/MSFT_MathML" not in written:
            continue
        # Read as an object of its own: strings may be written in many ways.
        copy = pdf.get_new_xref()
        pdf.update_object(copy, written)
        kind, value = pdf.xref_get_key(copy, "MSFT_MathML")
        if kind == "xref":
            at = int(value.split()[0])
            data = pdf.xref_stream(at) if pdf.xref_is_stream(at) else None
            value = _decoded(data) if data is not None and len(data) <= MAX_FILE else ""
        if len(value) <= MAX_FILE and _MATH.search(value):
            return str(value[value.index("<") :])
    return ""


def _child(block: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    return next((child for child in block.get("blocks", []) if child.get("std") and child.get("index") == index), {})


def _filled(element: MathElement, block: Mapping[str, Any]) -> Element:
    """Return an element tree with the text that its places on the page have."""
    made = Element(element.name, dict(element.attributes))
    if not element.kids:
        made.text = element.text or "".join(texts_of(block))
    for index, kid in element.kids:
        made.append(_filled(kid, _child(block, index)))
    return made
