"""PDFs whose letters are bitmaps that hang upside down in their font, as old drivers of printers write them."""

from collections.abc import Mapping, Sequence

import pymupdf

EM = 50  # dots


def page_of_bitmaps(lines: Sequence[str], codes: Mapping[str, int], font: str = "tiro") -> pymupdf.Document:
    """Return a PDF that shows lines of text, 12 pt; `codes` are those of the letters that have another than their own.

    What the font does not name has no meaning: it has no /ToUnicode.
    """
    known = pymupdf.Font(font)
    letters = sorted(set("".join(lines)) - {" "})
    code = {letter: codes.get(letter, ord(letter)) for letter in letters}
    made = pymupdf.open()
    page = made.new_page()
    names = " ".join(f"{code[letter]} /{_name(code[letter])}" for letter in letters)
    shapes = " ".join(f"/{_name(code[letter])} {_bitmap(made, known, letter)} 0 R" for letter in letters)
    widths = {code[letter]: round(EM * known.glyph_advance(ord(letter))) for letter in letters}
    first, last = min(widths), max(widths)
    number = int(made.get_new_xref())
    in_order = " ".join(str(widths.get(n, 0)) for n in range(first, last + 1))
    made.update_object(
        number,
        f"<< /Type /Font /Subtype /Type3 /FontBBox [0 -{EM // 4} {EM} {EM * 3 // 4}] /FontMatrix [1 0 0 -1 0 0] "
        f"/Resources << >> /FirstChar {first} /LastChar {last} /Widths [{in_order}] "
        f"/Encoding << /Type /Encoding /Differences [{names}] >> /CharProcs << {shapes} >> >>",
    )
    made.xref_set_key(page.xref, "Resources", f"<< /Font << /B {number} 0 R >> >>")
    size = 12 / EM
    shown = [
        f"BT /B 1 Tf {size} 0 0 -{size} 72 {700 - 20 * row} Tm {_words(line, code)} ET"
        for row, line in enumerate(lines)
    ]
    content = made.get_new_xref()
    made.update_object(content, "<< >>")
    made.update_stream(content, "\n".join(shown).encode())
    made.xref_set_key(page.xref, "Contents", f"{content} 0 R")
    return pymupdf.open(stream=made.tobytes(), filetype="pdf")


def _name(code: int) -> str:
    return chr(code) if chr(code).isascii() and chr(code).isalpha() else f"unnamed.{code}"


def _words(line: str, code: Mapping[str, int]) -> str:
    parts = []
    for word in line.split():
        parts.append(f"<{''.join(f'{code[letter]:02x}' for letter in word)}> Tj")
    return f"[{-250 * EM}] TJ ".join(parts)


def _bitmap(made: pymupdf.Document, known: pymupdf.Font, letter: str) -> int:
    """Write a letter as a stream of a font, and return its number."""
    with pymupdf.open() as drawn:
        page = drawn.new_page(width=2 * EM, height=2 * EM)
        writer = pymupdf.TextWriter(page.rect)
        writer.append((0, EM), letter, font=known, fontsize=EM)
        writer.write_text(page)
        picture = page.get_pixmap(colorspace=pymupdf.csGRAY)
    rows = [picture.samples[row * 2 * EM : (row + 1) * 2 * EM] for row in range(2 * EM)]
    inked = [place for place, row in enumerate(rows) if min(row) < 128]
    top, bottom = EM - inked[0], EM - inked[-1] - 1
    bits = b"".join(
        int("".join("0" if dot < 128 else "1" for dot in row).ljust(104, "1"), 2).to_bytes(13, "big")
        for row in rows[inked[0] : inked[-1] + 1]
    )
    number = made.get_new_xref()
    made.update_object(number, "<< >>")
    side, width, height = 2 * EM, round(EM * known.glyph_advance(ord(letter))), top - bottom
    image = f"q {side} 0 0 {height} 0 {bottom} cm BI /W {side} /H {height} /BPC 1 /IM true ID "
    made.update_stream(number, f"{width} 0 0 {bottom} {side} {top} d1 {image}".encode() + bits + b" EI Q")
    return int(number)
