"""Words that belong to a drawing: ticks of axes, names in boxes of a diagram; a label has the picture's mark for them.

A picture is also what a frame with a remark, a banner or a table was taken for. Its words are a drawing's where strokes
slope in it, an axis has its ticks or an image lies there, and then those that are short, in no size of titles, no lines
of one text below each other, near what is drawn, and in no caption: neither in the row that begins with "Figure 3" nor
in a line that goes on below it.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean

from scribetune.labels.page_blocks import begins_caption, list_marker
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, union
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
_LEADING = 0.4  # heights of a line, between two of a caption
_LEFT = 0.4  # heights of a line
_ROWS, _COLUMNS = 3, 3
_MOST = 0.5  # of a page's characters, beyond which a drawing's words are no doubt more than that
_CAPTION = 4.0  # heights of a line, from a picture to its caption
_NEAR = 3.0  # heights of a line, from what is drawn to the names of its axes
_GAP = 4.0  # points, between two drawings side by side
_WIDE = 0.9  # of a picture: a frame around all of it
_TICKS = 4  # of an axis
_PITCH_OF_TICKS = 8.0  # points: dots of a dotted line are nearer to each other
_ALIKE = 0.4  # points
_PIECES, _GAP_OF_PIECES = 4.0, 1.5  # heights of a line, between the pieces of one row: of one block, and of two


def labels_of(
    pictures: Sequence[tuple[Box, Sequence[Line]]],
    everything: Sequence[Line],
    rules: Rules,
    images: Sequence[Box],
    body: float,
    page: tuple[float, float],
    drawn: Sequence[Box],
) -> list[list[Line]]:
    """Return which lines of each picture (box, lines) are words of a drawing.

    Where they would be more than half of what a page says, they are those of pictures with a caption and no text in
    them: `everything` is all its lines, `images` where its images are, `body` the size of its font, and `page` its
    width and height, all in points; `drawn` are the boxes of its paths and images.
    """
    found = [
        _near(words_in(lines, body), box, drawn) if _is_drawn(box, lines, rules, images, page) else []
        for box, lines in pictures
    ]
    said = sum(len(line.text) for line in everything)
    left = sum(len(line.text) for lines in found for line in lines)
    if left <= _MOST * said:
        return found
    named = captions(everything)
    return [
        labels if len(labels) == len(lines) and any(_is_beside(line, box) for line in named) else []
        for (box, lines), labels in zip(pictures, found, strict=True)
    ]


def captions(lines: Sequence[Line]) -> list[Line]:
    """Return the lines of captions: the pieces of a row that begins as one, and what goes on below it."""
    kept: list[Line] = []
    for first in lines:
        if not (first.horizontal and begins_caption(first.text)):
            continue
        row = [first]
        for line in sorted(lines, key=lambda line: line.box[0]):
            is_level = line.horizontal and abs(line.middle[1] - first.middle[1]) < 0.5 * first.height
            if is_level and line.box[0] > row[-1].box[0] and abs(line.size - first.size) < 0.1 * first.size:
                # Beside the gap between columns stands another text.
                most = _PIECES if line.block == first.block else _GAP_OF_PIECES
                row.extend([line] if line.box[0] - row[-1].box[2] < most * first.height else [])
        last = row
        while last:
            kept.extend(line for line in last if line not in kept)
            last = [line for line in lines if line not in kept and any(_is_next(above, line) for above in last)]
    return kept


def _is_next(above: Line, line: Line) -> bool:
    """Whether a line goes on below another of a caption."""
    if not line.horizontal or abs(above.size - line.size) > 0.1 * line.size:
        return False
    is_next = (
        line.middle[1] - above.middle[1] > 0.5 * line.height and line.box[1] - above.box[3] < _LEADING * line.height
    )
    return is_next and line.box[0] < above.box[2] and line.box[2] > above.box[0]


def _is_beside(line: Line, box: Box) -> bool:
    """Whether a line stands right above or below a picture, or at its edge."""
    if not line.horizontal or line.box[0] >= box[2] or line.box[2] <= box[0]:
        return False
    reach = _CAPTION * line.height
    return abs(line.box[1] - box[3]) < reach or abs(box[1] - line.box[3]) < reach


def side_by_side(box: Box, lines: Sequence[Line], drawn: Sequence[Box]) -> list[Box]:
    """Divide a picture that is several drawings beside each other, each with a caption of its own.

    `lines` are the page's, `drawn` the boxes of its paths and images. The parts lie where nothing is drawn or written
    between the middles of two captions on one level.
    """
    beside = [
        line
        for line in lines
        if begins_caption(line.text) and _is_beside(line, box) and box[0] < line.middle[0] < box[2]
    ]
    beside.sort(key=lambda line: line.box[0])
    # What stands above may be the captions of others.
    below = [line for line in beside if line.middle[1] > (box[1] + box[3]) / 2]
    beside = below or beside
    parts = [box]
    for left, right in pairwise(beside):
        if abs(left.middle[1] - right.middle[1]) > 0.5 * left.height or right.box[0] < left.box[2]:
            continue
        whole = parts[-1]
        inside = [one for one in (*drawn, *(line.box for line in lines)) if _is_within(one, box)]
        inside = [one for one in inside if one[2] - one[0] < _WIDE * (box[2] - box[0])]
        ends = sorted((one[0], one[2]) for one in inside)
        gaps, end = [], whole[0]
        for start, stop in ends:
            gaps.append((end, start))
            end = max(end, stop)
        gaps = [(a, b) for a, b in gaps if b - a >= _GAP and left.middle[0] < a and b < right.middle[0]]
        if gaps:
            a, b = max(gaps, key=lambda gap: gap[1] - gap[0])
            parts[-1:] = [(whole[0], whole[1], a + 1, whole[3]), (b - 1, whole[1], whole[2], whole[3])]
    return parts


def continued(picture: Sequence[Line], others: Sequence[Sequence[Line]]) -> tuple[list[Line], int] | None:
    """Return the lines of a picture that are the beginning of a caption, and which other text goes on with it."""
    caption = captions(picture)
    for number, lines in enumerate(others):
        first = min(lines, key=lambda line: line.box[1], default=None)
        if first is not None and lines is not picture and any(_is_next(line, first) for line in caption):
            return caption, number
    return None


def _near(labels: Sequence[Line], box: Box, drawn: Sequence[Box]) -> list[Line]:
    """Return the lines that are no further from what is drawn in a picture than the names of axes."""
    drawn = [one for one in drawn if _is_within(one, box)]
    if not drawn:
        return []
    x0, y0, x1, y1 = union(drawn)
    kept = []
    for line in labels:
        left, top, right, bottom = line.box
        apart = max(x0 - right, left - x1, y0 - bottom, top - y1)
        # A turned one in a picture is the name of an axis, beside its figures.
        if not line.horizontal or apart <= _NEAR * line.height:
            kept.append(line)
    return kept


def in_reading(lines: Sequence[Line]) -> list[Line]:
    """Return lines, those of captions as no code, although their letters may be equally wide."""
    known = captions(lines)
    return [
        replace(line, spans=tuple(replace(span, mono=False) for span in line.spans))
        if line.mono and line in known
        else line
        for line in lines
    ]


def has_strokes(box: Box, rules: Rules) -> bool:
    """Whether strokes slope in a box."""
    return sum(_is_within(stroke, box) for stroke in rules.slanted) >= _STROKES


def _has_axis(box: Box, rules: Rules) -> bool:
    """Whether short strokes alike stand one after another at one distance: ticks of an axis."""
    strokes = [stroke for stroke in rules.short if _is_within(stroke, box)]
    across = [(x0, x1, y0) for x0, y0, x1, y1 in strokes if x1 - x0 > y1 - y0]
    down = [(y0, y1, x0) for x0, y0, x1, y1 in strokes if x1 - x0 <= y1 - y0]
    return _are_ticks(across) or _are_ticks(down)


def _are_ticks(strokes: Sequence[tuple[float, float, float]]) -> bool:
    """Whether some strokes (start, end, place) make a row of ticks."""
    alike: dict[tuple[int, int], set[float]] = {}
    for start, end, place in strokes:
        alike.setdefault((round(start), round(end)), set()).add(round(place, 1))
    for places in alike.values():
        gaps = [after - before for before, after in pairwise(sorted(places))]
        if len(gaps) >= _TICKS - 1 and min(gaps) > _PITCH_OF_TICKS and max(gaps) - min(gaps) <= _ALIKE:
            return True
    return False


def _is_drawn(box: Box, lines: Sequence[Line], rules: Rules, images: Sequence[Box], page: tuple[float, float]) -> bool:
    """Whether a picture is more than a frame or a background of its words."""
    if has_strokes(box, rules) or _has_axis(box, rules):
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


def words_in(lines: Sequence[Line], body: float) -> list[Line]:
    """Return the lines of a drawing that are its words, and no text that stands in it."""
    stacks = _stacks(lines)
    running = [stack for stack in stacks if _is_text(stack)]
    texts = {id(line) for stack in running for line in stack} | {id(line) for line in captions(lines)}
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
