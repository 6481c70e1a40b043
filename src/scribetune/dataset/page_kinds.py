"""What kind of page a label is of: the script it is written in, and what is laid out on it."""

import unicodedata
from collections import Counter

from scribetune.metrics.markdown import find_formulas, find_tables

SCRIPT_SAMPLE = 4_000
"""Characters looked at to find a page's script."""
LAYOUT_SAMPLE = 100_000
"""Characters looked at for tables and formulas."""
_NAMES = {"CJK": "Han", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


def script(text: str) -> str:
    """Return the script of most letters of a text, "Latin" or "Han" for example; "" where it has no letters."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text[:SCRIPT_SAMPLE]).items():
        if character.isalpha():
            name = unicodedata.name(character, "").split(" ")[0].split("-")[0]
            counts[_NAMES.get(name, name.capitalize())] += count
    # A Japanese page has more Han than kana, and no other page has kana.
    if counts["Japanese"] * 10 >= counts.total() > 0:
        return "Japanese"
    return min(counts, key=lambda name: (-counts[name], name)) if counts else ""


def layout(label: str) -> str:
    """Return what a label's page has beside running text: "text" alone, "tables", "formulas" or both."""
    found = [
        name for name, find in (("tables", find_tables), ("formulas", find_formulas)) if find(label[:LAYOUT_SAMPLE])
    ]
    return " and ".join(found) or "text"
