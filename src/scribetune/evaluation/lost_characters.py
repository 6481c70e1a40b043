"""Characters that the base model reads and the tuned model no longer does, on pages that nobody trained on.

Reference and reading are aligned by their least edits; a character of the reference is read where it stands against
itself. Blanks and line ends are left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from scribetune.evaluation.scoring import PredictedSet, reference_text

KNOWN = 0.5
"""Least share of a character's places that the base reads: it knows it."""
LOST = 0.5
"""Most of these that the tuned model still reads: it has lost it."""


@dataclass(frozen=True)
class LostCharacter:
    """One character: how often it stands on the pages, and how often each model reads it there."""

    character: str
    places: int
    base: int
    tuned: int


def find(pages: PredictedSet) -> list[LostCharacter]:
    """Return the characters that were lost, those with most lost places first."""
    plain = pages.plain()
    texts = {str(record["id"]): reference_text(record) for record in plain.references}
    base, tuned = (_read(texts, records) for records in (plain.base, plain.tuned))
    there = _count(texts.values())
    lost = [
        LostCharacter(character, places, base[character], tuned[character])
        for character, places in there.items()
        if base[character] >= KNOWN * places and tuned[character] <= LOST * base[character] and base[character]
    ]
    return sorted(lost, key=lambda one: (one.tuned - one.base, one.character))


def _count(texts: Iterable[str]) -> Counter[str]:
    return Counter(character for text in texts for character in text if not character.isspace())


def _read(texts: Mapping[str, str], records: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Return how often each character of the texts is read."""
    found: Counter[str] = Counter()
    for record in records:
        reference = texts[str(record["id"])]
        for step in Levenshtein.opcodes(reference, str(record["text"])):
            if step.tag == "equal":
                found.update(_count([reference[step.src_start : step.src_end]]))
    return found
