r"""What the glyphs of mathematical fonts are, by font and glyph name, whatever the PDF says that they mean.

TeX's fonts have names of their own for glyphs (`parenleftbigg`, `summationdisplay`), for which PDFs often have no
character, or a wrong one; a glyph without a name has its place in the font's encoding (OML, OMS, OMX: D. Knuth,
Computer Modern Typefaces, 1986). Other fonts say Unicode characters.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from scribetune.core.package import package_file
from scribetune.labels.formulas.latex_characters import NAMES, kind_of, latex_of

_TABLE: Mapping[str, Any] = MappingProxyType(json.loads(package_file("glyph_names.json").read_text(encoding="utf-8")))
_FAMILIES = (
    (re.compile(r"CM(?:MI|MIB)\d|LMMathItalic|LCMMI|MTMI|(?:rtx|rpx|tx|px|z?ptm|New(?:TX|PX))[bB]?mi\d?\b", re.I), "OML"),
    (re.compile(r"CM(?:SY|BSY)\d|LMMathSymbols|LCMSY|MTSY|(?:tx|px)b?sys?\b", re.I), "OMS"),
    (re.compile(r"CMEX\d|LMMathExtension|MTEX|(?:tx|px)b?exs?\b", re.I), "OMX"),
    (re.compile(r"MSAM\d", re.I), "MSAM"),
    (re.compile(r"MSBM\d", re.I), "MSBM"),
    (re.compile(r"BBM?\d|DSROM|dsfont|bbold", re.I), "BB"),
    (re.compile(r"EUF[MB]\d", re.I), "EUFM"),
    (re.compile(r"EUS[MB]\d", re.I), "EUSM"),
    (re.compile(r"RSFS\d", re.I), "RSFS"),
    (re.compile(r"Math|STIX(?:General|Size|Two)|XITS|Asana", re.I), "UNICODE"),
)
_SIZE = re.compile(r"(?:big|Big|bigg|Bigg|text|display)$")
_ITALIC = re.compile(r"ital|obl|slant|CMTI|CMSL|LMRomanSlant|[-,]It\b|^(?:cm)?ti\d", re.IGNORECASE)
_BOLD = re.compile(r"bold|CMB|CMMIB|-Medi|black|heavy|LMRoman\w*-Bold", re.IGNORECASE)
_OPENING, _CLOSING = frozenset({"(", "[", r"\{", r"\langle", r"\lfloor", r"\lceil"}), frozenset(
    {")", "]", r"\}", r"\rangle", r"\rfloor", r"\rceil"}
)
_INFIX = re.compile(r"bin|rel")
_LARGE_CHARACTERS: Mapping[str, str] = MappingProxyType(
    {
        "∑": r"\sum", "∏": r"\prod", "∐": r"\coprod", "∫": r"\int", "∬": r"\iint", "∭": r"\iiint", "∮": r"\oint",
        "⋃": r"\bigcup", "⋂": r"\bigcap", "⋁": r"\bigvee", "⋀": r"\bigwedge", "⨁": r"\bigoplus", "⨂": r"\bigotimes",
        "⨀": r"\bigodot", "⨄": r"\biguplus", "⨆": r"\bigsqcup",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a glyph is in a formula.

    Attributes:
        latex: LaTeX of it; "" where nobody knows.
        kind: "ord", "op" (large operator), "bin", "rel", "punct", "open", "close", "accent", "radical" or "piece"
            (of a large bracket).
        text: Letters and digits as they are; "" for other symbols.
        is_strong: Whether it stands in formulas alone: a mathematical letter, a large operator, a root.
        is_math: Whether its font is one for formulas, or its character.
        style: How its letters are drawn: "" as in formulas (slanted letters, upright digits), "rm", "bf", "it".
    """

    latex: str
    kind: str = "ord"
    text: str = ""
    is_strong: bool = False
    is_math: bool = False
    style: str = ""


def family_of(font: str) -> str:
    """Return the kind of mathematical font that a font is by its name, "" for one of text."""
    name = font.split("+", 1)[-1]
    return next((family for pattern, family in _FAMILIES if pattern.search(name)), "")


@lru_cache(maxsize=8192)
def meaning_of(font: str, name: str, character: str, code: int) -> Meaning:
    """Return what a glyph is: by the name of its font, its own name, the character that it is said to be, its code."""
    family = family_of(font)
    if family in _TABLE["encodings"]:
        known = _of_name(family, name) if name else None
        if known is None and not name.isalpha():
            names = _TABLE["encodings"][family].split()
            known = _of_name(family, names[code]) if 0 <= code < len(names) else None
        if known is not None:
            return known
    if family in _TABLE["styles"] and len(name) == 1 and name.isalpha() and name.isascii():
        return Meaning(f"{_TABLE['styles'][family]}{{{name}}}", is_strong=True, is_math=True)
    if family in ("MSAM", "MSBM", "BB") and name in _TABLE["latex"]:
        return _symbol(_TABLE["latex"][name], is_math=True)
    return _of_character(family, character, font, name)


