"""MuPDF's text pages, read without decoding the images on them.

`TextPage.extractDICT` copies each image. One for which there is no file format (scans in JBIG2 or Flate, most masks) is
decoded and compressed as PNG: half a second for a scan, twice or more a page, for bytes that nobody asks for. To leave
images out of the text page would change it: they tell blocks of text apart. So they pass for drawings while the blocks
are listed, and are images again afterwards.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from scribetune.documents import symbol_fonts
from scribetune.labels import accents, underscores
from scribetune.labels.tables.cells import Box

_NEXT = 8  # texts of the same words that are compared: those next below
_MOSTLY = 0.6
_NEAR = 0.15  # of a word's height
_ROW = 16.0  # points: lines are looked up by rows of this height
_SAME_ROW = 0.25  # of a line's height
_MOST_WORDS = 4000  # more are a map: a second of time
_TEXT, _IMAGE, _GROUP, _DRAWING = 0, 1, 2, 3  # MuPDF's kinds of blocks: FZ_STEXT_BLOCK_TEXT, _IMAGE, _STRUCT, _VECTOR
_HYPHENS = re.compile("[-\u2010][-\u00ad\u2010]+")
_NO_WIDTH = 0.01  # points
_LEADER = re.compile("([\ue000-\uf8ff\ufffd])\\1{5,}")


def text_page(page: Any, flags: int) -> Any:
    """Return a pymupdf.Page's text, by PyMuPDF's TEXT_… flags, without the data of images."""
    return prepared(page.get_textpage(flags=flags), page)


def text_page_once(page: Any, flags: int) -> Any:
    """Return the same with letters that are drawn again where they stand, for bold, there once.

    MuPDF finds them letter by letter, in time that grows with the square of the page's characters, so it is asked only
    where words are doubled.
    """
    import pymupdf

    found = page.get_textpage(flags=flags)
    words = [(word[4], word[:4]) for word in found.extractWORDS()]
    if len(words) <= _MOST_WORDS and doubled(words):
        found = page.get_textpage(flags=flags | pymupdf.TEXT_COLLECT_STYLES)
    return prepared(found, page)


def doubled(texts: Sequence[tuple[str, Box]]) -> set[int]:
    """Return the numbers of texts that are drawn over the same one once more: bold by hand, outlines, shadows.

    Most of the smaller one's box lies in the other's, or it begins so near that no two words stand side by side.
    """
    found: set[int] = set()
    order = sorted(range(len(texts)), key=lambda number: (texts[number][0], texts[number][1][1], number))
    for place, number in enumerate(order):
        text, box = texts[number]
        for other in order[place + 1 : place + 1 + _NEXT]:
            if texts[other][0] != text or texts[other][1][1] >= box[3]:
                break
            if _overlap(box, texts[other][1]) > _MOSTLY or _is_near(box, texts[other][1]):
                found.add(max(number, other))
    return found


def shadows(lines: Sequence[tuple[str, Box]]) -> dict[int, int]:
    """Return the lines that stand in the place of another one and have its letters, or some of them → that line.

    Drivers of printers draw lines again, whole, word by word, or a few of their letters.
    """
    found: dict[int, int] = {}
    if len(lines) > _MOST_WORDS:
        return found
    rows: dict[int, list[int]] = {}
    letters = ["".join(text.split()) for text, _ in lines]
    order = sorted(range(len(lines)), key=lambda number: (-len(letters[number]), number))
    for number in order:
        box = lines[number][1]
        row = int(box[1] // _ROW)
        near = (longer for at in (row - 1, row, row + 1) for longer in rows.get(at, ()))
        for longer in near:
            if _is_within(box, lines[longer][1]) and _has(letters[longer], letters[number]):
                found[number] = longer
                break
        else:
            rows.setdefault(row, []).append(number)
    return found


def _is_within(box: Box, other: Box) -> bool:
    height = box[3] - box[1]
    return abs(box[1] - other[1]) < _SAME_ROW * height and _overlap(box, other) > _MOSTLY and box[0] > other[0] - height


def _has(text: str, letters: str) -> bool:
    """Whether a text has these letters in this order."""
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _is_near(box: Box, other: Box) -> bool:
    near = _NEAR * (box[3] - box[1])
    return abs(box[0] - other[0]) < near and abs(box[1] - other[1]) < near


def _overlap(box: Box, other: Box) -> float:
    """Return which part of the smaller of two boxes lies in the other."""
    across, down = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / min((part[2] - part[0]) * (part[3] - part[1]) for part in (box, other))


def prepared(found: Any, page: Any) -> Any:
    """Return a page's pymupdf.TextPage with accents on their letters and underscores that are drawn.

    Its dictionaries give images without their data. Without a page (None) there are no drawings.
    """
    _say_symbols(found)
    _keep_one_hyphen(found)
    accents.compose(found)
    if page is not None:
        underscores.compose(found, page)
    return without_image_data(found)


def _say_symbols(found: Any) -> None:
    """Change a pymupdf.TextPage: symbols that its fonts have in private places become their characters."""
    from pymupdf import mupdf

    if not symbol_fonts.MAYBE.search(found.extractText()):
        return
    at = mupdf.ll_fz_stext_page_block_iterator_begin_dfs(found.this.m_internal)
    while not mupdf.ll_fz_stext_page_block_iterator_eod_dfs(at):
        if at.block.type == _TEXT:
            for line in mupdf.FzStextBlock(at.block):
                char = line.m_internal.first_char
                while char:
                    written = symbol_fonts.meaning(mupdf.ll_fz_font_name(char.font), chr(char.c))
                    if ord(written) != char.c:
                        char.c = ord(written)
                    char = char.next
        at = mupdf.ll_fz_stext_page_block_iterator_next_dfs(at)


def _keep_one_hyphen(found: Any) -> None:
    """Change a pymupdf.TextPage: one hyphen where a font says of one that it is several: "-", soft and U+2010.

    MuPDF gives the first its width and the others none.
    """
    from pymupdf import mupdf

    if not _HYPHENS.search(found.extractText()):
        return
    at = mupdf.ll_fz_stext_page_block_iterator_begin_dfs(found.this.m_internal)
    while not mupdf.ll_fz_stext_page_block_iterator_eod_dfs(at):
        if at.block.type == _TEXT:
            for line in mupdf.FzStextBlock(at.block):
                _drop_hyphens(line.m_internal)
        at = mupdf.ll_fz_stext_page_block_iterator_next_dfs(at)


def _drop_hyphens(line: Any) -> None:
    from pymupdf import mupdf

    before = line.first_char
    char = before.next if before else None
    while char:
        width = abs(char.quad.ur.x - char.quad.ul.x) + abs(char.quad.ur.y - char.quad.ul.y)
        if width < _NO_WIDTH and _HYPHENS.fullmatch(chr(before.c) + chr(char.c)):
            before.next = char.next
            mupdf.ll_fz_drop_font(char.font)  # each character holds its font until its page goes
        else:
            before = char
        char = before.next
    line.last_char = before


def without_image_data(found: Any) -> Any:
    """Return a pymupdf.TextPage as one whose dictionaries give images by kind, number and box alone."""
    lean = _lean_text_page()(found.this)
    lean.parent = found.parent
    return lean


@cache
def _lean_text_page() -> Any:
    """Return the class, made when PyMuPDF is there."""
    import pymupdf

    class _LeanTextPage(pymupdf.TextPage):  # type: ignore[misc]  # pymupdf has no types
        def _getNewBlockList(self, page_dict: dict[str, Any], raw: Any) -> None:  # noqa: N802  its name
            images = _images(self.this)
            boxes = [pymupdf.mupdf.FzRect(image.bbox) for image in images]
            limits = pymupdf.mupdf.FzRect(self.this.m_internal.mediabox)
            mark = _mark(limits)
            for image in images:
                image.type, image.bbox = _DRAWING, mark.internal()
            try:
                super()._getNewBlockList(page_dict, raw)
            finally:
                for image, box in zip(images, boxes, strict=True):
                    image.type, image.bbox = _IMAGE, box.internal()
            if images:
                page_dict["blocks"] = _with_images(page_dict["blocks"], iter(boxes), _edges(mark), limits)

    return _LeanTextPage


def _images(found: Any) -> list[Any]:
    """Return the images of a text page in its order, those in groups too, as MuPDF's fz_stext_block."""
    from pymupdf import mupdf

    images = []
    at = mupdf.ll_fz_stext_page_block_iterator_begin_dfs(found.m_internal)
    while not mupdf.ll_fz_stext_page_block_iterator_eod_dfs(at):
        if at.block.type == _IMAGE:
            images.append(at.block)
        at = mupdf.ll_fz_stext_page_block_iterator_next_dfs(at)
    return images


