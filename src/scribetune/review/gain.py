"""Which page to correct next: how many wrong words a person may be expected to find on it, and how new they are.

Two things speak for wrong words. The label was made with doubts: 1 − trust is the probability that it is wrong, and of
a wrong label `_SHARE_WRONG` of the words are. And the tuned model reads otherwise: a place where it does is the label's
mistake with the probability that the model is right there, which falls with its confidence: of a page that it reads
unsurely every place may be its own. A page that says what corrected pages say teaches little that is new.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scribetune.review.page_views import ReviewPage
from scribetune.review.readings import Reading
from scribetune.text import markdown

_SHARE_WRONG = 0.05
"""Of a wrong label's words, as far as nothing else is known of them."""
_MOST_AT_A_PLACE = 8
"""Words that count of one place: what a model left out, or went on with, is its own mistake."""
_SURE = 8.0
"""Exponent of confidence: at 0.99 on average a difference counts 0.92, at 0.9 0.43, at 0.7 0.06."""
_UNTOLD = 0.5
"""Weight of a difference where the model's confidence was not noted."""
_NOT_WHOLE = 0.1
"""Weight, besides, of the differences of a reading that was cut off."""
_RUN = 3
"""Words that make a run; pages are compared by those they share."""


@dataclass(frozen=True)
class Gain:
    """What a correction of a page may be worth.

    `wrong_words` is the expected number before novelty, `places` the number of places where the model reads otherwise
    (None where it has not read the page).
    """

    page: str
    wrong_words: float
    places: int | None
    runs: Set[int]  # hashes of its runs of words

    def worth(self, seen: Set[int]) -> float:
        """Return the expected wrong words, up to half of them less where corrected pages say the same."""
        known = len(self.runs & seen) / len(self.runs) if self.runs else 0.0
        return self.wrong_words * (1 - known / 2)


def of_page(page: ReviewPage, label: str, reading: Reading | None) -> Gain:
    """Return what a page promises, from its label and what the tuned model reads on it."""
    words = _words(label)
    wrong = (1 - page.trust) * _SHARE_WRONG * max(len(words), 1 / _SHARE_WRONG)
    if reading is None:
        return Gain(page.id, wrong, None, runs(words))
    counts = differences(words, _words(reading.text))
    weight = _UNTOLD if reading.confidence is None else reading.confidence**_SURE
    if not reading.is_whole:
        weight *= _NOT_WHOLE
    wrong += weight * sum(min(count, _MOST_AT_A_PLACE) for count in counts)
    return Gain(page.id, wrong, len(counts), runs(words))


def of_pages(pages: Iterable[tuple[ReviewPage, str]], readings: Mapping[str, Reading]) -> list[Gain]:
    """Return what each of (page, label) promises."""
    return [of_page(page, label, readings.get(page.id)) for page, label in pages]


def ordered(gains: Iterable[Gain], corrected: Iterable[Set[int]], *, most: int) -> list[Gain]:
    """Return pages by what they are worth, the greatest first; novelty decides among the first `most`.

    Args:
        gains: Of each page that waits.
        corrected: Runs of the words of each page that a person has decided on.
        most: Pages whose novelty is asked: it costs time with each decision.
    """
    by_words = sorted(gains, key=lambda gain: (-gain.wrong_words, gain.page))
    seen = set[int]().union(*corrected)
    first = sorted(by_words[:most], key=lambda gain: (-gain.worth(seen), gain.page))
    return [*first, *by_words[most:]]


def runs(words: Sequence[str]) -> frozenset[int]:
    """Return hashes of the runs of words of a text; they hold within one process."""
    return frozenset(hash(tuple(words[at : at + _RUN])) for at in range(max(1, len(words) - _RUN + 1)) if words)


def differences(label: Sequence[str], model: Sequence[str]) -> list[int]:
    """Return how many words each place has where two texts differ."""
    counts = []
    for step in Levenshtein.opcodes(label, model):
        if step.tag != "equal":
            counts.append(max(step.src_end - step.src_start, step.dest_end - step.dest_start))
    return counts


def _words(text: str) -> list[str]:
    return [unicodedata.normalize("NFKC", word).casefold() for word in markdown.words(text)]
