"""Rows of code whose pieces stand apart: remarks in a column of their own, rules of a grammar, blanks to fill.

Pieces of a row that far from each other look like columns, and read one column after the other nobody knows which
remark is whose. They are put together where MuPDF has them in one block too, and the page says that a row goes on: both
pieces are code, a remark begins with its mark, a name stands beside each rule of a grammar, or a bracket is open.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line
from scribetune.text.markdown import is_cjk

_ON_ROW = 0.3  # of a line's height
_BLANK_GAP = 6.0  # sizes of the font, over a blank to fill
_REST_GAP = 2.5  # the same, within a remark
_SAME_START = 2.0  # points, of remarks below each other
_NEXT = 2.2  # heights of a line, to the next row of a run
_LEAST, _LEAST_NAMED = 2, 3  # rows: with marks of remarks, without
_AROUND = 2  # rows
_REMARK = re.compile(r"(?:--|//|/\*|\(\*|;|%|#)\s*[^\W_]")
_CODE = re.compile(r"[={}|&]|;$|->|:=|－>|\w[\[(]")
_MARKS = re.compile(r"[;={}|&#<>_/\\]|\w\(")
_PROGRAM = re.compile(r"[;；]\s*$|->|－>|==|^\s*[{}]")
_RULE = re.compile(r"::=|^[|∣]\s|\s[|∣](?:\s|$)")
_NAME = re.compile(r"[^\W\d_]{3,}")
_FORMULA = re.compile(r"qz\d+x")  # a word that stands for one
_PAIRS = {")": "(", "]": "["}


def joined(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of a page, in their order, the pieces of rows of code put together; rules become `mono`."""
    rows = _rows(lines)
    texts = [[lines[number].text for number in row] for row in rows]
    parts = [
        [row] if _is_mono(lines, row, texts[max(at - _AROUND, 0) : at + _AROUND + 1]) else _over_blanks(lines, row)
        for at, row in enumerate(rows)
    ]
    is_set: set[int] = set()
    remarks = [
        len(row) > 1 and _is_remark(text, is_mono=all(lines[number].mono for number in row[:-1]))
        for row, text in zip(rows, texts, strict=True)
    ]
    named = [len(text) > 1 and _is_named(text) for text in texts]
    for fits, least in ((remarks, _LEAST), (named, _LEAST_NAMED)):
        for found in _runs(lines, rows, fits):
            if len(found) >= least:
                is_set.update(found)
    # Rules above and below them are of the same grammar.
    for at in range(1, len(rows)):
        is_set |= {at} if at - 1 in is_set and _is_rule_alone(lines, rows, at, at - 1) else set()
    for at in range(len(rows) - 2, -1, -1):
        is_set |= {at} if at + 1 in is_set and _is_rule_alone(lines, rows, at, at + 1) else set()
    made: list[Line] = []
    for at, groups in enumerate(parts):
        for group in [rows[at]] if at in is_set else groups:
            pieces = [lines[number] for number in group]
            spans = tuple(replace(s, mono=s.mono or at in is_set) for piece in pieces for s in piece.spans)
            made.append(replace(pieces[0], spans=spans, box=union([piece.box for piece in pieces])))
    return tuple(made)


def _rows(lines: Sequence[Line]) -> list[list[int]]:
    """Return the numbers of lines that follow each other in a block and on a row, from left to right."""
    rows: list[list[int]] = []
    for number, line in enumerate(lines):
        before = lines[rows[-1][-1]] if rows else None
        if (
            before is not None
            and line.block == before.block >= 0
            and line.horizontal
            and before.horizontal
            and abs(line.middle[1] - before.middle[1]) < _ON_ROW * max(line.height, before.height)
            and line.box[0] > before.box[2]
            and not is_right_to_left(before.text + line.text)
        ):
            rows[-1].append(number)
        else:
            rows.append([number])
    return rows


def _is_mono(lines: Sequence[Line], row: Sequence[int], around: Sequence[Sequence[str]]) -> bool:
    """Whether a row is code all over, and that or the rows around it have its marks: words of a drawing have none."""
    return all(lines[number].mono for number in row) and any(_MARKS.search(text) for texts in around for text in texts)


def _over_blanks(lines: Sequence[Line], row: Sequence[int]) -> list[list[int]]:
    """Divide a row into what is one piece: brackets that close in another, a remark with wide blanks."""
    if len(row) < 2 or not _PROGRAM.search(" ".join(lines[number].text for number in row)):
        return [[number] for number in row]
    groups: list[list[int]] = [[row[0]]]
    for at, number in enumerate(row[1:], 1):
        before, line = lines[row[at - 1]], lines[number]
        text = "".join(lines[n].text for n in groups[-1])
        gap = (line.box[0] - before.box[2]) / line.size
        rest = "".join(lines[n].text for n in row[at:])
        is_remark = "//" in text and "://" not in text and gap < _REST_GAP
        if is_remark or (gap < _BLANK_GAP and _open(text) and len(_open(text + rest)) < len(_open(text))):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _open(text: str) -> str:
    """Return the brackets that a text leaves open."""
    found = ""
    for character in text:
        if character in _PAIRS.values():
            found += character
        elif found and found[-1] == _PAIRS.get(character):
            found = found[:-1]
    return found


def _is_remark(texts: Sequence[str], *, is_mono: bool) -> bool:
    """Whether the last piece is a remark; "# of them" and "% of sales" are none beside what may be a table."""
    remark = _REMARK.match(texts[-1])
    return (
        remark is not None and (is_mono or remark.group()[0] not in ";%#") and bool(_CODE.search("".join(texts[:-1])))
    )


def _is_named(texts: Sequence[str]) -> bool:
    rule, name = " ".join(texts[:-1]), texts[-1]
    return bool(_RULE.search(rule) and _NAME.match(name)) and not _RULE.search(name)


def _runs(lines: Sequence[Line], rows: Sequence[Sequence[int]], fits: Sequence[bool]) -> list[list[int]]:
    """Return the rows that fit, run by run: below each other, their last pieces at one place; none has scripts."""
    runs: list[list[int]] = []
    for at, row in enumerate(rows):
        if not fits[at] or not all(_is_plain(lines[number]) for number in row):
            continue
        if runs and _is_next(lines, rows, runs[-1][-1], at):
            last, before = lines[row[-1]], lines[rows[runs[-1][-1]][-1]]
            if abs(last.box[0] - before.box[0]) < _SAME_START:
                runs[-1].append(at)
                continue
        runs.append([at])
    return runs


def _is_next(lines: Sequence[Line], rows: Sequence[Sequence[int]], at: int, other: int) -> bool:
    first, second = lines[rows[at][0]], lines[rows[other][0]]
    return abs(second.middle[1] - first.middle[1]) < _NEXT * max(first.height, second.height)


def _is_rule_alone(lines: Sequence[Line], rows: Sequence[Sequence[int]], at: int, other: int) -> bool:
    line = lines[rows[at][0]]
    is_rule = len(rows[at]) == 1 and "::=" in line.text and _is_plain(line)
    return is_rule and _is_next(lines, rows, at, other)


def _is_plain(line: Line) -> bool:
    """Whether code can hold a line: it has no scripts, no formula with LaTeX, and is not Chinese."""
    scripts = any(span.raised or span.lowered for span in line.spans)
    return not (scripts or _FORMULA.search(line.text) or any(map(is_cjk, line.text)))
