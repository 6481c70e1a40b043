"""Words that belong to a drawing: ticks of axes, names in boxes of a diagram; a label has the picture's mark for them.

A picture is also what a frame with a remark, a banner or a table was taken for. Its words are a drawing's where strokes
slope in it or an image lies there, and then those that are short, in no size of titles, no captions, and no lines of
one text below each other.
"""

from collections.abc import Sequence
from statistics import mean

from scribetune.labels.page_blocks import begins_caption, list_marker
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line
from scribetune.text.markdown import is_cjk

_STROKES = 2
_IMAGE = 0.2  # of the picture
_BACKGROUND = 0.5  # of the page
_TITLE = 1.25  # sizes of the body
_SENTENCE = 10.0  # words
_LINE = 5.0  # words, the mean of lines of one text
_TEXT_LINES = 3
_TEXT_WORDS = 15.0
_CJK_WORD = 2.0  # characters
_HEADING_ABOVE = 3.0  # heights of a line
_PITCH = 1.9  # heights of a line, from one to the next
_LEFT = 0.4  # heights of a line
_ROWS, _COLUMNS = 3, 3
_MOST = 0.5  # of a page's characters, beyond which a drawing's words are no doubt more than that


def labels_of(
    pictures: Sequence[tuple[Box, Sequence[Line]]],
    everything: Sequence[Line],
    rules: Rules,
    images: Sequence[Box],
    body: float,
    page: tuple[float, float],
) -> list[list[Line]]:
    """Return which lines of each picture (box, lines) are words of a drawing.

    None are, where they would be more than half of what a page says: `everything` is all its lines, `images` where its
    images are, `body` the size of its font, and `page` its width and height, all in points.
    """
    found = [_labels(lines, body) if _is_drawn(box, lines, rules, images, page) else [] for box, lines in pictures]
    said = sum(len(line.text) for line in everything)
    left = sum(len(line.text) for lines in found for line in lines)
    return found if left <= _MOST * said else [[] for _ in pictures]


def _is_drawn(box: Box, lines: Sequence[Line], rules: Rules, images: Sequence[Box], page: tuple[float, float]) -> bool:
    """Whether a picture is more than a frame or a background of its words."""
    if sum(_is_within(stroke, box) for stroke in rules.slanted) >= _STROKES:
        return True
    area = (box[2] - box[0]) * (box[3] - box[1])
    sizes = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in images if _is_within((x0, y0, x1, y1), box)]
    has_image = any(_IMAGE * area <= size <= _BACKGROUND * page[0] * page[1] for size in sizes)
    return has_image and not _is_grid(lines)


def _is_within(box: Box, other: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] <= x <= other[2] and other[1] <= y <= other[3]


def _is_grid(lines: Sequence[Line]) -> bool:
    """Whether most lines stand in rows of several, as those of a table do."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[1]):
        if rows and line.middle[1] - rows[-1][0].middle[1] < 0.5 * line.height:
            rows[-1].append(line)
        else:
            rows.append([line])
    full = [row for row in rows if len(row) >= _COLUMNS]
    return len(full) >= _ROWS and sum(map(len, full)) > 0.5 * len(lines)


def _labels(lines: Sequence[Line], body: float) -> list[Line]:
    """Return the lines of a drawing that are its words, and no text that stands in it."""
    stacks = _stacks(lines)
    running = [stack for stack in stacks if _is_text(stack)]
    texts = {id(line) for stack in running for line in stack}
    for stack in stacks:
        if any(_is_heading(stack, text) for text in running):
            texts.update(map(id, stack))
    return [line for line in lines if id(line) not in texts and not _is_title(line, body)]


def _is_text(stack: Sequence[Line]) -> bool:
    words = [_words(line.text) for line in stack]
    if begins_caption(stack[0].text) or max(words) >= _SENTENCE:
        return True
    if len(stack) < _TEXT_LINES:
        return False
    is_prose = mean(words) >= _LINE and sum(words) >= _TEXT_WORDS
    items = sum(bool(list_marker(line.text)) for line in stack)
    return is_prose or items >= _TEXT_LINES or all(line.mono for line in stack)


def _is_heading(stack: Sequence[Line], text: Sequence[Line]) -> bool:
    """Whether lines stand right above a text of some lines, and begin where it does."""
    last, first = stack[-1], text[0]
    if len(text) < _TEXT_LINES or not last.horizontal:
        return False
    gap = first.middle[1] - last.middle[1]
    return abs(last.box[0] - first.box[0]) < _LEFT * first.height and 0 < gap < _HEADING_ABOVE * first.height


def _is_title(line: Line, body: float) -> bool:
    return line.horizontal and line.size > _TITLE * body and _words(line.text) > 1


def _stacks(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines with those right below them that begin at one place, or have one middle below a caption."""
    stacks: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.middle[1], line.box[0])):
        above = next((stack for stack in stacks if _goes_on(stack, line)), None)
        if above is None:
            stacks.append([line])
        else:
            above.append(line)
    return stacks


def _goes_on(stack: Sequence[Line], line: Line) -> bool:
    last = stack[-1]
    if not (last.horizontal and line.horizontal) or abs(last.size - line.size) > 0.1 * line.size:
        return False
    is_next = 0.5 * line.height < line.middle[1] - last.middle[1] < _PITCH * line.height
    is_level = abs(last.box[0] - line.box[0]) < _LEFT * line.height
    is_caption = begins_caption(stack[0].text) and line.box[0] < last.box[2] and line.box[2] > last.box[0]
    return is_next and (is_level or is_caption)


def _words(text: str) -> float:
    """Return how many words a text has; two characters of Chinese are one."""
    chinese = sum(map(is_cjk, text))
    others = "".join(" " if is_cjk(character) else character for character in text)
    return chinese / _CJK_WORD + sum(any(map(str.isalpha, word)) for word in others.split())
