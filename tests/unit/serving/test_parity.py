"""Texts of the build and of vLLM, compared."""

import json
from pathlib import Path

import pytest

from scribetune.conversion.readers import Reading
from scribetune.core.errors import UserError
from scribetune.serving import parity
from scribetune.text.sharegpt import answered

PAGES = [{"id": f"a/p000{number}", **answered("Free OCR. ", "Total 12")} for number in (1, 2, 3)]


def test_equal_texts_have_no_difference(tmp_path: Path) -> None:
    texts = ["Total 12", "Total 13", ""]
    found = parity.compared(PAGES, texts, [Reading(text) for text in texts])
    assert found == {"pages": 3, "equal": 3, "mean_difference": 0.0, "first_difference": None}
    (tmp_path / "parity.json").write_text(json.dumps(found), encoding="utf-8")
    assert parity.require(tmp_path / "parity.json", 0.0) == "3 of 3 test pages have the same text through vLLM"


def test_the_first_difference_is_shown_with_both_scores(tmp_path: Path) -> None:
    texts = ["Total 12"] * 3
    found = parity.compared(PAGES, texts, [Reading("Total 12"), Reading("Total 17"), Reading("Total")])
    assert found["equal"] == 1
    assert found["mean_difference"] == pytest.approx((1 / 8 + 3 / 8) / 3)
    assert found["first_difference"] == {
        "id": "a/p0002", "difference": 0.125, "reader_cer": 0.0, "server_cer": 0.125, "failure": "", "character": 7,
        "reader": "Total 12", "server": "Total 17",
    }  # fmt: skip
    path = tmp_path / "parity.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    assert "mean difference 0.1667" in parity.require(path, 0.2)
    with pytest.raises(UserError, match=r"first on a/p0002, from character 7: CER 0\.0000 by the build, 0\.1250"):
        parity.require(path, 0.1)


def test_a_page_that_the_server_did_not_read_is_never_within_the_limit(tmp_path: Path) -> None:
    found = parity.compared(PAGES[:1], ["Total 12"], [Reading(failure="status 500")])
    path = tmp_path / "parity.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(UserError, match="status 500"):
        parity.require(path, 1.0)
