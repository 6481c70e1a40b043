"""Tables of measurements for lab sheets: seeded numbers that obey their experiment's law, with a little scatter."""

import math
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

Rows = list[tuple[str, ...]]


def _scatter(rng: random.Random, value: float, share: float = 0.03) -> float:
    return value * (1 + rng.uniform(-share, share))


def _density_rows(rng: random.Random, count: int) -> Rows:
    density = rng.choice((2.70, 7.14, 7.87, 8.96, 11.34))
    rows: Rows = []
    for _ in range(count):
        volume = rng.randint(20, 95) / 10
        mass = round(_scatter(rng, density * volume), 1)
        rows.append((f"{mass:.1f}", f"{volume:.1f}", f"{mass / volume:.2f}"))
    return rows


def _pendulum_rows(rng: random.Random, count: int) -> Rows:
    lengths = sorted(rng.sample(range(20, 180, 5), count))
    return [(f"{cm / 100:.2f}", f"{_scatter(rng, 2.006 * (cm / 100) ** 0.5):.2f}") for cm in lengths]


def _ohm_rows(rng: random.Random, count: int) -> Rows:
    resistance, start = rng.randint(22, 180), rng.randint(1, 4)
    rows: Rows = []
    for volts in range(start, start + count):
        current = round(_scatter(rng, volts / resistance * 1000), 1)
        rows.append((f"{volts}.0", f"{current:.1f}", f"{volts / current * 1000:.1f}"))
    return rows


def _fall_rows(rng: random.Random, count: int) -> Rows:
    heights = sorted(rng.sample(range(20, 240, 10), count))
    return [(f"{cm / 100:.2f}", f"{_scatter(rng, (2 * cm / 981) ** 0.5, 0.02):.3f}") for cm in heights]


def _cooling_rows(rng: random.Random, count: int) -> Rows:
    start, room, rate, step = rng.randint(70, 95), rng.randint(18, 24), rng.uniform(0.02, 0.06), rng.choice((2, 5, 10))
    return [
        (str(step * index), f"{room + (start - room) * math.exp(-rate * step * index):.1f}") for index in range(count)
    ]


def _spring_rows(rng: random.Random, count: int) -> Rows:
    stiffness, first = rng.randint(15, 70), rng.randint(2, 9)
    rows: Rows = []
    for index in range(count):
        force = (first + 5 * index) / 10
        stretch = round(_scatter(rng, force / stiffness * 100), 1)
        rows.append((f"{force:.1f}", f"{stretch:.1f}", f"{force / stretch * 100:.1f}"))
    return rows


def _lens_rows(rng: random.Random, count: int) -> Rows:
    focal = rng.choice((8, 10, 12, 15, 20))
    rows: Rows = []
    for near in sorted(rng.sample(range(focal + 4, focal * 4), count)):
        far = round(_scatter(rng, focal * near / (near - focal)), 1)
        rows.append((f"{near}.0", f"{far:.1f}", f"{near * far / (near + far):.1f}"))
    return rows


def _titration_rows(rng: random.Random, count: int) -> Rows:
    used = rng.uniform(9, 19)
    rows: Rows = []
    for _ in range(count):
        start = rng.randint(0, 150) / 10
        end = round(start + _scatter(rng, used), 1)
        rows.append((f"{start:.1f}", f"{end:.1f}", f"{end - start:.1f}"))
    return rows


def _gas_rows(rng: random.Random, count: int) -> Rows:
    product = rng.randint(1800, 6200)
    volumes = sorted(rng.sample(range(15, 60), count), reverse=True)
    return [(f"{_scatter(rng, product / volume):.1f}", f"{volume}.0") for volume in volumes]


def _growth_rows(rng: random.Random, count: int) -> Rows:
    start, rate, step = rng.randint(40, 300), rng.uniform(0.2, 0.5), rng.choice((1, 2))
    return [
        (str(step * index), f"{round(_scatter(rng, start * math.exp(rate * step * index))):,}")
        for index in range(count)
    ]


TABLES: Mapping[str, Callable[[random.Random, int], Rows]] = MappingProxyType(
    {
        "density": _density_rows,
        "pendulum": _pendulum_rows,
        "ohm": _ohm_rows,
        "fall": _fall_rows,
        "cooling": _cooling_rows,
        "spring": _spring_rows,
        "lens": _lens_rows,
        "titration": _titration_rows,
        "gas": _gas_rows,
        "growth": _growth_rows,
    }
)
"""Experiment → the rows of its table, without the run's number: (generator, number of runs) → cells."""
