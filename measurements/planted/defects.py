"""Defects: each takes a right label, or a PDF, and a seeded generator, and gives a wrong one; None where it cannot."""

import random
import re
from collections.abc import Callable, Mapping
from itertools import pairwise, zip_longest
from typing import Any

import pymupdf

_LINE = 9  # words: about a line of a column
_HEADING = 12  # words, at most
_ROW = re.compile(r"\|(?!---).*\|")
_CELLS = re.compile(r"(?<!\\)\|")
_HTML_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_HTML_CELL = re.compile(r"(<td[^>]*>)(.*?)(</td>)", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{6,}")
_PAIR = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]{4})>")


def _cells(label: str) -> list[list[tuple[int, int]]]:
    """Return where the texts of a label's cells are, row by row; rows of different tables are apart by an empty one."""
    rows: list[list[tuple[int, int]]] = []
    for found in _HTML_ROW.finditer(label):
        rows.append([cell.span(2) for cell in _HTML_CELL.finditer(label, *found.span())])
    at = 0
    for line in label.split("\n"):
        if _ROW.fullmatch(line):
            bars = [at + match.start() for match in _CELLS.finditer(line)]
            rows.append([(a + 2, b - 1) for a, b in pairwise(bars) if b - a > 2])
        elif not line.startswith("|---"):
            rows.append([])
        at += len(line) + 1
    return rows


def _exchanged(label: str, one: tuple[int, int], other: tuple[int, int]) -> str | None:
    (a, b), (c, d) = sorted((one, other))
    first, second = label[a:b], label[c:d]
    if b > c or not first.strip() or not second.strip() or _words(first) == _words(second):
        return None
    return label[:a] + second + label[b:c] + first + label[d:]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _paragraphs(label: str, least: int) -> list[tuple[int, int]]:
    """Return where running text of so many words is."""
    found = []
    at = 0
    for line in label.split("\n"):
        if line and line[0] not in "|<#!$" and len(line.split()) >= least:
            found.append((at, at + len(line)))
        at += len(line) + 1
    return found


def cells_swapped(label: str, rng: random.Random) -> str | None:
    """Exchange a cell with the next one, or with the one below."""
    rows = _cells(label)
    pairs = [(row[i], row[i + 1]) for row in rows for i in range(len(row) - 1)]
    pairs += [(a[i], b[i]) for a, b in pairwise(rows) for i in range(min(len(a), len(b)))]
    return _first(label, pairs, rng)


def rows_swapped(label: str, rng: random.Random) -> str | None:
    """Exchange two rows that follow each other."""
    rows = _cells(label)
    pairs = [((a[0][0], a[-1][1]), (b[0][0], b[-1][1])) for a, b in pairwise(rows) if a and b]
    return _first(label, [pair for pair in pairs if _fits(label, *pair)], rng)


