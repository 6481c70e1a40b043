"""What stands between two lines of a text: nothing, a blank, or a hyphen that goes since it divides a word.

There is no dictionary of any language here: what the page shows within its lines is the evidence. A word that stands
whole elsewhere is divided at the line's end; one with its hyphen keeps it, and so do two that are words by themselves.
Within a line nothing is ever joined.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from enum import Enum
from itertools import islice

from scribetune.text.markdown import is_cjk

_HYPHENS = "-\u00ad\u2010\u2011"
_LAST_PART = re.compile(rf"(\S*?)([^\W\d_]+)[{_HYPHENS}]$")
_FIRST_WORD = re.compile(rf"([^\W\d_]+)((?:[{_HYPHENS}]\w+)*)")
_WORD = re.compile(rf"\w+(?:[{_HYPHENS}]\w+)*")
_JOINT = re.compile(rf"\w[{_HYPHENS}]$")
_DASH = re.compile(r"\S[—–]$|\w/$")
_OPENING_DASH = re.compile(r"(?:^|\s)[—–]\S")
_ADDRESS = re.compile(r"[/@_#]|www\.")
_ADDRESS_END = re.compile(r"(?:https?://|www\.|doi\.org/)\S*([/_=?&%.~#])$")
_ADDRESS_REST = re.compile(r"\d[\d.]*\w*|[a-z0-9_-]+[./]\S+")
_OPENING = "\"'“‘«„([¿¡"
_CAPITALS = re.compile(r"[^\W\d_a-zß-öø-ÿ]{2,}")
_CONJUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "and or nor but to by versus vs through rather than plus per of "  # English
        "und oder bis sowie bzw beziehungsweise als statt noch aber wie "  # German
        "et ou puis y o e u ni como con ed od en tot maar eller och og samt til i oraz lub или и",
    )
)
"""Words that stand between two halves of compounds ("six- by 12-inch", "Vor- und Nachteile")."""
_BEFORE_A_COMPOUND = frozenset({"through", "than", "plus", "but", "per"})
"""Of these, words that divided words end in as well ("break-through")."""
_LAST_SYLLABLES = frozenset(re.findall(r"\w+", "or to et ou y o e u ni ed od en og i"))
"""Of these, what words of other languages end in."""
_LITTLE = frozenset(re.findall(r"\w+", "a an and at by de du for in la le of on or the to up"))
_FIRST_PARTS = frozenset({"self"})
_LAST_PARTS = frozenset({"based", "related", "oriented", "directed", "driven", "aware", "specific", "resistant"})
_WHOLE_WORDS = frozenset(re.findall(r"\w+", "well high low long short open cross full half real large fine"))
"""What English compounds begin with (open-source, well-typed), whose own endings are `_TAILS`."""
_TAILS = re.compile(
    r"[a-z]{1,3}|i[a-z]*|e[nrs][a-z]*|(?:light|way|ward|over|hand|word|road|come|coming|loc|time|cut|stand)[a-z]*|"
    r"ness|land|fold|ball|screen|tude|being|range|spread|stack|flow"
)
_FRONTS = frozenset(
    re.findall(
        r"\w+",
        "un re in inter mis de dis cor per out over under with some any every there where here for fore further up",
    )
)
"""What words are one with, that are words as well or not: unrelated, outside, performing, anytime."""
_NUMERALS = frozenset(re.findall(r"\w+", "one two three four five"))
_PREFIXES = frozenset(re.findall(r"\w+", "non pseudo semi anti quasi post"))
"""What some write with a hyphen, and then do so always."""
_AFTER_IN = frozenset(re.findall(r"\w+", "memory place depth house order kernel flight"))
_ENDINGS = frozenset(re.findall(r"\w+", "ing ings ment ments able ful less ness tion tions"))
_WORD_BY_ITSELF = 3  # letters

_HAN = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_BESIDE = re.compile(rf"(?<={_HAN})[A-Za-z0-9]|[A-Za-z0-9](?={_HAN})")
_SET_OFF = re.compile(rf"(?<={_HAN}) [A-Za-z0-9]|[A-Za-z0-9] (?={_HAN})")


class Joint(Enum):
    """How a line goes on in the next one."""

    DIVIDED = "a word was divided: the hyphen at the line's end goes"
    CLOSED = "as it is, without a blank"
    OPEN = "with a blank"


def words_within(lines: Iterable[str]) -> frozenset[str]:
    """Return what stands within lines, in small letters: words, compounds with their hyphens, and the parts of these.

    The first part of a compound is also given with its hyphen: "non-".
    The first and the last word of a line may be a piece of one, and count only where no hyphen says so.
    """
    found: set[str] = set()
    divided = False
    for line in lines:
        written = line.strip().casefold()
        words = _WORD.findall(written)
        was_divided, divided = divided, written[-1:] in _HYPHENS and bool(written)
        for word in words[was_divided : len(words) - divided]:
            plain = re.sub(f"[{_HYPHENS}]", "-", word)
            found.add(plain)
            parts = plain.split("-")
            found.update(part for part in parts if len(part) >= _WORD_BY_ITSELF)
            if len(parts) > 1:
                found.add(f"{parts[0]}-")
    return frozenset(found)


def joint(before: str, after: str, seen: Collection[str] = ()) -> Joint:
    """Return how a line that ends with `before` goes on with `after`; `seen` is what stands elsewhere (`words_within`).

    Blanks at the line's end and at the start of the next one do not count.
    """
    before, after = before.rstrip(), after.lstrip()
    if not before or not after:
        return Joint.OPEN
    if is_cjk(before[-1]) or is_cjk(after[0]):
        return _beside_han(before, after)
    if not _JOINT.search(before):
        attached = _DASH.search(before) and after[0].isalnum() and not _closes_insertion(before)
        return Joint.CLOSED if attached or _goes_on_in_address(before, after) else Joint.OPEN
    if _is_conjunction(after, seen):
        return Joint.OPEN if not _stands(before, after, "", seen) else Joint.DIVIDED
    if not after[0].isalnum():
        return Joint.CLOSED if after[0] in _OPENING else Joint.OPEN
    return Joint.DIVIDED if _is_divided(before, after, seen) else Joint.CLOSED


def joined(lines: Sequence[str], seen: Collection[str] = ()) -> str:
    """Return lines of one text (a table's cell, say) as one line."""
    text = ""
    for line in (" ".join(line.split()) for line in lines):
        if text and line:
            text = ended(text, Joint.OPEN if _is_bilingual(text, line) else joint(text, line, seen))
        text += line
    return text


def _is_bilingual(before: str, after: str) -> bool:
    """Whether a cell has a name in two languages, one below the other, and not a text in which both stand."""
    ends = before[-1] + after[0]
    return ends.isalpha() and is_cjk(ends[0]) != is_cjk(ends[1]) and not _BESIDE.search(f"{before}\n{after}")


def ended(line: str, how: Joint) -> str:
    """Return the end of a line as it is written before the next one."""
    line = line.rstrip()
    if how is Joint.DIVIDED:
        return line[:-1]
    if how is Joint.CLOSED:
        return line[:-1] + "-" if line.endswith("\u00ad") else line
    return line + " "


def with_drawn_hyphens(pieces: Sequence[str], *, are_hyphens: bool) -> list[str]:
    """Return the pieces of one line without its soft hyphens; one at its end stays, for `joint` to say what it is.

    A PDF holds what is drawn: some fonts map the glyph of every hyphen to the soft one (`are_hyphens`).
    """
    line = "".join(pieces)
    characters = list(line)
    for match in re.finditer("\u00ad", line.rstrip().removesuffix("\u00ad")):
        left, right = line[: match.start()], line[match.end() :]
        if right[0].isalpha():
            # Before the first letter of a word it forbids to divide the word.
            drawn = are_hyphens and left[-1:].isalnum()
        else:
            drawn = right[0].isdigit() or left[-1:].isalnum() or not left.strip() or left[-1].isspace()
        characters[match.start()] = "-" if drawn else ""
    written = iter(characters)
    return ["".join(islice(written, len(piece))) for piece in pieces]


def are_hyphens(lines: Iterable[str]) -> bool:
    """Whether soft hyphens within the lines of a page are what its font has for hyphens: no other stands in a word."""
    return not any(re.search(r"[^\W_][-\u2010\u2011][^\W_]", line) for line in lines)


def _goes_on_in_address(before: str, after: str) -> bool:
    """Whether a line ends within an address on the net, at one of its marks; a stop may end the sentence as well."""
    end = _ADDRESS_END.search(before)
    return end is not None and (end.group(1) != "." or bool(_ADDRESS_REST.match(after)))


def _is_conjunction(after: str, seen: Collection[str]) -> bool:
    """Whether a line begins with a word that joins two others, in a language of the page."""
    start = re.match(r"[(\[]?([^\W\d_]+)\b(?![-\u2010\u2011/'’])", after)
    if start is None or start.group(1) not in _CONJUNCTIONS:
        return False
    word = start.group(1)
    if word in _BEFORE_A_COMPOUND:
        return any("-" in later.strip("-") for later in after.split()[1:4])
    # "quan-|to" is Italian: a page that has neither "to" nor "the" between its words is not in English.
    return word not in _LAST_SYLLABLES or not seen or word in seen or (word in ("or", "to") and "the" in seen)


def _stands(before: str, after: str, between: str, seen: Collection[str]) -> bool:
    end, start = _LAST_PART.search(before), _FIRST_WORD.match(after)
    return bool(end and start) and f"{end.group(2)}{between}{start.group(1)}".casefold() in seen  # type: ignore[union-attr]


def _is_divided(before: str, after: str, seen: Collection[str]) -> bool:
    """Whether the hyphen between two letters at a line's end was put there to divide a word."""
    end, start = _LAST_PART.search(before), _FIRST_WORD.match(after)
    if end is None or start is None or _ADDRESS.search(end.group(1)):
        return False
    outer, first, second, rest = end.group(1), end.group(2), start.group(1), start.group(2)
    if not second[0].islower() and not _are_capitals(before, after, first, second):
        return False
    if f"{first}{second}".casefold() in seen:
        return True
    if f"{first}-{second}".casefold() in seen:
        return False
    if before.endswith("\u00ad"):
        return True
    a, b = first.casefold(), second.casefold()
    is_compound = (
        len(a) == 1
        or a in _FIRST_PARTS
        or (b in _LAST_PARTS and a not in _FRONTS)
        or (a in _WHOLE_WORDS and not outer and not _TAILS.fullmatch(b))
        or (a in _LITTLE and outer.endswith("-"))
        or (len(a) > 1 and first.isupper() and second.islower() and len(b) > _WORD_BY_ITSELF)
        or (a in _NUMERALS and not _TAILS.fullmatch(b))
        or (a in _PREFIXES and f"{a}-" in seen)
        or (a == "in" and b in _AFTER_IN)
        or (b in _LITTLE and bool(rest))
    )
    are_words = min(len(a), len(b)) >= _WORD_BY_ITSELF and a in seen and b in seen
    are_words = are_words and a not in _FRONTS and b not in _ENDINGS
    return not (is_compound or are_words)


def _are_capitals(before: str, after: str, first: str, second: str) -> bool:
    """Whether a word is divided in a text of capitals: more of it than these two pieces."""
    if not (_CAPITALS.fullmatch(first) and _CAPITALS.fullmatch(second)):
        return False
    others = [*_WORD.findall(before)[:-1], *_WORD.findall(after)[1:]]
    letters = [word for word in others if len(word) > 2 and word.isalpha()]
    return bool(letters) and all(map(str.isupper, letters))


def _closes_insertion(before: str) -> bool:
    """Whether a dash at a line's end closes what another one began, with a blank before it and none after."""
    return len(_OPENING_DASH.findall(before)) > 0


def _beside_han(before: str, after: str) -> Joint:
    """Chinese and Japanese have no blank at a line's end; letters and figures beside them may be set off by one."""
    if is_cjk(before[-1]) and is_cjk(after[0]):
        return Joint.CLOSED
    lines = f"{before}\n{after}"
    apart = len(_SET_OFF.findall(lines))
    return Joint.OPEN if apart > len(_BESIDE.findall(lines)) else Joint.CLOSED
