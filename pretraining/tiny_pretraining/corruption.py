"""Corrupted answers for teacher forcing: what the model is shown is disturbed, what it has to say next is not.

A model that is only ever shown flawless transcripts can keep its place on the page by counting what it has written.
It then loses its place for good after its first mistake, and when fine-tuning makes it write marks that stand nowhere
on the page (`| `, `**`, blank lines). So a share of the pages is shown with characters replaced, dropped and inserted,
with lines joined, and with marks of every kind at their gaps. The target stays the next character of the printed text:
marks are never learned, only read over.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tiny_pretraining.tiny_model import MARKUP_TOKENS, characters

_LINE_STARTS = (
    "| ", "|", "# ", "## ", "### ", "- ", "* ", "> ", "1. ", "$$\n", "$$", "<td>",
    "**", "```\n", "\t", "  ",
)  # fmt: skip
_LINE_ENDS = (" |", "|", "  ", "**", "\n$$", "$$", "</td>", "\\\\", "<br>", "\n```", " ")
_GAPS = (" | ", "|", "**", " **", "** ", "*", "  ", "\n", "\n\n", "</td><td>", "`", "$", " $", "$ ", "&", " & ", "<br>")
_INSIDE = (
    "$", "\\", "{", "}", "_{", "^{", "}{", "\\frac{", "\\left(", "\\right)", "\\times ", "\\cdot ", "\\sum_{", "\\bar{",
    "\\sqrt{", "\\,", " ", "\\%", "\\", "*", "**", "_", "^", "(", ")", "[", "](", "~", "<", ">", "&", "|",
)  # fmt: skip
_JOINS = ("\n", "\n", " ", "", "\n\n", "  \n")
_DELIMITERS = ("---|", "---:|", ":---|", ":-:|", " --- |", " ---: |", "-|", "-----|")
_SPARE = 30
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class CorruptedText:
    """An answer as the model is shown it.

    Attributes:
        pieces: Characters and markup tokens, in order.
        following: For each piece, the index of the true text's character that comes next (its length: the end).
        spare: Pieces that may still be inserted: long answers slow a whole batch down.
    """

    pieces: list[str] = field(default_factory=list)
    following: list[int] = field(default_factory=list)
    spare: int = 0

    def put(self, pieces: Sequence[str], following: int) -> None:
        """Append pieces after which the same character comes next."""
        self.pieces.extend(pieces)
        self.following.extend([following] * len(pieces))

    def insert(self, pieces: Sequence[str], following: int) -> None:
        """Append pieces that stand nowhere on the page, if there is room for them."""
        if len(pieces) <= self.spare:
            self.spare -= len(pieces)
            self.put(pieces, following)


def _split(mark: str) -> list[str]:
    """Return a mark's tokens: a markup token, or its characters."""
    for token in MARKUP_TOKENS:
        if mark.startswith(token):
            return [token, *_split(mark[len(token) :])]
    return [mark[0], *_split(mark[1:])] if mark else []


def _filler(rng: random.Random, usual: Sequence[str]) -> list[str]:
    """Return a mark: mostly a usual one for the place; else a command, a table's delimiter row or anything."""
    chance = rng.random()
    if chance < 0.6:
        return _split(rng.choice(usual))
    if chance < 0.7:
        return ["\\", *rng.choices(_LETTERS, k=rng.randint(2, 6)), *_split(rng.choice(("{", " ", "")))]
    if chance < 0.8:
        delimiter = rng.choice(_DELIMITERS)
        return _split(rng.choice(("\n|", "|")) + delimiter * rng.randint(1, 5) + rng.choice(("\n", "\n| ", "")))
    if chance < 0.9:
        return _split(rng.choice(_INSIDE) * rng.randint(1, 3))
    return rng.choices(characters(), k=rng.randint(1, 4))


def corrupt(text: str, rng: random.Random) -> CorruptedText:
    """Return a text as it is shown, with what comes next after each piece.

    Args:
        text: What stands on the page, lines separated by a line feed.
        rng: Source of every choice.
    """
    shown = CorruptedText(spare=_SPARE + len(text) // 5)
    edits = rng.choice((0.0, 0.0, 0.01, 0.03, 0.08))
    starts, ends = rng.choice((0.0, 0.1, 0.5, 1.0)), rng.choice((0.0, 0.1, 1.0))
    gaps, inside = rng.choice((0.0, 0.1, 0.5)), rng.choice((0.0, 0.03))
    usual_start, usual_end, usual_gap = (rng.choice(marks) for marks in (_LINE_STARTS, _LINE_ENDS, _GAPS))
    joins = rng.sample(_JOINS, 2)

    def mark(usual: str, others: Sequence[str]) -> list[str]:
        return _split(usual) if rng.random() < 0.6 else _filler(rng, others)

    if rng.random() < starts:
        shown.insert(_split(usual_start), 0)
    for index, character in enumerate(text):
        following = index + 1
        if character == "\n":
            if rng.random() < ends:
                shown.insert(mark(usual_end, _LINE_ENDS), index)
            shown.put(_split(joins[0] if rng.random() < 0.7 else joins[1]), following)
            if rng.random() < starts:
                shown.insert(mark(usual_start, _LINE_STARTS), following)
        elif character == " " and rng.random() < gaps and shown.spare > 4:
            shown.insert(mark(usual_gap, _GAPS), following)
        else:
            if rng.random() < inside:
                shown.insert(_filler(rng, _INSIDE), index)
            chance = rng.random() / edits if edits else 1.0
            _edit(shown, text, index, chance, rng)
    if rng.random() < ends:
        shown.insert(_split(usual_end), len(text))
    return shown


def _edit(shown: CorruptedText, text: str, index: int, chance: float, rng: random.Random) -> None:
    """Show a character: as it is from 1 on; below, replaced, doubled, after another one, or (from 0.7) not at all."""
    character, following = text[index], index + 1
    if chance >= 1.0:
        shown.put([character], following)
    elif chance < 0.4:
        shown.put([rng.choice(text if chance < 0.2 else characters())], following)
    elif chance < 0.5:
        shown.put([character, character], following)
    elif chance < 0.7:
        shown.put([rng.choice(text)], index)
        shown.put([character], following)
