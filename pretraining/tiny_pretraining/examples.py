"""What the model is trained with: a page's pixels, its text, and the character at each patch.

A page that is drawn (`drawing`) or typeset (`typeset`) becomes an `Example` by `finish`.
"""

import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tiny_pretraining.corruption import CorruptedText
from tiny_pretraining.tiny_model import PAGE_PX, tokenizer

PATCH_PX = 16
GRID = PAGE_PX // PATCH_PX
PAD_GRAY = 127
"""What the processor fills a page up to a square with."""
BLANK = 0
"""Class of patches without a character (the id of a control token, which no text holds)."""

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class Tint:
    """Colours that black and white become (0 to 1), red, green, blue."""

    ink: tuple[float, float, float] = (0.0, 0.0, 0.0)
    paper: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Example:
    """A page as the model sees it.

    Attributes:
        pixels: (768, 768), gray, padded like the processor does.
        text: What it says, lines separated by a line feed.
        grid: (48, 48) token id of the character at the centre of each 16 px patch, or `BLANK`.
        box: Left, top, right and bottom of the page within the square.
        tint: Its colours.
        shown: The answer as it is shown in training, where that is corrupted.
    """

    pixels: Gray
    text: str
    grid: NDArray[np.int16]
    box: tuple[int, int, int, int]
    tint: Tint
    shown: CorruptedText | None = None


@dataclass(frozen=True)
class Glyph:
    """A drawn character: its box in pixels of the page, before any rotation."""

    character: str
    left: float
    top: float
    right: float
    bottom: float


@lru_cache(maxsize=1)
def classes() -> dict[str, int]:
    """Return the class of every character: its token's id."""
    vocabulary: dict[str, int] = tokenizer().get_vocab()
    return {piece: number for piece, number in vocabulary.items() if len(piece) == 1}


def transcribable(text: str) -> bool:
    """Tell whether every character has a token of its own."""
    known: Any = classes()
    return all(character in known for character in text)


def finish(image: Image.Image, glyphs: Sequence[Glyph], text: str, rng: random.Random, rough: float) -> Example:
    """Turn a drawn page into what the model sees: scaled, perhaps worn like a scan, padded to a square.

    Args:
        image: Gray, of any scale.
        glyphs: In pixels of the page at its final scale (long side 768 px).
        text: What it says.
        rng: Source of every choice.
        rough: Share of pages that are worn.
    """
    factor = PAGE_PX / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    angle = 0.0
    if rng.random() < rough:
        angle = rng.uniform(-1.5, 1.5) if rng.random() < 0.4 else 0.0
        image = _worn(image, size, angle, rng)
    elif image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.full((PAGE_PX, PAGE_PX), PAD_GRAY, np.uint8)
    left, top = (PAGE_PX - size[0]) // 2, (PAGE_PX - size[1]) // 2
    pixels[top : top + size[1], left : left + size[0]] = np.asarray(image)
    tint = Tint()
    if rng.random() < 0.4:
        ink = [rng.uniform(0.0, 0.45) for _ in range(3)]
        paper = [rng.uniform(0.85, 1.0) if rng.random() < 0.5 else 1.0 for _ in range(3)]
        tint = Tint((ink[0], ink[1], ink[2]), (paper[0], paper[1], paper[2]))
    grid = _grid(glyphs, angle, size, (left, top))
    return Example(pixels, text, grid, (left, top, left + size[0], top + size[1]), tint)


def _grid(glyphs: Sequence[Glyph], angle: float, size: tuple[int, int], offset: tuple[int, int]) -> NDArray[np.int16]:
    """Return the class of the character at the centre of each patch."""
    grid = np.full((GRID, GRID), BLANK, np.int16)
    known = classes()
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    middle_x, middle_y = size[0] / 2, size[1] / 2
    for glyph in glyphs:
        number = known.get(glyph.character)
        if number is None:
            continue
        x, y = (glyph.left + glyph.right) / 2 - middle_x, (glyph.top + glyph.bottom) / 2 - middle_y
        # Pillow turns counter-clockwise; y points down.
        x, y = cosine * x + sine * y + middle_x + offset[0], cosine * y - sine * x + middle_y + offset[1]
        half_x, half_y = (glyph.right - glyph.left) / 2, (glyph.bottom - glyph.top) / 2
        first_column = max(0, math.ceil((x - half_x) / PATCH_PX - 0.5))
        last_column = min(GRID - 1, math.ceil((x + half_x) / PATCH_PX - 0.5) - 1)
        first_row = max(0, math.ceil((y - half_y) / PATCH_PX - 0.5))
        last_row = min(GRID - 1, math.floor((y + half_y) / PATCH_PX - 0.5))
        grid[first_row : last_row + 1, first_column : last_column + 1] = number
    return grid


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.int8]:
    """Return fixed noise of standard deviation 20; pages take a random part of it, scaled."""
    return np.clip(np.random.default_rng(0).normal(0.0, 20.0, (1200, 1200)), -127, 127).astype(np.int8)


@lru_cache(maxsize=1)
def _shadows() -> tuple[Image.Image, ...]:
    """Return smooth fields of light and shade, 0 to 255."""
    rng = np.random.default_rng(1)
    fields = [rng.integers(0, 256, (rng.integers(2, 6), rng.integers(2, 6)), np.uint8) for _ in range(24)]
    return tuple(Image.fromarray(values).resize((256, 256), Image.Resampling.BICUBIC) for values in fields)


def _worn(image: Image.Image, size: tuple[int, int], angle: float, rng: random.Random) -> Image.Image:
    """Rotate, blur, shade, add noise and compress; each by chance."""
    if rng.random() < 0.15:  # scanned at a lower resolution
        low = rng.uniform(0.75, 0.95)
        image = image.resize((round(size[0] * low), round(size[1] * low)), Image.Resampling.BILINEAR)
    if image.size != size:
        image = image.resize(size, rng.choice((Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)))
    if angle:
        fill = int(np.asarray(image)[:8, :8].mean())
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=fill)
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.6:
        values = np.asarray(image).astype(np.int16)
        if rng.random() < 0.5:
            shade = np.asarray(rng.choice(_shadows()).resize(size, Image.Resampling.BILINEAR)).astype(np.int16)
            values -= shade * rng.randint(10, 60) >> 8
        if rng.random() < 0.7:
            noise = _noise()
            x, y = rng.randint(0, 1200 - size[0]), rng.randint(0, 1200 - size[1])
            values += noise[y : y + size[1], x : x + size[0]].astype(np.int16) * rng.randint(20, 256) >> 8
        image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if rng.random() < 0.25:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=rng.randint(45, 90))
        image = Image.open(buffer).convert("L")
    return image
