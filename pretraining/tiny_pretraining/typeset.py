"""Typeset pages for pre-training: documents like the sample corpus's, packed as a few PDFs with what each page says.

    python -m tiny_pretraining.typeset --out pack --fonts fonts

The pack is made where Typst and PyMuPDF are installed (about 2 KB a page); reading it takes PyMuPDF or PDFium. Pages
are transcribed as they are printed, like those of `tiny_pretraining.drawing`: line for line, bullets as drawn. A
formula becomes one linear line: `g = (R_1 - R_0)/R_0`, `x̄ = 1/n Σ_(i=1)^n x_i`.
"""

import argparse
import importlib.util
import json
import logging
import lzma
import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scribetune.core import files
from scribetune.core.errors import UserError
from scribetune.samples import corpus
from scribetune.samples.blocks import (
    Block,
    BulletList,
    DisplayFormula,
    Heading,
    Inline,
    NumberedList,
    Page,
    Paragraph,
    Strong,
    Table,
)
from scribetune.samples.expressions import (
    Expression,
    Fraction,
    Mean,
    Number,
    Parentheses,
    Root,
    Row,
    Scripted,
    Sum,
    Symbol,
)
from tiny_pretraining.drawing import Face, wrap
from tiny_pretraining.examples import Example, Glyph, classes, finish, transcribable
from tiny_pretraining.fonts import Font
from tiny_pretraining.fonts import read as read_fonts
from tiny_pretraining.text import Source
from tiny_pretraining.tiny_model import PAGE_PX

logger = logging.getLogger(__name__)

UNIT = 20
"""Positions in a pack are in twentieths of a point."""
_DOCUMENTS_A_FILE = 400
_SIGNS = {"−": "-", "∑": "Σ", "⋅": "·"}
_CLEAN_SCALES = (1.0, 1.0, 1.0, 1.0, 1.3, 1.6)


@dataclass(frozen=True)
class Entry:
    """A page of a pack.

    Attributes:
        pdf: The file it is in.
        number: From 0.
        width: In points.
        height: In points.
        lines: What it says.
        characters: Drawn characters.
        boxes: (4, characters): left, top, right and bottom of each, in units.
    """

    pdf: Path
    number: int
    width: float
    height: float
    lines: tuple[str, ...]
    characters: str
    boxes: NDArray[np.int32] = field(compare=False)


class TranscriptError(Exception):
    """What stands on a page is not what its blocks say."""


# What a page says


def linear(expression: Expression) -> str:  # noqa: PLR0911 (one return for each kind)
    """Return a formula as one line: `_` and `^` before scripts, `/` for fraction bars, parentheses where needed.

    Raises:
        TypeError: An unknown kind of expression.
    """
    if isinstance(expression, Fraction):
        return f"{_grouped(expression.numerator)}/{_grouped(expression.denominator)}"
    if isinstance(expression, Scripted):
        below = "" if expression.below is None else f"_{_script(expression.below)}"
        above = "" if expression.above is None else f"^{_script(expression.above)}"
        return linear(expression.base) + below + above
    if isinstance(expression, Root):
        return f"√({linear(expression.body)})"
    if isinstance(expression, Mean):
        return f"{linear(expression.body)}\u0304"
    if isinstance(expression, Parentheses):
        return f"({linear(expression.body)})"
    if isinstance(expression, Sum):
        limits = f"_({expression.index.plain()}={linear(expression.start)})^{_script(expression.end)}"
        return f"Σ{limits} {linear(expression.body)}"
    if isinstance(expression, Row):
        text = ""
        for part in expression.parts:
            if isinstance(part, str):
                text += part if part == "/" else f"{part} " if part == "," else f" {part} "
            else:
                text += linear(part)
        return text.strip()
    if isinstance(expression, Symbol | Number):
        return expression.plain()
    raise TypeError(f"expression {type(expression).__name__}: it has no linear form")


def _grouped(expression: Expression) -> str:
    text = linear(expression)
    return text if isinstance(expression, Symbol | Number | Scripted | Mean | Parentheses) else f"({text})"


