"""What a page draws: its glyphs, each with the character that the PDF says it is, and the places of its images.

A text page of MuPDF's has the characters alone. Here a device takes the numbers of the glyphs as well, font by font, in
one run of the page's display list; 0.5 ms a page, since the glyphs of a run are read as one array.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ITEM = (("x", "f4"), ("y", "f4"), ("advance", "f4"), ("glyph", "i4"), ("character", "i4"), ("code", "i4"))
_ITEM_BYTES = 24  # of MuPDF's fz_text_item


@dataclass(frozen=True)
class FontUse:
    """What a page draws in one font.

    Attributes:
        font: pymupdf.mupdf.FzFont; to be used while its document is open.
        claims: Pairs (number of the glyph, character that it is said to be), n × 2, each once, sorted.
        counts: How often each is drawn, n.
        codes: By which code the PDF names each, n; of several one.
    """

    font: Any
    claims: "NDArray[np.int64]"
    counts: "NDArray[np.int64]"
    codes: "NDArray[np.int64]"


@dataclass(frozen=True)
class DrawnImage:
    """An image on a page."""

    box: tuple[float, float, float, float]  # in points of the page as it is rendered; parts off the page too
    width_px: int
    height_px: int


@dataclass(frozen=True)
class DrawnPage:
    """What a page draws.

    Of its text that is left out which is not painted at all, that which /ActualText replaces, and glyphs that stand for
    several characters.
    """

    fonts: tuple[FontUse, ...]
    images: tuple[DrawnImage, ...]


def read(shown: Any) -> DrawnPage:
    """Read a pymupdf.DisplayList; images are not decoded."""
    from pymupdf import mupdf

    device = _device()()
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(shown.this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    return DrawnPage(tuple(_use(font, b"".join(runs)) for font, runs in device.fonts.values()), tuple(device.images))


def _use(font: Any, items: bytes) -> FontUse:
    import numpy as np

    table = np.frombuffer(items, np.dtype(list(_ITEM)))
    glyphs, characters = table["glyph"].astype(np.int64), table["character"].astype(np.int64)
    # A glyph for several characters is followed by ones without a glyph.
    single = np.append(glyphs[1:] >= 0, True) & (glyphs >= 0)
    keys, first, counts = np.unique(
        glyphs[single] << 32 | characters[single] & 0xFFFFFFFF, return_index=True, return_counts=True
    )
    claims = np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1)
    return FontUse(font, claims, counts, table["code"][single][first].astype(np.int64))


@cache
def _device() -> Any:
    """Return the class, made when PyMuPDF is there."""
    from pymupdf import mupdf

    class _Recorder(mupdf.FzDevice2):  # type: ignore[misc]  # pymupdf has no types
        """Takes down what is drawn; its methods have MuPDF's names and arguments."""

        def __init__(self) -> None:
            super().__init__()
            for name in ("fill_text", "stroke_text", "clip_text", "clip_stroke_text", "fill_image", "fill_image_mask"):
                getattr(self, f"use_virtual_{name}")()
            self.use_virtual_begin_metatext()
            self.use_virtual_end_metatext()
            self.fonts: dict[int, tuple[Any, list[bytes]]] = {}
            self.images: list[DrawnImage] = []
            self._replaced: list[bool] = []

        def begin_metatext(self, _context: Any, kind: int, _text: str) -> None:
            self._replaced.append(kind == mupdf.FZ_METATEXT_ACTUALTEXT)

        def end_metatext(self, _context: Any) -> None:
            self._replaced.pop()

        def fill_text(self, _context: Any, text: Any, *_: Any) -> None:
            self._take(text)

        def stroke_text(self, _context: Any, text: Any, *_: Any) -> None:
            self._take(text)

        def clip_text(self, _context: Any, text: Any, *_: Any) -> None:
            self._take(text)

        def clip_stroke_text(self, _context: Any, text: Any, *_: Any) -> None:
            self._take(text)

        def fill_image(self, _context: Any, image: Any, matrix: Any, *_: Any) -> None:
            across, down = (
                sorted((0, matrix.a, matrix.c, matrix.a + matrix.c)),
                sorted((0, matrix.b, matrix.d, matrix.b + matrix.d)),
            )
            box = (matrix.e + across[0], matrix.f + down[0], matrix.e + across[-1], matrix.f + down[-1])
            self.images.append(DrawnImage(box, image.w, image.h))

        def fill_image_mask(self, context: Any, image: Any, matrix: Any, *_: Any) -> None:
            self.fill_image(context, image, matrix)

        def _take(self, text: Any) -> None:
            if any(self._replaced):
                return
            span = text.head
            while span:
                if span.len:
                    key = int(span.font.this)
                    if key not in self.fonts:
                        self.fonts[key] = mupdf.FzFont(mupdf.ll_fz_keep_font(span.font)), []
                    self.fonts[key][1].append(ctypes.string_at(int(span.items.this), _ITEM_BYTES * span.len))
                span = span.next

    return _Recorder
