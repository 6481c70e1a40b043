"""Elements of a tagged page where they belong: pieces of a paragraph together, what has no tag at its place.

Producers leave the pieces of a paragraph beside each other (browsers), text without a tag at the end (what was put
into a form), or the items of a list together that others stand between.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.tagged_text import share_line

Element = dict[str, Any]

NO_STRUCTURE = "NonDtruct"  # as MuPDF spells it
_PIECES = frozenset({"Span", "Link", "Em", "Strong", "Quote", "Reference", "Sub", "Annot", "NonStruct", NO_STRUCTURE})
_IN_ONE_LINE = frozenset({"P", "Span", "Formula"})
_GAP_IN_LINE = 6.0  # heights of a line: what is further to the right stands in another column
_GAP_IN_TEXT = 1.5
_LEADING = 0.6  # of a line's height: more between two lines is a paragraph's end
_CELL_GAP = 2.0  # heights of a line, between the cells of a running head
_EDGE = 0.13  # of a page's height
_WHOLE = frozenset({"Table", "TOC", "Formula"})  # keep what other pages have too
_HOLDERS = frozenset({"Document", "Part", "Art", "Sect", "Div", "NonStruct", NO_STRUCTURE, "DocumentFragment"})


class LooseTextError(Exception):
    """Text without a tag stands in a table that has tags."""


def rows_of(element: Element) -> Iterator[tuple[Sequence[float], str]]:
    """Yield box and text of the lines of an element and of those in it."""
    for row in element.get("lines", []):
        yield row["bbox"], "".join(span["text"] for span in row["spans"])
    for child in element.get("blocks", []):
        yield from rows_of(child)


def in_paragraphs(elements: Iterable[Element]) -> Iterator[Element]:
    """Yield sibling elements; of pieces that go on in each other one paragraph."""
    run: list[Element] = []
    for element in elements:
        if run and _belongs(run[-1], element):
            run.append(element)
            continue
        if run:
            yield run[0] if len(run) == 1 else {**run[0], "std": "P", "lines": [], "blocks": run}
        run = [element]
    if run:
        yield run[0] if len(run) == 1 else {**run[0], "std": "P", "lines": [], "blocks": run}


def _belongs(before: Element, after: Element) -> bool:
    if before.get("is_cell") or after.get("is_cell"):  # of a running head
        return False
    kinds = (before.get("std") or "", after.get("std") or "")
    if "Formula" in kinds:
        return _IN_ONE_LINE.issuperset(kinds) and _goes_on(before, after, _GAP_IN_LINE)
    if not (_is_piece(before) and _is_piece(after)):
        return False
    return _goes_on(before, after, _GAP_IN_TEXT) or _is_next_line(before, after)


def _is_piece(element: Element) -> bool:
    kind = element.get("std") or ""
    return (not kind or kind in _PIECES) and all(map(_is_piece, element.get("blocks", [])))


def _ends(before: Element, after: Element) -> tuple[Sequence[float], Sequence[float]] | None:
    """Return the boxes of the last line of an element and the first one of another."""
    last, first = [box for box, _ in rows_of(before)][-1:], [box for box, _ in rows_of(after)][:1]
    return (last[0], first[0]) if last and first else None


def _goes_on(before: Element, after: Element, gap: float) -> bool:
    """Whether an element begins where another one ends, on the same line."""
    ends = _ends(before, after)
    if ends is None or not share_line(*ends):
        return False
    last, first = ends
    height = min(last[3] - last[1], first[3] - first[1])
    return -0.5 * height < first[0] - last[2] < gap * height


def _is_next_line(before: Element, after: Element) -> bool:
    """Whether an element begins on the line below the one on which another ends."""
    ends = _ends(before, after)
    if ends is None:
        return False
    last, first = ends
    height = min(last[3] - last[1], first[3] - first[1])
    return first[0] < last[2] and -0.5 * height < first[1] - last[3] < _LEADING * height


def without_artifacts(blocks: Sequence[Element]) -> list[Element]:
    """Return the blocks of a page with what is marked as no part of its content as what has no tag, after the others.

    MuPDF calls it a paragraph.
    """
    loose: list[Element] = []

    def walk(elements: Sequence[Element], *, is_artifact: bool) -> list[Element]:
        found = []
        for element in elements:
            inside = is_artifact or element.get("raw") == "Artifact"
            if inside and element.get("lines"):
                loose.append(element)
            inner = walk(element.get("blocks", []), is_artifact=inside)
            if not inside:
                found.append({**element, "blocks": inner} if "blocks" in element else element)
        return found

    return [*walk(blocks, is_artifact=False), *loose]


def with_loose_text(
    blocks: Sequence[Element], height: float, margin: float, is_running: Callable[[Sequence[float]], bool] | None = None
) -> list[Element]:
    """Return the blocks of a page with those that have no tag among the others, by their place.

    First and last stand, row by row, what its margins (a share of its height) hold of them, what other pages have too
    (`is_running`), tagged or not, and further loose text at both edges of the page that all tagged text stands between.

    Raises:
        LooseTextError: One stands in a table.
    """
    found = [_without_running(block, is_running) for block in blocks] if is_running else [(b, []) for b in blocks]
    edge = [line for _, lines in found for line in lines]
    tagged = [block for block, _ in found if block.get("std")]
    extents = [box for block in tagged for box, text in rows_of(block) if text.strip()]
    first, last = min((b[1] for b in extents), default=0.0), max((b[3] for b in extents), default=height)
    top, bottom = (
        max(margin, min(_EDGE, first / height)) * height,
        (1 - max(margin, min(_EDGE, 1 - last / height))) * height,
    )
    for block in (block for block, _ in found if not block.get("std") and block.get("type") != 1):
        for piece in _pieces_of(block):
            if piece["bbox"][3] <= top or piece["bbox"][1] >= bottom:
                edge.extend(piece["lines"])
            elif any(text.strip() for _, text in rows_of(piece)):
                tagged = _inserted(tagged, piece)
    cells = list(_cells([line for line in edge if _text_of(line).strip()]))
    above = [cell for cell in cells if cell["bbox"][1] + cell["bbox"][3] < height]
    return [*above, *tagged, *cells[len(above) :]]


def _without_running(
    element: Element, is_running: Callable[[Sequence[float]], bool]
) -> tuple[Element, list[dict[str, Any]]]:
    """Return an element without the lines of running heads that paragraphs in it hold, and these lines."""
    if element.get("std") in _WHOLE or str(element.get("std")).startswith("H"):
        return element, []
    lines = [line for line in element.get("lines", []) if is_running(line["bbox"])]
    found = [_without_running(child, is_running) for child in element.get("blocks", [])]
    inner = [line for _, some in found for line in some]
    if not lines and not inner:
        return element, []
    kept = {**element}
    if "lines" in element:
        kept["lines"] = [line for line in element["lines"] if line not in lines]
    if "blocks" in element:
        kept["blocks"] = [child for child, _ in found if child.get("lines") or child.get("blocks") or "raw" in child]
    left = [*kept.get("lines", []), *kept.get("blocks", [])]
    return {**kept, "bbox": _around(left)} if left else kept, [*lines, *inner]


def _text_of(line: Element) -> str:
    return "".join(span["text"] for span in line["spans"])


def _cells(lines: Sequence[Element]) -> Iterator[Element]:
    """Yield lines at the edges of a page as elements without a tag: row by row, those far from each other apart."""
    rows: list[list[Element]] = []
    for line in sorted(lines, key=lambda line: line["bbox"][1] + line["bbox"][3]):
        if rows and share_line(rows[-1][0]["bbox"], line["bbox"]):
            rows[-1].append(line)
        else:
            rows.append([line])
    for row in rows:
        cells: list[list[Element]] = []
        for line in sorted(row, key=lambda line: line["bbox"][0]):
            if cells and _is_in_cell(cells[-1][-1], line):
                cells[-1].append(line)
            else:
                cells.append([line])
        is_rtl = is_right_to_left("".join(map(_text_of, row)))
        for cell in cells[::-1] if is_rtl else cells:
            yield {"type": 0, "is_cell": True, "lines": cell[::-1] if is_rtl else cell, "bbox": _around(cell)}


def _is_in_cell(before: Element, line: Element) -> bool:
    """Whether what stands on one line is near, or a name and its value."""
    one, other = before["bbox"], line["bbox"]
    gap = _CELL_GAP * min(one[3] - one[1], other[3] - other[1])
    return bool(other[0] - one[2] < gap) or _text_of(before).rstrip().endswith(":")


def _pieces_of(block: Element) -> Iterator[Element]:
    """Yield what stands together of a block without a tag: MuPDF makes one of all that follows each other."""
    run: list[Element] = []
    for line in block.get("lines", []):
        alone = {"lines": [line]}
        if run and not (_goes_on({"lines": run}, alone, _GAP_IN_TEXT) or _is_next_line({"lines": run}, alone)):
            yield {**block, "lines": run, "bbox": _around(run)}
            run = []
        run.append(line)
    if run:
        yield {**block, "lines": run, "bbox": _around(run)}


def _around(lines: Sequence[Element]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = zip(*(line["bbox"] for line in lines), strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _inserted(elements: Sequence[Element], loose: Element) -> list[Element]:
    x0, y0, x1, y1 = loose["bbox"]
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    for number, element in enumerate(elements):
        left, top, right, bottom = element["bbox"]
        if left <= x <= right and top <= y <= bottom:
            if element.get("std") == "Table":
                raise LooseTextError
            if element.get("std") in _HOLDERS:
                inner = {**element, "blocks": _inserted(element.get("blocks", []), loose)}
                return [*elements[:number], inner, *elements[number + 1 :]]
    above = [
        number for number, e in enumerate(elements) if e["bbox"][3] <= y and e["bbox"][0] < x1 and x0 < e["bbox"][2]
    ]
    below = [number for number, element in enumerate(elements) if element["bbox"][1] >= y]
    at = above[-1] + 1 if above else below[0] if below else len(elements)
    return [*elements[:at], loose, *elements[at:]]


def by_place(elements: Sequence[Element]) -> list[Element]:
    """Return siblings with what stands between the items of a list between them."""
    ordered = list(elements)
    for found in [element for element in elements if element.get("std") == "L" and len(element.get("blocks", [])) > 1]:
        inside = [e for e in ordered if e is not found and e.get("std") and _is_between(e, found)]
        if not inside:
            continue
        items = [{**found, "blocks": [item], "bbox": item["bbox"]} for item in found["blocks"]]
        at = ordered.index(found)
        before = sum(any(one is e for e in inside) for one in ordered[:at])
        ordered = [one for one in ordered if one is not found and not any(one is e for e in inside)]
        ordered[at - before : at - before] = sorted([*items, *inside], key=lambda one: one["bbox"][1])
    return ordered


def _is_between(element: Element, found: Element) -> bool:
    """Whether an element stands in the box of a list, between two of its items."""
    left, top, right, bottom = element["bbox"]
    boxes = [item["bbox"] for item in found["blocks"] if item["bbox"][0] < right and left < item["bbox"][2]]
    return any(box[3] <= top + 2 for box in boxes) and any(box[1] >= bottom - 2 for box in boxes)
