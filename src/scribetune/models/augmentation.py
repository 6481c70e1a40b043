"""Pages as if printed and scanned: for models that were trained on born-digital pages and will read paper.

What a scanner does, mildly: the sheet lies askew, the optics blur, paper and ink are neither white nor black, the
sensor is noisy and the file was a JPEG. No text becomes unreadable, and the size in pixels stays, so that a page costs
as many tokens as before.
"""

import io
import random

import numpy as np
from PIL import Image, ImageFilter

_MOST_DEGREES = 0.8
_MOST_BLUR_PX = 1.1
_INK, _PAPER = (0.0, 50.0), (215.0, 255.0)
_MOST_NOISE = 7.0
_JPEG_QUALITY = (45, 92)


def scanned(page: Image.Image, seed: str) -> Image.Image:
    """Return an RGB page as a scanner might see it, of the same size; the same seed gives the same pixels."""
    draw = random.Random(seed)  # noqa: S311  repeatable, not secret
    paper = draw.uniform(*_PAPER)
    seen = page.rotate(
        draw.uniform(-_MOST_DEGREES, _MOST_DEGREES), Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)
    ).filter(ImageFilter.GaussianBlur(draw.uniform(0.0, _MOST_BLUR_PX)))
    ink = draw.uniform(*_INK)
    levels = ink + np.asarray(seen, dtype=np.float32) * ((paper - ink) / 255.0)
    noise = np.random.default_rng(draw.getrandbits(64)).normal(0.0, draw.uniform(0.0, _MOST_NOISE), levels.shape[:2])
    noisy = Image.fromarray(np.clip(levels + noise[..., None], 0, 255).astype(np.uint8))
    file = io.BytesIO()
    noisy.save(file, "JPEG", quality=draw.randint(*_JPEG_QUALITY))
    with Image.open(file) as decoded:
        return decoded.convert("RGB")
