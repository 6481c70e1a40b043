"""Promises about listings: their content changes when a PDF of the shard does, and with nothing else."""

import os
from pathlib import Path

import pytest

from scribetune.core import files
from scribetune.core.file_hashes import FileHashes
from scribetune.record import listings
from scribetune.record.receipts import input_hashes


@pytest.fixture
def pdfs(tmp_path: Path) -> list[Path]:
    names = [Path("data/raw/a.pdf"), Path("data/raw/{odd}\n 年报.pdf")]
    for name in names:
        files.write_text(tmp_path / name, name.name)
    return names


def test_a_listing_names_every_pdf_with_its_hash_whatever_its_name(tmp_path: Path, pdfs: list[Path]) -> None:
    listings.write({"000-of-001": pdfs}, tmp_path)
    path = listings.path_of("000-of-001")
    assert listings.is_listing(path)
    expected = {name.as_posix(): files.sha256_bytes(name.name.encode()) for name in pdfs}
    assert listings.read(tmp_path / path) == expected
    with FileHashes(tmp_path) as hashes:
        assert input_hashes([path], tmp_path, hashes) == expected


def test_it_is_written_again_only_where_content_changed(tmp_path: Path, pdfs: list[Path]) -> None:
    target = tmp_path / listings.path_of("0")
    listings.write({"0": pdfs}, tmp_path)
    before = target.stat().st_mtime_ns
    os.utime(tmp_path / pdfs[0], (1, 1))
    listings.write({"0": pdfs}, tmp_path)
    assert target.stat().st_mtime_ns == before
    files.write_text(tmp_path / pdfs[0], "another")
    listings.write({"0": pdfs}, tmp_path)
    assert listings.read(target)[pdfs[0].as_posix()] == files.sha256_bytes(b"another")
    listings.write({"0": pdfs[:1]}, tmp_path)
    assert list(listings.read(target)) == [pdfs[0].as_posix()]


def test_a_pdf_that_cannot_be_read_stops_nothing(tmp_path: Path, pdfs: list[Path]) -> None:
    (tmp_path / "data/raw/folder.pdf").mkdir()
    listings.write({"0": [*pdfs, Path("data/raw/folder.pdf"), Path("data/raw/gone.pdf")]}, tmp_path)
    found = listings.read(tmp_path / listings.path_of("0"))
    assert found["data/raw/folder.pdf"].startswith("unreadable: ")
    assert found["data/raw/gone.pdf"].startswith("unreadable: ")


def test_what_is_not_read_is_listed_where_there_is_any(tmp_path: Path) -> None:
    listings.write_unread({"a.docx": "export it"}, tmp_path)
    assert listings.read(tmp_path / listings.UNREAD) == {"a.docx": "export it"}
    assert not listings.is_listing(listings.UNREAD.as_posix())  # its files are no inputs
    listings.write_unread({}, tmp_path)
    assert not (tmp_path / listings.UNREAD).exists()


def test_a_dry_run_reads_no_document_of_a_shard_that_nothing_was_made_of(
    tmp_path: Path, pdfs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    real = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda path: read.append(path) or real(path))  # type: ignore[func-returns-value]
    target = tmp_path / listings.path_of("0")
    listings.write({"0": pdfs}, tmp_path, unread={"0"})
    assert (target.is_file(), listings.read(target), read) == (True, {}, [])
    listings.write({"0": pdfs}, tmp_path)
    built = listings.read(target)
    assert len(read) == len(built) == len(pdfs)
    # A dry run beside a build that has read them leaves its listing alone.
    listings.write({"0": pdfs}, tmp_path, unread={"0"})
    assert listings.read(target) == built


def test_names_of_one_file_are_read_once(tmp_path: Path, pdfs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    link, other = Path("data/raw/link.pdf"), Path("data/raw/other.pdf")
    os.link(tmp_path / pdfs[0], tmp_path / link)
    files.write_text(tmp_path / other, "z.pdf")  # as long as a.pdf
    read: list[Path] = []
    real = files.sha256_file
    monkeypatch.setattr(files, "sha256_file", lambda path: read.append(path) or real(path))  # type: ignore[func-returns-value]
    with FileHashes(tmp_path) as hashes:
        found = [hashes.sha256(path.as_posix()) for path in (pdfs[0], link, other)]
    assert found == [files.sha256_bytes(text) for text in (b"a.pdf", b"a.pdf", b"z.pdf")]
    assert len(read) == 2
    with FileHashes(tmp_path) as hashes:
        assert [hashes.sha256(path.as_posix()) for path in (link, other)] == found[1:]
    assert len(read) == 2
