"""The LaTeX of characters of formulas: commands by latex2mathml's table of Unicode mathematics, styles by name."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

COMMAND_AT_END = re.compile(r"\\[A-Za-z]+$")
# Where the table has another name, or none, than what people write.
_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "−": "-", "∗": "*", "→": r"\to", "…": r"\ldots", "⋯": r"\cdots", "·": r"\cdot", "⋅": r"\cdot",
        "⧵": r"\setminus", "∖": r"\setminus", "≠": r"\neq", "∣": r"\mid", "‖": r"\|", "∥": r"\parallel",
        "∅": r"\emptyset", "⟹": r"\implies", "⟺": r"\iff", "°": r"^{\circ}", "ε": r"\varepsilon",
        "ϵ": r"\epsilon", "φ": r"\varphi",
        "ϕ": r"\phi", "ϑ": r"\vartheta", "ϱ": r"\varrho", "ς": r"\varsigma", "ϖ": r"\varpi",
        "ℏ": r"\hbar", "ℓ": r"\ell",
        "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "_": r"\_", "\\": r"\backslash",
        "~": r"\sim", "^": r"\wedge", "⟨": r"\langle", "⟩": r"\rangle", "∼": r"\sim", "ℎ": "h", "∶": ":", "≔": ":=",
        "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "", "\u200b": "", "\u00a0": r"\ ", "\u2009": r"\,",
        "\u2003": r"\quad", "\u2002": r"\ ", "\u2005": r"\:", "\u2006": r"\,", "\u200a": "",
        "‘": "`", "’": "'", "″": "''", "‴": "'''", "⁗": "''''", "′": "'",
    }
)  # fmt: skip
_STYLED_NAME = re.compile(
    r"(?:MATHEMATICAL )?(?P<style>BOLD ITALIC|BOLD SCRIPT|BOLD FRAKTUR|SANS-SERIF BOLD ITALIC|SANS-SERIF BOLD|"
    r"SANS-SERIF ITALIC|DOUBLE-STRUCK|BLACK-LETTER|FRAKTUR|SANS-SERIF|MONOSPACE|SCRIPT|BOLD|ITALIC) "
)
_STYLES: Mapping[str, str] = MappingProxyType(
    {
        "BOLD": r"\mathbf", "BOLD ITALIC": r"\boldsymbol", "DOUBLE-STRUCK": r"\mathbb", "SCRIPT": r"\mathcal",
        "BOLD SCRIPT": r"\boldsymbol", "FRAKTUR": r"\mathfrak", "BLACK-LETTER": r"\mathfrak",
        "BOLD FRAKTUR": r"\mathfrak", "SANS-SERIF": r"\mathsf", "SANS-SERIF BOLD": r"\mathsf",
        "SANS-SERIF ITALIC": r"\mathsf", "SANS-SERIF BOLD ITALIC": r"\mathsf", "MONOSPACE": r"\mathtt", "ITALIC": "",
    }
)  # fmt: skip
_PACKAGES = frozenset({"amssymb", "amsmath", "amsfonts"})


def latex_of(text: str) -> str:
    """Return the LaTeX of characters for math mode, a blank after a command before a letter."""
    latex = ""
    for character in text:
        piece = _character(character)
        if COMMAND_AT_END.search(latex) and piece[:1].isalpha():
            latex += " "
        latex += piece
    return latex


@lru_cache(maxsize=4096)
def _character(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKC", character)
    style = _STYLED_NAME.match(unicodedata.name(character, ""))
    if style and len(plain) == 1 and plain != character:
        command = _STYLES[style.group("style")]
        inner = _COMMANDS.get(plain) or _symbols()[0].get(plain, plain)
        return f"{command}{{{inner}}}" if command else inner
    return _symbols()[0].get(character, character)


@lru_cache(maxsize=1)
def _symbols() -> tuple[dict[str, str], dict[str, str]]:
    r"""Return character → command, and character → "bin", "rel" or "op", of latex2mathml's table.

    Only what LaTeX and AMS know is taken: other commands would show nowhere.
    """
    commands: dict[str, str] = {}
    classes: dict[str, str] = {}
    kinds = {"mathbin": "bin", "mathrel": "rel", "mathop": "op"}
    table = files("latex2mathml").joinpath("unimathsymbols.txt").read_text(encoding="utf-8")
    for line in table.split("\n"):
        fields = line.split("^")
        if line.startswith("#") or len(fields) < 7 or len(fields[1]) != 1:
            continue
        character, latex, kind, packages = fields[1], fields[2], fields[5], fields[6]
        if kind in kinds:
            classes[character] = kinds[kind]
        needed = [package for package in packages.split() if not package.startswith("-")]
        if latex.startswith("\\") and "{" not in latex and (not needed or _PACKAGES & set(needed)):
            commands[character] = latex
    return commands, classes


def kind_of(character: str) -> str:
    """Return "bin", "rel" or "op" for an operator, "ord" for anything else."""
    return _symbols()[1].get(character, "ord")
