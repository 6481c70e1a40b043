"""Promise: each check of labels is off by one key, the labels are the same without it, and the manifest says so."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from scribetune.core.config import Config, Selection
from scribetune.dataset import trust
from scribetune.labels import agreement, doubts, image_models, image_witness, reader, witnesses
from scribetune.labels.doubts import Doubt, Finding
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


LINES = ("The harvest of both orchards was counted twice", "by people who had never seen a harvest before then")
LOST = Finding(Doubt.LOST, "harvest", "", (0.0, 0.0, 1.0, 1.0))


def written(pages: int) -> None:
    """Write pages of running text into a.pdf, all in one font."""
    pdf = pymupdf.open()
    for _ in range(pages):
        page = pdf.new_page()
        for number, line in enumerate(LINES):
            page.insert_text((72, 100 + 14 * number), line, fontname="tiro", fontsize=11)
    pdf.save("a.pdf")


def test_the_image_of_a_page_that_is_refused_anyway_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def noted(page: Any, **_: object) -> image_witness._PageReading:
        read.append(page.number)
        return image_witness._PageReading((), (), ())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(image_witness, "SHORT", 1)  # the first page is in the sample
    monkeypatch.setattr(image_witness, "_read_all", noted)
    written(2)
    assert labelled(ON)[0].agreement == 1.0
    assert read == [0]
    monkeypatch.setattr(witnesses, "of_page", lambda *_, **__: (LOST,))
    assert labelled(ON)[0].agreement == agreement.UNKNOWN
    assert read == [0]
    # A page that nothing speaks against asks what the first one says of its font.
    found = iter([(LOST,), ()])
    monkeypatch.setattr(witnesses, "of_page", lambda *_, **__: next(found))
    _, *pages = reader.label_document("a", "a.pdf", "", ON, [1, 2])
    assert len(pages) == 2
    assert read == [0, 0]


@pytest.mark.parametrize("doubt", list(Doubt))
def test_what_keeps_an_image_from_being_read_is_enough_to_refuse_its_page(doubt: Doubt) -> None:
    row = {"status_label": "ok", "label_source": "machine", doubt.value: 1}
    assert (trust.of(row).value < Selection().min_trust) is (doubt not in doubts.LIGHT)
