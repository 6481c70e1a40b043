"""The sample corpus's vocabulary: templates/phrases.<language>.yaml, and how texts are filled from it."""

import random
import re
from collections.abc import Mapping
from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from scribetune.core.errors import UserError
from scribetune.core.package import package_files

_SLOT = re.compile(r"\{(\w+)\}")


class _Vocabulary(BaseModel):
    """Part of a vocabulary file: immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExperimentWords(_Vocabulary):
    """How one experiment is written about.

    Attributes:
        titles: Names of the experiment.
        aims: Sentences that say what was done.
        headers: Column headers: the run's number, then the quantities.
    """

    titles: tuple[str, ...]
    aims: tuple[str, ...]
    headers: tuple[str, ...]


class Phrases(_Vocabulary):
    """What sample documents of one language are written with.

    Attributes:
        language: Code, as in the configuration.
        capitalised: Whether sentences and headings begin with a capital letter.
        currencies: Signs that stand before an amount.
        date_form: With `{day}`, `{month}` and `{year}`.
        months: Names or numbers of the months, for `date_form`.
        slots: Words that fill `{name}` in templates; they may hold slots themselves.
        key_columns: First columns of financial tables: header → entries.
        formula_names: Formula → what it gives.
        experiments: Experiment → titles, aims and column headers.
        texts: Templates of titles, sentences and list items, by purpose.
    """

    language: str
    capitalised: bool
    currencies: tuple[str, ...]
    date_form: str
    months: tuple[str, ...]
    slots: Mapping[str, tuple[str, ...]]
    key_columns: Mapping[str, tuple[str, ...]]
    formula_names: Mapping[str, tuple[str, ...]]
    experiments: Mapping[str, ExperimentWords]
    texts: Mapping[str, tuple[str, ...]]


@cache
def load(language: str) -> Phrases:
    """Return a language's vocabulary, read and checked once a process.

    Raises:
        UserError: The file is not what `Phrases` says.
    """
    path = package_files("phrases.*")[f"phrases.{language}.yaml"]
    try:
        return Phrases.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(
            f"The vocabulary of the sample corpus cannot be read: {error}",
            value=str(path),
            accepted="texts by key; a text that YAML would read as something else in quotes",
            todo="correct the file",
        ) from error


class Writer:
    """Fills templates from one language's phrases with one random generator; repeats itself as little as it can.

    Args:
        phrases: The language.
        rng: Every choice comes from it, in order.
    """

    def __init__(self, phrases: Phrases, rng: random.Random) -> None:
        self.phrases = phrases
        self.rng = rng
        # One currency and one year per document: amounts of a document belong together.
        self.currency = rng.choice(phrases.currencies)
        self.year = rng.randint(2016, 2027)
        self._used: set[str] = set()

    def text(self, purpose: str, **given: str) -> str:
        """Return one filled template.

        Args:
            purpose: Key of `Phrases.texts`.
            given: Values of slots that are not left to chance.
        """
        return self.fill(self._fresh(self.phrases.texts[purpose], 1)[0], **given)

    def several(self, purpose: str, count: int, **given: str) -> list[str]:
        """Return filled templates, each of another pattern.

        Raises:
            ValueError: There are fewer patterns than asked for.
        """
        return [self.fill(pattern, **given) for pattern in self._fresh(self.phrases.texts[purpose], count)]

    def fill(self, pattern: str, **given: str) -> str:
        """Replace each `{slot}` and begin with a capital letter where the language has them."""
        text = self._slots(pattern, given)
        return text[:1].upper() + text[1:] if self.phrases.capitalised else text

    def _fresh(self, choices: tuple[str, ...], count: int) -> list[str]:
        """Choose among what this document has not said yet, or among all where too little is left."""
        unused = [choice for choice in choices if choice not in self._used]
        chosen = self.rng.sample(unused if len(unused) >= count else choices, count)
        self._used.update(chosen)
        return chosen

    def _slots(self, pattern: str, given: Mapping[str, str]) -> str:
        return _SLOT.sub(lambda match: self._slot(match.group(1), given), pattern)

    def _slot(self, name: str, given: Mapping[str, str]) -> str:
        if name in given:
            return given[name]
        if name in self.phrases.slots:
            return self._slots(self._fresh(self.phrases.slots[name], 1)[0], given)
        return self._number(name)

    def _number(self, name: str) -> str:
        rng = self.rng
        numbers = {
            "n": lambda: str(rng.randint(2, 9)),
            "nn": lambda: str(rng.randint(10, 99)),
            "nnn": lambda: str(rng.randint(100, 999)),
            "percent": lambda: f"{rng.randint(1, 39)}.{rng.randint(0, 9)}%",
            "share": lambda: f"{rng.randint(3, 95)}%",
            "decimal": lambda: f"{rng.randint(1, 99)}.{rng.randint(1, 9)}",
            "amount": lambda: f"{self.currency}{rng.randint(2, 980) * 1000 + rng.randint(0, 99) * 10:,}",
            "small_amount": lambda: f"{self.currency}{rng.randint(12, 990)}",
            "year": lambda: str(self.year),
            "last_year": lambda: str(self.year - 1),
            "next_year": lambda: str(self.year + 1),
            "quarter": lambda: str(rng.randint(1, 4)),
            "time": lambda: f"{rng.randint(8, 17)}:{rng.choice(('00', '15', '30', '45'))}",
            "date": self._date,
        }
        return numbers[name]()

    def _date(self) -> str:
        months = self.phrases.months
        return self.phrases.date_form.format(day=self.rng.randint(1, 28), month=self.rng.choice(months), year=self.year)
