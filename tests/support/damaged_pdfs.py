"""PDFs that are damaged, odd or made to hurt, one per kind, each with what must become of it."""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pymupdf

from support.hostile_pdfs import SENTENCE, endless, one_page, raw_pdf, stream
from support.pdf_factory import text_page

_BOX = b"[0 0 612 792]"
_LINE = b"BT /F1 12 Tf 60 700 Td (%b) Tj ET" % SENTENCE.encode()
_PAGE = one_page(stream(_LINE))


@dataclass(frozen=True)
class Expected:
    """What must become of a PDF: statuses that its document may get, and of its pages, in order."""

    document: frozenset[str]
    pages: tuple[str, ...] = ()  # "" where any will do
    says: str = ""  # what the document's message must hold


def _readable(*pages: str, says: str = "") -> Expected:
    return Expected(frozenset({"ok"}), pages or ("ok",), says)


def _refused(*statuses: str, says: str = "") -> Expected:
    return Expected(frozenset(statuses), (), says)


def _either(*statuses: str) -> Expected:
    return Expected(frozenset(statuses), ("",))


_ANY = _either("ok")
"""Opened, and its one page has a row."""


def _whole(pages: int = 2, **options: object) -> bytes:
    made = pymupdf.open()
    for number in range(pages):
        text_page(made, f"Report {number}", number)
    data: bytes = made.tobytes(no_new_id=True, **options)
    return data


def _form(content: bytes, resources: bytes) -> bytes:
    return stream(content, b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << %b >>" % resources)


def _object_streams(first: bytes, count: int = 4, more: bytes = b"") -> bytes:
    """Return a PDF whose catalog, tree and page are in an object stream with these entries."""
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 "
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
    }
    heads, bodies = b"", b""
    for number, body in objects.items():
        heads += b"%d %d " % (number, len(bodies))
        bodies += body + b"\n"
    packed = zlib.compress(heads + bodies)
    first = first or b"%d" % len(heads)
    entries = b"/Type /ObjStm /N %d /First %b /Filter /FlateDecode " % (count, first)
    out = bytearray(b"%PDF-1.7\n")
    at = {4: len(out)}
    out += b"4 0 obj\n" + stream(packed, entries + more) + b"\nendobj\n"
    at[5] = len(out)
    out += b"5 0 obj\n" + stream(_LINE) + b"\nendobj\n"
    at[6] = len(out)
    rows = [(0, 0, 65535), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, at[4], 0), (1, at[5], 0), (1, at[6], 0)]
    table = b"".join(kind.to_bytes(1) + place.to_bytes(4) + last.to_bytes(2) for kind, place, last in rows)
    out += b"6 0 obj\n" + stream(table, b"/Type /XRef /Size 7 /W [1 4 2] /Root 1 0 R") + b"\nendobj\n"
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % at[6]


def _incremental(whole: bytes, change: bytes) -> bytes:
    """Return a PDF with a second revision of object 4."""
    at = len(whole)
    begin = int(re.findall(rb"startxref\s+(\d+)", whole)[-1])
    body = b"4 0 obj\n%b\nendobj\n" % change
    table = b"xref\n4 1\n%010d 00000 n \n" % at
    end = b"trailer\n<< /Size 5 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (begin, at + len(body))
    return whole + body + table + end


def _encrypted(**options: object) -> bytes:
    return _whole(1, encryption=pymupdf.PDF_ENCRYPT_AES_256, **options)


def _scripts() -> bytes:
    made = pymupdf.open("pdf", _PAGE)
    made.embfile_add("evil.exe", b"MZ" * 1000, filename="../../evil.exe")
    page = made[0]
    page.add_file_annot((300, 300), b"#!/bin/sh\ntouch /tmp/scribetune-ran\n", "run.sh")
    link = {"kind": pymupdf.LINK_LAUNCH, "from": pymupdf.Rect(0, 0, 50, 50), "file": "/bin/true"}
    page.insert_link(link)
    data: bytes = made.tobytes(no_new_id=True)
    return data.replace(
        b"/Type/Catalog", b"/Type/Catalog/OpenAction<</S/JavaScript/JS(app.launchURL('file:///etc/passwd'))>>"
    )


