"""A row of a formula: its pieces, the fences and environments around them, and the blanks between them in LaTeX."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from scribetune.labels.formulas.latex_characters import COMMAND_AT_END

_MATRICES: Mapping[tuple[str, str], str] = MappingProxyType(
    {("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("{", "}"): "Bmatrix", ("|", "|"): "vmatrix", ("‖", "‖"): "Vmatrix"}
)


@dataclass(frozen=True)
class Piece:
    """A part of a row."""

    latex: str  # of it
    kind: str = "ord"  # "ord", "op" (large operator, function), "bin", "rel", "punct", "open", "close" or "space"
    character: str = ""  # of an operator: what is in the markup
    tall: bool = False  # whether it is higher than a letter
    scripted: bool = False  # whether it has a script, so that no other can follow
    stretchy: str = ""  # whether a fence grows with what it encloses: "true", "false" or "" (as far as there is need)
    table: tuple[tuple[str, ...], int] | None = None  # in no environment yet: alignments, number of columns
    stacked: tuple[str, str] | None = None  # numerator and denominator without a bar between them


def with_environments(pieces: list[Piece]) -> list[Piece]:
    r"""Put tables, with the fences around them, into environments, and stacked pairs in parentheses into \binom."""
    made: list[Piece] = []
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        before = made[-1] if made else None
        after = pieces[index + 1] if index + 1 < len(pieces) else None
        fences = (before.character if before else "", after.character if after else "")
        if piece.stacked and fences == ("(", ")"):
            made[-1] = Piece(rf"\binom{{{piece.stacked[0]}}}{{{piece.stacked[1]}}}", tall=True)
            index += 2
        elif piece.table is None:
            made.append(piece)
            index += 1
        elif fences in _MATRICES:
            made[-1] = _environment(_MATRICES[fences], piece)
            index += 2
        elif fences[0] == "{" and (after is None or after.latex == "."):
            made[-1] = _environment("cases", piece)
            index += 1 + (after is not None)
        else:
            made.append(_unfenced(piece))
            index += 1
    return made


def _unfenced(piece: Piece) -> Piece:
    aligns, columns = piece.table or ((), 0)
    pairs = ("right", "left")
    if len(aligns) > 1 and all(align == pairs[place % 2] for place, align in enumerate(aligns)):
        return _environment(
            "aligned", replace(piece, latex=re.sub(r"& (?=[=<>]|\\(?:leq|geq|approx)\b)", "&", piece.latex))
        )
    if aligns:
        places = (tuple(aligns) + aligns[-1:] * columns)[:columns]
        return _environment("array", piece, "{" + "".join(align[:1] for align in places) + "}")
    return _environment("matrix", piece)


def _environment(name: str, piece: Piece, columns: str = "") -> Piece:
    return Piece(rf"\begin{{{name}}}{columns} {piece.latex} \end{{{name}}}", tall=True)


def fenced(pieces: list[Piece]) -> list[Piece]:
    r"""Make one of what stands between fences that grow with it: `\left( … \right)`."""
    made: list[Piece] = []
    opened: list[int] = []
    for piece in pieces:
        if piece.kind == "open":
            opened.append(len(made))
            made.append(piece)
        elif piece.kind == "close" and opened:
            at = opened.pop()
            inner = made[at + 1 :]
            grows = "true" in (made[at].stretchy, piece.stretchy) or (
                "false" not in (made[at].stretchy, piece.stretchy) and any(part.tall for part in inner)
            )
            if grows:
                body = joined(inner).strip()
                made[at:] = [Piece(rf"\left{made[at].latex} {body} \right{piece.latex}", tall=True)]
            else:
                made.append(piece)
        else:
            made.append(piece)
    return [replace(piece, latex="") if piece.latex == "." and piece.stretchy else piece for piece in made]


def joined(pieces: Sequence[Piece], *, tight: bool = False) -> str:
    """Return pieces as one line: blanks around operators (unless `tight`), and where a command meets a letter."""
    text, last, after_limits = "", "open", False
    for piece in pieces:
        latex = piece.latex
        if not latex:
            continue
        is_infix = piece.kind == "rel" or (piece.kind == "bin" and last not in ("open", "rel", "bin", "punct"))
        if is_infix and not tight:
            latex = f" {latex} "
        elif piece.kind == "punct" and not tight:
            latex = f"{latex} "
        elif (piece.kind == "op" or (after_limits and piece.kind not in ("close", "punct"))) and last not in (
            "open",
            "space",
        ):
            latex = f" {latex}"
        if text.endswith(" "):
            latex = latex.lstrip(" ") if not latex.startswith(r"\ ") else latex
        elif COMMAND_AT_END.search(text) and latex[:1].isalpha():
            latex = f" {latex}"
        text, last = text + latex, piece.kind
        after_limits = piece.kind == "op" and piece.scripted
    return text.strip() if not text.endswith("\\ ") else text.lstrip()