def _script(expression: Expression) -> str:
    text = linear(expression)
    return text if len(text) == 1 or text.isdigit() else f"({text})"


def printed(page: Page, bullet: str) -> tuple[list[str], list[str]]:
    """Return a page's text block line by block line, each formula as U+0000, and the linear form of each formula.

    Args:
        page: Its blocks.
        bullet: The sign drawn before list items.

    Raises:
        TypeError: An unknown kind of block.
    """
    found: list[str] = []
    lines: list[str] = []

    def text(runs: tuple[Inline, ...]) -> str:
        result = ""
        for run in runs:
            if isinstance(run, Expression):
                found.append(linear(run))
                result += "\x00"
            else:
                result += run.text if isinstance(run, Strong) else run
        return result

    def add(block: Block) -> None:
        if isinstance(block, Heading):
            lines.append(block.text)
        elif isinstance(block, Paragraph):
            lines.append(text(block.runs))
        elif isinstance(block, BulletList):
            lines.extend(f"{bullet} {text(item)}" for item in block.items)
        elif isinstance(block, NumberedList):
            lines.extend(f"{number}. {text(item)}" for number, item in enumerate(block.items, start=1))
        elif isinstance(block, Table):
            lines.extend(" ".join(row) for row in (block.header, *block.rows))
        elif isinstance(block, DisplayFormula):
            lines.append(text((block.expression,)))
        else:
            raise TypeError(f"block {type(block).__name__}: how it is printed is not known")

    for block in page.blocks:
        add(block)
    return lines, found


@dataclass
class _PrintedLine:
    """A line found on the page: its extent, and its characters without blanks (a formula is one U+0000)."""

    top: float
    bottom: float
    right: float
    text: str


def transcribe(page: Any, blocks: Page, bullet: str) -> tuple[list[str], list[Glyph]]:
    """Return a page's lines as printed, and its glyphs in points.

    Line ends come from the page, everything else from its blocks.

    Args:
        page: A pymupdf.Page of a tagged PDF.
        blocks: What it was made from.
        bullet: The sign drawn before list items.

    Raises:
        TranscriptError: The characters on the page are not those of the blocks.
    """
    said, linear_forms = printed(blocks, bullet)
    places = _formula_boxes(page)
    if len(places) != len(linear_forms):
        raise TranscriptError(f"{len(places)} formulas on the page, {len(linear_forms)} in its blocks")
    found, glyphs = _printed_lines(page, places)
    expected = "".join("".join(said).split())
    if "".join(line.text for line in found) != expected:
        raise TranscriptError(f"{''.join(line.text for line in found)!r} instead of {expected!r}")
    lines = []
    for line in _broken("\n".join(said), [len(line.text) for line in found]):
        text = line
        for _ in range(line.count("\x00")):
            text = text.replace("\x00", linear_forms.pop(0), 1)
        lines.append(text)
    return lines, glyphs


def _formula_boxes(page: Any) -> list[tuple[float, ...]]:
    """Return the boxes of a tagged page's formulas, in reading order."""
    import pymupdf

    def below(blocks: list[dict[str, Any]]) -> Iterator[tuple[float, ...]]:
        for block in blocks:
            if block.get("std") == "Formula":
                yield tuple(block["bbox"])
            else:
                yield from below(block.get("blocks", []))

    flags = pymupdf.TEXTFLAGS_DICT | pymupdf.TEXT_COLLECT_STRUCTURE
    return list(below(page.get_text("dict", flags=flags)["blocks"]))