def _broken_cmap() -> bytes:
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /None /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts "
        b"[<< /Type /Font /Subtype /CIDFontType2 /BaseFont /None /CIDSystemInfo << /Registry (Adobe) /Ordering "
        b"(Identity) /Supplement 0 >> >>] >>"
    )
    cmap = stream(b"begincmap 1 beginbfrange <0000> <FFFFFFFFFF> <D800DFFF> endbfrange 2 beginbfchar <00> garbage")
    shown = stream(b"BT /F1 12 Tf 60 700 Td <" + b"00410042" * 20 + b"> Tj ET")
    return one_page(shown, resources=b"/Font << /F1 5 0 R >>", more=[font, cmap])


def _named_font(font: bytes, *more: bytes) -> bytes:
    return one_page(stream(_LINE), resources=b"/Font << /F1 %b >>" % font, more=more)


def _truetype(program: bytes) -> bytes:
    return (
        b"<< /Type /Font /Subtype /TrueType /BaseFont /X /FirstChar 32 /LastChar 126 /Widths [%b] /Encoding "
        b"/WinAnsiEncoding /FontDescriptor << /Type /FontDescriptor /FontName /X /Flags 32 /FontFile2 %b >> >>"
    ) % (b"500 " * 95, program)


def _shown(*objects: bytes) -> bytes:
    """Return a PDF whose page shows object 5, an image or a form."""
    return one_page(stream(b"/X Do"), resources=b"/XObject << /X 5 0 R >>", more=objects)


def _image(decoder: bytes, data: bytes, side_px: int) -> bytes:
    entries = b"/Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /%b"
    image = stream(data, entries % (side_px, side_px, decoder))
    return one_page(stream(b"600 0 0 700 6 46 cm /X Do"), resources=b"/XObject << /X 5 0 R >>", more=[image])


def _jpeg(side_px: int) -> bytes:
    """Return a gray JPEG that says how large it is, and holds no more than a block of it."""
    tables = bytes.fromhex(
        "ffdb004300" + "10" * 64 + "ffc4001400" + "01" + "00" * 15 + "00" + "ffc4001410" + "01" + "00" * 16
    )
    frame = bytes.fromhex("ffc0000b08") + side_px.to_bytes(2) * 2 + bytes.fromhex("01011100")
    return b"\xff\xd8" + tables + frame + bytes.fromhex("ffda0008010100003f00") + bytes(64) + b"\xff\xd9"


def _jpeg_2000(side_px: int) -> bytes:
    """Return a JPEG 2000 code stream of one tile that says how large it is, and holds nothing of it."""
    place = side_px.to_bytes(4) * 2 + bytes(8)
    size = bytes.fromhex("ff5100290000") + place + place + bytes.fromhex("0001070101")
    coding = bytes.fromhex("ff52000c00000001000504040001") + bytes.fromhex(
        "ff5c0013404048485048485048485048485048485048"
    )
    return b"\xff\x4f" + size + coding + bytes.fromhex("ff90000a0000000000000001ff93") + bytes(64) + b"\xff\xd9"


def _slow_shading() -> bytes:
    """Return a page whose colour each point's own program computes."""
    program = b"{ " + b"2 copy mul sin exch cos add exch " * 3000 + b"pop abs 1 exch sub abs }"
    function = stream(program, b"/FunctionType 4 /Domain [0 1000 0 1000] /Range [0 1]")
    shading = b"<< /ShadingType 1 /ColorSpace /DeviceGray /Domain [0 1000 0 1000] /Function 6 0 R >>"
    return one_page(stream(b"/S sh " + _LINE), resources=b"/Shading << /S 5 0 R >> ", more=[shading, function])


def _many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + count))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>"
    tree = b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count)
    return raw_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", tree, *[page] * count])


