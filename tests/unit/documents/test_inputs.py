"""Promises about input documents: names, shards, the sheet, folders that cannot be read."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scribetune.core.errors import UserError
from scribetune.documents import inputs
from scribetune.documents.inputs import Document


def make(names: list[str]) -> list[Document]:
    return sorted(Document(inputs.document_id(name), Path(name), name) for name in names)


def test_a_plain_file_name_is_its_own_id() -> None:
    assert inputs.document_id("report-2024.pdf") == "report-2024"
    assert inputs.document_id("季度报告.pdf") == "季度报告"


def test_images_are_documents_and_other_files_are_named_with_what_to_do(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.PNG", "c/d.jpeg", "e.tiff", "f.webp", "g.bmp", "h.docx", "c/i.zip", "notes", "j.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "~$h.docx", ".hidden.png", "a.pdf.dvc"):
        (tmp_path / name).touch()
    found = inputs.find_documents(tmp_path)
    assert {each.relative_path for each in found.documents} == {
        "a.pdf",
        "b.PNG",
        "c/d.jpeg",
        "e.tiff",
        "f.webp",
        "g.bmp",
    }
    assert list(found.others) == ["c/i.zip", "h.docx", "j.heic", "notes"]
    assert "export it as PDF" in found.others["h.docx"]
    assert "unpack it" in found.others["c/i.zip"]
    assert "save it as PNG or TIFF" in found.others["j.heic"]


def test_an_image_and_a_pdf_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    for name in ("scan.pdf", "scan.png", "scan.jpg"):
        (tmp_path / name).touch()
    ids = {each.relative_path: each.id for each in inputs.find_documents(tmp_path).documents}
    assert ids["scan.pdf"] == "scan"
    assert len(set(ids.values())) == 3


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("deep er/报告 0.pdf", "deep-er-报告-0-2352f074"),
        ("2024/q1.final.pdf", "2024-q1.final-fcfcae6c"),
        ("a.PDF", "a-a86ed695"),
        ("x{y}\n.pdf", "x-y-b54ce0d1"),
        ("….pdf", "document-c6b8afbf"),
        ("é.pdf", "é"),
        ("A" * 70 + ".pdf", "A" * 60 + "-be68481e"),
    ],
)
def test_an_id_never_changes_from_one_version_to_the_next(path: str, name: str) -> None:
    """Corrections, splits and lineages of years name documents by it."""
    assert inputs.document_id(path) == name


def test_ids_never_collide() -> None:
    names = ["a b.pdf", "a-b.pdf", "a/b.pdf", "a_b.pdf", "A-b.PDF", "a-b.pdf.pdf", "…/.pdf", "{x}.pdf", "x\ny.pdf"]
    names += [f"{'long' * 40}{i}.pdf" for i in range(50)]
    ids = [inputs.document_id(name) for name in names]
    assert len(set(ids)) == len(names)
    for name in ids:
        assert name not in ("", ".", "..")
        assert not set(name) & set("/{}\n ")
        assert len(name.encode()) < 240


def test_an_id_depends_on_the_relative_path_alone(tmp_path: Path) -> None:
    for name in ("one.pdf", "deep/er/two.PDF"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    before = {d.relative_path: d.id for d in inputs.find_documents(tmp_path).documents}
    (tmp_path / "another.pdf").touch()
    after = {d.relative_path: d.id for d in inputs.find_documents(tmp_path).documents}
    assert before == {name: after[name] for name in before}
    assert set(after) - set(before) == {"another.pdf"}


def test_a_folder_may_be_given_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raw" / "deep").mkdir(parents=True)
    (tmp_path / "raw" / "deep" / "a.pdf").touch()
    monkeypatch.chdir(tmp_path / "raw")
    for folder in (Path(), Path("../raw"), tmp_path / "raw", Path("./")):
        (found,) = inputs.find_documents(folder).documents
        assert (found.relative_path, found.path) == ("deep/a.pdf", folder / "deep" / "a.pdf")


def test_hidden_files_and_other_types_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    for name in (".hidden.pdf", "notes.txt", ".cache/x.pdf", "real.pdf"):
        (tmp_path / name).touch()
    assert [d.relative_path for d in inputs.find_documents(tmp_path).documents] == ["real.pdf"]


def test_a_missing_folder_a_file_and_an_unreadable_folder_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file.pdf").touch()
    with pytest.raises(UserError, match=r"does not exist.*nowhere"):
        inputs.find_documents(tmp_path / "nowhere")
    with pytest.raises(UserError, match="a file, not a folder"):
        inputs.find_documents(tmp_path / "file.pdf")

    def forbidden(top: Path, onerror: Callable[[OSError], None], **_: Any) -> Iterator[Any]:
        onerror(PermissionError(13, "Permission denied", str(top / "secret")))
        return iter(())

    monkeypatch.setattr(os, "walk", forbidden)  # root may read everything, so the refusal is played
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\).*secret"):
        inputs.find_documents(tmp_path)


def test_a_document_keeps_its_shard_when_others_come() -> None:
    few = make([f"d{i}.pdf" for i in range(300)])
    more = make([f"d{i}.pdf" for i in range(400)])
    before = {d.id: shard for shard, group in inputs.assign_shards(few, 100).items() for d in group}
    after = {d.id: shard for shard, group in inputs.assign_shards(more, 100).items() for d in group}
    assert len(set(before.values())) == 4
    assert all(after[name] == shard for name, shard in before.items())


def test_every_document_is_in_one_shard() -> None:
    everything = make([f"d{i}.pdf" for i in range(1000)])
    groups = inputs.assign_shards(everything, 100)
    assert sorted(d for group in groups.values() for d in group) == everything
    assert max(map(len, groups.values())) < 200


def test_the_sheet_says_what_it_knows(tmp_path: Path) -> None:
    sheet = tmp_path / "documents.csv"
    sheet.write_text("path,category,split\na.pdf,finance,test\n", encoding="utf-8")
    rows = inputs.read_sheet(sheet, make(["a.pdf", "b.pdf"]))
    assert rows["a"].category == "finance"
    assert rows["a"].split == "test"
    assert "b" not in rows
    assert inputs.read_sheet(tmp_path / "absent.csv", make(["a.pdf"])) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,colour\na.pdf,red\n", r"wrong columns: \['colour'\]"),
        ("category\nfinance\n", "path is required"),
        ("path,split\na.pdf,testing\n", "unknown split: 'testing'"),
        ("path\nmissing.pdf\n", "line 2: no such document: 'missing.pdf'"),
    ],
)
def test_a_wrong_sheet_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    sheet = tmp_path / "documents.csv"
    sheet.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        inputs.read_sheet(sheet, make(["a.pdf"]))


def test_three_files_of_which_one_is_called_as_anothers_id_have_three_ids(tmp_path: Path) -> None:
    called_so = inputs.document_id("x y.pdf")
    again = f"{called_so}-{inputs.document_id(f'{called_so} .pdf')[-8:]}"
    names = ["x y.pdf", f"{called_so}.pdf", f"{again}.pdf", "plain.pdf"]
    for name in names:
        (tmp_path / name).touch()
    ids = {document.relative_path: document.id for document in inputs.find_documents(tmp_path).documents}
    assert len(set(ids.values())) == len(names)
    # Who has an id already keeps it: corrections of years are filed under it.
    assert (ids["x y.pdf"], ids["plain.pdf"], ids[f"{again}.pdf"]) == (called_so, "plain", again)
    assert ids[f"{called_so}.pdf"].startswith("x-y-")


def test_short_digests_that_agree_make_no_two_documents_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a b.pdf", "a  b.pdf", "a+b.pdf"):
        (tmp_path / name).touch()
    monkeypatch.setattr(inputs, "document_id", lambda path: "a-b-00000000")
    ids = [document.id for document in inputs.find_documents(tmp_path).documents]
    assert len(set(ids)) == 3
    assert "a-b-00000000" in ids
    assert all(len(name.encode()) < 240 for name in ids)


def test_a_name_that_is_not_utf8_is_told_by_its_bytes_and_can_be_written_down(tmp_path: Path) -> None:
    for name in (b"\xff\xfe.pdf", b"caf\xe9.pdf", "café.pdf".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    found = {document.relative_path: document for document in inputs.find_documents(tmp_path).documents}
    assert set(found) == {r"\xff\xfe.pdf", r"caf\xe9.pdf", "café.pdf"}
    assert len({document.id for document in found.values()}) == 3
    assert "rename it" in found[r"\xff\xfe.pdf"].fault
    assert found["café.pdf"].fault == ""
    assert all(f"{document.id} {document.relative_path}".encode() for document in found.values())


def test_a_folder_called_like_a_pdf_is_looked_into_and_has_a_row_where_nothing_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "full.pdf").mkdir()
    (tmp_path / "full.pdf" / "inner.pdf").touch()
    (tmp_path / "empty.pdf").mkdir()
    (tmp_path / "link.pdf").symlink_to(tmp_path / "full.pdf")
    names = {document.relative_path for document in inputs.find_documents(tmp_path).documents}
    assert names == {"full.pdf/inner.pdf", "empty.pdf", "link.pdf"}


def test_what_a_build_wrote_is_no_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data/pages/a/p0001.png", "reports/loss.png", "data/raw/a.pdf", "scans/b.png", "work/c.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = inputs.find_documents(Path())
    assert {each.relative_path for each in found.documents} == {"data/raw/a.pdf", "scans/b.png"}
    assert found.others == {}