def _printed_lines(page: Any, boxes: Sequence[tuple[float, ...]]) -> tuple[list[_PrintedLine], list[Glyph]]:
    import pymupdf

    flags = pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_LIGATURES & ~pymupdf.TEXT_PRESERVE_IMAGES
    lines: list[_PrintedLine] = []
    glyphs: list[Glyph] = []
    seen: set[int] = set()
    for block in page.get_text("rawdict", flags=flags, sort=False)["blocks"]:
        for line in block.get("lines", []):
            for span in line["spans"]:
                for entry in span["chars"]:
                    character = entry["c"]
                    x0, _, x1, _ = entry["bbox"]
                    size, baseline = span["size"], entry["origin"][1]
                    if not character.strip():
                        continue
                    middle_x, middle_y = (x0 + x1) / 2, baseline - 0.3 * size
                    number = next(
                        (
                            n
                            for n, (a, b, c, d) in enumerate(boxes)
                            if a - 0.5 <= middle_x <= c + 0.5 and b - 0.5 <= middle_y <= d + 0.5
                        ),
                        None,
                    )
                    if number is not None:  # the letters and signs of mathematics have code points of their own
                        character = _SIGNS.get(character, unicodedata.normalize("NFKC", character)[0])
                    glyphs.append(Glyph(character, x0, baseline - 0.72 * size, x1, baseline + 0.14 * size))
                    if number is None:
                        _join(lines, character, x0, baseline - 0.7 * size, x1, baseline + 0.1 * size)
                    elif number not in seen:
                        seen.add(number)
                        a, b, c, d = boxes[number]
                        _join(lines, "\x00", a, b, c, d)
    return lines, glyphs


def _join(lines: list[_PrintedLine], text: str, left: float, top: float, right: float, bottom: float) -> None:
    """Put a character at the end of the last line if it stands there, else begin a line."""
    if lines:
        last = lines[-1]
        shared = min(bottom, last.bottom) - max(top, last.top)
        if shared > 0.5 * min(bottom - top, last.bottom - last.top) and left > last.right - 2.0:
            last.text += text
            last.right = max(last.right, right)
            if text != "\x00":
                last.top, last.bottom = top, bottom
            return
    lines.append(_PrintedLine(top, bottom, right, text))


def _broken(text: str, counts: Sequence[int]) -> Iterator[str]:
    """Break text after each of these numbers of characters, blanks not counted."""
    place = 0
    for count in counts:
        start, left = place, count
        while left:
            left -= not text[place].isspace()
            place += 1
        line = text[start:place].strip()
        if "\n" in line:
            raise TranscriptError(f"two blocks on one line: {line!r}")
        yield line


# Making a pack


def make(target: Path, fonts: Sequence[Font], documents: int, seed: int) -> dict[str, int]:
    """Write `train-NNN.pdf`, `domain-000.pdf` and `other-000.pdf`, each with a `.json.xz` of what its pages say.

    Args:
        target: Folder.
        fonts: Held-out fonts of it draw the pages of `other`.
        documents: For training; documents for evaluation come on top, from another seed.
        seed: Of the documents.

    Returns:
        Pages by part: "train", "domain", "other", and "refused".

    Raises:
        RuntimeError: See `Typesetter.pdf`; or more than one page in 50 could not be transcribed.
    """
    counts = {"train": 0, "refused": 0}
    for number, start in enumerate(range(0, documents, _DOCUMENTS_A_FILE)):
        specs = corpus.plan(min(documents, start + _DOCUMENTS_A_FILE), seed, corpus.LANGUAGES)[start:]
        kept, refused = _write(target / f"train-{number:03d}.pdf", specs)
        counts["train"] += kept
        counts["refused"] += refused
    counts["domain"], _ = _write(target / "domain-000.pdf", corpus.plan(80, seed + 1, corpus.LANGUAGES))
    counts["other"] = _write_other(target / "other-000.pdf", fonts, 128, seed + 2)
    if counts["refused"] * 50 > counts["train"]:
        raise RuntimeError(f"{counts['refused']} of {counts['train']} pages could not be transcribed")
    return counts


