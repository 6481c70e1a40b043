"""Levels of headings in the whole document: by the sizes of their fonts on a sample of its pages, and by their numbers.

What is largest on a page may be the least in its document: what stands on the sampled pages decides about all.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.sampled_pages import SampledPage

_DEEPEST = 6
_LARGER = 1.15
_SAME = 0.98
_ALIKE = 0.5  # points
_MOST_WORDS = 16
_EDGE = 0.085  # of the page's height: running headers stand there
_DECIMAL = re.compile(r"(\d{1,2}(?:\.\d{1,2})*)\.?\s")
_FAMILIES = (
    tuple(map(re.compile, (r"第[一二三四五六七八九十百\d]+[章编篇部]", r"第[一二三四五六七八九十百\d]+[节條条]"))),
    tuple(map(re.compile, (r"[一二三四五六七八九十]+[、.．]", r"[（(][一二三四五六七八九十]+[)）]"))),
    tuple(map(re.compile, (r"[IVX]{1,5}\.\s", r"[A-Z]\.\s"))),
)


@dataclass(frozen=True)
class Levels:
    """What a document's headings look like.

    Attributes:
        sizes: Of their fonts in points, largest first; those that nearly agree as one.
        numbers: For each kind of number that they begin with (family, depth) the size that most of them have.
        later: Sizes of headings on pages after the first.
    """

    sizes: tuple[float, ...] = ()
    numbers: tuple[tuple[tuple[int, int], float], ...] = ()
    later: tuple[float, ...] = ()

    def of(self, text: str, size: float) -> int:
        """Return the level of a heading, from 1."""
        rank = sum(other > size + _ALIKE for other in self.sizes) + 1
        number = _number(text)
        if number is None:
            return min(rank, _DEEPEST)
        family, depth = number
        above = [(other, at) for (kind, other), at in self.numbers if kind == family and other < depth]
        if above:
            # One deeper than what its number says is above it, at least.
            first = min(above)
            rank = max(rank, sum(other > first[1] + _ALIKE for other in self.sizes) + 1 + len(above))
        return min(rank, _DEEPEST)


def of_sample(sample: Sequence[SampledPage]) -> Levels:
    """Look at a sample of a document's pages."""
    # Running headers stand at the edges, and are none of the headings.
    pages = [
        [(line.text, line.size, line.bold) for line in page.lines if _EDGE < line.box[1] / page.height < 1 - _EDGE]
        for page in sample
    ]
    lines = [line for page in pages for line in page]
    if not lines:
        return Levels()
    characters: Counter[float] = Counter()
    for text, size, _ in lines:
        characters[_rounded(size)] += len(text)
    body = characters.most_common(1)[0][0]
    headings = [
        [line for line in page if _may_head(line[0]) and _is_apart(line[1], body, bold=line[2])] for page in pages
    ]
    later = {size for page in headings[1:] for _, size, _ in page}
    title = max((size for _, size, _ in headings[0]), default=0.0)
    kept = [
        (text, size)
        for number, page in enumerate(headings)
        for text, size, bold in page
        if number or bold or size > title - _ALIKE or any(abs(other - size) <= _ALIKE for other in later)
    ]
    return replace(_of_headings(kept), later=tuple(sorted(later)))


def _is_apart(size: float, body: float, *, bold: bool) -> bool:
    return size >= _LARGER * body or (bold and size > _SAME * body)


def without_authors(blocks: Sequence[PageBlock], document: Levels) -> list[PageBlock]:
    """Make text of what stands below the title of a document's first page in a larger type that heads nothing later.

    Names of authors, places and dates are set so.
    """
    headings = [block for block in blocks if block.kind is Kind.HEADING and block.lines]
    if not headings or not document.later:
        return list(blocks)
    title = max(map(_size, headings))
    return [
        replace(block, kind=Kind.TEXT)
        if block.kind is Kind.HEADING
        and block.lines
        and not any(line.bold for line in block.lines)
        and _number(_text(block)) is None
        and (_size(block) < title - _ALIKE or block is not headings[0])
        and not any(abs(size - _size(block)) <= _ALIKE for size in document.later)
        else block
        for block in blocks
    ]


def with_levels(blocks: Sequence[PageBlock], document: Levels) -> list[PageBlock]:
    """Give the headings among blocks their levels; by themselves, where there is no more of the document."""
    headings = [(_text(block), _size(block)) for block in blocks if block.kind is Kind.HEADING and block.lines]
    levels = document if document.sizes else _of_headings(headings)
    return [
        replace(block, level=levels.of(_text(block), _size(block)))
        if block.kind is Kind.HEADING and block.lines
        else block
        for block in blocks
    ]


def _text(block: PageBlock) -> str:
    return " ".join(line.text for line in block.lines)


def _size(block: PageBlock) -> float:
    return max(span.size for line in block.lines for span in line.spans if span.text.strip())


def _of_headings(headings: Sequence[tuple[str, float]]) -> Levels:
    sizes: list[float] = []
    for size in sorted({_rounded(size) for _, size in headings}, reverse=True):
        if not sizes or sizes[-1] - size > _ALIKE:
            sizes.append(size)
    numbered: dict[tuple[int, int], Counter[float]] = {}
    for text, size in headings:
        number = _number(text)
        if number is not None:
            numbered.setdefault(number, Counter())[_rounded(size)] += 1
    most = {number: max(counts.items(), key=lambda item: (item[1], item[0]))[0] for number, counts in numbered.items()}
    return Levels(tuple(sizes), tuple(sorted(most.items())))


def _number(text: str) -> tuple[int, int] | None:
    """Return the family and the depth of the number that a heading begins with."""
    decimal = _DECIMAL.match(text)
    if decimal is not None:
        return 0, decimal.group(1).count(".")
    for family, patterns in enumerate(_FAMILIES, start=1):
        for depth, pattern in enumerate(patterns):
            if pattern.match(text):
                return family, depth
    return None


def _may_head(text: str) -> bool:
    return any(map(str.isalpha, text)) and len(text.split()) <= _MOST_WORDS and not text.endswith((".", ",", ";", ":"))


def _rounded(size: float) -> float:
    return round(size * 2) / 2
