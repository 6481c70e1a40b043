"""What pre-training pages say: words, invented words, strings no language model could guess, numbers, signs, Chinese.

Half of the words come from the sample corpus's phrases and a list of frequent words; the other half is drawn letter by
letter or digit by digit, so that the model has to read what it cannot know.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from scribetune.samples import phrases
from scribetune.samples.phrases import Writer
from tiny_pretraining.tiny_model import FULL_WIDTH, HAN

FREQUENT_WORDS = Path(__file__).with_name("frequent_words.txt")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS_AND_DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_UNLIKE = (_LETTERS, _LETTERS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abdefghijkmnqrtyABDEFGHJKLMNQRTY", _CAPITALS_AND_DIGITS)
"""Alphabets of strings that nothing but their shapes tells: without letters that look the same in many fonts."""
_ACCENTED: Mapping[str, str] = MappingProxyType(
    {"a": "àáâãäå", "c": "ç", "e": "èéêë", "i": "ìíîï", "n": "ñ", "o": "òóôõöø", "u": "ùúûü", "s": "šß", "y": "ýÿ"}
)
_GREEK = "αβγδεζηθκλμξπρσφψωΓΔΘΛΠΣΦΨΩ"
_RELATIONS = "=+−×·÷<>≤≥≈≠±→∈∝/"
_STRAY = "&@#%*+=<>|~^_\\/{}[]()§©®°±²³¹·¼½¾×÷¿¡«»†‡•…‰‹›№™←↑→↓⇒∂∃∀∇∞∫√∑∏∩∪⊂⊃⊕⊥∠∅£€¥$¢₹₩₽"
_UNITS = (
    "kg", "g", "mg", "km", "m", "cm", "mm", "mL", "L", "s", "min", "h", "°C", "K", "V", "mA", "W", "kW", "Hz", "Pa",
)  # fmt: skip
_CURRENCIES = ("$", "$", "€", "€", "£", "¥", "USD ", "EUR ", "CHF ", "₹", "₩", "₽")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HAN_POINTS = "，，，，。。、；：！？"
_HAN_UNITS = ("元", "万元", "亿元", "%", "人", "个", "台", "件", "吨", "年", "月", "日", "号", "次", "米", "千克", "套")
HAN_CHARACTERS = "".join(dict.fromkeys(HAN))
"""Every Chinese character that has a token."""
_WIDE_LATIN = "".join(character for character in FULL_WIDTH if 0xFF10 <= ord(character) <= 0xFF5A)


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is not broken across lines.

    Attributes:
        text: Without blanks at its ends.
        blank: Whether a blank stands before it (dropped at the start of a line).
    """

    text: str
    blank: bool


def is_han(character: str) -> bool:
    """Tell whether a character is set in the Chinese font (Chinese characters and full-width signs)."""
    return ord(character) >= 0x2E80


class Source:
    """Text of one page.

    Args:
        rng: Every choice comes from it, in order.
        chinese: Whether the page is written in Chinese (with Latin words and numbers in between).
        drawable: Characters the page's fonts can draw; others never occur.
    """

    def __init__(self, rng: random.Random, *, chinese: bool, drawable: frozenset[str]) -> None:
        self.rng = rng
        self.chinese = chinese
        self.drawable = drawable
        self.writer = Writer(phrases.load("zh" if chinese else "en"), rng)
        self._blank_between_scripts = rng.random() < 0.25
        self._prose = rng.choice((0.0, 0.25, 0.5))

    def paragraph(self, characters: int) -> list[Piece]:
        """Return about as many characters of running text."""
        pieces: list[Piece] = []
        count = 0
        while count < characters:
            added = self._sentence() if self.rng.random() < self._prose else self._words(self.rng.randint(3, 12))
            pieces += added
            count += sum(len(piece.text) + piece.blank for piece in added)
        return pieces

    def phrase(self, words: int) -> str:
        """Return a few words on one line, for headings, cells and list items."""
        return joined(self._words(words))

    def cell(self) -> str:
        """Return a table cell that is no number: one or two words, or a short string."""
        if self.chinese and self.rng.random() < 0.75:
            return self._drawable(self._han_word)
        return self._drawable(lambda: _name(self.rng) if self.rng.random() < 0.7 else _word(self.rng))

    def number(self) -> str:
        """Return a number, an amount, a share or a date."""
        return self._drawable(lambda: _number(self.rng))

    def formula(self) -> str:
        """Return a line like `x_1 = 3.5 · y² ± 0.2`, as it would be typed."""
        return self._drawable(lambda: _formula_line(self.rng))

    def _drawable(self, make: Callable[[], str]) -> str:
        for _ in range(20):
            text = make()
            if set(text) <= self.drawable:
                return text
        return str(self.rng.randint(0, 999))

    def _sentence(self) -> list[Piece]:
        """Return a sentence of the sample corpus."""
        purposes = _sentences(self.writer.phrases.language)
        for _ in range(20):
            text = self.writer.fill(self.rng.choice(purposes))
            if set(text) <= self.drawable:
                return self.pieces(text)
        return self._words(4)

    def pieces(self, text: str) -> list[Piece]:
        """Split text where a line may break: at blanks, and around every Chinese character."""
        found = []
        for number, word in enumerate(text.split(" ")):
            for place, part in enumerate(re.findall(r"[\u2e80-\uffff]|[^\u2e80-\uffff]+", word)):
                found.append(Piece(part, blank=place == 0 and number > 0))
        if found:
            found[0] = Piece(found[0].text, blank=True)
        return found

    def _words(self, count: int) -> list[Piece]:
        if not self.chinese:
            return [Piece(self._drawable(lambda: _word(self.rng)), blank=True) for _ in range(count)]
        pieces: list[Piece] = []
        for number in range(count):
            if self.rng.random() < 0.72:
                text = self._drawable(self._han_word)
                pieces += [Piece(character, blank=False) for character in text]
            elif self.rng.random() < 0.6:
                text = self._drawable(lambda: _number(self.rng) + self.rng.choice(("", "", *_HAN_UNITS)))
                pieces += self._foreign(text, pieces)
            else:
                pieces += self._foreign(self._drawable(lambda: _word(self.rng)), pieces)
            if number < count - 1 and self.rng.random() < 0.2:
                pieces.append(Piece(self.rng.choice(_HAN_POINTS), blank=False))
        return pieces

    def _foreign(self, text: str, before: Sequence[Piece]) -> list[Piece]:
        parts = re.findall(r"[\u2e80-\uffff]|[^\u2e80-\uffff]+", text)
        # Two Latin words in a row would read as one.
        blank = bool(before) and (self._blank_between_scripts or not is_han(before[-1].text[-1]))
        return [Piece(part, blank=blank and place == 0) for place, part in enumerate(parts)]

    def _han_word(self) -> str:
        chance = self.rng.random()
        if chance < 0.45:
            return self.rng.choice(_han_words())
        text = "".join(self.rng.choices(HAN_CHARACTERS, k=self.rng.randint(1, 5)))
        if chance > 0.97:
            return "".join(self.rng.choices(_WIDE_LATIN, k=self.rng.randint(1, 4)))
        if chance > 0.9:
            left, right = self.rng.choice(("（）", "《》", "“”", "「」", "【】", "()"))
            return left + text + right
        return text