def _write(path: Path, specs: Sequence[corpus.SampleSpec]) -> tuple[int, int]:
    """Compile documents as one PDF; return the numbers of pages kept and refused."""
    import pymupdf

    from scribetune.samples.typesetting import Typesetter

    documents = [corpus.generate(spec) for spec in specs]
    once = "#set document(date: none)\n"
    body = "".join(f"#[\n{document.source.replace(once.strip(), '')}\n]\n" for document in documents)
    with Typesetter() as typesetter:
        data = typesetter.pdf(once + body)
    rows: list[dict[str, Any]] = []
    refused = 0
    pages = [(page, _bullet(document.source)) for document in documents for page in document.pages]
    with pymupdf.open(stream=data, filetype="pdf") as pdf:
        if pdf.page_count != len(pages):
            raise RuntimeError(f"{path.name}: {pdf.page_count} pages instead of {len(pages)}")
        for number, (page, (blocks, bullet)) in enumerate(zip(pdf, pages, strict=True)):
            try:
                lines, glyphs = transcribe(page, blocks, bullet)
            except TranscriptError as error:
                logger.info("%s page %d: %s", path.name, number + 1, error)
                refused += 1
                continue
            if not transcribable("".join(lines)):
                refused += 1
                continue
            rows.append(_row(number, page.rect, lines, glyphs))
        _save(path, pdf, rows)
    return len(rows), refused


def _bullet(source: str) -> str:
    start = source.index('bullet: "') + len('bullet: "')
    return source[start]


def _row(number: int, rect: Any, lines: Sequence[str], glyphs: Sequence[Glyph]) -> dict[str, Any]:
    known = [glyph for glyph in glyphs if glyph.character in classes()]
    boxes = [[round(v * UNIT) for v in (g.left, g.top, g.right, g.bottom)] for g in known]
    columns = [list(column) for column in zip(*boxes, strict=True)]
    # Differences compress better than positions.
    return {
        "page": number,
        "size": [rect.width, rect.height],
        "lines": list(lines),
        "characters": "".join(glyph.character for glyph in known),
        "boxes": [np.diff(column, prepend=0).tolist() for column in columns],
    }


def _save(path: Path, pdf: Any, rows: list[dict[str, Any]]) -> None:
    # The structure tree has done its work; it is three quarters of the file.
    for key in ("StructTreeRoot", "MarkInfo"):
        pdf.xref_set_key(pdf.pdf_catalog(), key, "null")
    files.write_bytes(path, pdf.tobytes(garbage=4, deflate=True, use_objstms=1, compression_effort=100, no_new_id=True))
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    files.write_bytes(path.with_suffix(".json.xz"), lzma.compress(text.encode(), preset=9))


