"""The LaTeX of characters of formulas: commands by latex2mathml's table of Unicode mathematics, styles by name."""

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from scribetune.core.package import package_file

COMMAND_AT_END = re.compile(r"\\[A-Za-z]+$")
NAMES: Mapping[str, Any] = MappingProxyType(
    json.loads(package_file("latex_characters.json").read_text(encoding="utf-8"))
)
"""LaTeX by character, for what is written otherwise than latex2mathml's table has it; functions that LaTeX knows.

commands: of characters that the table does not have, or under a name that people do not write; styles: of Unicode's
names; over: accents above one character and above several; under, arrows: the same below, and with text; variants: of
MathML's attribute mathvariant.
"""
_STYLED_NAME = re.compile(
    r"(?:MATHEMATICAL )?(?P<style>BOLD ITALIC|BOLD SCRIPT|BOLD FRAKTUR|SANS-SERIF BOLD ITALIC|SANS-SERIF BOLD|"
    r"SANS-SERIF ITALIC|DOUBLE-STRUCK|BLACK-LETTER|FRAKTUR|SANS-SERIF|MONOSPACE|SCRIPT|BOLD|ITALIC) "
)
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
    commands: Mapping[str, str] = NAMES["commands"]
    if character in commands:
        return commands[character]
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKC", character)
    style = _STYLED_NAME.match(unicodedata.name(character, ""))
    if style and len(plain) == 1 and plain != character:
        command = NAMES["styles"][style.group("style")]
        inner = commands.get(plain) or _symbols()[0].get(plain, plain)
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