def _mark(limits: Any) -> Any:
    """Return a box that no drawing has, on the page: what lies off it would be left out."""
    from pymupdf import mupdf

    if mupdf.fz_is_infinite_rect(limits):
        return mupdf.FzRect(0.0, 0.0, 0.01171875, 0.013671875)
    width, height = limits.x1 - limits.x0, limits.y1 - limits.y0
    return mupdf.FzRect(limits.x0, limits.y0, limits.x0 + 0.01171875 * width, limits.y0 + 0.013671875 * height)


def _edges(box: Any) -> Box:
    return box.x0, box.y0, box.x1, box.y1


def _with_images(
    blocks: Sequence[dict[str, Any]], boxes: Iterator[Any], mark: Box, limits: Any
) -> list[dict[str, Any]]:
    """Make images again of the drawings with the box `mark`; `boxes` are theirs, in the same order.

    Images that reach beyond the limits of the page are left out, as PyMuPDF does.
    """
    from pymupdf import mupdf

    left_out = 0
    kept: list[dict[str, Any]] = []
    for block in blocks:
        block["number"] -= left_out
        if block["type"] == _GROUP:
            block["blocks"] = _with_images(block["blocks"], boxes, mark, limits)
        elif block["type"] == _DRAWING and block["bbox"] == mark:
            box = next(boxes)
            if mupdf.fz_is_infinite_rect(limits) or mupdf.fz_contains_rect(limits, box):
                kept.append({"type": _IMAGE, "number": block["number"], "bbox": _edges(box)})
            else:
                left_out += 1
            continue
        kept.append(block)
    return kept


def with_leaders(text: str) -> str:
    """Return text with dots for a row of one character of no meaning: a leader, whose dot the font does not name."""
    return _LEADER.sub(lambda found: "." * len(found.group()), text)


def texts_of(block: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a block of a dictionary, those of the blocks in it too."""
    for line in block.get("lines", []):
        yield "".join(span["text"] for span in line["spans"])
    for child in block.get("blocks", []):
        yield from texts_of(child)
