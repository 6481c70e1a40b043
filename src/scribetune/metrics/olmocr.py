"""olmOCR-bench: facts about a page, each true or false of what was read (allenai/olmocr, olmocr/bench/tests.py).

A fact is a JSON object with `id`, `pdf`, `page` and a `type`: `present` and `absent` (a text, give or take
`max_diffs`), `order` (one text before another), `table` (a cell and its neighbours), `baseline` (something legible, no
loop at the end), `format` (a heading, bold or italic text), `footnote` (a marker) and `math`. They are decided as
there but for two: near texts of `order` are searched by `kernels.near_starts` instead of the library fuzzysearch, and
`math` compares LaTeX tokens, where the original renders both formulas in a browser. So a formula that is written in
another way fails here and may pass there.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any

from rapidfuzz import fuzz

from scribetune.metrics import kernels, loops
from scribetune.metrics.markdown import Formula, find_formulas, find_tables
from scribetune.text.grids import Table

Fact = Mapping[str, Any]
"""A test of olmOCR-bench as its JSONL has it."""

_LINE_BREAK = re.compile(r"<br/?>")
_MARKS = (
    (re.compile(r"\*\*(.*?)\*\*"), r"\1"),
    (re.compile(r"__(.*?)__"), r"\1"),
    (re.compile(r"</?[bi]>"), ""),
    (re.compile(r"(\*\*|__)(.*?)\1"), r"\2"),
    (re.compile(r"(\*|_)(.*?)\1"), r"\2"),
    (re.compile(r"\s+"), " "),
)
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚", "'"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("–—‑‒−", "-"),
        "＿": "_",
        "\u00b5": "\u03bc",
    }
)
_FOREIGN = re.compile(
    "[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff"
    "\U0001f1e0-\U0001f1ff]"
)
_IMAGE = re.compile(r"!\[.*?\]\(.*?\)")
FORMATS = {
    "heading": (
        re.compile(r"^#{1,6}\s+(.+?)$", re.MULTILINE),
        re.compile(r"<h[1-6][^>]*>(.*?)</h[1-6]>", re.IGNORECASE | re.DOTALL),
    ),
    "bold": (
        re.compile(r"\*\*(.*?)\*\*", re.DOTALL),
        re.compile(r"__(.*?)__", re.DOTALL),
        re.compile(r"<b[^>]*>(.*?)</b>", re.IGNORECASE | re.DOTALL),
        re.compile(r"<strong[^>]*>(.*?)</strong>", re.IGNORECASE | re.DOTALL),
    ),
    "italic": (
        re.compile(r"(?<!\*)\*(?!\*)(.*?)(?<!\*)\*(?!\*)", re.DOTALL),
        re.compile(r"(?<!_)_(?!_)(.*?)(?<!_)_(?!_)", re.DOTALL),
        re.compile(r"<i[^>]*>(.*?)</i>", re.IGNORECASE | re.DOTALL),
        re.compile(r"<em[^>]*>(.*?)</em>", re.IGNORECASE | re.DOTALL),
    ),
}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_NEIGHBOURS = ("up", "down", "left", "right", "top_heading", "left_heading")


def normalised(text: str) -> str:
    """Return a text as facts compare it: no bold or italic, one space for white space, plain quotes and dashes."""
    text = _LINE_BREAK.sub(" ", text)
    for mark, kept in _MARKS:
        text = mark.sub(kept, text)
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def holds(fact: Fact, text: str) -> bool:
    """Tell whether a fact is true of what was read.

    Raises:
        KeyError: The fact lacks a field of its type, or its type is none of `TYPES`.
    """
    return TYPES[fact["type"]](fact, text)


def _share(fact: Fact, wanted: str) -> float:
    return 1.0 - int(fact.get("max_diffs") or 0) / max(len(wanted), 1)


def _text(fact: Fact, text: str) -> bool:
    wanted, found = normalised(fact["text"]), normalised(text)
    if not fact.get("case_sensitive", True):
        wanted, found = wanted.lower(), found.lower()
    first, last = fact.get("first_n"), fact.get("last_n")
    if first or last:
        found = (found[:first] if first else "") + (found[-last:] if last else "")
    is_there = len(found) >= len(wanted) - int(fact.get("max_diffs") or 0) and fuzz.partial_ratio(
        wanted, found
    ) / 100.0 >= _share(fact, wanted)
    return bool(is_there == (fact["type"] == "present"))


def _order(fact: Fact, text: str) -> bool:
    found, edits = normalised(text), int(fact.get("max_diffs") or 0)
    before = kernels.near_starts(normalised(fact["before"]), found, edits)
    after = kernels.near_starts(normalised(fact["after"]), found, edits)
    return bool(before) and bool(after) and before[0] < after[-1]


def _table(fact: Fact, text: str) -> bool:
    wanted = normalised(fact["cell"])
    limit = max(0.5, _share(fact, wanted))
    for table in find_tables(text):
        if fact.get("ignore_markdown_tables") and table.syntax == "markdown":
            continue
        texts = [normalised(cell.text).strip() for cell in table.cells]
        for number, found in enumerate(texts):
            if fuzz.ratio(wanted, found) / 100.0 >= limit and _has_neighbours(fact, table, texts, number):
                return True
    return False


def _has_neighbours(fact: Fact, table: Table, texts: list[str], number: int) -> bool:
    for side in _NEIGHBOURS:
        if not fact.get(side):
            continue
        wanted = normalised(fact[side])
        limit = max(0.5, _share(fact, wanted))
        cells = _headings(table, number, side) if side.endswith("heading") else _beside(table, number, side)
        if not any(fuzz.ratio(wanted, texts[cell]) / 100.0 >= limit for cell in cells):
            return False
    return True


def _beside(table: Table, number: int, side: str) -> set[int]:
    cell = table.cells[number]
    bottom, right = cell.row + cell.row_span, cell.column + cell.column_span
    if side in ("up", "down"):
        row = cell.row - 1 if side == "up" else bottom
        return {table.slots[row][column] for column in range(cell.column, right)} if 0 <= row < table.rows else set()
    column = cell.column - 1 if side == "left" else right
    return {table.slots[row][column] for row in range(cell.row, bottom)} if 0 <= column < table.columns else set()


def _headings(table: Table, number: int, side: str) -> Collection[int]:
    """Return the headings above (left of) a cell, or the last cells there where none is one."""
    towards = "up" if side == "top_heading" else "left"
    seen: set[int] = set()
    waiting, headings, last = {number}, set(), set()
    while waiting:
        current = waiting.pop()
        seen.add(current)
        if table.cells[current].heading:
            headings.add(current)
        beyond = _beside(table, current, towards)
        if not beyond:
            last.add(current)
        waiting |= beyond - seen
    return (headings - {number}) or (last - {number})


def _baseline(fact: Fact, text: str) -> bool:
    longest = fact.get("max_length")
    if longest is not None:
        counted = _IMAGE.sub("", text) if fact.get("max_length_skips_image_alt_tags") else text
        return sum(sign.isalnum() for sign in counted) <= int(longest)
    if not any(sign.isalnum() for sign in text):
        return False
    if any(count > int(fact.get("max_repeats") or 30) for count in loops.olmocr_repeats(text)):
        return False
    return not (fact.get("check_disallowed_characters", True) and _FOREIGN.search(text))


def _format(fact: Fact, text: str) -> bool:
    wanted = normalised(fact["text"])
    formatted = [normalised(found) for pattern in FORMATS[fact["format"]] for found in pattern.findall(text)]
    if not fact.get("case_sensitive", True):
        wanted, formatted = wanted.lower(), [found.lower() for found in formatted]
    return any(fuzz.partial_ratio(wanted, found) / 100.0 >= _share(fact, wanted) for found in formatted)


def _math(fact: Fact, text: str) -> bool:
    wanted = Formula(fact["math"], display=True).tokens
    return any(formula.tokens == wanted for formula in find_formulas(text))


def _footnote(fact: Fact, text: str) -> bool:
    marker = fact["marker"]
    patterns = [rf"\[\^{re.escape(marker)}\](?!:)", rf"(?i:<sup[^>]*>{re.escape(marker)}</sup>)"]
    if marker.isascii() and marker.isdigit():
        patterns.append(re.escape(marker.translate(_SUPERSCRIPTS)))
    places = [match.span() for pattern in patterns for match in re.finditer(pattern, text)]
    before, after = fact.get("appears_before_marker"), fact.get("appears_after_marker")
    found_before = not before or any(
        _is_near(fact, before, text[max(0, start - 200) : start], at_end=True) for start, _ in places
    )
    found_after = not after or any(_is_near(fact, after, text[end : end + 200], at_end=False) for _, end in places)
    return bool(places) and found_before and found_after


def _is_near(fact: Fact, wanted: str, text: str, *, at_end: bool) -> bool:
    wanted = normalised(wanted)
    letters, found = ("".join(filter(str.isalnum, normalised(part))).lower() for part in (wanted, text))
    size = min(len(found), 2 * len(letters))
    if not size:
        return False
    part = found[-size:] if at_end else found[:size]
    return fuzz.partial_ratio(letters, part) / 100.0 >= _share(fact, wanted)


TYPES: Mapping[str, Callable[[Fact, str], bool]] = {
    "present": _text,
    "absent": _text,
    "order": _order,
    "table": _table,
    "baseline": _baseline,
    "format": _format,
    "math": _math,
    "footnote": _footnote,
}
"""How each type of fact is decided."""
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "baseline": (),
    "format": ("text", "format"),
    "math": ("math",),
    "footnote": ("marker",),
}
"""Fields that a fact of each type must have, beside id, pdf, page and type."""
