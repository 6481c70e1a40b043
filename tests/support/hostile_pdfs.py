"""PDFs that lie, hide or attack, for tests: text layers no reader sees, and files made to hang, crash or swell."""

import os
import shutil
import socket
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pymupdf

from support.pdf_factory import text_page

SENTENCE = "The quick brown fox jumps over the lazy dog and reads a report of the quarter."


def raw_pdf(objects: Sequence[bytes]) -> bytes:
    """Return a PDF of objects 1, 2, …; the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<< /Length %d %b >>\nstream\n%b\nendstream" % (len(data), entries, data)


def one_page(content: bytes, entries: bytes = b"", resources: bytes = b"", more: Sequence[bytes] = ()) -> bytes:
    """Return a PDF of one page; `content` is object 4 whole, `more` are objects 5, 6, …; Helvetica is /F1."""
    font = b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    return raw_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << "
            + (resources if b"/Font" in resources else font + resources)
            + b" >> "
            + entries
            + b" >>",
            content,
            *more,
        ]
    )


def _lines(count: int, prefix: bytes = b"", start: int = 740) -> bytes:
    rows = b"".join(b"1 0 0 1 60 %d Tm (%b) Tj\n" % (start - 20 * row, SENTENCE.encode()) for row in range(count))
    return b" " + prefix + b" BT /F1 12 Tf\n" + rows + b"ET\n"


def _garbage() -> bytes:
    """A font whose glyphs have names that mean nothing and no /ToUnicode."""
    glyph = stream(b"600 0 0 0 500 700 d1 0 0 500 700 re f")
    names = [b"/g%d" % number for number in range(1, 33)]
    processes = b" ".join(name + b" 6 0 R" for name in names)
    font = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 600 700] /FontMatrix [0.001 0 0 0.001 0 0] /CharProcs << "
        + processes
        + b" >> /Encoding << /Type /Encoding /Differences [1 "
        + b" ".join(names)
        + b"] >> /FirstChar 1 /LastChar 32 /Widths ["
        + b"600 " * 32
        + b"] >>"
    )
    shown = b"BT /F1 12 Tf 60 700 Td <" + bytes(range(1, 33)).hex().encode() * 2 + b"> Tj ET"
    return one_page(stream(shown), resources=b"/Font << /F1 5 0 R >>", more=[font, glyph])


def _scan(page: pymupdf.Page) -> None:
    drawn = pymupdf.open()
    text_page(drawn, "Scanned", 3)
    page.insert_image(page.rect, pixmap=drawn[0].get_pixmap(dpi=100))


def text_layers(folder: Path) -> dict[str, str]:
    """Write one PDF per kind of page; returns file name → the status that its page must get."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "white.pdf": one_page(stream(_lines(4) + _lines(4, b"1 g", 500))),
        "outside.pdf": one_page(stream(_lines(4) + _lines(4, start=-40))),
        "covered.pdf": one_page(stream(_lines(4) + _lines(4, b"", 500) + b"1 1 1 rg 40 420 560 100 re f")),
        "redacted.pdf": one_page(stream(_lines(4) + _lines(4, b"", 500) + b"0 0 0 rg 40 420 560 100 re f")),
        "transparent.pdf": one_page(
            stream(_lines(4) + b"/G gs" + _lines(4, b"", 500)), resources=b"/ExtGState << /G << /ca 0 >> >>"
        ),
        "garbage.pdf": _garbage(),
        "dark.pdf": one_page(stream(b"0 0 0.4 rg 0 0 612 792 re f" + _lines(8, b"1 g"))),
        "rotated.pdf": one_page(stream(_lines(8)), b"/Rotate 90"),
        "cropped.pdf": one_page(stream(_lines(8)), b"/CropBox [0 690 612 792]"),
        "vectors.pdf": one_page(stream(b"60 60 200 200 re f 300 300 m 500 500 l S")),
        "blank.pdf": one_page(stream(b"")),
    }
    for name, content in pages.items():
        (folder / name).write_bytes(content)
    for name, mode in (("scan.pdf", None), ("ocr.pdf", 3), ("stamped.pdf", 0)):
        made = pymupdf.open()
        page = made.new_page(width=320, height=320)
        _scan(page)
        if mode == 3:
            for row in range(6):
                page.insert_text((20, 40 + 30 * row), SENTENCE[:40], fontsize=9, render_mode=3)
        elif mode == 0:
            page.insert_text((20, 310), "Received 7", fontsize=8)
        made.save(folder / name, no_new_id=True)
    return {
        "white.pdf": "hidden_text", "outside.pdf": "ok", "covered.pdf": "hidden_text",
        "redacted.pdf": "hidden_text", "transparent.pdf": "invisible_text", "garbage.pdf": "garbage_text",
        "dark.pdf": "ok", "rotated.pdf": "ok", "cropped.pdf": "ok", "vectors.pdf": "vector_only",
        "blank.pdf": "blank", "scan.pdf": "scan", "ocr.pdf": "invisible_text", "stamped.pdf": "scan",
    }  # fmt: skip


