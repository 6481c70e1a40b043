"""What the page image as a witness finds in fonts made to lie, what it wrongly says of sound ones, and what it costs.

Usage: python measurements/image_witness.py PDF …

Each PDF is read as it is, and with the /ToUnicode maps of its fonts changed, or made: every letter said to be the next
one; `e` and `o` exchanged; `3` and `8`. A change counts where words of a page that is read differ by it, two at least.
Processor time is set beside that of labelling without a witness.
"""

import argparse
import contextlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymupdf

from scribetune.labels import image_witness, reader

_ROW = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]{4})>")
_RANGE = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]{4})>")
_SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "measured")


def _next(letter: str) -> str:
    return chr(ord(letter) + 1) if letter.isascii() and letter.isalpha() and letter not in "zZ" else letter


def _exchange(one: str, other: str) -> Callable[[str], str]:
    return lambda letter: {one: other, other: one}.get(letter, letter)


CHANGES: dict[str, Callable[[str], str]] = {
    "every letter": _next,
    "e and o": _exchange("e", "o"),
    "3 and 8": _exchange("3", "8"),
}


def with_lies(path: Path, says: Callable[[str], str]) -> Any:
    """Return a PDF whose fonts say of each character what `says` returns."""
    pdf = pymupdf.open(path)
    for xref in range(1, pdf.xref_length()):
        kind, value = pdf.xref_get_key(xref, "ToUnicode")
        if kind != "xref" and pdf.xref_get_key(xref, "Subtype")[1] in ("/Type1", "/TrueType"):
            _claim(pdf, xref, says)
        if kind != "xref":
            continue
        number = int(value.split()[0])
        text = pdf.xref_stream(number).decode("latin-1")
        parts = re.split(r"(beginbf(?:char|range).*?endbf(?:char|range))", text, flags=re.DOTALL)
        changed = "".join(_changed(part, says) if part.startswith("beginbf") else part for part in parts)
        pdf.update_stream(number, changed.encode("latin-1"))
    return pymupdf.open(stream=pdf.tobytes(), filetype="pdf")


def _claim(pdf: Any, font: int, says: Callable[[str], str]) -> None:
    """Give a font without a map one for ASCII, which most such fonts are coded in."""
    rows = "".join(f"<{code:02X}> <{ord(says(chr(code))):04X}>\n" for code in range(0x21, 0x7F))
    number = pdf.get_new_xref()
    pdf.update_object(number, "<<>>")
    pdf.update_stream(
        number,
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        + f"94 beginbfchar\n{rows}endbfchar\nendcmap end end".encode(),
    )
    pdf.xref_set_key(font, "ToUnicode", f"{number} 0 R")


def _changed(block: str, says: Callable[[str], str]) -> str:
    def row(match: re.Match[str]) -> str:
        return f"<{match[1]}> <{ord(says(chr(int(match[2], 16)))):04X}>"

    def rows(match: re.Match[str]) -> str:
        first, last, meaning = int(match[1], 16), int(match[2], 16), int(match[3], 16)
        width = len(match[1])
        return "\n".join(
            f"<{code:0{width}X}> <{code:0{width}X}> <{ord(says(chr(meaning + code - first))):04X}>"
            for code in range(first, min(last, first + 0xFF) + 1)
        )

    return _RANGE.sub(rows, block) if block.startswith("beginbfrange") else _ROW.sub(row, block)


def _is_shown(pdf: Any, sound: Any, pages: Iterator[int]) -> bool:
    """Whether words differ in some page's text layer, two at least."""
    return any(sum((Counter(_words(sound[page])) - Counter(_words(pdf[page]))).values()) >= 2 for page in pages)


def _words(page: Any) -> list[str]:
    return [word[4] for word in page.get_text("words")]


def _labelled(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pages = range(1, pymupdf.open(path).page_count + 1)
        list(reader.label_document("a", str(path), "", _SETTINGS, pages))


def main(paths: list[Path]) -> None:
    """Measure, and print one line of JSON."""
    _labelled(paths[0])  # what is loaded once is not counted
    image_witness.Witness(pymupdf.open(paths[0])).of_page(0)
    counts: Counter[str] = Counter()
    seconds = {"witness": 0.0, "labelling": 0.0}
    for path in paths:
        sound = pymupdf.open(path)
        began = time.process_time()
        witness = image_witness.Witness(sound)
        said = [witness.of_page(page) for page in range(sound.page_count)]
        seconds["witness"] += time.process_time() - began
        counts.update(pages=sound.page_count, read=len(witness.sample))
        for number, one in enumerate(said, 1):
            if one is not None and one.disagreements:
                counts["sound pages with something against them"] += 1
                print(path.name, number, image_witness.in_words(one.disagreements, number)[:300], sep="\t")
        began = time.process_time()
        _labelled(path)
        seconds["labelling"] += time.process_time() - began
        for name, says in CHANGES.items():
            lying = with_lies(path, says)
            other = image_witness.Witness(lying)
            if _is_shown(lying, sound, iter(other.sample)):
                found = [other.of_page(page) for page in other.sample]
                counts[f"{name}: planted"] += 1
                counts[f"{name}: found"] += any(one is not None and one.agreement < 0.8 for one in found)
    share = seconds["witness"] / max(0.001, seconds["labelling"])
    print(json.dumps({"documents": len(paths), **counts, "time beside labelling": round(share, 3)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdf", nargs="+", type=Path)
    main([path.resolve() for path in parser.parse_args().pdf])
