"""Promises about images as documents: any kind becomes the page a viewer shows; none is decoded that is too large."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from scribetune.core import layout
from scribetune.documents import inputs, rendering
from scribetune.documents.rendering import RenderedDocument
from scribetune.labels import reader

SETTINGS = rendering.RenderSettings(200, "auto", 20.0, "test", max_megapixels=1.0)
Maker = Callable[[Path], None]


def picture(mode: str = "L", size: tuple[int, int] = (100, 150)) -> Image.Image:
    """Return a white page with a black bar across its upper part."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((10, 10, size[0] - 10, 30), fill="black")
    return image.convert(mode)


def deep(path: Path) -> None:
    values = np.asarray(picture()).astype(np.uint16) * 257
    Image.fromarray(values).save(path)


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: the picture is shown a quarter clockwise
    picture().rotate(90, expand=True).save(path, exif=exif, quality=95)


def transparent(path: Path) -> None:
    image = Image.new("RGBA", (100, 150), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((10, 10, 90, 30), fill=(0, 0, 0, 255))
    image.save(path)


def rendered(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: rendering.RenderSettings = SETTINGS
) -> list[RenderedDocument]:
    monkeypatch.chdir(folder)
    return rendering.render_shard(inputs.find_documents(Path("raw")).documents, {}, settings, workers=1)


KINDS: dict[str, Maker] = {
    "gray.png": lambda path: picture().save(path),
    "two.png": lambda path: picture("1").save(path),
    "palette.png": lambda path: picture().convert("P").save(path),
    "deep.png": deep,
    "transparent.png": transparent,
    "colours.JPG": lambda path: picture("RGB").save(path, "JPEG", quality=95),
    "print.jpeg": lambda path: picture("CMYK").save(path, quality=95),
    "turned.jpg": turned,
    "one.tif": lambda path: picture().save(path, compression="tiff_lzw"),
    "web.webp": lambda path: picture("RGB").save(path, lossless=True),
    "old.bmp": lambda path: picture("RGB").save(path),
}


@dataclass(frozen=True)
class Rendered:
    """Documents by their names, below a folder."""

    folder: Path
    documents: dict[str, RenderedDocument]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "raw").mkdir()
    for name, make in KINDS.items():
        make(folder / "raw" / name)
    with pytest.MonkeyPatch.context() as patch:
        return Rendered(folder, {result.document.path: result for result in rendered(folder, patch)})


@pytest.mark.parametrize("name", KINDS)
def test_any_kind_of_image_is_a_page_that_needs_a_label(name: str, every_kind: Rendered) -> None:
    found = every_kind.documents[name]
    assert (found.document.status, found.document.pages) == ("ok", 1)
    (page,) = found.pages
    assert (page.width_px, page.height_px, page.mode) == (133, 200, "L")
    assert page.status == "scan"
    assert "no text layer" in page.message
    assert "scribetune teach" in page.message
    pixels = np.asarray(Image.open(every_kind.folder / page.image))
    assert pixels[15:38, 20:110].mean() < 40  # the bar is above and black
    assert pixels[60:].mean() > 245


def test_a_tiff_has_a_page_for_each_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller copy of a page, as scanners put beside it, is none."""
    (tmp_path / "raw").mkdir()
    first, second, copy = picture(), picture("RGB", (150, 100)), picture("L", (40, 60))
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    first.save(tmp_path / "raw" / "fax.tiff", save_all=True, append_images=[copy, second])
    (result,) = rendered(tmp_path, monkeypatch)
    assert result.document.pages == 2
    assert [(page.width_px, page.height_px) for page in result.pages] == [(133, 200), (200, 133)]


def png_that_says(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that says it has this many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "bomb.png").write_bytes(png_that_says(60_000, 60_000))
    (result,) = rendered(tmp_path, monkeypatch)
    assert result.document.status == "too_large"
    assert "60000 × 60000 pixels, 3600 million; documents.max_megapixels is 1" in result.document.message


@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("empty.png", b"", "not_an_image", "no content"),
        ("page.jpg", b"<!DOCTYPE html><html></html>", "not_an_image", "no PNG, JPEG, TIFF"),
        ("report.tif", b"%PDF-1.7\n", "not_an_image", "ends in .pdf"),
        ("short.png", None, "error", "see whether a viewer shows it"),
    ],
)
def test_what_is_no_image_costs_its_row_alone(
    name: str, content: bytes | None, status: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    whole = io.BytesIO()
    Image.effect_noise((100, 150), 90).save(whole, "PNG")
    (tmp_path / "raw" / name).write_bytes(whole.getvalue()[:9000] if content is None else content)
    picture().save(tmp_path / "raw" / "good.png")
    results = {result.document.path: result.document for result in rendered(tmp_path, monkeypatch)}
    assert results[name].status == status
    assert says in results[name].message
    assert results["good.png"].status == "ok"


def test_an_image_that_is_called_pdf_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw").mkdir()
    picture().save(tmp_path / "raw" / "scan.pdf", "PNG")
    (result,) = rendered(tmp_path, monkeypatch)
    assert result.document.status == "not_a_pdf"
    assert "give it a name that says so (.png, .jpg, .tif)" in result.document.message


def test_the_same_image_has_the_same_bytes_and_keeps_its_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    Image.new("RGB", (40, 60), (200, 30, 30)).save(tmp_path / "raw" / "red.png")
    first, second = rendered(tmp_path, monkeypatch), rendered(tmp_path, monkeypatch)
    assert first[0].pages == second[0].pages
    assert first[0].pages[0].mode == "RGB"
    gray = rendered(tmp_path, monkeypatch, rendering.RenderSettings(200, "gray", 20.0, "test"))
    assert gray[0].pages[0].mode == "L"


def test_the_machine_reads_no_text_on_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture().save("scan.png")
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
    opened, *pages = reader.label_document("scan-1", "scan.png", "", settings, [1])
    assert opened == ""
    (page,) = pages
    assert isinstance(page, reader.LabelledPage)
    assert (page.row.status, page.row.characters) == ("no_text", 0)
    assert layout.page_label("scan-1", 1).read_bytes() == b""