def endless(unit: bytes, times: int) -> bytes:
    """Return zlib data of `unit` repeated, made without ever having it whole: a bomb of about 1 : 1,000."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + block + again * (times - 1) + packer.flush()


def content_bomb(path: Path) -> None:
    """Write a page of 4 GB of blanks, compressed."""
    path.write_bytes(one_page(stream(endless(b" " * 2**20, 4000), b"/Filter /FlateDecode")))


def attacks(folder: Path) -> Mapping[str, frozenset[str]]:
    """Write PDFs made to hurt; returns file name → the statuses that their document may get."""
    folder.mkdir(parents=True, exist_ok=True)
    fine = pymupdf.open()
    for number in range(3):
        text_page(fine, f"Report {number}", number)
    whole = fine.tobytes(garbage=3, no_new_id=True)
    deep_tree = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    deep_tree += [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % number for number in range(3, 3000)]
    deep_tree += [b"<< /Type /Page /MediaBox [0 0 200 200] >>"]
    forms = [
        stream(
            b"/X Do",
            b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X %d 0 R >> >>" % (n + 1),
        )
        for n in range(5, 5005)
    ]
    image = b"/Subtype /Image /Width %d /Height %d /ColorSpace /Device%b /BitsPerComponent 8 /Filter /FlateDecode"
    shown = stream(b"600 0 0 700 6 46 cm /I Do")
    blank = b" " * 2**20
    kinds: dict[str, tuple[bytes, set[str]]] = {
        "html.pdf": (b"<!DOCTYPE html><html><body><h1>Not a PDF</h1></body></html>", {"not_a_pdf"}),
        "truncated.pdf": (whole[: len(whole) * 2 // 3], {"truncated"}),
        "header_alone.pdf": (b"%PDF-1.7\n", {"error"}),
        "no_pages.pdf": (
            raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"]),
            {"zero_pages"},
        ),
        "liar.pdf": (
            raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 2000000000 >>"]),
            {"zero_pages", "too_large", "error"},
        ),
        "large_page.pdf": (one_page(stream(_lines(3))).replace(b"[0 0 612 792]", b"[0 0 14400 14400]"), {"ok"}),
        "objects.pdf": (one_page(stream(_lines(3)), more=[b"<< /N %d >>" % n for n in range(100_000)]), {"ok"}),
        "deep_array.pdf": (
            one_page(stream(_lines(3)), b"/Deep " + b"[" * 100_000 + b"]" * 100_000),
            {"ok", "error", "zero_pages"},
        ),
        "deep_state.pdf": (one_page(stream(b"q " * 200_000 + _lines(3))), {"ok", "error", "too_large"}),
        "deep_forms.pdf": (
            one_page(stream(b"/X Do"), resources=b"/XObject << /X 5 0 R >>", more=[*forms, stream(_lines(1))]),
            {"ok", "error"},
        ),
        "deep_tree.pdf": (raw_pdf(deep_tree), {"ok", "error", "zero_pages"}),
        "loop.pdf": (
            raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"]),
            {"ok", "error", "zero_pages"},
        ),
        "wide_image.pdf": (
            one_page(
                shown,
                resources=b"/XObject << /I 5 0 R >>",
                more=[stream(endless(blank, 2), image % (60000, 60000, b"Gray"))],
            ),
            {"too_large"},
        ),
        "image_bomb.pdf": (
            one_page(
                shown,
                resources=b"/XObject << /I 5 0 R >>",
                more=[stream(endless(blank, 600), image % (14000, 14000, b"RGB"))],
            ),
            {"ok", "too_large"},
        ),
    }
    for name, (content, _) in kinds.items():
        (folder / name).write_bytes(content)
    return {name: frozenset(statuses) for name, (_, statuses) in kinds.items()}


def not_files(folder: Path) -> frozenset[str]:
    """Make things called `*.pdf` that must never be opened; returns what they are called in reports."""
    folder.mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "pipe.pdf")
    (folder / "endless.pdf").symlink_to("/dev/zero")
    (folder / "to-pipe.pdf").symlink_to("pipe.pdf")
    (folder / "gone.pdf").symlink_to("nowhere")
    (folder / "loop.pdf").symlink_to("loop.pdf")
    (folder / "folder.pdf").mkdir()
    # The path of a socket may have 108 bytes: it is made under another name.
    with tempfile.TemporaryDirectory() as near, socket.socket(socket.AF_UNIX) as made:
        made.bind(f"{near}/s")
        shutil.move(f"{near}/s", folder / "socket.pdf")
    for name in (b"\xff\xfe.pdf", b"caf\xe9.pdf"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(b"%PDF-1.7\n")  # noqa: PTH118
    names = ("pipe", "endless", "to-pipe", "gone", "loop", "folder", "socket", r"\xff\xfe", r"caf\xe9")
    return frozenset(f"{name}.pdf" for name in names)


def page_trees(folder: Path) -> Mapping[str, int]:
    """Write PDFs whose page trees lie or run in circles; returns file name → pages that other readers show."""
    folder.mkdir(parents=True, exist_ok=True)
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    inherited = b"/MediaBox [0 0 612 792] /Resources << /Font << /F1 %b >> >>" % font
    page = b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>"

    def tree(count: bytes, kids: bytes = b"3 0 R 4 0 R", *more: bytes) -> bytes:
        root = b"<< /Type /Pages /Kids [%b] /Count %b %b >>" % (kids, count, inherited)
        return raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", root, page, page, stream(_lines(8)), *more])

    circle = b"<< /Type /Pages /Parent 2 0 R /Kids [4 0 R 2 0 R] /Count 2 >>"
    kinds = {
        "negative": tree(b"-1"), "huge": tree(b"2000000000"), "none": tree(b"0"), "absent": tree(b"null"),
        "too_few": tree(b"1"), "too_many": tree(b"3"), "own_child": tree(b"2", b"2 0 R 3 0 R 4 0 R"),
        "circle": tree(b"3", b"3 0 R 6 0 R", circle),
    }  # fmt: skip
    for name, content in kinds.items():
        (folder / f"{name}.pdf").write_bytes(content)
    return {f"{name}.pdf": 2 for name in kinds}


def lost_trees(folder: Path) -> Mapping[str, int]:
    """Write PDFs of two pages that no page tree leads to; returns file name → pages that are to be found."""
    folder.mkdir(parents=True, exist_ok=True)
    page = b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>"
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    inherited = b"/MediaBox [0 0 612 792] /Resources << /Font << /F1 %b >> >>" % font
    catalog, kids = b"<< /Type /Catalog /Pages 2 0 R >>", b"/Kids [3 0 R 4 0 R]"
    whole = raw_pdf(
        [
            catalog,
            b"<< /Type /Pages %b /Count 2 %b >>" % (kids, inherited),
            page,
            page,
            stream(_lines(8)),
            b"<< /Author (A) >>",
        ]
    )
    kinds = {
        "no_root": whole.replace(b"/Root 1 0 R", b""),
        "wrong_root": whole.replace(b"/Root 1 0 R", b"/Root 6 0 R"),
        "root_of_itself": whole.replace(catalog, b"1 0 R"),
        "no_pages": whole.replace(b"/Pages 2 0 R", b"/Pages 99 0 R"),
        "pages_are_text": whole.replace(b"/Pages 2 0 R", b"/Pages (2 0 R)"),
        "no_kids": whole.replace(kids, b""),
        "kids_of_one": whole.replace(kids, b"/Kids 3 0 R"),
        "parents_in_circles": whole.replace(kids, b"/Parent 2 0 R"),
        "kids_gone": whole.replace(kids, b"/Kids [88 0 R 99 0 R]"),
    }  # fmt: skip
    for name, content in kinds.items():
        (folder / f"{name}.pdf").write_bytes(content)
    (folder / "deleted.pdf").write_bytes(whole.replace(kids + b" /Count 2", b"/Kids [] /Count 0"))
    return {f"{name}.pdf": 2 for name in kinds} | {"deleted.pdf": 0}


def locked(folder: Path) -> frozenset[str]:
    """Write PDFs that are encrypted in ways that no password undoes; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pymupdf.open()
    text_page(made, "Secret", 1)
    names = set()
    for objects in (0, 1):
        whole = made.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="o", user_pw="u", use_objstms=objects, no_new_id=True
        )
        for name, old, new in (
            ("certificate", b"/Filter/Standard", b"/Filter/Adobe.PubSec"),
            ("plugin", b"/Filter/Standard", b"/Filter/FOPN_foweb"),
            ("future", b"/V 5", b"/V 9"),
        ):
            assert old in whole
            names.add(f"{name}{objects}.pdf")
            (folder / f"{name}{objects}.pdf").write_bytes(whole.replace(old, new))
    # Nothing to ask a password for, and a page tree that only the key would show.
    empty = raw_pdf([b"<< /Type /Catalog /Pages 9 0 R >>"]).replace(b"/Size", b"/Encrypt << /Filter /None >> /Size")
    (folder / "no-pages.pdf").write_bytes(empty)
    return frozenset({*names, "no-pages.pdf"})


