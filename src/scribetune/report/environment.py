"""What the pages of this room have in common: templates in one language, every value in them as text.

In a template `_("…")` is a text in the reader's language, `_html("…")` one with markup of our own, whose values are
escaped; `found(…)` is for sentences that come out of result files.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import jinja2
from markupsafe import Markup

from scribetune.core.package import package_file
from scribetune.report.tables import number
from scribetune.text.language import Language, Words
from scribetune.text.visible_text import visible

TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}
"""Language → its tag in HTML."""
_PLACEHOLDER = re.compile(r"\\\{(\w+)\\\}")
_NUMBERS = frozenset({"count"})


class Wording(Words):
    """The texts of the report; `found` translates what result files say."""

    def __init__(self, language: Language) -> None:
        """Take the language of the page."""
        super().__init__(language, package_file("report.zh.json"))

    def counted(self, count: int, noun: str) -> str:
        """Return a number with its noun: "1 page", "2 pages"."""
        return self(f"{{count}} {noun}" if count == 1 else f"{{count}} {noun}s", count=count)

    def found(self, text: str) -> str:
        """Return a sentence of a result file (metrics.json, scores.json, a table) in this language.

        It is looked up as it is, then as one of the texts with places for values; what nobody has translated is
        returned as it was found.
        """
        if self.language == "en" or not text:
            return text
        if text in self._texts:
            return self(text)
        for pattern, english in self._patterns:
            match = pattern.fullmatch(text)
            if match:
                return self(english, **{key: self.found(value) for key, value in match.groupdict().items()})
        return text

    def reasons(self, text: str) -> str:
        """Return the reasons in reports/documents.csv ("blank 2; scan 1") in this language."""
        parts = [part.rpartition(" ") for part in text.split("; ")]
        if self.language == "en" or not all(count.isdecimal() for _, _, count in parts):
            return text
        return self("; ").join(f"{self(reason)} {count}" for reason, _, count in parts)

    @cached_property
    def _texts(self) -> frozenset[str]:
        return frozenset(self._translations)

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        # The longest first: a short text with a place for a value would take what a long one says more of.
        with_places = sorted((text for text in self._texts if "{" in text), key=lambda text: (-len(text), text))
        return [(_pattern(text), text) for text in with_places]


def _pattern(english: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def place(match: re.Match[str]) -> str:
        key = match.group(1)
        if key in seen:
            return f"(?P={key})"
        seen.add(key)
        return rf"(?P<{key}>-?[\d.,]+)" if key in _NUMBERS else rf"(?P<{key}>.+?)"

    return re.compile(_PLACEHOLDER.sub(place, re.escape(english)), re.DOTALL)


def environment(words: Wording, templates: Mapping[str, str]) -> jinja2.Environment:
    """Return the Jinja environment of pages in one language.

    Every value is escaped, and cleared of characters that could deceive a reader.

    Args:
        words: The language.
        templates: Name → text.
    """
    made = jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Every value that is not yet HTML passes here, attributes included.
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )

    def html(english: str, **values: Any) -> Markup:
        shown = {key: visible(value) if type(value) is str else value for key, value in values.items()}
        text = Markup(words(english))  # noqa: S704 - our own text
        return text.format(**shown) if shown else text

    made.globals |= {"_": words, "_html": html, "found": words.found, "tag": TAGS[words.language]}
    made.filters |= {
        "number": number,
        "exact": lambda value: "" if value is None else repr(value),
        "percent": lambda value: f"{100 * value:+.1f} %".replace("-", "−"),
        "share": lambda value: f"{100 * value:.1f} %",
        "signed": lambda value: "—" if value is None else f"{value:+.4f}".replace("-", "−"),
        "plural": words.counted,
    }
    return made


def policy(*scripts: str) -> str:
    """Return the Content-Security-Policy: these scripts by hash, images from disk or inside the file, nothing else."""
    hashes = " ".join(
        "'sha256-{}'".format(base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"))
        for script in scripts
    )
    allowed, frames = (hashes, "frame-src 'self' file:; ") if scripts else ("'none'", "")
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        f"img-src 'self' file: data: blob:; {frames}base-uri 'none'; form-action 'none'"
    )
