"""Whether a page's text layer can be trusted: what its glyphs mean, text that nobody sees, text that it lacks.

Here is counting and judging alone, for `pages` and its statuses; `text_layer` reads the same layer for its content, to
write labels of it.

A label comes from the text layer, so a layer that does not say what a reader sees would teach a model nonsense. The
default extraction hides the commonest fault: MuPDF puts the glyph's number in place of an unknown character, which
looks like text. Here `TEXT_CID_FOR_UNKNOWN_UNICODE` is cleared, and every character is accounted for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scribetune.documents import glyph_shapes, unread_text
from scribetune.documents.drawn_page import DrawnImage, DrawnPage
from scribetune.documents.page_images import LEAST_CONTRAST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scribetune.documents.page_images import PageImage

_FILLED, _STROKED, _CLIPPED = 16, 32, 64  # pymupdf's char_flags of a span
_SCAN_SHARE = 0.3  # of the page: images that cover less of it are pictures
_SCAN_PART = 0.5  # of the page: images that touch and cover less of it are pictures, a screenshot among them
_CELLS = 128  # across and down a page
_NARROW = 0.1  # points
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_UNMAPPED = "\ufffd"
_FEW_PIXELS = 24


@dataclass(frozen=True)
class LayerMeasures:
    """Counts over a page's text layer, white space and what lies off the page left out."""

    characters: int
    words: int  # of letters and figures; each Chinese or Japanese character is one
    unmapped: int  # characters of no meaning that are drawn as letters: the replacement character, or a private one
    unlike: int  # letters and figures that are drawn as others
    invisible: int  # words painted neither by fill nor by stroke, or wholly transparent, as OCR puts text over a scan
    hidden: int  # letters and digits painted, yet not seen: in the colour of the ground, or covered
    image_share: float  # part of the page that images cover, 0–1
    unread_share: float  # part of the rows of text on the page that the layer lacks; where images cover much of it

    def share(self, part: int) -> float:
        """Return part of the characters, to six places; 0 without any."""
        return round(part / self.characters, 6) if self.characters else 0.0

    @property
    def invisible_share(self) -> float:
        """Part of the words; of the characters where there are none."""
        return round(self.invisible / self.words, 6) if self.words else 0.0


def extract(shown: Any) -> list[Mapping[str, Any]]:
    """Return the spans of text in a pymupdf.DisplayList, as in its "dict", in the page's rotation, off the page too."""
    import pymupdf

    # Images would be copied, byte by byte; text is neither clipped, nor put in place of characters unknown.
    left_out = pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE | pymupdf.TEXT_MEDIABOX_CLIP
    blocks = _text_page(shown, pymupdf.TEXTFLAGS_DICT & ~left_out).extractDICT()["blocks"]
    return [span for block in blocks for line in block.get("lines", ()) for span in line["spans"]]


