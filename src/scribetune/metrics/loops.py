"""Failure modes of generation: repetition, blank answers, truncated answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_PERIOD = 200
"""Longest repeated unit looked for, in characters."""
MAX_REPEATS = 30
"""olmOCR-bench's limit (BaselineTest): more repeats than this at the end of a text are a failure."""
MIN_LONG_REPEATS = 8
"""From so many repeats on, a stretch of `MIN_LONG_LENGTH` characters is a loop."""
MIN_LONG_LENGTH = 200
_OLMOCR_PERIODS = 5

_WHITE_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Repetition:
    """A stretch that repeats with a period; all in characters of the text with white space collapsed."""

    period: int
    start: int
    length: int

    @property
    def repeats(self) -> int:
        """Number of whole repeats, the first one included."""
        return self.length // self.period


def has_loop(text: str) -> bool:
    """Tell whether the text repeats itself like a model that cannot stop: `find_loop`, or olmOCR's rule at its end."""
    return find_loop(text) is not None or has_olmocr_loop(text)


def find_loop(text: str) -> Repetition | None:
    """Find a loop: a unit of 1 to 200 characters repeated too often, anywhere in the text.

    Runs of white space count as one blank. A stretch that equals itself shifted by `period` characters is a loop when
    it

    - spans at least 200 characters and holds at least 8 whole repeats, or
    - holds more than 30 whole repeats (olmOCR's limit) and has a letter or digit: leaders, rules and blanks of forms
      ("........", "____", "| | |") repeat as often on sound pages, so for them only the first condition counts.

    Returns the loop with the shortest period, the first of these; None where there is none.
    """
    collapsed = _WHITE_SPACE.sub(" ", text)
    # UTF-32: one unsigned number per character. "surrogatepass": a model's output may hold half a character.
    characters = np.frombuffer(collapsed.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    for period in range(1, min(MAX_PERIOD, len(collapsed) // MIN_LONG_REPEATS) + 1):
        for repetition in _repetitions(characters, period):
            if repetition.length >= MIN_LONG_LENGTH and repetition.repeats >= MIN_LONG_REPEATS:
                return repetition
            unit = collapsed[repetition.start : repetition.start + period]
            if repetition.repeats > MAX_REPEATS and any(character.isalnum() for character in unit):
                return repetition
    return None


def _repetitions(characters: NDArray[np.uint32], period: int) -> Iterator[Repetition]:
    """Yield the stretches of this period that could be loops, by position."""
    # Borders at both ends, so that a run of equal pairs lies between two neighbouring differences.
    differences = np.flatnonzero(characters[:-period] != characters[period:])
    borders = np.concatenate(([-1], differences, [len(characters) - period]))
    runs = np.diff(borders) - 1
    least = min((MAX_REPEATS + 1) * period, max(MIN_LONG_LENGTH, MIN_LONG_REPEATS * period))
    for index in np.flatnonzero(runs + period >= least):
        yield Repetition(period, int(borders[index]) + 1, int(runs[index]) + period)


def olmocr_repeats(text: str) -> tuple[int, ...]:
    """Count how often the last 1, 2, 3, 4 and 5 characters are repeated at the end of the text, white space collapsed.

    olmOCR's `RepeatDetector(max_ngram_size=5)` (olmocr/repeatdetect.py at f7cfe4c). A count is 0 where the text is
    shorter.
    """
    collapsed = _WHITE_SPACE.sub(" ", text)
    counts = []
    for size in range(1, _OLMOCR_PERIODS + 1):
        unit, count, end = collapsed[-size:], 0, len(collapsed)
        while end >= size and collapsed.startswith(unit, end - size):
            count, end = count + 1, end - size
        counts.append(count)
    return tuple(counts)


def has_olmocr_loop(text: str) -> bool:
    """Tell whether olmOCR-bench's baseline test would fail the text: more than 30 repeats at its end."""
    return any(count > MAX_REPEATS for count in olmocr_repeats(text))


def is_empty(reference: str, hypothesis: str) -> bool:
    """Tell whether the output is blank although the page is not."""
    return not hypothesis.strip() and bool(reference.strip())


def is_truncated(stop_reason: str | None) -> bool:
    """Tell whether generation stopped at the token limit ("length")."""
    return stop_reason == "length"
