"""The language that a build's pages for people are written in: English or Chinese.

A catalogue is a JSON file {English: Chinese} of the room that shows the text; English is the key, so that a template
reads as what it shows, and a text that has no translation is shown in English.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

Language = Literal["en", "zh"]
_MOST_CHARACTERS = 200_000


def chosen(setting: Literal["auto", "en", "zh"], texts: Iterable[str]) -> Language:
    """Return the language that `report.language` asks for.

    Args:
        setting: A language, or auto: Chinese where most letters of the texts are Chinese characters.
        texts: Labels of the corpus.
    """
    if setting != "auto":
        return setting
    han = other = 0
    for text in texts:
        for character in text:
            if "\u4e00" <= character <= "\u9fff":
                han += 1
            elif character.isalpha():
                other += 1
        if han + other > _MOST_CHARACTERS:
            break
    return "zh" if han > other else "en"


class Words:
    """Texts in one language: `words("{count} pages", count=3)`."""

    def __init__(self, language: Language, catalogue: Path) -> None:
        """Take a language and the file of the translations."""
        self.language = language
        self._file = catalogue

    @cached_property
    def _translations(self) -> Mapping[str, str]:
        if self.language == "en":
            return {}
        return dict(json.loads(self._file.read_text(encoding="utf-8")))

    def __call__(self, english: str, **values: object) -> str:
        """Return a text in this language, with values filled in."""
        text = self._translations.get(english, english)
        return text.format(**values) if values else text