def _text_page(shown: Any, flags: int) -> Any:
    """Return the pymupdf.TextPage of a display list without the limits of the page, which PyMuPDF's own always has."""
    import pymupdf
    from pymupdf import mupdf

    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    options = mupdf.FzStextOptions()
    options.flags = flags
    found = mupdf.FzStextPage(everywhere)
    device = mupdf.fz_new_stext_device(found, options)
    mupdf.fz_run_display_list(shown.this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return pymupdf.TextPage(found)


def measure(spans: Sequence[Mapping[str, Any]], drawn: DrawnPage, image: "PageImage") -> LayerMeasures:
    """Count what is in a text layer (see `extract`), and compare it with what the page draws and with its image."""
    characters = words = unmapped = invisible = hidden = 0
    seen: list[Sequence[float]] = []
    width, height = image.width / image.scale, image.height / image.scale
    for span in spans:
        dense = "".join(span["text"].split())
        if not dense or _is_off(span["bbox"], width, height):
            continue
        in_span = len(_WORD.findall(span["text"]))
        characters += len(dense)
        words += in_span
        unmapped += 0 if dense.isascii() else sum(map(is_unmapped, dense))
        if _is_invisible(span):
            invisible += in_span
        elif is_seen(span["bbox"], image):
            seen.append(span["bbox"])
        else:
            hidden += sum(map(str.isalnum, dense))  # a rule of underscores lies at the edge of its box
    if unmapped:
        unmapped = max(0, unmapped - glyph_shapes.leaders(drawn.fonts, is_unmapped))
    grid = _covered(drawn.images, image)
    covered = float(grid.mean())
    unread = 0.0
    if characters and covered >= _SCAN_SHARE:
        unread = unread_text.share(image, seen, _pictures(drawn.images, grid, image))
    unlike = glyph_shapes.unlike(drawn.fonts)
    return LayerMeasures(characters, words, unmapped, unlike, invisible, hidden, covered, unread)


def _is_off(box: Sequence[float], width: float, height: float) -> bool:
    """Whether most of a box lies off the page."""
    left, top, right, bottom = box
    right, bottom = max(right, left + _NARROW), max(bottom, top + _NARROW)  # fonts that give a glyph no width
    across, down = min(right, width) - max(left, 0.0), min(bottom, height) - max(top, 0.0)
    return across <= 0 or down <= 0 or across * down < 0.5 * (right - left) * (bottom - top)


def is_unmapped(character: str) -> bool:
    """Whether a character stands for a glyph of which the PDF does not say what it means."""
    return character == _UNMAPPED or "\ue000" <= character <= "\uf8ff"


def _is_invisible(span: Mapping[str, Any]) -> bool:
    flags = span["char_flags"]
    if flags & _CLIPPED:  # a stencil for something painted through it: whether it is seen, the image says
        return False
    return not flags & (_FILLED | _STROKED) or span["alpha"] == 0


def is_seen(bbox: Sequence[float], image: "PageImage") -> bool:
    """Whether there is any contrast in a box, in points of the page as it is rendered, where text should be."""
    scale = image.scale
    left, top, right, bottom = bbox[0] * scale, bbox[1] * scale, bbox[2] * scale, bbox[3] * scale
    if right - left < 0.1 * (bottom - top):  # fonts that give a glyph no width
        right = left + 0.6 * (bottom - top)
    # Rules and neighbouring lines touch the edges of a box.
    inset = (bottom - top) * 0.15
    x, y = max(0, int(left)), max(0, int(top + inset))
    part = image.pixels[y : max(y + 1, int(bottom - inset) + 1), x : max(x + 1, int(right) + 1)]
    if right <= 0 or bottom <= 0 or not part.size:
        return False
    if part.ndim == 2:
        return _differs(part)
    return any(_differs(part[..., channel]) for channel in (1, 0, 2))


def _differs(part: Any) -> bool:
    """Whether there is contrast: first along the middle, where a line of text has some, then anywhere."""
    middle = part[len(part) // 2]
    # A few bytes are compared sooner than NumPy is called, and mostly tell.
    few = middle[:: max(1, len(middle) // _FEW_PIXELS)].tobytes()
    if max(few) - min(few) >= LEAST_CONTRAST:
        return True
    return _contrast(middle) >= LEAST_CONTRAST or _contrast(part) >= LEAST_CONTRAST


def _contrast(part: Any) -> int:
    return int(part.max()) - int(part.min())


def _covered(drawn: Sequence[DrawnImage], image: "PageImage") -> "NDArray[np.bool_]":
    """Return about which parts of the page images cover, on a grid of `_CELLS` × `_CELLS`."""
    import numpy as np

    grid = np.zeros((_CELLS, _CELLS), bool)
    for one in drawn:
        grid[_cells(one, image)] = True
    return grid


def _cells(drawn: DrawnImage, image: "PageImage") -> tuple[slice, slice]:
    """Return the rows and columns of the grid that an image covers."""
    left, top, right, bottom = drawn.box
    across, down = _CELLS * image.scale / image.width, _CELLS * image.scale / image.height
    rows = slice(max(0, round(top * down)), max(0, round(bottom * down)))
    return rows, slice(max(0, round(left * across)), max(0, round(right * across)))


def _pictures(
    drawn: Sequence[DrawnImage], grid: "NDArray[np.bool_]", image: "PageImage"
) -> list[tuple[float, float, float, float]]:
    """Return the boxes of images that are no scan of a page: with those that they touch they cover less of it."""
    import numpy as np
    from scipy import ndimage

    labels, _ = ndimage.label(grid)
    large = np.bincount(labels.ravel()) >= _SCAN_PART * grid.size
    large[0] = False
    return [one.box for one in drawn if not large[labels[_cells(one, image)]].any()]
