"""Pages that look scanned: different in every epoch, the same for the same seed, of the same size, still readable."""

import numpy as np
from PIL import Image, ImageDraw

from scribetune.models.augmentation import scanned


def page() -> Image.Image:
    image = Image.new("RGB", (400, 560), "white")
    ImageDraw.Draw(image).text((40, 80), "Total 1,234", fill="black", font_size=40)
    return image


def test_a_seed_decides_about_every_pixel() -> None:
    first, again, other = (np.asarray(scanned(page(), seed)) for seed in ("3407 a 0", "3407 a 0", "3407 a 1"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_size_and_mode_stay_so_that_the_page_costs_as_many_tokens() -> None:
    made = scanned(page(), "x")
    assert (made.size, made.mode) == ((400, 560), "RGB")


def test_text_stays_where_it_was_and_dark_on_light() -> None:
    ink = np.asarray(page().convert("L")) < 128
    for number in range(12):
        made = np.asarray(scanned(page(), f"seed {number}").convert("L")).astype(float)
        assert made[~ink].mean() - made[ink].mean() > 80, number
