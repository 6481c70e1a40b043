"""Promises about the proof of no leakage: a planted near-copy is found, whoever made the splits."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scribetune.core.errors import UserError
from scribetune.dataset import leakage
from scribetune.dataset.leakage import Limits
from support import split_records

LIMITS = Limits(text=0.9, image=0.995)


def nearest(root: Path, splits: dict[str, list[dict[str, Any]]]) -> list[leakage.Nearest]:
    return leakage.nearest(
        splits["test"], splits["train"], lambda record: leakage.thumbnail_of(root / record["images"][0]), threads=2
    )


def test_pages_that_differ_are_far_from_the_limits(tmp_path: Path) -> None:
    found = nearest(tmp_path, split_records.write(tmp_path, train=12, test=4))
    assert [one.page for one in found] == [f"doc-{number}/p0001" for number in (15, 16, 17, 18)]
    assert max(one.text for one in found) < 0.2
    leakage.require_none(found, LIMITS)


def test_a_planted_near_copy_is_found_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "_AT_ONCE", 8)
    splits = split_records.write(tmp_path, train=20)
    copied = split_records.text_of(15).replace("# Page 15", "# Page 9,999")
    splits["test"].append(split_records.record(tmp_path, "copy", 1, copied))
    found = nearest(tmp_path, splits)
    assert found[-1].text_page == "doc-15/p0001"
    assert 0.9 <= found[-1].text < 1
    with pytest.raises(UserError, match=r"1 test page.*copy/p0001 reads like doc-15/p0001 \(0\.9"):
        leakage.require_none(found, LIMITS)


def test_a_copy_of_the_image_alone_is_found(tmp_path: Path) -> None:
    splits = split_records.write(tmp_path)
    original = tmp_path / splits["train"][3]["images"][0]
    copy = split_records.record(tmp_path, "copy", 1, "Somebody typed quite another label for it.")
    stream = io.BytesIO()
    with Image.open(original) as picture:
        picture.save(stream, "JPEG", quality=60)
    (tmp_path / copy["images"][0]).write_bytes(stream.getvalue())
    splits["test"].append(copy)
    found = nearest(tmp_path, splits)
    assert found[-1].image_page == splits["train"][3]["id"]
    with pytest.raises(UserError, match=f"copy/p0001 looks like {splits['train'][3]['id']}"):
        leakage.require_none(found, LIMITS)


def test_chinese_is_compared_by_its_characters(tmp_path: Path) -> None:
    splits = split_records.write(tmp_path)
    text = "本季度营业收入为四千三百一十万元，同比增长百分之六，净利润与上年同期持平，现金流充裕。"
    splits["train"].append(split_records.record(tmp_path, "季报", 1, text))
    splits["test"].append(split_records.record(tmp_path, "copy", 1, text.replace("持平", "相当")))
    found = nearest(tmp_path, splits)[-1]
    assert found.text_page == "季报/p0001"
    assert 0.7 < found.text < 1


def test_empty_pages_share_nothing(tmp_path: Path) -> None:
    splits = split_records.write(tmp_path)
    splits["test"] = [split_records.record(tmp_path, "empty", 1, "")]
    (found,) = nearest(tmp_path, splits)
    assert (found.text_page, found.text, found.image_page) == ("", 0.0, "")


def test_the_report_is_read_back_as_it_was(tmp_path: Path) -> None:
    found = nearest(tmp_path, split_records.write(tmp_path, train=12, test=4))
    known = leakage.report(found, LIMITS)
    limits, pages = leakage.from_report(known)
    assert limits == LIMITS
    assert sorted(pages, key=lambda one: one.page) == found
    assert known["most"]["text"] == max(one.text for one in found)
    assert known["above"] == []