def joined(pieces: Sequence[Piece]) -> str:
    """Return the pieces as one line."""
    text = "".join(" " * piece.blank + piece.text for piece in pieces)
    return text.removeprefix(" ")


@lru_cache(maxsize=2)
def _sentences(language: str) -> list[str]:
    """Return every template without formulas or bold words, in a fixed order."""
    vocabulary = phrases.load(language)
    given = ("<symbol>", "{name}", "{value}", "{rate}", "{title}")
    return [
        text.replace("**", "")
        for purpose in sorted(vocabulary.texts)
        for text in vocabulary.texts[purpose]
        if not any(mark in text for mark in given)
    ]


def _texts(language: str) -> Iterator[str]:
    """Yield every template, word and formula's name of a language."""
    vocabulary = phrases.load(language)
    for group in (vocabulary.texts, vocabulary.slots, vocabulary.formula_names):
        for texts in group.values():
            yield from texts


@lru_cache(maxsize=1)
def _english_words() -> tuple[str, ...]:
    found = set(FREQUENT_WORDS.read_text(encoding="utf-8").split())
    for text in _texts("en"):
        found |= set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{\w+\}|<\w+>", " ", text)))
    return tuple(sorted(found))


@lru_cache(maxsize=1)
def _han_words() -> tuple[str, ...]:
    found: set[str] = set()
    for text in _texts("zh"):
        found |= {part for part in re.findall(r"[\u4e00-\u9fff]+", re.sub(r"\{\w+\}", " ", text)) if len(part) <= 6}
    return tuple(sorted(found))


@lru_cache(maxsize=1)
def _followers() -> Mapping[str, str]:
    """Return, for each two letters, every letter that follows them in English words (^ and $ are the ends)."""
    found: dict[str, str] = {}
    for word in _english_words():
        spelled = f"^^{word.lower()}$"
        for index in range(len(spelled) - 2):
            found[spelled[index : index + 2]] = found.get(spelled[index : index + 2], "") + spelled[index + 2]
    return MappingProxyType(found)


def _invented(rng: random.Random) -> str:
    """Return a word that is none, spelled like English."""
    word, state = "", "^^"
    while len(word) < 13:
        letter = rng.choice(_followers()[state])
        if letter == "$":
            break
        word, state = word + letter, state[1] + letter
    return word


def _cased(rng: random.Random, word: str) -> str:
    chance = rng.random()
    if chance < 0.2:
        return word[:1].upper() + word[1:]
    return word.upper() if chance < 0.27 else word


def _name(rng: random.Random) -> str:
    word = rng.choice(_english_words()) if rng.random() < 0.6 else _invented(rng)
    text = word[:1].upper() + word[1:]
    return text if rng.random() < 0.7 else f"{text} {rng.choice(_english_words())}"


def _accented(rng: random.Random) -> str:
    return "".join(
        rng.choice(_ACCENTED[letter]) if letter in _ACCENTED and rng.random() < 0.4 else letter
        for letter in _invented(rng)
    )


