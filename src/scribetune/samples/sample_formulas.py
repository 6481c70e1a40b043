"""Formulas of the sample corpus, composed from templates/sample_formulas.yaml, whose head says how it is written."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import yaml

from scribetune.core.package import package_file
from scribetune.samples.expressions import (
    OPERATORS,
    Expression,
    Fraction,
    Mean,
    Number,
    Parentheses,
    Root,
    Scripted,
    Sum,
    Symbol,
    row,
)

T = TypeVar("T")
_TOKEN = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True)
class NamedFormula:
    """A formula; `name` is its key in `Phrases.formula_names`, `symbol` its left-hand side, for use in a sentence."""

    name: str
    symbol: Expression
    expression: Expression


class HouseRandom(random.Random):
    """Random numbers of a document whose house has habits: the same choice of symbols, formulas and experiments."""

    house: str = ""
    """Names the house; other names give other habits."""

    def habit(self, options: Sequence[T], count: int) -> list[T]:
        """Return the few of these options that the house uses, always the same, in their order."""
        found = random.Random(f"{self.house}/{[str(option) for option in options]}")  # noqa: S311  not secret
        return [options[index] for index in sorted(found.sample(range(len(options)), min(count, len(options))))]


def habitual(rng: random.Random, options: Sequence[T], count: int) -> Sequence[T]:
    """Return the options that a house uses; all of them for a document that belongs to none."""
    return rng.habit(options, count) if isinstance(rng, HouseRandom) else options


@dataclass(frozen=True)
class Builder:
    """One formula of the file: its key, its name in the phrases, and the steps that compose it."""

    key: str
    name: str
    steps: Mapping[str, Any]

    def __str__(self) -> str:  # the habits of houses depend on it
        return f"_{self.key}"

    def __call__(self, rng: random.Random) -> NamedFormula:
        """Compose the formula; every choice comes from `rng`."""
        drawn: dict[str, Expression] = {}
        _draw(rng, self.steps, drawn)
        return NamedFormula(self.name, drawn["symbol"], drawn["formula"])


@cache
def formulas(group: str) -> Mapping[str, Builder]:
    """Return the formulas of "finance", "billing", "statistics" or "experiments", by their keys."""
    found = yaml.safe_load(package_file("sample_formulas.yaml").read_text(encoding="utf-8"))[group]
    return {key: Builder(key, steps.pop("name", key), steps) for key, steps in found.items()}


def _draw(rng: random.Random, steps: Mapping[str, Any], drawn: dict[str, Expression]) -> None:
    """Take steps in their order, and add what they give to `drawn`."""
    for name, step in steps.items():
        if name in _DRAWS:
            drawn.update(_DRAWS[name](rng, **(step or {})))
        elif isinstance(step, list) and isinstance(step[0], int):
            drawn[name] = Number(str(rng.randint(*step)))
        elif isinstance(step, list):
            drawn[name] = Symbol(rng.choice(habitual(rng, step, 1)))
        elif isinstance(step, str):
            drawn[name] = parse(step, drawn)
        else:
            ((label, options),) = step.items()
            chosen = _either(rng, label, options)
            _draw(rng, {name: chosen} if isinstance(chosen, str) else chosen, drawn)


def _either(rng: random.Random, label: str, options: Sequence[T]) -> T:
    """Choose how a formula is written, of the ways that `label` names; a house always writes it the same way."""
    names = [f"{label} {number}" for number in range(len(options))]
    return options[names.index(rng.choice(habitual(rng, names, 1)))]


def _periods(rng: random.Random) -> dict[str, Expression]:
    """Draw the indices of an earlier and a later period."""
    time = rng.choice(habitual(rng, ("t", "n", "k"), 1))
    year = rng.randint(2016, 2026)
    before, now = _either(rng, "periods", [("0", "1"), ("1", "2"), (f"({time} - 1)", time), (f"{year}", f"{year + 1}")])
    return {"before": parse(before, {}), "now": parse(now, {})}


def _changed(rng: random.Random) -> dict[str, Expression]:
    before = rng.randint(400, 2400)
    now = before + rng.randint(9, before // 3)
    rate = Number(f"{(now - before) / before * 100:.1f}%")
    return {"old": Number(f"{before / 10:.1f}"), "new": Number(f"{now / 10:.1f}"), "rate": rate}


def _figures(
    rng: random.Random, top: Sequence[int], bottom: Sequence[int], decimals: int, scale: int, result: str
) -> dict[str, Expression]:
    """Draw two whole numbers, written with `decimals` of their digits behind the point, and scale their quotient."""
    above, below = rng.randint(*top), rng.randint(*bottom)
    shown = [Number(f"{value / 10**decimals:.{decimals}f}") for value in (above, below)]
    return {"top": shown[0], "bottom": shown[1], "result": Number(result.format(above / below * scale))}


_DRAWS: Mapping[str, Any] = {"periods": _periods, "changed": _changed, "figures": _figures}


def parse(text: str, names: Mapping[str, Expression]) -> Expression:
    """Read an expression as the head of the file describes it.

    Raises:
        ValueError: A symbol, a number or an operator is unknown.
    """
    return _joined(list(_parts(iter(_TOKEN.findall(text)), names)))


def _parts(tokens: Iterator[str], names: Mapping[str, Expression]) -> Iterator[Expression | str]:
    for token in tokens:
        if token == ")":  # noqa: S105  no password
            return
        if token == "(":  # noqa: S105  no password
            yield _call(tokens, names)
        elif token in names:
            yield names[token]
        elif token in OPERATORS or token in _FORMS:
            yield token
        else:
            yield Number(token) if token[0].isdigit() else Symbol(token)


def _call(tokens: Iterator[str], names: Mapping[str, Expression]) -> Expression:
    head, *rest = _parts(tokens, names)
    return _FORMS[head](*rest) if isinstance(head, str) and head in _FORMS else _joined([head, *rest])


def _joined(parts: Sequence[Expression | str]) -> Expression:
    first = parts[0]
    return first if len(parts) == 1 and isinstance(first, Expression) else row(*parts)


_FORMS: Mapping[str, Any] = {
    "frac": Fraction,
    "sub": Scripted,
    "script": Scripted,
    "pow": lambda base, above: Scripted(base, above=above),
    "root": lambda *parts: Root(_joined(parts)),
    "mean": Mean,
    "paren": lambda *parts: Parentheses(_joined(parts)),
    "tall": lambda *parts: Parentheses(_joined(parts), tall=True),
    "sum": Sum,
}