def _kinds() -> dict[str, tuple[bytes, Expected]]:
    whole = _whole()
    plain = _incremental(_PAGE, stream(_LINE.replace(b"quick", b"third")))
    itself = _form(
        b"/X Do " + _LINE,
        b"/XObject << /X 5 0 R >> /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>",
    )
    doubling = [_form(b"/X Do /X Do", b"/XObject << /X %d 0 R >>" % (number + 1)) for number in range(5, 45)]
    pattern = stream(
        b"/Pattern cs /P scn 0 0 612 792 re f",
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 0.0001 /YStep 0.0001 "
        b"/Resources << /Pattern << /P 5 0 R >> >>",
    )
    startxref = re.compile(rb"startxref\s+\d+")
    first_table = int(re.findall(rb"startxref\s+(\d+)", _PAGE)[-1])

    def boxed(box: bytes, entries: bytes = b"") -> bytes:
        return one_page(stream(_LINE), entries).replace(_BOX, box)

    def trailed(entries: bytes, data: bytes = _PAGE) -> bytes:
        return data.replace(b"trailer\n<<", b"trailer\n<< " + entries)

    return {
        "empty": (b"", _refused("not_a_pdf", says="no content")),
        "blanks": (b" \n" * 4000, _refused("not_a_pdf")),
        "zeros": (bytes(100_000), _refused("not_a_pdf")),
        "word": (b"PK\x03\x04" + bytes(2000), _refused("not_a_pdf")),
        "png": (pymupdf.open("pdf", _PAGE)[0].get_pixmap(dpi=20).tobytes(), _refused("not_a_pdf")),
        "postscript": (b"%!PS-Adobe-3.0\nshowpage\n", _refused("not_a_pdf")),
        "byte_order_mark": (b"\xef\xbb\xbf" + _PAGE, _readable()),
        "html_before": (b"<!DOCTYPE html><html><body>Moved</body></html>\n" * 40 + _PAGE, _readable()),
        "mail_before": (b"Content-Type: application/pdf\r\nX: y\r\n\r\n" + _PAGE, _readable()),
        "html_behind": (_PAGE + b"<html><body>502 Bad Gateway</body></html>" * 400, _readable()),
        "no_header": (_PAGE.replace(b"%PDF-1.7\n", b"", 1), _readable()),
        "xref_loop": (trailed(b"/Prev %d" % first_table), _readable()),
        "xref_of_everywhere": (startxref.sub(b"startxref\n99999999999", _PAGE), _readable()),
        "xref_huge": (_PAGE.replace(b"xref\n0 5", b"xref\n0 4294967295"), _readable()),
        "size_huge": (_PAGE.replace(b"/Size 5", b"/Size 2147483647"), _readable()),
        "xref_all_wrong": (re.sub(rb"\d{10} 00000 n", b"0000000777 00000 n", _PAGE), _readable()),
        "root_gone": (_PAGE.replace(b"/Root 1 0 R", b""), _readable()),
        "root_is_a_page": (_PAGE.replace(b"/Root 1 0 R", b"/Root 3 0 R"), _readable()),
        "root_refers_to_itself": (
            _PAGE.replace(b"1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>", b"1 0 obj\n1 0 R"),
            _readable(),
        ),
        "pages_gone": (_PAGE.replace(b"/Pages 2 0 R", b"/Pages 77 0 R"), _readable(says="objects of the file")),
        "kids_gone": (_PAGE.replace(b"/Kids [3 0 R]", b""), _readable(says="objects of the file")),
        "kids_of_nothing": (_PAGE.replace(b"[3 0 R] /Count 1", b"[3 0 R 88 0 R null 7 (x)] /Count 5"), _readable()),
        "object_stream_first": (_object_streams(b"-99"), _either("ok", "error", "zero_pages")),
        "object_stream_many": (_object_streams(b"", 2_000_000_000), _either("ok", "error", "zero_pages")),
        "object_stream_of_itself": (_object_streams(b"", 3, b"/Extends 4 0 R"), _readable()),
        "object_stream": (_object_streams(b"", 3), _readable()),
        "object_stream_bomb": (
            one_page(stream(endless(b"9 " * 2**19, 3000), b"/Type /ObjStm /N 2000000 /First 20 /Filter /FlateDecode")),
            _either("ok", "timed_out", "too_large", "error"),
        ),
        "filters": (
            one_page(stream(_LINE, b"/Filter [" + b"/ASCIIHexDecode " * 5000 + b"]")),
            _either("ok", "error", "too_large"),
        ),
        "length_of_itself": (
            one_page(stream(_LINE).replace(b"/Length %d" % len(_LINE), b"/Length 4 0 R")),
            _readable(),
        ),
        "length_wrong": (one_page(stream(_LINE).replace(b"/Length %d" % len(_LINE), b"/Length -5")), _readable()),
        "box_huge": (boxed(b"[0 0 1e30 1e30]"), _either("ok", "error")),
        "box_of_nan": (boxed(b"[nan nan inf inf]"), _ANY),
        "box_of_words": (boxed(b"[(a) /b null true]"), _ANY),
        "box_without_size": (boxed(b"[100 100 100 100]"), _ANY),
        "box_thin": (boxed(b"[0 0 0.001 792]"), _either("ok", "error", "too_large")),
        "box_backwards": (boxed(b"[612 792 0 0]"), _readable()),
        "box_below_zero": (boxed(b"[-1000 -1000 612 792]"), _readable()),
        "box_absent": (boxed(b"null"), _readable()),
        "crop_elsewhere": (boxed(_BOX, b"/CropBox [5000 5000 6000 6000]"), _ANY),
        "user_unit": (
            boxed(b"[0 0 61.2 79.2]", b"/UserUnit 10")
            .replace(b"60 700 Td", b"6 70 Td")
            .replace(b"/F1 12 Tf", b"/F1 1.2 Tf"),
            _readable(),
        ),
        "user_unit_huge": (boxed(_BOX, b"/UserUnit 1e9"), _readable()),
        "user_unit_zero": (boxed(_BOX, b"/UserUnit 0"), _refused("error", says="has no size")),
        "user_unit_negative": (boxed(_BOX, b"/UserUnit -3"), _readable()),
        "rotate_negative": (boxed(_BOX, b"/Rotate -270"), _readable()),
        "rotate_odd": (boxed(_BOX, b"/Rotate 37"), _readable()),
        "rotate_huge": (boxed(_BOX, b"/Rotate 99999999990"), _readable()),
        "contents_of_nothing": (
            one_page(stream(_LINE)).replace(b"/Contents 4 0 R", b"/Contents [99 0 R null 4 0 R 98 0 R]"),
            _readable(),
        ),
        "contents_gone": (one_page(stream(_LINE)).replace(b"/Contents 4 0 R", b"/Contents 99 0 R"), _readable("blank")),
        "contents_of_themselves": (one_page(b"[4 0 R 4 0 R]"), _ANY),
        "contents_many_times": (
            one_page(stream(b"q Q\n")).replace(b"/Contents 4 0 R", b"/Contents [" + b"4 0 R " * 200_000 + b"]"),
            _either("ok", "timed_out"),
        ),
        "resources_gone": (_PAGE.replace(b"/Resources <<", b"/Rsrc <<"), _ANY),
        "resources_of_themselves": (_PAGE.replace(b"/Resources <<", b"/Resources 3 0 R /Rsrc <<"), _ANY),
        "font_null": (_named_font(b"null"), _ANY),
        "font_without_program": (_named_font(_truetype(b"99 0 R")), _readable()),
        "font_garbage": (
            _named_font(_truetype(b"5 0 R"), stream(b"\x00\x01\x00\x00" + bytes(range(256)) * 40)),
            _readable(),
        ),
        "font_of_itself": (
            _named_font(
                b"5 0 R",
                b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [5 0 R] >>",
            ),
            _ANY,
        ),
        "glyph_of_itself": (
            _named_font(
                b"5 0 R",
                b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] "
                b"/CharProcs << /T 6 0 R >> "
                b"/Encoding << /Differences [84 /T] >> /FirstChar 84 /LastChar 84 /Widths [9] "
                b"/Resources << /Font << /F1 5 0 R >> >> >>",
                stream(b"9 0 d0 BT /F1 1 Tf (TT) Tj ET"),
            ),
            _ANY,
        ),
        "cmap_broken": (_broken_cmap(), _ANY),
        "form_of_itself": (_shown(itself), _readable()),
        "forms_doubling": (
            _shown(*doubling, _form(b"", b"")),
            _either("timed_out", "ok"),
        ),
        "pattern_of_itself": (
            one_page(
                stream(b"/Pattern cs /P scn 0 0 612 792 re f"), resources=b"/Pattern << /P 5 0 R >>", more=[pattern]
            ),
            _either("ok", "timed_out", "error"),
        ),
        "mask_of_itself": (
            _shown(
                stream(
                    b"\0" * 64,
                    b"/Subtype /Image /Width 8 /Height 8 /ColorSpace /DeviceGray /BitsPerComponent 8 /SMask 5 0 R",
                ),
            ),
            _either("ok", "error"),
        ),
        "jpeg_bomb": (_image(b"DCTDecode", _jpeg(65500), 65500), _either("too_large")),
        "jpeg_bomb_called_small": (_image(b"DCTDecode", _jpeg(65500), 8), _either("ok", "too_large", "error")),
        "jpx_bomb": (_image(b"JPXDecode", _jpeg_2000(60000), 60000), _either("too_large")),
        "jpx_bomb_called_small": (_image(b"JPXDecode", _jpeg_2000(60000), 8), _either("too_large", "error")),
        "shading_by_programs": (_slow_shading(), _either("ok", "timed_out", "too_large")),
        "dash_tiny": (one_page(stream(b"[0.00001] 0 d 0 0 m 600 700 l S " + _LINE)), _either("ok", "timed_out")),
        "numbers_odd": (
            one_page(stream(b"1e400 -1e400 m 99999999999999999999 0 l --5 +.- 3..4 l S " + _LINE)),
            _readable(),
        ),
        "content_cut_in_a_string": (
            one_page(stream(_LINE + b" BT /F1 12 Tf 60 600 Td (never closed " + b"x" * 50)),
            _readable(),
        ),
        "deflate_cut": (
            one_page(stream(zlib.compress(b"\n".join([_LINE] * 9))[:-8], b"/Filter /FlateDecode")),
            _readable(),
        ),
        "encrypted_for_nobody": (_encrypted(owner_pw="o", user_pw="", permissions=0), _readable()),
        "encrypted": (_encrypted(owner_pw="o", user_pw="u"), _refused("encrypted", says="needs a password")),
        "encrypted_without_dictionary": (trailed(b"/Encrypt 99 0 R"), _either("ok", "encrypted")),
        "update": (plain, _readable()),
        "update_cut_in_its_object": (plain[: len(_PAGE) + 60], _refused("truncated", says="missing")),
        "update_cut_in_its_table": (plain[:-60], _readable()),
        "cut_in_half": (whole[: len(whole) // 2], _refused("truncated", says="missing")),
        "cut_in_its_table": (_PAGE[: _PAGE.rindex(b"trailer")], _readable()),
        "line_ends_changed": (_PAGE.replace(b"\n", b"\r\n"), _readable()),
        "scripts": (_scripts(), _readable()),
        "one_page_many_times": (
            _PAGE.replace(b"[3 0 R] /Count 1", b"[" + b"3 0 R " * 100_000 + b"] /Count 100000"),
            _readable(),
        ),
        "many_pages": (_many_pages(20_000), _refused("too_large", says="documents.max_pages")),
    }


def write(folder: Path) -> Mapping[str, Expected]:
    """Write one PDF per kind; returns file name → what must become of it."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = _kinds()
    for name, (content, _) in kinds.items():
        (folder / f"{name}.pdf").write_bytes(content)
    return {f"{name}.pdf": expected for name, (_, expected) in kinds.items()}
