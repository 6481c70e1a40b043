"""Promises about page images: size, colour, determinism, and a status for every bad PDF."""

import io
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from scribetune.documents import page_images, rendering
from scribetune.documents.inputs import Document, DocumentStatus, find_documents
from support import pdf_factory

SETTINGS = rendering.RenderSettings(long_side_px=400, color="auto", timeout_s_per_page=30.0, code="test")


def page_of(path: Path) -> pymupdf.Page:
    return pymupdf.open(path)[0]


def test_the_long_side_has_the_pixels_asked_for(tmp_path: Path) -> None:
    document = pymupdf.open()
    for width, height in ((100, 200), (14400, 300), (20, 20)):
        document.new_page(width=width, height=height).insert_text((5, 15), "x")
    for page in document:
        image = page_images.of_page(page, 400, "auto")
        assert max(image.width, image.height) == 400


def test_a_rotated_page_is_shown_as_a_reader_sees_it() -> None:
    document = pymupdf.open()
    page = document.new_page(width=100, height=200)
    page.insert_text((10, 20), "up")
    page.set_rotation(90)
    image = page_images.of_page(page, 400, "auto")
    assert (image.width, image.height) == (400, 200)


def test_gray_pages_are_gray_and_coloured_pages_are_not() -> None:
    document = pymupdf.open()
    document.new_page().insert_text((50, 50), "black")
    document.new_page().draw_rect((50, 50, 200, 200), fill=(1, 0, 0))
    modes = [page_images.of_page(page, 200, "auto").mode for page in document]
    assert modes == ["L", "RGB"]
    assert page_images.of_page(document[1], 200, "gray").mode == "L"


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    path = pdf_factory.healthy(tmp_path / "a.pdf", 1)
    first, second = (page_images.png(page_images.of_page(page_of(path), 400, "auto")) for _ in range(2))
    assert first == second
    assert Image.open(io.BytesIO(first)).size == (400, 400)


def test_a_blank_page_is_noticed() -> None:
    document = pymupdf.open()
    document.new_page()
    assert page_images.of_page(document[0], 100, "auto").is_blank


@pytest.mark.slow
def test_every_bad_pdf_gets_its_status_and_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = pdf_factory.bad_ones(tmp_path / "raw")
    pdf_factory.healthy(tmp_path / "raw" / "good.pdf", 3, pages=2)
    documents = find_documents(tmp_path / "raw").documents
    results = {r.document.path: r for r in rendering.render_shard(documents, {}, SETTINGS, workers=2)}
    assert set(results) == {*expected, "good.pdf"}
    for name, status in expected.items():
        assert results[name].document.status == status, name
        assert results[name].document.message or status == "ok", name
    assert [row.status for row in results["good.pdf"].pages] == ["ok", "ok"]
    assert all(Path(row.image).exists() for row in results["good.pdf"].pages)

    # Unchanged documents are taken as they are; an altered image is made again.
    image = Path(results["good.pdf"].pages[0].image)
    content, moment = image.read_bytes(), image.stat().st_mtime_ns
    good = [document for document in documents if document.relative_path == "good.pdf"]
    again = rendering.render_shard(good, {}, SETTINGS, workers=1)
    assert again[0] == results["good.pdf"]
    assert image.stat().st_mtime_ns == moment
    image.write_bytes(b"altered")
    rendering.render_shard(good, {}, SETTINGS, workers=1)
    assert image.read_bytes() == content


def test_a_password_opens_and_is_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pdf_factory.bad_ones(tmp_path / "raw")
    path = tmp_path / "raw" / "locked.pdf"
    assert rendering.open_pdf(str(path), "")[1] == DocumentStatus.ENCRYPTED
    assert rendering.open_pdf(str(path), "wrong")[1] == DocumentStatus.ENCRYPTED
    result = rendering.render_shard([Document("locked", path, "locked.pdf")], {"locked": "secret"}, SETTINGS, workers=1)
    assert result[0].document.status == DocumentStatus.OK
    written = [p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file()]
    assert written
    assert not any(b"secret" in data for data in written)
