"""Promises about structure trees and pages that are damaged or made to hurt: the text is read all the same."""

from pathlib import Path

import pytest

from scribetune.labels.reader import LabelSettings, PageReader
from support.hostile_pdfs import SENTENCE, one_page, raw_pdf, stream

SETTINGS = LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
LINE = b"BT /F1 12 Tf 60 700 Td (%b) Tj ET" % SENTENCE.encode()


def tagged(root: bytes, *elements: bytes) -> bytes:
    """Return a PDF of one marked line; the root of its structure tree is object 5, its elements are 6, 7, …"""
    font = b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    return raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R /MarkInfo << /Marked true >> /StructTreeRoot 5 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /StructParents 0 %b >>" % font,
            stream(b"/P <</MCID 0>> BDC " + LINE + b" EMC"),
            b"<< /Type /StructTreeRoot %b >>" % root,
            *elements,
        ]
    )


LEAF = b"<< /S /P /Pg 3 0 R /P 5 0 R /K [0] >>"
CELL = b"<< /S /TD /Pg 3 0 R /P 7 0 R /A [<< /O /Table /ColSpan %b /RowSpan %b >>] /K [0] >>"
ODD_KIDS = (
    b"0 -1 2147483647 99999999999 1.5 (x) /y null << /Type /MCR /MCID 0 >> << /Type /MCR /MCID 0 /Pg 77 0 R >> "
    b"<< /Type /OBJR /Obj 3 0 R >> 99 0 R"
)
TREES = {
    "a circle": tagged(
        b"/K [6 0 R]", b"<< /S /Document /P 5 0 R /K [6 0 R 7 0 R] >>", b"<< /S /P /Pg 3 0 R /P 6 0 R /K [0 6 0 R] >>"
    ),
    "kids that are nothing": tagged(b"/K [6 0 R]", b"<< /S /P /Pg 3 0 R /P 5 0 R /K [%b] >>" % ODD_KIDS),
    "great depth": tagged(
        b"/K [6 0 R]", *(b"<< /S /Sect /P %d 0 R /K [%d 0 R] >>" % (n - 1, n + 1) for n in range(6, 3006)), LEAF
    ),
    "great depth in one object": tagged(
        b"/K " + b"<< /S /Sect /K " * 3000 + b"<< /S /P /Pg 3 0 R /K 0 >>" + b" >>" * 3000
    ),
    "one element many times": tagged(b"/K [" + b"6 0 R " * 50_000 + b"]", LEAF),
    "elements that double": tagged(
        b"/K [6 0 R]", *(b"<< /S /Sect /K [%d 0 R %d 0 R] >>" % (n + 1, n + 1) for n in range(6, 46)), LEAF
    ),
    "roles in a circle": tagged(
        b"/K [6 0 R] /RoleMap << /A /B /B /C /C /A /P /A >>", b"<< /S /A /P 5 0 R /K [7 0 R] >>", LEAF
    ),
    "roles that are themselves": tagged(b"/K [6 0 R] /RoleMap 7 0 R", LEAF, b"7 0 R"),
    "huge spans": tagged(
        b"/K [6 0 R]", b"<< /S /Table /P 5 0 R /K [7 0 R] >>", b"<< /S /TR /P 6 0 R /K [8 0 R] >>",
        CELL % (b"2000000000", b"2000000000"),
    ),
    "spans that are none": tagged(
        b"/K [6 0 R]", b"<< /S /Table /P 5 0 R /K [7 0 R] >>", b"<< /S /TR /P 6 0 R /K [8 0 R] >>",
        CELL % (b"-5", b"(x)"),
    ),
    "a tree that is none": tagged(b"", b"null"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.usefixtures("in_a_minute")
def test_a_damaged_structure_tree_costs_no_text(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(TREES[kind])
    text = PageReader(str(tmp_path / "a.pdf"), "", SETTINGS).read(0).text
    assert " ".join(text.split()).count(SENTENCE) == 1


@pytest.mark.usefixtures("in_a_minute")
@pytest.mark.parametrize(
    ("content", "entries"),
    [
        (b"EMC " * 1000 + b"/P <</MCID 0>> BDC " * 5000 + LINE, b""),
        (LINE + b" BT /F1 12 Tf 1e38 0 0 1e38 0 0 Tm (far) Tj 0 0 0 0 10 10 Tm (flat) Tj ET", b""),
        (LINE + b" BT /F1 0 Tf 60 600 Td (zero) Tj ET", b""),
        (b"q 9 0 0 9 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID x EI Q\n" * 3000 + LINE, b""),
        (LINE, b"/Annots [<< /Subtype /Widget /FT /Tx /Rect [0 0 9 9] /T (a) /Parent 3 0 R >> 3 0 R null 7]"),
        (
            LINE,
            b"/Annots [" + b"<< /Subtype /Link /Rect [60 690 500 720] /A << /S /URI /URI (x:y) >> >> " * 2000 + b"]",
        ),
    ],
)
def test_a_hostile_page_keeps_its_text(content: bytes, entries: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(one_page(stream(content), entries))
    assert SENTENCE in " ".join(PageReader(str(tmp_path / "a.pdf"), "", SETTINGS).read(0).text.split())
