"""Promises about retention.folder: its PDFs in order, and clear words where it has none or what is learned from."""

from pathlib import Path

import pytest

from scribetune.build.plan_retention import retention_pdfs
from scribetune.core import files
from scribetune.core.errors import UserError


def test_pdfs_at_any_depth_are_taken_and_images_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("kept/b.pdf", "kept/a/c.PDF", "kept/scan.png"):
        files.write_text(Path(name), name)
    assert retention_pdfs(Path("kept"), ()) == ["kept/a/c.PDF", "kept/b.pdf"]


def test_a_folder_that_is_missing_or_has_no_pdf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"retention\.folder is no folder"):
        retention_pdfs(tmp_path / "nowhere", ())
    files.write_text(tmp_path / "kept/notes.txt", "no PDF")
    with pytest.raises(UserError, match=r"retention\.folder has no PDF"):
        retention_pdfs(tmp_path / "kept", ())


def test_what_is_learned_from_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files.write_text(Path("kept/a.pdf"), "both")
    with pytest.raises(UserError, match="shows no forgetting"):
        retention_pdfs(Path("kept"), {files.sha256_bytes(b"both")})