def _write_other(path: Path, fonts: Sequence[Font], pages: int, seed: int) -> int:
    """Write pages set by PyMuPDF in fonts that training does not use, half of them Chinese."""
    import pymupdf

    rows = []
    held_out = {script: [f for f in fonts if f.script == script and f.held_out] for script in ("latin", "han")}
    with pymupdf.open() as pdf:
        for number in range(pages):
            rng = random.Random(f"{seed}/other/{number}")  # noqa: S311 (content, no secret)
            face = Face(held_out["latin"][number // 2 % len(held_out["latin"])], rng.choice(held_out["han"]))
            chinese = number % 2 == 1
            side, size = 320.0, rng.uniform(10.0, 15.0)
            page = pdf.new_page(width=side * rng.choice((0.8, 0.9, 1.0)), height=side)
            source = Source(rng, chinese=chinese, drawable=face.drawable)
            writer = pymupdf.TextWriter(page.rect)
            drawn = {path: pymupdf.Font(fontfile=str(path)) for path in (face.latin.path, face.han.path)}
            lines: list[str] = []
            y = rng.uniform(20.0, 50.0)
            # Measured at ten times the size: Pillow's widths are whole pixels.
            limit = (page.rect.width - 44) * 10
            pieces = source.paragraph(rng.randint(40, 120) if chinese else rng.randint(100, 320))
            for line in wrap(pieces, face, round(size * 10), limit):
                y += size * 1.45
                if y > side - 12:
                    break
                x = 20.0
                for part in source.pieces(line):
                    text = " " * (part.blank and x > 20.0) + part.text
                    _, end = writer.append((x, y), text, font=drawn[face.of(part.text[0])], fontsize=size)
                    x = end[0]
                lines.append(line)
            writer.write_text(page)
            rows.append(_row(number, page.rect, lines, []) if lines else {})
        kept = [row for row in rows if row]
        pdf.subset_fonts()
        _save(path, pdf, kept)
    return len(kept)


# Reading a pack


@lru_cache(maxsize=8)
def entries(folder: Path, part: str) -> tuple[Entry, ...]:
    """Read what the pages of a part of a pack say, in a fixed order.

    Args:
        folder: Made by `make`.
        part: "train", "domain" or "other".

    Raises:
        UserError: The folder has no such part.
    """
    found: list[Entry] = []
    for path in sorted(folder.glob(f"{part}-*.json.xz")):
        pdf = path.with_suffix("").with_suffix(".pdf")
        for row in json.loads(lzma.decompress(path.read_bytes())):
            boxes = np.cumsum(np.array(row["boxes"] or [[]] * 4, np.int32), axis=1, dtype=np.int32)
            width, height = row["size"]
            found.append(Entry(pdf, row["page"], width, height, tuple(row["lines"]), row["characters"], boxes))
    if not found:
        raise UserError(
            "There are no typeset pages",
            value=f"{folder}/{part}-*.json.xz",
            accepted="a folder made by `python -m tiny_pretraining.typeset --out DIR`",
            todo="make it, and name it with --pack",
        )
    return tuple(found)


def draw_entry(entry: Entry, rng: random.Random, rough: float) -> Example:
    """Rasterise a page and turn it into what the model sees.

    Args:
        entry: The page.
        rng: Source of every choice.
        rough: Share of pages that are worn; see `tiny_pretraining.examples.finish`.
    """
    scale = rng.choice(_CLEAN_SCALES) if rough else 1.0
    color = _rasterise(entry.pdf, entry.number, round(PAGE_PX * scale), max(entry.width, entry.height))
    # Any mixture of the channels: coloured headings and fills come in every shade.
    weights = np.array([rng.random() + 0.1 for _ in range(3)] if rough else [0.299, 0.587, 0.114], np.float32)
    gray = Image.fromarray((color.astype(np.float32) @ (weights / weights.sum())).round().astype(np.uint8))
    zoom = PAGE_PX / max(entry.width, entry.height) / UNIT
    boxes = (entry.boxes.T * zoom).tolist()
    glyphs = [Glyph(character, *box) for character, box in zip(entry.characters, boxes, strict=True)]
    return finish(gray, glyphs, "\n".join(entry.lines), rng, rough)


@lru_cache(maxsize=64)
def _opened(pdf: Path) -> Any:
    if _has_pdfium():
        import pypdfium2  # type: ignore[import-not-found]  # not part of the environment

        return pypdfium2.PdfDocument(pdf)
    import pymupdf

    return pymupdf.open(pdf)


@lru_cache(maxsize=1)
def _has_pdfium() -> bool:
    """Tell which of the two rasterisers is at hand; PDFium is the smaller one to bring along."""
    return importlib.util.find_spec("pymupdf") is None


def _rasterise(pdf: Path, number: int, long_px: int, long_pt: float) -> Any:
    """Return a page as (height, width, 3) array of uint8."""
    zoom = long_px / long_pt
    document = _opened(pdf)
    if _has_pdfium():
        page = document[number]
        bitmap = page.render(scale=zoom, rev_byteorder=True)
        pixels = bitmap.to_numpy()[..., :3].copy()
        page.close()
        return pixels
    import pymupdf

    pixmap = document[number].get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3).copy()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pack in the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Typeset pages for pre-training.")
    parser.add_argument("--out", type=Path, required=True, help="where to write them")
    parser.add_argument("--fonts", type=Path, required=True, help="folder made by tiny_pretraining.fonts")
    parser.add_argument("--documents", type=int, default=4800, help="documents to train with (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=71_000, help="seed of the documents (default: %(default)s)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    counts = make(options.out, read_fonts(options.fonts), options.documents, options.seed)
    logger.info("%s", ", ".join(f"{name}: {count}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
