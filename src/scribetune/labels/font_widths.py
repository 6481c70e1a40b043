"""Fonts whose characters are equally wide although nothing says so: told by what stands on the page.

Fonts of TeX that are pictures (Type 3) have neither a flag nor a name. A typewriter's advance is the same for each
character; in another font narrow letters (i, l, stops) and wide ones (m, w, capitals) tell.
"""

import re
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

_LEAST = 30  # characters of a font, to tell
_SAME = 0.02  # of the usual width of a character
_NARROW, _WIDE = re.compile(r"[filjt.,:;'()\[\]]"), re.compile(r"[mwMWA-HK-Z]")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")


def equally_wide(spans: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of fonts whose characters are equally wide, of a page's spans as MuPDF's dictionaries."""
    found: dict[str, list[tuple[float, str]]] = {}
    for span in spans:
        text = span["text"].strip(" ")
        if len(text) == len(span["text"]) and _PLAIN.fullmatch(text) and span["size"] > 0:
            width = (span["bbox"][2] - span["bbox"][0]) / (len(text) * span["size"])
            found.setdefault(span["font"], []).append((width, text))
    return frozenset(font for font, seen in found.items() if _is_equal(seen))


def _is_equal(seen: list[tuple[float, str]]) -> bool:
    usual = median(width for width, _ in seen)
    text = "".join(text for _, text in seen)
    narrow, wide = len(_NARROW.findall(text)), len(_WIDE.findall(text))
    # Where each piece is a mixture, all may be about as wide: some must be narrow, or wide, for the most part.
    tells = sum(max(len(_NARROW.findall(text)), len(_WIDE.findall(text))) > 0.5 * len(text) for _, text in seen)
    return (
        len(text) >= _LEAST
        and min(narrow, wide) > 0
        and tells > 1
        and all(abs(width - usual) <= _SAME * usual for width, _ in seen)
    )
