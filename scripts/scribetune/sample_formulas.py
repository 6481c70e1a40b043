"""Formulas of the sample corpus: seeded variants of what financial reports, invoices and lab sheets contain."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from scribetune.expressions import Expression, Fraction, Mean, Number, Parentheses, Root, Scripted, Sum, Symbol, row

T = TypeVar("T")


@dataclass(frozen=True)
class NamedFormula:
    """A formula and what it gives.

    Attributes:
        name: Key of `Phrases.formula_names`.
        symbol: Its left-hand side, for use within a sentence.
        expression: The whole equation.
    """

    name: str
    symbol: Expression
    expression: Expression


ONE, TWO, HUNDRED = Number("1"), Number("2"), Number("100%")


class HouseRandom(random.Random):
    """Random numbers of a document whose house has habits: the same choice of symbols, formulas and experiments.

    Attributes:
        house: Names the house; other names give other habits.
    """

    house: str = ""

    def habit(self, options: Sequence[T], count: int) -> list[T]:
        """Return the few of these options that the house uses, always the same, in their order."""
        names = [getattr(option, "__name__", str(option)) for option in options]
        found = random.Random(f"{self.house}/{names}")  # noqa: S311  reproducible, not secret
        return [options[index] for index in sorted(found.sample(range(len(options)), min(count, len(options))))]


def habitual(rng: random.Random, options: Sequence[T], count: int) -> Sequence[T]:
    """Return the options that a house uses; all of them for a document that belongs to none."""
    return rng.habit(options, count) if isinstance(rng, HouseRandom) else options


def _pick(rng: random.Random, *names: str) -> Symbol:
    return Symbol(rng.choice(habitual(rng, names, 1)))


def _either(rng: random.Random, label: str, *options: T) -> T:
    """Choose how a formula is written; a house always writes it the same way.

    Args:
        rng: Of the document.
        label: Names the choice.
        options: Ways to write it; their numbers may differ from document to document.
    """
    names = [f"{label} {number}" for number in range(len(options))]
    return options[names.index(rng.choice(habitual(rng, names, 1)))]


def _indexed(base: Symbol, index: Expression | None) -> Expression:
    return Scripted(base, below=index)


def _periods(rng: random.Random) -> tuple[Expression, Expression]:
    """Return the indices of an earlier and a later period."""
    time = _pick(rng, "t", "n", "k")
    year = rng.randint(2016, 2026)
    choices: tuple[tuple[Expression, Expression], ...] = (
        (Number("0"), ONE),
        (ONE, TWO),
        (row(time, "-", ONE), time),
        (Number(str(year)), Number(str(year + 1))),
    )
    return _either(rng, "periods", *choices)


def _formula(name: str, symbol: Expression, *right: Expression | str) -> NamedFormula:
    """Return `symbol = right`."""
    return NamedFormula(name, symbol, row(symbol, "=", *right))


def _change_rate(rng: random.Random) -> NamedFormula:
    base, (before, now) = _pick(rng, "R", "S", "U", "E"), _periods(rng)
    symbol = _pick(rng, "g", "w", "r", "delta")
    old, new = _indexed(base, before), _indexed(base, now)
    right: Expression = _either(rng, "change", Fraction(row(new, "-", old), old), row(Fraction(new, old), "-", ONE))
    whole = (
        row(symbol, "=", right, "×", HUNDRED)
        if isinstance(right, Fraction) and _either(rng, "percent", True, False)
        else None
    )
    return NamedFormula("change_rate", symbol, whole or row(symbol, "=", *_parts(right)))


def _parts(expression: Expression) -> tuple[Expression | str, ...]:
    """Return the parts of a row, or the expression itself: rows inside rows read the same but for their blanks."""
    parts = getattr(expression, "parts", None)
    return (expression,) if parts is None else tuple(parts)


def _change_numbers(rng: random.Random) -> NamedFormula:
    symbol = _pick(rng, "g", "w", "r", "delta")
    before = rng.randint(400, 2400)
    now = before + rng.randint(9, before // 3)
    old, new = Number(f"{before / 10:.1f}"), Number(f"{now / 10:.1f}")
    rate = Number(f"{(now - before) / before * 100:.1f}%")
    return _formula("change_rate", symbol, Fraction(row(new, "-", old), old), "≈", rate)


def _margin(rng: random.Random) -> NamedFormula:
    symbol, profit, revenue = _pick(rng, "m", "M", "mu"), _pick(rng, "P", "G", "E"), _pick(rng, "R", "S", "U")
    if _either(rng, "margin", True, False):
        top, bottom = rng.randint(21, 240), rng.randint(300, 990)
        share = Number(f"{top / bottom * 100:.1f}%")
        ratio = Fraction(Number(str(top)), Number(str(bottom)))
        return _formula("margin", symbol, Fraction(profit, revenue), "=", ratio, "≈", share)
    cost = _pick(rng, "C", "K")
    return _formula("margin", symbol, Fraction(row(revenue, "-", cost), revenue))


def _compound(rng: random.Random) -> NamedFormula:
    base, rate, time = _pick(rng, "K", "C", "V"), _pick(rng, "p", "r", "i"), _pick(rng, "n", "t")
    symbol = _indexed(base, time)
    factor = Scripted(Parentheses(row(ONE, "+", rate)), above=time)
    return _formula("compound", symbol, _indexed(base, Number("0")), factor)


def _annual_growth(rng: random.Random) -> NamedFormula:
    base, time, symbol = _pick(rng, "V", "S", "R"), _pick(rng, "n", "N"), _pick(rng, "g", "r", "rho")
    ratio = Parentheses(Fraction(_indexed(base, time), _indexed(base, Number("0"))), tall=True)
    power = Scripted(ratio, above=row(ONE, "/", time))
    return _formula("annual_growth", symbol, power, "-", ONE)


def _present_value(rng: random.Random) -> NamedFormula:
    symbol, flow, rate, index = _pick(rng, "V", "W", "B"), _pick(rng, "C", "Z", "A"), _pick(rng, "i", "r"), Symbol("t")
    end: Expression = _either(rng, "end", Symbol("n"), Symbol("T"), Number(str(rng.randint(3, 12))))
    term = Fraction(_indexed(flow, index), Scripted(Parentheses(row(ONE, "+", rate)), above=index))
    return _formula("present_value", symbol, Sum(index, _either(rng, "start", ONE, Number("0")), end, term))


def _break_even(rng: random.Random) -> NamedFormula:
    symbol, fixed, price, cost = _pick(rng, "Q", "x", "q"), _pick(rng, "F", "K"), Symbol("p"), _pick(rng, "v", "c", "k")
    return _formula("break_even", symbol, Fraction(fixed, row(price, "-", cost)))


def _weighted_mean(rng: random.Random) -> NamedFormula:
    value, weight, index = _pick(rng, "p", "x", "c"), _pick(rng, "w", "q", "m"), _pick(rng, "i", "j", "k")
    symbol = Mean(value)
    top = Sum(index, ONE, Symbol("n"), row(_indexed(weight, index), _indexed(value, index)))
    bottom = Sum(index, ONE, Symbol("n"), _indexed(weight, index))
    return _formula("weighted_mean", symbol, Fraction(top, bottom))


def _variance(rng: random.Random) -> NamedFormula:
    value, index = _pick(rng, "x", "r", "y"), _pick(rng, "i", "j", "k")
    symbol = Scripted(_pick(rng, "sigma", "s"), above=TWO)
    term = Scripted(
        Parentheses(row(_indexed(value, index), "-", _either(rng, "centre", Mean(value), Symbol("mu")))), above=TWO
    )
    return _formula("variance", symbol, Fraction(ONE, Symbol("n")), Sum(index, ONE, Symbol("n"), term))


def _elasticity(rng: random.Random) -> NamedFormula:
    symbol, quantity, price = _pick(rng, "varepsilon", "eta"), _pick(rng, "Q", "q", "x"), _pick(rng, "p", "P")
    change = Fraction(row(Symbol("Delta"), quantity), row(Symbol("Delta"), price))
    return _formula("elasticity", symbol, change, "·", Fraction(price, quantity))


def _return_on_equity(rng: random.Random) -> NamedFormula:
    symbol, profit, equity = _pick(rng, "r", "R", "rho"), _pick(rng, "P", "G", "E"), _pick(rng, "K", "C", "A")
    top, bottom = rng.randint(11, 90), rng.randint(200, 900)
    share = Number(f"{top / bottom * 100:.1f}%")
    return _formula("return_on_equity", symbol, Fraction(profit, equity), "×", HUNDRED, "=", share)


def _turnover(rng: random.Random) -> NamedFormula:
    symbol, sales, stock = _pick(rng, "U", "h", "tau"), _pick(rng, "S", "C", "W"), _pick(rng, "L", "B", "I")
    (before, now) = (Number("0"), ONE)
    mean = row(_indexed(stock, before), "+", _indexed(stock, now))
    return _formula("turnover", symbol, Fraction(row(TWO, sales), mean))


def _interest(rng: random.Random) -> NamedFormula:
    symbol, amount, rate, days = _pick(rng, "Z", "I", "J"), _pick(rng, "K", "A", "B"), _pick(rng, "p", "r", "i"), "d"
    year = Number(_either(rng, "year", "360", "365"))
    return _formula("interest", symbol, amount, "·", rate, "·", Fraction(Symbol(days), year))


def _discount(rng: random.Random) -> NamedFormula:
    symbol, price = _pick(rng, "B", "N", "Z"), _pick(rng, "P", "R", "A")
    factor = Parentheses(row(ONE, "-", Fraction(_pick(rng, "s", "d", "k"), Number("100"))), tall=True)
    return _formula("discount", symbol, price, "·", factor)


def _price_index(rng: random.Random) -> NamedFormula:
    base, index = _pick(rng, "P", "p", "M"), _pick(rng, "I", "L", "x")
    symbol = _indexed(base, ONE)
    ratio = Fraction(_indexed(index, ONE), _indexed(index, Number("0")))
    return _formula("price_index", symbol, _indexed(base, Number("0")), "·", ratio)


def _mean_value(rng: random.Random) -> NamedFormula:
    value, index, count = _pick(rng, "x", "T", "v", "rho"), _pick(rng, "i", "k", "j"), _pick(rng, "n", "N")
    symbol = Mean(value)
    return _formula("mean_value", symbol, Fraction(ONE, count), Sum(index, ONE, count, _indexed(value, index)))


def _deviation(rng: random.Random) -> NamedFormula:
    value, index, count = _pick(rng, "x", "t", "y"), _pick(rng, "i", "k"), _pick(rng, "n", "N")
    symbol = _pick(rng, "s", "sigma")
    square = Scripted(Parentheses(row(_indexed(value, index), "-", Mean(value))), above=TWO)
    bottom = _either(rng, "sample", row(count, "-", ONE), count)
    whole = Fraction(Sum(index, ONE, count, square), bottom)
    return _formula("deviation", symbol, Root(whole))


def _error(rng: random.Random) -> NamedFormula:
    symbol, value = _pick(rng, "varepsilon", "delta", "f"), _pick(rng, "x", "g", "A", "rho")
    true = _indexed(value, Number("0"))
    return _formula("error", symbol, Fraction(row(value, "-", true), true), "×", HUNDRED)


def _slope(rng: random.Random) -> NamedFormula:
    symbol, x, y = _pick(rng, "m", "k", "a"), _pick(rng, "x", "t", "u"), _pick(rng, "y", "v", "s")
    top, bottom = (row(_indexed(v, TWO), "-", _indexed(v, ONE)) for v in (y, x))
    return _formula("slope", symbol, Fraction(top, bottom))


def _propagation(rng: random.Random) -> NamedFormula:
    base, first, second = _pick(rng, "u", "sigma", "s"), _pick(rng, "a", "x", "m"), _pick(rng, "b", "y", "V")
    symbol = _indexed(base, Symbol("z"))
    squares = row(Scripted(base, below=first, above=TWO), "+", Scripted(base, below=second, above=TWO))
    return _formula("propagation", symbol, Root(squares))


def _density(rng: random.Random) -> NamedFormula:
    symbol, mass, volume = _pick(rng, "rho", "d"), Symbol("m"), Symbol("V")
    top, bottom = rng.randint(200, 900), rng.randint(50, 110)
    ratio = Fraction(Number(f"{top / 10:.1f}"), Number(f"{bottom / 10:.1f}"))
    parts = row(symbol, "=", Fraction(mass, volume), "=", ratio, "≈", Number(f"{top / bottom:.2f}"))
    return NamedFormula("density", symbol, parts)


def _pendulum(rng: random.Random) -> NamedFormula:
    length, period = _pick(rng, "L", "l"), Symbol("T")
    if _either(rng, "pendulum", True, False):
        inner = Root(Fraction(length, Symbol("g")))
        return NamedFormula("pendulum", Symbol("g"), row(period, "=", TWO, Symbol("pi"), inner))
    top = row(Number("4"), Scripted(Symbol("pi"), above=TWO), length)
    return _formula("pendulum", Symbol("g"), Fraction(top, Scripted(period, above=TWO)))


def _ohm(rng: random.Random) -> NamedFormula:
    volts, milliamperes = rng.randint(2, 9), rng.randint(20, 190)
    ratio = Fraction(Symbol("U"), Symbol("I"))
    value = Number(f"{volts / milliamperes * 1000:.1f}")
    index: Expression | None = _either(rng, "index", None, Symbol("x"), ONE)
    symbol = Symbol("R") if index is None else _indexed(Symbol("R"), index)
    return _formula("ohm", symbol, ratio, "≈", value, Symbol("Omega"))


def _fall(rng: random.Random) -> NamedFormula:
    height, symbol = _pick(rng, "h", "s", "y"), _pick(rng, "g", "a")
    return _formula("fall", symbol, Fraction(row(TWO, height), Scripted(Symbol("t"), above=TWO)))


def _cooling(rng: random.Random) -> NamedFormula:
    base, room, constant = _pick(rng, "T", "theta"), _pick(rng, "u", "a"), _pick(rng, "k", "lambda")
    outside = _indexed(base, room)
    decay = Scripted(Symbol("e"), above=row("-", constant, Symbol("t")))
    difference = Parentheses(row(_indexed(base, Number("0")), "-", outside))
    return _formula("cooling", base, outside, "+", difference, decay)


def _spring(rng: random.Random) -> NamedFormula:
    symbol, stretch = _pick(rng, "k", "D"), _pick(rng, "x", "s", "y")
    top = row(Symbol("Delta"), Symbol("F"))
    return _formula("spring", symbol, Fraction(top, row(Symbol("Delta"), stretch)))


def _lens(rng: random.Random) -> NamedFormula:
    first, second = _either(rng, "lens", ("a", "b"), ("u", "v"), ("g", "b"))
    parts = [Fraction(ONE, Symbol(name)) for name in ("f", first, second)]
    return NamedFormula("lens", Symbol("f"), row(parts[0], "=", parts[1], "+", parts[2]))


def _titration(rng: random.Random) -> NamedFormula:
    acid, base = _either(rng, "titration", ("a", "b"), ("s", "b"), ("x", "t"))
    symbol = _indexed(Symbol("c"), Symbol(acid))
    top = row(_indexed(Symbol("c"), Symbol(base)), _indexed(Symbol("V"), Symbol(base)))
    return _formula("titration", symbol, Fraction(top, _indexed(Symbol("V"), Symbol(acid))))


def _gas(rng: random.Random) -> NamedFormula:
    if _either(rng, "gas", True, False):
        whole = row(Symbol("p"), "=", Fraction(row(Symbol("n"), Symbol("R"), Symbol("T")), Symbol("V")))
        return NamedFormula("gas", Symbol("p"), whole)
    symbol = _indexed(Symbol("p"), TWO)
    top = row(_indexed(Symbol("p"), ONE), _indexed(Symbol("V"), ONE))
    return _formula("gas", symbol, Fraction(top, _indexed(Symbol("V"), TWO)))


def _growth(rng: random.Random) -> NamedFormula:
    count, constant = _pick(rng, "N", "n"), _pick(rng, "k", "mu", "lambda")
    power = Scripted(Symbol("e"), above=row(constant, Symbol("t")))
    symbol = _indexed(count, Symbol("t"))
    return _formula("growth", symbol, _indexed(count, Number("0")), "·", power)


Builder = Callable[[random.Random], NamedFormula]

FINANCE: tuple[Builder, ...] = (
    _change_rate, _change_numbers, _margin, _compound, _annual_growth, _present_value, _break_even, _weighted_mean,
    _variance, _elasticity, _return_on_equity, _turnover,
)  # fmt: skip
"""Formulas of financial summaries."""

BILLING: tuple[Builder, ...] = (_interest, _discount, _price_index)
"""Formulas of terms of payment."""

STATISTICS: tuple[Builder, ...] = (_mean_value, _deviation, _error, _slope, _propagation)
"""Formulas that fit any experiment."""

EXPERIMENTS: Mapping[str, Builder] = MappingProxyType(
    {
        "density": _density,
        "pendulum": _pendulum,
        "ohm": _ohm,
        "fall": _fall,
        "cooling": _cooling,
        "spring": _spring,
        "lens": _lens,
        "titration": _titration,
        "gas": _gas,
        "growth": _growth,
    }
)
"""The law of each experiment."""