def _fits(label: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    return "span" not in label[slice(*one)] + label[slice(*other)]


def _first(label: str, pairs: list[tuple[tuple[int, int], tuple[int, int]]], rng: random.Random) -> str | None:
    rng.shuffle(pairs)
    return next((made for pair in pairs if (made := _exchanged(label, *pair)) is not None), None)


def line_lost(label: str, rng: random.Random) -> str | None:
    """Take a line's words out of running text, or else a row out of a table."""
    if paragraphs := _paragraphs(label, _LINE + 3):
        start, end = rng.choice(paragraphs)
        words = label[start:end].split(" ")
        at = rng.randrange(1, len(words) - _LINE)
        return label[:start] + " ".join(words[:at] + words[at + _LINE :]) + label[end:]
    rows = [row for row in _cells(label) if len(row) > 1 and len(_words(label[row[0][0] : row[-1][1]])) > 1]
    if not rows:
        return None
    for start, end in reversed(rng.choice(rows)):
        label = label[:start] + label[end:]
    return label


def text_doubled(label: str, rng: random.Random) -> str | None:
    """Write a line's words of running text, or else a row of a table, once more."""
    if paragraphs := _paragraphs(label, _LINE + 3):
        start, end = rng.choice(paragraphs)
        words = label[start:end].split(" ")
        at = rng.randrange(1, len(words) - _LINE)
        return label[:start] + " ".join(words[: at + _LINE] + words[at:]) + label[end:]
    rows = [line for line in label.split("\n") if _ROW.fullmatch(line) and len(_words(line)) > 1]
    rows += [row for row in _HTML_ROW.findall(label) if len(_words(re.sub(r"<[^>]*>", " ", row))) > 1]
    if not rows:
        return None
    row = rng.choice(rows)
    return label.replace(row, f"{row}\n{row}" if row[0] == "|" else row + row, 1)


def columns_woven(label: str, rng: random.Random) -> str | None:
    """Read two paragraphs line by line in turn, as one, or as many."""
    paragraphs = _paragraphs(label, _LINE + 2)
    pairs = [(a, b) for a, b in pairwise(paragraphs) if not label[a[1] : b[0]].strip()]
    if not pairs:
        return None
    (a, b), (c, d) = rng.choice(pairs)
    lines = [
        [" ".join(words[n : n + _LINE]) for n in range(0, len(words), _LINE)]
        for words in (label[a:b].split(" "), label[c:d].split(" "))
    ]
    woven = [line for pair in zip_longest(*lines) for line in pair if line]
    return label[:a] + rng.choice((" ", "\n\n")).join(woven) + label[d:]


def paragraphs_swapped(label: str, rng: random.Random) -> str | None:
    """Exchange two paragraphs that follow each other."""
    paragraphs = _paragraphs(label, 5)
    return _first(label, list(pairwise(paragraphs)), rng)


def values_parted(label: str, rng: random.Random) -> str | None:
    """Read a table, or names with values beside them, by columns: all names, then all values."""
    rows = [[label[a:b].strip() for a, b in row] for row in _cells(label)]
    grid = [row for row in rows if len(row) > 1]
    lines = label.split("\n")
    kept = [n for n, line in enumerate(lines) if line.startswith("|")]
    if len(grid) < 3 or not kept:
        return None
    columns = [cell for column in zip_longest(*grid, fillvalue="") for cell in column if cell]
    lines[kept[0] : kept[-1] + 1] = [rng.choice(("\n\n", "\n")).join(columns)]
    return "\n".join(lines)


def words_cut(label: str, rng: random.Random) -> str | None:
    """Divide five words of running text, or join ten."""
    long = [match for start, end in _paragraphs(label, 4) for match in _WORD.finditer(label, start, end)]
    if len(long) < 5:
        return None
    if rng.random() < 0.5:
        for match in sorted(rng.sample(long, 5), key=lambda match: -match.start()):
            at = match.start() + rng.randint(2, len(match.group()) - 2)
            label = f"{label[:at]} {label[at:]}"
        return label
    for match in sorted(rng.sample(long, 5), key=lambda match: -match.start()):
        if label[match.end() : match.end() + 1] == " " and label[match.end() + 1 : match.end() + 2].isalpha():
            label = label[: match.end()] + label[match.end() + 1 :]
    return label


def words_changed(label: str, rng: random.Random) -> str | None:
    """Give three words another letter, as a reader does that takes one for another."""
    long = [match for start, end in _paragraphs(label, 4) for match in _WORD.finditer(label, start, end)]
    if len(long) < 3:
        return None
    for match in rng.sample(long, 3):
        at = match.start() + rng.randrange(len(match.group()))
        label = label[:at] + ("x" if label[at] != "x" else "y") + label[at + 1 :]
    return label


def heading_in_table(label: str, rng: random.Random) -> str | None:
    """Make the heading, or the short paragraph, before a table its first row."""
    lines = label.split("\n")
    tables = [
        n
        for n in range(2, len(lines) - 2)
        if lines[n].startswith("|") and lines[n - 1] == "" and 0 < len(lines[n - 2].split()) <= _HEADING
    ]
    if not tables:
        return None
    at = rng.choice(tables)
    columns = len(_CELLS.findall(lines[at])) - 1
    cells = [lines[at - 2].lstrip("# "), *[""] * (columns - 1)]
    rows = [f"| {' | '.join(cells)} |", lines[at + 1], lines[at]]
    return "\n".join([*lines[: at - 2], *rows, *lines[at + 2 :]])


def formula_scrambled(label: str, rng: random.Random) -> str | None:
    """Put the words of a short line with signs of mathematics in another order."""
    lines = [
        (start, end)
        for start, end in _paragraphs(label, 4)
        if re.search(r"[=+±×·∑√/−]", label[start:end]) and end - start < 160
    ]
    if not lines:
        return None
    start, end = rng.choice(lines)
    words = label[start:end].split(" ")
    mixed = words.copy()
    while mixed == words:
        rng.shuffle(mixed)
    return label[:start] + " ".join(mixed) + label[end:]


IN_LABELS: Mapping[str, Callable[[str, random.Random], str | None]] = {
    "cells swapped": cells_swapped,
    "rows swapped": rows_swapped,
    "line lost": line_lost,
    "text doubled": text_doubled,
    "columns woven": columns_woven,
    "paragraphs swapped": paragraphs_swapped,
    "values parted": values_parted,
    "words cut or joined": words_cut,
    "letters changed": words_changed,
    "heading in a table": heading_in_table,
    "formula scrambled": formula_scrambled,
}
"""What a reader can do wrong."""


def letters_exchanged(pdf: Any, rng: random.Random) -> bool:
    """Let every font say other letters: each the next of those that it has."""
    return _exchange_claims(pdf, rng, str.isalpha)


def figures_exchanged(pdf: Any, rng: random.Random) -> bool:
    """Let every font say other figures."""
    return _exchange_claims(pdf, rng, str.isdigit)


def two_letters_exchanged(pdf: Any, rng: random.Random) -> bool:
    """Let every font say one letter for another, and the other way round: two that are frequent and round."""
    one, other = rng.choice((("e", "o"), ("a", "e"), ("n", "u"), ("t", "f"), ("3", "8")))
    return _claim(pdf, {one: other, other: one})


def _claim(pdf: Any, says: Mapping[str, str]) -> bool:
    """Change what fonts say of some characters; returns whether one of them said anything of these."""
    done = False
    for xref in range(1, pdf.xref_length()):
        kind, value = pdf.xref_get_key(xref, "ToUnicode")
        if kind != "xref":
            continue
        stream = int(value.split()[0])
        text = pdf.xref_stream(stream).decode("latin-1")

        def changed(match: re.Match[str]) -> str:
            return f"<{match[1]}> <{ord(says.get(chr(int(match[2], 16)), chr(int(match[2], 16)))):04X}>"

        parts = re.split(r"(beginbfchar.*?endbfchar)", text, flags=re.DOTALL)
        lying = "".join(_PAIR.sub(changed, part) if part.startswith("beginbf") else part for part in parts)
        if "".join(lying.split()).upper() != "".join(text.split()).upper():
            pdf.update_stream(stream, lying.encode("latin-1"))
            done = True
    return done


def lines_as_outlines(pdf: Any, rng: random.Random, count: int = 3) -> bool:
    """Draw three lines, or so many, of the first page as outlines: they are seen as before, and no text any more."""
    page = pdf[0]
    lines = [
        pymupdf.Rect(line["bbox"])
        for block in page.get_text("dict", flags=pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES)["blocks"]
        for line in block["lines"]
        if sum(character.isalnum() for span in line["spans"] for character in span["text"]) >= 20
    ]
    if len(lines) < 6:
        return False
    at = rng.randrange(len(lines) - count + 1)
    drawn = pymupdf.open("pdf", pymupdf.open("svg", page.get_svg_image(text_as_path=True).encode()).convert_to_pdf())
    for line in lines[at : at + count]:
        page.add_redact_annot(
            pymupdf.Rect(line.x0, line.y0 + line.height / 4, line.x1, line.y1 - line.height / 4), fill=False
        )
    page.apply_redactions(images=pymupdf.PDF_REDACT_IMAGE_NONE, graphics=pymupdf.PDF_REDACT_LINE_ART_NONE)
    for line in lines[at : at + count]:
        page.show_pdf_page(line, drawn, 0, clip=line)
    return True


def _exchange_claims(pdf: Any, rng: random.Random, is_meant: Callable[[str], bool]) -> bool:
    done = False
    for xref in range(1, pdf.xref_length()):
        kind, value = pdf.xref_get_key(xref, "ToUnicode")
        if kind != "xref":
            continue
        stream = int(value.split()[0])
        text = pdf.xref_stream(stream).decode("latin-1")
        claims = [m for m in _PAIR.finditer(text) if is_meant(chr(int(m.group(2), 16))) and int(m.group(2), 16) < 128]
        if len(claims) < 4:
            continue
        meanings = [match.group(2) for match in claims]
        shift = rng.randrange(1, len(meanings))
        turned = meanings[shift:] + meanings[:shift]
        for match, meaning in sorted(zip(claims, turned, strict=True), key=lambda pair: -pair[0].start()):
            text = text[: match.start(2)] + meaning + text[match.end(2) :]
        pdf.update_stream(stream, text.encode("latin-1"))
        done = True
    return done


IN_LAYERS: Mapping[str, Callable[[Any, random.Random], bool]] = {
    "letters exchanged": letters_exchanged,
    "figures exchanged": figures_exchanged,
}
"""How a text layer can lie."""

SEEN_IN_IMAGES: Mapping[str, Callable[[Any, random.Random], bool]] = {
    **IN_LAYERS,
    "two letters exchanged": two_letters_exchanged,
    "lines as outlines": lines_as_outlines,
}
"""What a reader of page images can see."""