def _word(rng: random.Random) -> str:  # noqa: PLR0911 (one return for each kind)
    """Return what stands between two blanks."""
    chance = rng.random()
    if chance < 0.36:
        word = _cased(rng, rng.choice(_english_words()))
    elif chance < 0.52:
        word = _cased(rng, _invented(rng))
    elif chance < 0.56:
        word = _cased(rng, _accented(rng))
    elif chance < 0.64:
        return "".join(rng.choices(rng.choice(_UNLIKE), k=rng.randint(1, 9)))
    elif chance < 0.82:
        return _number(rng)
    elif chance < 0.92:
        return _code(rng)
    elif chance < 0.96:
        return rng.choice(_GREEK) + rng.choice(("", "", "²", "³", "1", "(x)"))
    elif chance < 0.98:
        return rng.choice(_STRAY)
    else:
        return "".join(rng.choices(_STRAY + _LETTERS + "0123456789", k=rng.randint(2, 6)))
    chance = rng.random()
    if chance < 0.14:
        return word + rng.choice(",.,.,.;:!?")
    if chance < 0.2:
        left, right = rng.choice(("()", "()", '""', "“”", "[]", "''", "‘’"))
        return left + word + right
    if chance < 0.25:
        return word + rng.choice("-–/'’") + rng.choice(_english_words())
    return word


def _digits(rng: random.Random, low: int, high: int) -> str:
    return "".join(rng.choices("0123456789", k=rng.randint(low, high)))


def _number(rng: random.Random) -> str:
    value = rng.randint(0, 10 ** rng.randint(1, 7))
    makers: tuple[Callable[[], str], ...] = (
        lambda: str(value),
        lambda: f"{value:,}",
        lambda: f"{value / 100:,.2f}",
        lambda: f"{value / 100:,.2f}",
        lambda: f"{rng.randint(0, 999) / 10}",
        lambda: f"{rng.randint(0, 9999) / 1000:.3f}",
        lambda: f"{rng.choice(('', '', '+', '-', '−'))}{rng.randint(0, 999) / 10}%",
        lambda: f"{rng.randint(0, 100)}%",
        lambda: f"{rng.choice(('+', '-', '−', '±'))}{rng.randint(0, 99999) / 100:,.2f}",
        lambda: f"{rng.choice(_CURRENCIES)}{value:,}",
        lambda: f"{rng.choice(_CURRENCIES)}{value / 100:,.2f}",
        lambda: f"({value:,})",
        lambda: f"{rng.randint(0, 999)} {rng.choice(_UNITS)}",
        lambda: f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1990, 2039)}",
        lambda: f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/{rng.randint(1990, 2039)}",
        lambda: f"{rng.randint(1990, 2039)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        lambda: f"{rng.randint(1, 28)}.{rng.randint(1, 12)}.{rng.randint(1990, 2039)}",
        lambda: f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
        lambda: str(rng.randint(1990, 2039)),
        lambda: f"Q{rng.randint(1, 4)}",
    )
    return rng.choice(makers)()


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choices(_LETTERS.upper(), k=rng.randint(1, 4)))
    makers: tuple[Callable[[], str], ...] = (
        lambda: _digits(rng, 5, 14),
        lambda: " ".join(_digits(rng, 4, 4) for _ in range(rng.randint(2, 4))),
        lambda: f"{letters}-{_digits(rng, 2, 6)}",
        lambda: f"{letters}{_digits(rng, 2, 8)}",
        lambda: f"{_digits(rng, 2, 4)}/{_digits(rng, 2, 5)}",
        lambda: f"#{_digits(rng, 2, 6)}",
        lambda: f"+{_digits(rng, 2, 2)} {_digits(rng, 3, 3)} {_digits(rng, 5, 8)}",
        lambda: f"{_invented(rng)}@{_invented(rng)}.{rng.choice(('com', 'org', 'net', 'de', 'cn'))}",
        lambda: f"www.{_invented(rng)}.{rng.choice(('com', 'org', 'eu'))}",
        lambda: "".join(rng.choices(_CAPITALS_AND_DIGITS, k=rng.randint(4, 12))),
        lambda: f"{rng.choice(_LETTERS.upper())}. {_name(rng)}",
    )
    return rng.choice(makers)()


def _formula_line(rng: random.Random) -> str:
    def term() -> str:
        return rng.choice(
            (
                rng.choice(_LETTERS + _GREEK),
                rng.choice(_LETTERS.upper()),
                rng.choice(_LETTERS) + rng.choice("²³"),
                str(rng.randint(2, 99)),
                f"{rng.randint(1, 999) / 10}",
                f"({rng.choice(_LETTERS)} {rng.choice('+-')} {rng.choice(_LETTERS)})",
                f"√{rng.choice(_LETTERS)}",
                f"{rng.choice(_LETTERS)}/{rng.choice(_LETTERS)}",
            )
        )

    text = f"{rng.choice(_LETTERS + _LETTERS.upper() + _GREEK)} = {term()}"
    for _ in range(rng.randint(1, 3)):
        text += f" {rng.choice(_RELATIONS)} {term()}"
    return text
