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
    (
        re.compile(r"CM(?:MI|MIB)\d|LMMathItalic|LCMMI|MTMI|(?:rtx|rpx|tx|px|z?ptm|New(?:TX|PX))[bB]?mi\d?\b", re.I),
        "OML",
    ),
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
_OPENING, _CLOSING = (
    frozenset({"(", "[", r"\{", r"\langle", r"\lfloor", r"\lceil"}),
    frozenset({")", "]", r"\}", r"\rangle", r"\rfloor", r"\rceil"}),
)
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
    return _of_character(family, character, font)


def _of_name(family: str, name: str) -> Meaning | None:
    is_letter = len(name) == 1 and name.isalpha() and name.isascii()
    base = _SIZE.sub("", name) if family == "OMX" else name
    found: Meaning | None = None
    if name in _TABLE["accents"]:
        found = Meaning(_TABLE["accents"][name], "accent", is_math=True)
    elif name.startswith("radical"):
        found = Meaning(r"\sqrt", "radical", is_strong=True, is_math=True)
    elif family == "OMX" and name in _TABLE["pieces"]:
        found = Meaning(_TABLE["pieces"][name], "piece", is_math=True, is_strong=True)
    elif family == "OMX" and base in _TABLE["large"]:
        found = Meaning(_TABLE["large"][base], "op", is_strong=True, is_math=True)
    elif is_letter and family == "OML":
        found = Meaning(name, text=name, is_strong=True, is_math=True)
    elif is_letter and family == "OMS":
        found = Meaning(rf"\mathcal{{{name}}}", is_strong=True, is_math=True)
    elif name in _OVERPRINTED:
        found = Meaning(_OVERPRINTED[name], "rel", is_math=True)
    elif base in _TABLE["latex"]:
        is_strong = family == "OML" and (name.rstrip("1").lower() in _GREEK or name in ("partialdiff", "lscript"))
        found = _symbol(_TABLE["latex"][base], is_math=True, is_strong=is_strong)
    elif family == "OML" and name.lower() in _GREEK:
        found = Meaning(f"\\{name}", is_strong=True, is_math=True)
    return found


_OVERPRINTED: Mapping[str, str] = MappingProxyType({"negationslash": r"\not", "mapsto": r"\mapstochar"})
_GREEK = frozenset(_TABLE["greek"].split())


def _of_character(family: str, character: str, font: str) -> Meaning:
    """Return what a glyph is whose font says a Unicode character."""
    if character in _TABLE["piece_characters"]:
        found = Meaning(_TABLE["piece_characters"][character], "piece", is_math=True, is_strong=True)
    elif not character or character == "\ufffd" or unicodedata.category(character) in ("Co", "Cc", "Cn"):
        found = Meaning("", is_math=True)
    elif character in _TABLE["accent_characters"]:
        found = Meaning(_TABLE["accent_characters"][character], "accent", is_math=bool(family))
    elif character == "√":
        found = Meaning(r"\sqrt", "radical", is_strong=True, is_math=True)
    elif character in _LARGE_CHARACTERS:
        found = Meaning(_LARGE_CHARACTERS[character], "op", is_strong=True, is_math=True)
    elif "\U0001d400" <= character <= "\U0001d7ff" or character in "ℎℏℓℂℍℕℙℚℝℤℒℱℋℐℳℬℰℛ":
        found = Meaning(latex_of(character), is_strong=not character.isdigit(), is_math=True)
    elif character == "µ" or ("\u0370" <= character <= "\u03ff" and character.isalpha()):
        letter = "μ" if character == "µ" else character
        found = Meaning(latex_of(letter), is_strong=bool(family), is_math=bool(family))
    elif character.isalpha() and family == "OML":
        found = Meaning(character, text=character, is_strong=True, is_math=True)
    elif character.isalpha():
        style = "bf" if _BOLD.search(font) else "it" if _ITALIC.search(font) else "rm"
        found = Meaning(character, text=character, style=style, is_math=family == "UNICODE")
    elif character.isdigit():
        digit = unicodedata.normalize("NFKC", character)
        found = Meaning(digit, text=digit, style="bf" if _BOLD.search(font) else "")
    else:
        found = _symbol(latex_of(character), is_math=bool(family) or kind_of(character) in ("bin", "rel"))
    return found


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
    kinds = dict.fromkeys((":", r"\to", "=", "<", ">", r"\neq", r"\mid", r"\leq", r"\geq"), "rel")
    kinds |= dict.fromkeys(("+", "-", "*", r"\cdot", r"\setminus", r"\times", r"\circ"), "bin")
    relations, binaries = _TABLE["relations"].split(), _TABLE["binaries"].split()
    kinds |= {f"\\{name}": "rel" for name in relations} | {f"\\{name}": "bin" for name in binaries}
    for character, latex in NAMES["commands"].items():
        if kind_of(character) in ("bin", "rel"):
            kinds.setdefault(latex, kind_of(character))
    return MappingProxyType(kinds)
