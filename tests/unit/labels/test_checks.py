"""Promise: each check of labels is off by one key, the labels are the same without it, and the manifest says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from scribetune.core.config import Config
from scribetune.labels import agreement, image_models, image_witness, reader, witnesses
from scribetune.labels.doubts import Doubt
from scribetune.labels.rows import LabelRow
from scribetune.labels.tables import agreement as table_agreement

OFF: dict[str, Any] = {"agreement": "none", "table_agreement": "ignore", "witnesses": "none"}
"""The key of `labels` → its value, by which a check is off."""
ON = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="rapidocr")


def ruled_table(path: Path) -> None:
    """Write a page with a sentence and a table of three rows and columns, framed by lines."""
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_text((72, 80), "The harvest of the three orchards in the last two years:", fontsize=11)
    for row in range(3):
        for column in range(3):
            x, y = 72 + 120 * column, 100 + 24 * row
            page.draw_rect(pymupdf.Rect(x, y, x + 120, y + 24))
            page.insert_text((x + 6, y + 16), (("Orchard", "1906", "1907")[column], f"{row}{column}7")[row > 0])
    pdf.save(path)


def labelled(settings: reader.LabelSettings) -> tuple[LabelRow, str]:
    _, page = reader.label_document("a", "a.pdf", "", settings, [1])
    assert isinstance(page, reader.LabelledPage)
    return page.row, Path(page.row.label).read_text(encoding="utf-8")


@pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
def test_each_check_is_off_by_one_key_and_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(image_witness, "SHORT", 1)  # the page is in the sample
    ruled_table(Path("a.pdf"))

    def checked(row: LabelRow) -> dict[str, bool]:
        return {
            "agreement": row.agreement != agreement.UNKNOWN,
            "table_agreement": row.table_trust != table_agreement.UNKNOWN,
            "witnesses": getattr(row, Doubt.LOST) >= 0,
        }

    row, text = labelled(ON)
    assert row.tables == 1
    assert all(checked(row).values())
    for key, off in OFF.items():
        value = getattr(Config().labels, key)
        Config.model_validate({"labels": {key: off}})  # the configuration accepts it
        assert value != off
        without, same = labelled(replace(ON, **{key: off}))
        assert checked(without) == {name: name != key for name in OFF}
        assert same == text


def test_a_check_that_is_off_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def called(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.chdir(tmp_path)
    ruled_table(Path("a.pdf"))
    monkeypatch.setattr(image_witness, "_read_all", called)
    monkeypatch.setattr(table_agreement, "of_tables", called)
    monkeypatch.setattr(witnesses, "of_page", called)
    row, _ = labelled(replace(ON, **OFF))
    assert (row.status, row.tables) == ("ok", 1)