def _of_name(family: str, name: str) -> Meaning | None:
    if name in _TABLE["pieces"] and family == "OMX":
        return Meaning(_TABLE["pieces"][name], "piece", is_math=True, is_strong=True)
    if name in _TABLE["accents"]:
        return Meaning(_TABLE["accents"][name], "accent", is_math=True)
    if name.startswith("radical"):
        return Meaning(r"\sqrt", "radical", is_strong=True, is_math=True)
    base = _SIZE.sub("", name)
    if family == "OMX":
        if base in _TABLE["large"]:
            return Meaning(_TABLE["large"][base], "op", is_strong=True, is_math=True)
        return _symbol(_TABLE["latex"][base], is_math=True) if base in _TABLE["latex"] else None
    if len(name) == 1 and name.isalpha() and name.isascii():
        if family == "OMS":
            return Meaning(rf"\mathcal{{{name}}}", is_strong=True, is_math=True)
        return Meaning(name, text=name, is_strong=True, is_math=True)
    if name == "negationslash":
        return Meaning(r"\not", "rel", is_math=True)
    if name == "mapsto":
        return Meaning(r"\mapstochar", "rel", is_math=True)
    if name in _TABLE["latex"]:
        is_letter = family == "OML" and (name.rstrip("1").lower() in _GREEK or name in ("partialdiff", "lscript"))
        return _symbol(_TABLE["latex"][name], is_math=True, is_strong=is_letter)
    if family == "OML" and name.lower() in _GREEK:
        return Meaning(f"\\{name}", is_strong=True, is_math=True)
    return None


_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega".split()
)


def _of_character(family: str, character: str, font: str, name: str) -> Meaning:
    """Return what a glyph is whose font says a Unicode character."""
    if not character or character == "\ufffd" or unicodedata.category(character) in ("Co", "Cc", "Cn"):
        piece = _TABLE["piece_characters"].get(character, "")
        return Meaning(piece, "piece" if piece else "ord", is_math=True, is_strong=bool(piece))
    if character in _TABLE["piece_characters"]:
        return Meaning(_TABLE["piece_characters"][character], "piece", is_math=True, is_strong=True)
    if character in _TABLE["accent_characters"]:
        return Meaning(_TABLE["accent_characters"][character], "accent", is_math=bool(family))
    if character == "√":
        return Meaning(r"\sqrt", "radical", is_strong=True, is_math=True)
    if character in _LARGE_CHARACTERS:
        return Meaning(_LARGE_CHARACTERS[character], "op", is_strong=True, is_math=True)
    is_alphanumeric = "\U0001d400" <= character <= "\U0001d7ff" or character in "ℎℓℏℂℍℕℙℚℝℤℒℱℋℐℳℬℰℛ"
    if is_alphanumeric:
        return Meaning(latex_of(character), is_strong=not character.isdigit(), is_math=True)
    if character.isalpha():
        is_greek = "\u0370" <= character <= "\u03ff" and unicodedata.name(character, "").startswith("GREEK")
        if is_greek or character == "µ":
            return Meaning(latex_of("μ" if character == "µ" else character), is_strong=bool(family), is_math=bool(family))
        if family == "OML":
            return Meaning(character, text=character, is_strong=True, is_math=True)
        style = "bf" if _BOLD.search(font) else "it" if _ITALIC.search(font) else "rm"
        return Meaning(character, text=character, style=style, is_math=family == "UNICODE", is_strong=False)
    if character.isdigit():
        digit = unicodedata.normalize("NFKC", character)
        return Meaning(digit, text=digit, style="bf" if _BOLD.search(font) else "")
    return _symbol(latex_of(character), is_math=bool(family) or kind_of(character) in ("bin", "rel"))


def _symbol(latex: str, *, is_math: bool, is_strong: bool = False) -> Meaning:
    if latex in _OPENING:
        kind = "open"
    elif latex in _CLOSING:
        kind = "close"
    elif latex in (",", ";"):
        kind = "punct"
    else:
        kind = _kinds().get(latex, "ord")
    return Meaning(latex, kind, is_math=is_math, is_strong=is_strong)


@lru_cache(maxsize=1)
def _kinds() -> Mapping[str, str]:
    """Return LaTeX → "bin" or "rel" of operators."""
    kinds = {latex: "rel" for latex in (":", r"\to", "=", "<", ">", r"\neq", r"\mid", r"\leq", r"\geq")}
    kinds |= {latex: "bin" for latex in ("+", "-", "*", r"\cdot", r"\setminus", r"\times", r"\circ")}
    relations = (
        "asymp equiv subseteq supseteq preceq succeq sim approx subset supset ll gg prec succ leftarrow leftrightarrow "
        "simeq Leftarrow Rightarrow Leftrightarrow propto in ni perp vdash dashv sqsubseteq sqsupseteq leqslant geqslant "
        "lesssim gtrsim triangleq subsetneq notin vDash Vdash models implies iff mapsto nearrow searrow parallel cong doteq "
        "longrightarrow Longrightarrow rightharpoonup leftharpoonup rightsquigarrow ne le ge"
    )
    binaries = (
        "pm mp div ast star oplus ominus otimes oslash odot bullet cap cup uplus sqcap sqcup vee wedge amalg wr diamond "
        "bigcirc triangleleft triangleright ltimes rtimes land lor"
    )
    kinds |= {f"\\{name}": "rel" for name in relations.split()} | {f"\\{name}": "bin" for name in binaries.split()}
    for character, latex in NAMES["commands"].items():
        if kind_of(character) in ("bin", "rel"):
            kinds.setdefault(latex, kind_of(character))
    return MappingProxyType(kinds)
