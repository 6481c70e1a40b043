"""Promises about files made to hurt: each costs its own row, and the healthy ones beside it are rendered."""

import json
import resource
from dataclasses import asdict
from pathlib import Path

import pymupdf
import pytest

from scribetune.build.plan_documents import input_documents
from scribetune.core import config as configuration
from scribetune.core import manifests
from scribetune.core.file_hashes import FileHashes
from scribetune.documents import inputs, rendering
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.record import listings
from support import damaged_pdfs, hostile_pdfs, pdf_factory

SETTINGS = rendering.RenderSettings(256, "auto", timeout_s_per_page=30.0, code="test", memory_mb=700)


@pytest.mark.usefixtures("in_a_minute")
def test_what_is_no_file_is_never_opened_and_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe would be waited for, a link to /dev/zero be read for ever, when the workflow is read and in its job."""
    monkeypatch.chdir(tmp_path)
    expected = hostile_pdfs.not_files(Path("raw"))
    pdf_factory.healthy(Path("raw/good.pdf"), 1)
    documents = input_documents(configuration.load({"documents": {"raw": "raw"}}))
    documents.write_listings()
    (shard,) = documents.shards
    listed = listings.read(Path(listings.path_of(shard)))
    assert len(listed["raw/good.pdf"]) == 64
    assert {value for path, value in listed.items() if path != "raw/good.pdf"} >= {"unreadable: no regular file"}
    found, _ = inputs.identify("raw", json.loads(json.dumps(documents.identities(shard))))
    rows = {one.document.path: one.document for one in rendering.render_shard(found, {}, SETTINGS, workers=1)}
    assert set(rows) == {*expected, "good.pdf"}
    assert {row.status for path, row in rows.items() if path in expected} == {"error"}
    assert all("; " in rows[path].message for path in expected)
    assert "no regular file" in rows["pipe.pdf"].message
    assert "not UTF-8" in rows[r"\xff\xfe.pdf"].message
    assert rows["good.pdf"].status == "ok"
    manifests.write(Path("m.csv"), [asdict(row) for row in rows.values()], manifests.columns_of(rendering.DocumentRow))


@pytest.mark.usefixtures("in_a_minute")
def test_a_second_build_notices_what_became_of_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile_pdfs.not_files(Path("raw"))
    with FileHashes(tmp_path) as hashes:
        assert not hashes.differs("raw/pipe.pdf", "unreadable: no regular file")
        Path("raw/pipe.pdf").unlink()
        pdf_factory.healthy(Path("raw/pipe.pdf"), 1)
        assert hashes.differs("raw/pipe.pdf", "unreadable: no regular file")


def label_of_second_page(path: Path) -> str:
    """Return it on one line."""
    reader = PageReader(str(path), "", LabelSettings("keep", "markdown", "alt", "use", 60.0, "test"))
    return " ".join(reader.read(1).text.split())


def test_a_page_tree_that_lies_or_runs_in_circles_costs_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = hostile_pdfs.page_trees(tmp_path / "raw")
    results = rendering.render_shard(inputs.find_documents(tmp_path / "raw").documents, {}, SETTINGS, workers=1)
    pages = {one.document.path: [str(page.status) for page in one.pages] for one in results}
    assert pages == {name: ["ok"] * count for name, count in expected.items()}
    assert {one.document.status for one in results} == {"ok"}
    assert all("page tree is wrong" in one.document.message for one in results)
    # What its label is made of is the same PDF.
    assert hostile_pdfs.SENTENCE in label_of_second_page(tmp_path / "raw" / "negative.pdf")


def test_pages_that_no_tree_leads_to_are_found_among_the_objects_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = hostile_pdfs.lost_trees(tmp_path / "raw")
    results = rendering.render_shard(inputs.find_documents(tmp_path / "raw").documents, {}, SETTINGS, workers=1)
    pages = {one.document.path: [str(page.status) for page in one.pages] for one in results}
    assert pages == {name: ["ok"] * count for name, count in expected.items()}
    messages = {one.document.path: (one.document.status, one.document.message) for one in results}
    # What says that it has no page has none: those in the file were deleted.
    assert messages.pop("deleted.pdf")[0] == "zero_pages"
    assert {status for status, _ in messages.values()} == {"ok"}
    assert all("page tree is wrong" in message for _, message in messages.values())
    assert hostile_pdfs.SENTENCE in label_of_second_page(tmp_path / "raw" / "no_kids.pdf")


def test_a_file_without_its_cross_references_alone_is_whole(tmp_path: Path) -> None:
    whole = pymupdf.open()
    for number in range(2):
        pdf_factory.text_page(whole, f"Report {number}", number)
    data = whole.tobytes(no_new_id=True)
    path = tmp_path / "cut.pdf"
    for size in (len(data) - 40, data.rindex(b"trailer"), data.rindex(b"xref\n0") + 4):
        path.write_bytes(data[:size])
        pdf, status, _ = rendering.open_pdf(str(path), "")
        assert (status, pdf.page_count) == ("ok", 2), size
    for size in (data.rindex(b" obj") + 10, len(data) // 2):
        path.write_bytes(data[:size])
        assert rendering.open_pdf(str(path), "")[1] == "truncated", size


@pytest.mark.slow
def test_what_is_damaged_or_odd_has_its_row_and_the_pages_that_other_readers_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = damaged_pdfs.write(tmp_path / "raw")
    settings = rendering.RenderSettings(256, "auto", timeout_s_per_page=3.0, code="test")
    results = rendering.render_shard(inputs.find_documents(tmp_path / "raw").documents, {}, settings, workers=2)
    rows = {one.document.path: one for one in results}
    assert set(rows) == set(expected)
    for name, kind in expected.items():
        row, pages = rows[name].document, [str(page.status) for page in rows[name].pages]
        assert row.status in kind.document, (name, row.message)
        assert kind.says in row.message, name
        assert row.status == "ok" or row.message.count("; ") >= 1, f"{name}: why, and what to do"
        if row.status == "ok" and kind.pages:
            wanted = [found if want == "" else want for want, found in zip(kind.pages, pages, strict=True)]
            assert pages == wanted, (name, pages)


def test_a_page_tree_of_great_depth_is_walked_in_its_own_size(tmp_path: Path) -> None:
    depth = 20_000
    nodes = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    nodes += [b"<< /Type /Pages /Kids [%d 0 R] /Count 7 >>" % number for number in range(3, depth)]
    nodes += [b"<< /Type /Page /MediaBox [0 0 200 200] >>"]
    (tmp_path / "deep.pdf").write_bytes(hostile_pdfs.raw_pdf(nodes))
    assert rendering.open_pdf(str(tmp_path / "deep.pdf"), "")[1] == "ok"


def test_encryption_that_no_password_undoes_is_called_so(tmp_path: Path) -> None:
    for name in hostile_pdfs.locked(tmp_path):
        for password in ("", "u"):
            pdf, status, message = rendering.open_pdf(str(tmp_path / name), password)
            assert (pdf, status) == (None, "encrypted"), name
            assert "save it without protection" in message


def test_a_page_whose_image_cannot_be_decoded_is_not_called_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = hostile_pdfs.broken_images(tmp_path / "raw")
    results = rendering.render_shard(inputs.find_documents(tmp_path / "raw").documents, {}, SETTINGS, workers=1)
    assert {one.document.path: str(one.pages[0].status) for one in results} == expected
    assert all(one.pages[0].message for one in results)


@pytest.mark.slow
def test_attacks_cost_their_own_row_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = hostile_pdfs.attacks(tmp_path / "raw")
    pdf_factory.healthy(tmp_path / "raw" / "good.pdf", 1, pages=2)
    found = inputs.find_documents(tmp_path / "raw").documents
    results = {result.document.path: result for result in rendering.render_shard(found, {}, SETTINGS, workers=2)}
    assert set(results) == {*expected, "good.pdf"}
    statuses = {name: results[name].document.status for name in expected}
    assert {name: status for name, status in statuses.items() if status not in expected[name]} == {}
    assert all(len(result.pages) == result.document.pages for result in results.values())
    assert [row.status for row in results["good.pdf"].pages] == ["ok", "ok"]


@pytest.mark.slow
def test_a_page_that_never_ends_costs_its_time_limit_and_the_next_page_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile_pdfs.content_bomb(tmp_path / "bomb.pdf")
    made = pymupdf.open(tmp_path / "bomb.pdf")
    pdf_factory.text_page(made, "Behind it", 1)
    made.save(tmp_path / "both.pdf")
    made.close()
    settings = rendering.RenderSettings(256, "auto", timeout_s_per_page=3.0, code="test")
    began_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime  # other work on the machine does not count
    bomb, both = rendering.render_shard(inputs.find_documents(tmp_path).documents, {}, settings, workers=1)
    assert (bomb.document.status, both.document.status) == ("timed_out", "ok")
    assert [row.status for row in both.pages] == ["timed_out", "ok"]
    assert "3 s of processor time" in both.pages[0].message
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began_s < 20


@pytest.mark.slow
def test_five_thousand_pages_are_five_thousand_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    count = 5000
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + count))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents %d 0 R >>" % (3 + count)
    head = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count)]
    content = hostile_pdfs.stream(b"10 10 50 50 re f")
    (tmp_path / "long.pdf").write_bytes(hostile_pdfs.raw_pdf([*head, *[page] * count, content]))
    settings = rendering.RenderSettings(64, "auto", 30.0, "test")
    (result,) = rendering.render_shard(inputs.find_documents(tmp_path).documents, {}, settings, workers=1)
    assert (result.document.status, len(result.pages)) == ("ok", count)
    assert {row.status for row in result.pages} == {"vector_only"}
    assert len(list(Path("data/pages/long").glob("*.png"))) == count

    few = rendering.RenderSettings(64, "auto", 30.0, "test", max_pages=4999)
    (result,) = rendering.render_shard(inputs.find_documents(tmp_path).documents, {}, few, workers=1)
    assert (result.document.status, result.pages) == ("too_large", ())
    assert "documents.max_pages" in result.document.message
    assert not list(Path("data/pages/long").glob("*.png"))


def test_any_file_name_gets_its_page_and_leaves_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = hostile_pdfs.STRANGE_NAMES
    (tmp_path / "raw").mkdir()
    for number, name in enumerate(names):
        made = pymupdf.open()
        made.new_page(width=100, height=50).insert_text((5, 20), f"Page {number}")
        made.save(tmp_path / "raw" / name)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    found = inputs.find_documents(Path("raw")).documents
    listings.write({"000-of-001": [document.path for document in found]})
    assert set(listings.read(Path(listings.path_of("000-of-001")))) == {document.path.as_posix() for document in found}
    results = rendering.render_shard(found, {}, SETTINGS, workers=1)
    assert [result.document.status for result in results] == ["ok"] * len(names)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(path.relative_to(tmp_path).parts[0] in ("data", "work", ".snakemake") for path in written)
    assert len([path for path in written if path.suffix == ".png"]) == len(names)
    assert not Path("x").exists()
