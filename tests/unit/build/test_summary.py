"""Promises about the closing summary: what was used and refused, what was gained, where to look."""

import json
from pathlib import Path

import pytest

from scribetune.build import summary
from scribetune.core.config import Gate
from scribetune.core.errors import UserError
from scribetune.evaluation import gate, scoring
from scribetune.record import remembered
from scribetune.record.remembered import Remembered

HEADER = "document,path,sha256,bytes,status,pages,accepted,refused,reasons,message,category,language,licence\n"


def test_it_counts_documents_pages_and_reasons(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/documents.csv").write_text(
        HEADER + "a,a.pdf,x,1,ok,5,3,2,no_text 1; too_long 1,,,,\nb,b.pdf,y,1,encrypted,0,0,0,,,,,\n", encoding="utf-8"
    )
    text = summary.text(tmp_path)
    assert "documents  1 used, 1 refused" in text
    assert "pages      3 used, 2 refused" in text
    assert "refused documents: encrypted 1" in text
    assert "refused pages: no_text 1, too_long 1" in text
    assert "CER" not in text


def test_it_says_once_what_is_not_checked_because_nothing_reads_images(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/documents.csv").write_text(HEADER, encoding="utf-8")
    (tmp_path / "data/manifests/labels").mkdir(parents=True)
    for reader, times in (("absent", 1), ("rapidocr", 0), ("none", 0)):
        for shard in ("000-of-002", "001-of-002"):
            rows = f"document,page,image_reader\na,1,\nb,1,{reader}\nb,2,{reader}\n"
            (tmp_path / f"data/manifests/labels/{shard}.csv").write_text(rows, encoding="utf-8")
        assert summary.text(tmp_path).count("the package rapidocr is not installed") == times


def test_a_folder_of_scans_is_told_who_can_label_them(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    rows = "a,a.pdf,x,1,ok,5,0,5,scan 4; blank 1,,,,\n", "b,b.pdf,y,1,ok,9,9,0,,,,,\n"
    for kept, is_told in ((rows[:1], True), (rows, False)):
        (tmp_path / "reports/documents.csv").write_text(HEADER + "".join(kept), encoding="utf-8")
        assert ("4 pages can be read but have no usable text layer (scan 4)" in summary.text(tmp_path)) is is_told
        assert ("scribetune teach" in summary.text(tmp_path)) is is_told


def test_it_shows_scores_before_and_after_and_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/documents.csv").write_text(HEADER, encoding="utf-8")
    (tmp_path / "reports/index.html").touch()
    metrics = {"base": {"cer_mean": 0.5, "table_f1": 0.1}, "tuned": {"cer_mean": 0.25, "table_f1": 0.9}}
    (tmp_path / "reports/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    text = summary.text(tmp_path)
    assert "CER mean   base 0.5000 → tuned 0.2500" in text
    assert "table F1   base 0.1000 → tuned 0.9000" in text
    assert "reports/index.html" in text


def test_it_ends_with_the_command_that_builds_again(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/documents.csv").write_text(HEADER, encoding="utf-8")
    remembered.write(Remembered(config={"documents": {"raw": "/pdfs"}}), tmp_path)
    assert f"again      scribetune build --directory {tmp_path} --set documents.raw=/pdfs\n" in summary.text(tmp_path)


def test_it_says_whether_the_model_is_promoted_and_why_not(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/documents.csv").write_text(HEADER, encoding="utf-8")
    metrics = {
        "base": {"cer_mean": 0.5, "loop_rate": 0.0},
        "tuned": {"cer_mean": 0.25, "loop_rate": 0.5},
        "change": {"cer_gain_low": 0.2, "cer_gain_high": 0.3, "cer_pages": 9},
    }
    scoring.write_metrics(tmp_path / "reports/metrics.json", metrics, gate.judge(metrics, Gate()))
    lines = summary.text(tmp_path).splitlines()
    verdict = next(line for line in lines if line.startswith("verdict"))
    assert "not promoted: The share of pages that loop went from 0.0000 to 0.5000" in verdict


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"scribetune build --directory {tmp_path}; or name the build's folder"):
        summary.text(tmp_path)
