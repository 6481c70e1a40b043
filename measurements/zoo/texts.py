"""A style's paragraphs and list items: the truth of a page of text."""

import random
from dataclasses import dataclass
from typing import Literal

from zoo import words
from zoo.styles import Script, TextStyle

Kind = Literal["heading", "paragraph", "item"]
_LETTERS = "abcdefghij"


@dataclass(frozen=True)
class TextBlock:
    """A paragraph, a heading or a list item.

    Attributes:
        kind: What it is.
        text: Its text, without the mark of an item.
        mark: An item's number or letter with its dot, "" for a bullet.
        depth: How many lists an item is in, less one.
    """

    kind: Kind
    text: str
    mark: str = ""
    depth: int = 0


def text_blocks(style: TextStyle, draw: random.Random, count: int) -> list[TextBlock]:
    """Return about so many blocks in reading order."""
    features = style.features
    if features & {"bullets", "numbers", "letters"}:
        blocks = _with_lists(style, draw, count)
    elif "hanging" in features:
        blocks = [TextBlock("paragraph", _reference(draw)) for _ in range(count)]
    else:
        most = 4 if "columns" in features else 6
        blocks = [
            TextBlock("paragraph", words.paragraph(draw, style.script, draw.randint(1, most)))
            for _ in range(max(2, count // 2))
        ]
    if "headings" in features:
        heads = range(0, len(blocks), 3)
        for moved, index in enumerate(heads):
            text = words.phrase(draw, style.script, draw.choice((2, 3, 4)))
            blocks.insert(index + moved, TextBlock("heading", text))
    return blocks


def _with_lists(style: TextStyle, draw: random.Random, count: int) -> list[TextBlock]:
    blocks: list[TextBlock] = []
    while len(blocks) < count:
        blocks.append(TextBlock("paragraph", words.paragraph(draw, style.script, draw.randint(1, 3))))
        for number in range(draw.randint(2, 5)):
            blocks.append(TextBlock("item", _item(draw, style.script), _mark(style, number)))
            if "nested" in style.features and draw.random() < 0.4:
                nested = range(draw.randint(1, 3))
                blocks += [TextBlock("item", _item(draw, style.script), f"{_LETTERS[i]}.", 1) for i in nested]
    blocks.append(TextBlock("paragraph", words.paragraph(draw, style.script, 2)))
    return blocks


def _mark(style: TextStyle, number: int) -> str:
    if "numbers" in style.features:
        return f"{number + 1}."
    return f"{_LETTERS[number]}." if "letters" in style.features else ""


def _item(draw: random.Random, script: Script) -> str:
    """Return an item's text: a few words, or more than a line."""
    text = words.phrase(draw, script, draw.choice((3, 5, 8, 16, 24)))
    return text + draw.choice(("", "。" if script == "zh" else "."))


def _reference(draw: random.Random) -> str:
    """Return an entry of a list of references."""
    authors = ", ".join(
        f"{draw.choice(('Alder', 'Birch', 'Cole', 'Dunn', 'Ely', 'Fox', 'Gray'))} {draw.choice('ABCDEHJKL')}."
        for _ in range(draw.randint(1, 3))
    )
    first = draw.randint(1, 400)
    return (
        f"{authors} ({draw.randint(1950, 2024)}). {words.phrase(draw, 'en', draw.choice((6, 10, 14)))}. "
        f"{words.name(draw, 'en')} Review, {draw.randint(1, 90)}, {first}-{first + draw.randint(3, 40)}."
    )