def broken_images(folder: Path) -> Mapping[str, str]:
    """Write pages of one image that cannot be decoded; returns file name → the status that the page must get."""
    folder.mkdir(parents=True, exist_ok=True)
    no_lines = bytes.fromhex("000000003000010000001300000320000003840000000000000000000000")
    kinds = {
        "jbig2-garbage": (b"JBIG2Decode", b"nothing of it" * 20, "scan"),
        "jbig2-nothing": (b"JBIG2Decode", b"", "scan"),
        "jbig2-blank": (b"JBIG2Decode", no_lines, "scan"),
        "jpx": (b"JPXDecode", b"nothing of it", "error"),
        "dct": (b"DCTDecode", b"nothing of it", "scan"),
        "ccitt": (b"CCITTFaxDecode", b"nothing of it", "scan"),
    }
    for name, (decoder, data, _) in kinds.items():
        entries = b"/Subtype /Image /Width 800 /Height 900 /ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /%b"
        shown = stream(b"600 0 0 700 6 46 cm /I Do")
        image = stream(data, entries % decoder)
        (folder / f"{name}.pdf").write_bytes(one_page(shown, resources=b"/XObject << /I 5 0 R >>", more=[image]))
    return {f"{name}.pdf": status for name, (_, _, status) in kinds.items()}


STRANGE_NAMES = (
    "two\nlines.pdf", "😀 emoji.pdf", "x..pdf.pdf", "%2e%2e%2f..%2fetc.pdf", "-rf.pdf", "{braces}.pdf",
    "$(touch x).pdf",
    "'quoted' \"twice\".pdf", "tab\tand\rreturn.pdf", "a, b; c.pdf", "\u202egnp.pdf", "trailing .PDF", "=1+1.pdf",
    "C:..\\..\\windows.pdf", "~.pdf", "con.pdf", "%s%n.pdf",
)  # fmt: skip
