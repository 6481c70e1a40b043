"""Promises about corrections: each says who or what wrote it."""

from pathlib import Path

from scribetune.labels import corrections


def test_a_correction_says_who_or_what_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "p0001.md"
    path.write_text("<!-- teacher: models/merged -->\n# Read\n", encoding="utf-8")
    assert corrections.read_correction(path) == corrections.Correction("# Read\n", "teacher", "models/merged")
    path.write_text("# By hand\n", encoding="utf-8")
    assert corrections.read_correction(path) == corrections.Correction("# By hand\n", "correction", "")
