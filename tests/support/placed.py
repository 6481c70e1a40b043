"""Words of a page where they stand, in the order in which they are named."""

from scribetune.labels.tables.cells import Word

SIZE = 10.0  # points: height of a line, twice the width of a letter


def line(x: float, y: float, text: str) -> list[Word]:
    """Return the words of a line that begins at a place."""
    words = []
    for part in text.split(" "):
        width = len(part) * SIZE / 2
        words.append(Word(x, y, x + width, y + SIZE, part))
        x += width + SIZE / 4
    return words


def page(*lines: tuple[float, float, str]) -> list[Word]:
    """Return the words of a page."""
    return [word for x, y, text in lines for word in line(x, y, text)]
