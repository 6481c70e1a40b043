"""PDFs whose font says of its glyphs what a test wants: a ToUnicode map of our own."""

from collections.abc import Mapping

import pymupdf


def with_claims(made: pymupdf.Document, claims: Mapping[int, str]) -> pymupdf.Document:
    """Return a PDF with another map in each of its fonts: {number of a glyph: what it is said to be}."""
    rows = "\n".join(
        f"<{glyph:04x}> <{meaning.encode('utf-16-be').hex()}>" for glyph, meaning in sorted(claims.items())
    )
    named = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <ffff> endcodespacerange\n{len(claims)} beginbfchar\n{rows}\nendbfchar\n"
        "endcmap end end"
    )
    for xref in range(1, made.xref_length()):
        kind, value = made.xref_get_key(xref, "ToUnicode")
        if kind == "xref":
            made.update_stream(int(value.split()[0]), named.encode())
    return pymupdf.open(stream=made.tobytes(), filetype="pdf")
