"""Words of a table as a test writes it down: lines of texts at places."""

from collections.abc import Mapping, Sequence

from scribetune.labels.tables.cells import Word

Lines = Mapping[float, Sequence[tuple[float, str]]]
WIDTH = 5.0  # of a character


def words(lines: Lines) -> list[Word]:
    """Words from {height: [(left edge, text), …]}; the words of a text follow each other, a blank apart."""
    found = []
    for y, texts in lines.items():
        for x, text in texts:
            left = x
            for word in text.split():
                found.append(Word(left, y, left + WIDTH * len(word), y + 10, word))
                left += WIDTH * len(word) + 2
    return found
