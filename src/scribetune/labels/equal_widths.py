"""Characters that are all equally wide: code, or a font that is so by nature (Chinese, a typewriter, figures).

MuPDF flags the font. It is a mark of the author's where the same script is set otherwise around it: a listing, a name
in a sentence. Half-width figures and letters of a Chinese font, a form filled in by a typewriter, a letter in Courier
are none.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scribetune.labels.text_layer import Line, Span
from scribetune.text.markdown import is_cjk

_LATIN = re.compile(r"[A-Za-z]")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_CODE_MARKS = re.compile(r"[{}<>=_\\|$#@&~^;*+\[\]`]|//|::|->|\(\)|--|\w\.\w|\w\(")
_KEYWORD = re.compile(
    r"^\s*(?:def|return|import|from|class|for|while|if|else|elif|end|begin|function|void|int|var|let|const|print|public|"
    r"private|static|echo|sudo|pip|git|npm|make|cd|ls|select|insert|update|package|include|use|module|try|except)\b"
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S*$")
_SENTENCE = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]{2,}[,;:]? [^\W\d_]{2,}[,;:]? [^\W\d_]{2,}")
_MANY_MARKS = 0.04  # of the characters
_FEW_MARKS = 0.3  # of the characters of a line
_WORDS_AROUND = 2
_STATEMENT = re.compile(r"//|:=|;\s*$|[{}]|==|->|[A-Za-z_]\w*\(|^\s*#")
_MANY_STATEMENTS = 0.4


def code_alone(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of a page whose spans are `mono` only where they are code."""
    if not any(span.mono for line in lines for span in line.spans):
        return tuple(lines)
    listings = _listings(lines)
    others = [line for number, line in enumerate(lines) if number not in listings]
    # Where most letters are equally wide, that is how the text is set; half-width ones beside Chinese are a case apart.
    proportional, equal = _latin([line for line in others if not _has_han(line)])
    typewriter = equal > proportional
    among_han = [line for line in others if _has_han(line)]
    proportional, equal = _latin(among_han)
    half_width = bool(among_han) and equal >= proportional
    spans = [
        _as_listing(line) if number in listings else _in_line(line, typewriter=typewriter, half_width=half_width)
        for number, line in enumerate(lines)
    ]
    for number, (before, after) in enumerate(pairwise(spans), 1):
        # The rest of an address on the net is set as its beginning is, be it figures alone.
        if before[-1].mono and _ADDRESS.search(before[-1].text) and lines[number].spans[0].mono:
            spans[number] = (replace(after[0], mono=True), *after[1:])
    return tuple(replace(line, spans=shown) for line, shown in zip(lines, spans, strict=True))


def is_program(lines: Sequence[Line]) -> bool:
    """Whether lines are code that no table is: statements, whatever stands in columns beside them."""
    found = sum(bool(_STATEMENT.search(line.text)) for line in lines)
    return found > _MANY_STATEMENTS * len(lines) and all(line.mono for line in lines)


def _as_listing(line: Line) -> tuple[Span, ...]:
    return tuple(replace(span, mono=span.mono or _is_mark(span)) for span in line.spans)


def _has_han(line: Line) -> bool:
    return any(map(is_cjk, line.text))


def _listings(lines: Sequence[Line]) -> set[int]:
    """Return the numbers of the lines that are code, whole: runs of equally wide ones that read like it."""
    found: set[int] = set()
    run: list[int] = []
    for number in range(len(lines) + 1):
        if number < len(lines) and _is_equal(lines[number]):
            run.append(number)
            continue
        if run and number < len(lines) and lines[number].text.isdigit():
            continue  # it counts the lines of a listing
        if run and _is_code([lines[index] for index in run], alone=len(run) == len(lines)):
            found.update(run)
        run = []
    return found


def _is_equal(line: Line) -> bool:
    """Whether a line is all in a font of equal widths, but for a number at its start, which counts it."""
    seen = [span for span in line.spans if span.text.strip()]
    if not seen:  # glyphs without a character
        return False
    first, *others = seen
    is_counted = bool(others) and first.text.strip().isdigit()
    told = others if is_counted else [first, *others]
    # TeX has no braces in some of these fonts: marks of another one among them.
    marks = sum(len(span.text.strip()) for span in told if not span.mono)
    characters = sum(len(span.text.strip()) for span in told)
    return marks <= _FEW_MARKS * characters and all(span.mono or _is_mark(span) for span in told)


def _is_mark(span: Span) -> bool:
    return not any(map(str.isalnum, span.text))


def _is_code(run: Sequence[Line], *, alone: bool) -> bool:
    texts = ["".join(span.text for span in line.spans if span.mono) for line in run]
    text = "\n".join(texts)
    characters = sum(not character.isspace() for character in text)
    if sum(map(is_cjk, text)) > 0.3 * characters or not _LATIN.search(text):
        return False
    marks = sum(len(mark) for mark in _CODE_MARKS.findall(text))
    keywords = sum(bool(_KEYWORD.match(line)) for line in texts)
    sentences = sum(bool(_SENTENCE.search(line)) for line in texts)
    many = marks >= _MANY_MARKS * characters or keywords > 0.3 * len(run)
    if len(run) < 2 or alone:
        return many and sentences < max(1, 0.5 * len(run)) and not alone
    return many or sentences < 0.3 * len(run)


def _latin(lines: Sequence[Line]) -> tuple[int, int]:
    """Count the Latin letters of different widths, and those that are equally wide."""
    counts = [0, 0]
    for line in lines:
        for span in line.spans:
            counts[span.mono] += len(_LATIN.findall(span.text))
    return counts[False], counts[True]


def _in_line(line: Line, *, typewriter: bool, half_width: bool) -> tuple[Span, ...]:
    """Return the spans of a line that is no listing: code is a run of letters among others of their script."""
    around = " ".join(span.text for span in line.spans if not span.mono)
    words = len(_LETTERS.findall(around))
    among_han = _has_han(line)

    def is_code(text: str) -> bool:
        if (half_width if among_han else typewriter) or any(map(is_cjk, text)):
            return False
        if not any(map(str.isalpha, text)):
            return any(map(str.isdigit, text)) and words >= _WORDS_AROUND and not (among_han or half_width)
        if among_han:
            return bool(_LETTERS.search(text))
        if _SENTENCE.search(text) and not _CODE_MARKS.search(text):
            return False
        return words >= _WORDS_AROUND or bool(_CODE_MARKS.search(text)) or (line.mono and not text.isupper())

    return tuple(replace(span, mono=is_code(span.text)) if span.mono else span for span in line.spans)
