"""Scores of pages, their table, and their aggregates."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scribetune.core.errors import UserError
from scribetune.evaluation import scoring

TABLE = "| name | sum |\n|---|---|\n| apples | 12 |\n"
LABELS = ("# Report\n\nThe total is 42.\n", TABLE, "$x^2$ grows.\n", "季度财务报告如下所示\n")


def read_samples(path: Path, types: "pd.Series[Any]") -> pd.DataFrame:
    """Read samples.csv as text first: a document called "NA" stays one, and numbers are read by Python."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in frame.columns:
        if types[column] != "str":
            frame[column] = [float(value) if value else math.nan for value in frame[column]]
    return frame.astype(types.to_dict())


def label_records(labels: tuple[str, ...] = LABELS) -> list[dict[str, Any]]:
    return [
        {
            "id": f"NA/p{number:04d}",
            "document": "NA",
            "page": number,
            "category": "memo, short",
            "language": "en",
            "conversations": [{"from": "human", "value": "<image>\nFree OCR. "}, {"from": "gpt", "value": label}],
            "images": [f"data/pages/NA/p{number:04d}.png"],
        }
        for number, label in enumerate(labels, start=1)
    ]


def predictions(*texts: str, stop_reason: str | None = "eos") -> list[dict[str, Any]]:
    return [
        {"id": f"NA/p{number:04d}", "text": text, "tokens": len(text), "stop_reason": stop_reason}
        for number, text in enumerate(texts, start=1)
    ]


BASE = predictions("# Rep", "name sum apples", "", "季度财务 " + "loop " * 60, stop_reason="length")
TUNED = predictions(*LABELS)


def test_a_perfect_prediction_scores_perfectly() -> None:
    page = TABLE + "\n$x^2$"
    found = scoring.score_page(page, page, "eos")
    assert (found["cer"], found["cer_normalised"], found["wer"], found["ned"]) == (0.0, 0.0, 0.0, 0.0)
    assert found["bleu"] == pytest.approx(100.0)
    assert (found["rouge1"], found["rouge2"], found["rougeL"], found["rougeL_char"]) == (1.0, 1.0, 1.0, 1.0)
    assert (found["table_f1"], found["table_struct_f1"], found["table_adj_f1"], found["formula_exact"]) == (
        1.0,
        1.0,
        1.0,
        1.0,
    )
    assert (found["loop"], found["loop_olmocr"], found["empty"], found["truncated"]) == (False, False, False, False)


@pytest.mark.parametrize("head", [("<thead>", "</thead><tbody>", "</tbody>"), ("", "", "")])
def test_a_table_scores_perfectly_whatever_its_source_is_indented_with(head: tuple[str, str, str]) -> None:
    begin, middle, end = head
    indented = (
        f"Before\n\n<table>\n {begin}\n <tr>\n  <td>\n   Year\n  </td>\n  <td>\n   Rate\n  </td>\n </tr>\n {middle}\n"
        f" <tr>\n  <td>\n   1999\n  </td>\n  <td>\n   4\n  </td>\n </tr>\n {end}\n</table>\n"
    )
    cell = "<td rowspan=1 colspan=1>"
    compact = f"Before\n\n<table><tr>{cell}Year</td>{cell}Rate</td></tr><tr>{cell}1999</td>{cell}4</td></tr></table>\n"
    for reference, hypothesis in ((indented, compact), (compact, indented)):
        found = scoring.score_page(reference, hypothesis)
        assert {found[key] for key in ("table_f1", "table_struct_f1", "table_adj_f1", "teds", "teds_s")} == {1.0}


def test_what_does_not_apply_to_a_page_is_not_counted() -> None:
    found = scoring.score_page("text", "text")
    assert (found["table_f1"], found["table_struct_f1"], found["table_adj_f1"]) == (None, None, None)
    assert (found["formula_exact"], found["truncated"]) == (None, None)
    assert scoring.score_page("", "")["ned"] is None


def test_rules_that_the_page_really_has_are_no_loop() -> None:
    form = "Name " + "_" * 300
    assert not scoring.score_page(form, form)["loop"]
    assert scoring.score_page("Name", form)["loop"]
    assert scoring.score_page(form, form)["loop_olmocr"]


def test_the_frame_has_one_row_per_page_in_the_order_of_the_test_set() -> None:
    frame = scoring.score_pages(label_records(), BASE[::-1], TUNED)
    assert tuple(frame.columns) == scoring.SAMPLE_COLUMNS
    assert tuple(frame.columns[:10]) == (
        *("index", "id", "document", "page", "image", "category", "language", "reference_characters"),
        *("cer_base", "cer_tuned"),
    )
    assert frame["index"].tolist() == [0, 1, 2, 3]
    assert frame["id"].tolist() == [record["id"] for record in label_records()]
    assert frame["reference_characters"].tolist() == [len(label.strip()) for label in LABELS]
    assert frame["cer_tuned"].tolist() == [0.0] * 4
    assert frame["empty_base"].tolist() == [0, 0, 1, 0]
    assert frame["truncated_base"].tolist() == [1, 1, 1, 1]
    assert frame["loop_base"].tolist() == [0, 0, 0, 1]
    assert frame["tokens_tuned"].tolist() == [len(label) for label in LABELS]
    assert frame["table_f1_base"].notna().tolist() == [False, True, False, False]


def test_written_samples_are_read_back_to_the_last_digit(tmp_path: Path) -> None:
    frame = scoring.score_pages(label_records(), BASE, TUNED)
    path = tmp_path / "reports" / "samples.csv"
    scoring.write_samples(frame, path)
    pd.testing.assert_frame_equal(read_samples(path, frame.dtypes), frame, check_exact=True)
    first = path.read_bytes()
    scoring.write_samples(read_samples(path, frame.dtypes), path)
    assert path.read_bytes() == first
    header, row, *_ = first.decode().split("\n")
    assert header.split(",") == list(scoring.SAMPLE_COLUMNS)
    assert '"memo, short"' in row
    assert ",," in row


def test_stop_reasons_and_tokens_may_be_unknown(tmp_path: Path) -> None:
    bare = [{"id": record["id"], "text": record["text"]} for record in TUNED]
    frame = scoring.score_pages(label_records(), bare, bare)
    assert frame["tokens_base"].isna().all()
    scoring.write_samples(frame, tmp_path / "samples.csv")
    pd.testing.assert_frame_equal(read_samples(tmp_path / "samples.csv", frame.dtypes), frame, check_exact=True)
    numbers = scoring.aggregate(frame, label_records(), bare, bare)
    assert "truncated_rate" not in numbers["base"]


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (BASE[:-1], "lack the pages to score"),
        ([*BASE, {"id": "other", "text": ""}], "have others than the pages to score"),
        ([*BASE, BASE[0]], "repeat"),
        ([*BASE[:-1], {"id": BASE[-1]["id"], "text": None}], "no text"),
        ([{"text": "x"}], "no id"),
    ],
)
def test_predictions_of_other_pages_are_refused_by_name(base: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        scoring.score_pages(label_records(), base, TUNED)


def test_an_empty_test_set_is_refused() -> None:
    with pytest.raises(UserError, match="no pages to score"):
        scoring.score_pages([], [], [])


def test_a_record_without_a_label_is_refused() -> None:
    records = label_records()
    records[2]["conversations"] = records[2]["conversations"][:1]
    with pytest.raises(UserError, match="p0003"):
        scoring.score_pages(records, BASE, TUNED)


def test_aggregates_are_numbers_and_agree_with_the_rows() -> None:
    records = label_records()
    frame = scoring.score_pages(records, BASE, TUNED)
    found = scoring.aggregate(frame, records, BASE, TUNED)
    assert sorted(found) == ["base", "change", "tuned"]
    for group in found.values():
        assert all(isinstance(value, int | float) and math.isfinite(value) for value in group.values())
    json.dumps(found, allow_nan=False)
    base, tuned, change = found["base"], found["tuned"], found["change"]
    assert base["cer_mean"] == pytest.approx(frame["cer_base"].mean())
    assert base["cer_median"] == pytest.approx(frame["cer_base"].median())
    assert base["cer_p90"] == pytest.approx(frame["cer_base"].quantile(0.9))
    assert base["cer_share_above_1"] == 0.25
    edits = (frame["cer_base"] * frame["reference_characters"]).sum()
    assert base["cer_corpus"] == pytest.approx(edits / frame["reference_characters"].sum())
    assert (tuned["cer_mean"], tuned["wer_corpus"], tuned["table_f1"]) == (0.0, 0.0, 1.0)
    assert tuned["bleu"] == pytest.approx(100.0)
    assert (base["pages"], base["tables"], base["formulas"]) == (4, 1, 1)
    assert (base["empty_rate"], base["loop_rate"], base["truncated_rate"], tuned["truncated_rate"]) == (
        0.25,
        0.25,
        1.0,
        0.0,
    )
    assert change["cer_gain"] == pytest.approx(base["cer_mean"])
    assert (change["cer_wins"], change["cer_ties"], change["cer_losses"]) == (4, 0, 0)
    assert change["cer_relative_gain"] == 1.0
    assert change["table_f1_pages"] == 1


def test_aggregates_leave_out_what_no_page_has() -> None:
    records = label_records(LABELS[:1])
    same = predictions(LABELS[0])
    found = scoring.aggregate(scoring.score_pages(records, same, same), records, same, same)
    assert "table_f1" not in found["base"]
    assert "formula_exact" not in found["base"]
    assert found["base"]["tables"] == 0
    assert not any(key.startswith("table_f1") for key in found["change"])
    assert "cer_relative_gain" not in found["change"]


def test_aggregates_of_other_pages_are_refused() -> None:
    frame = scoring.score_pages(label_records(), BASE, TUNED)
    records = label_records(LABELS[:3])
    with pytest.raises(UserError, match="other pages"):
        scoring.aggregate(frame, records, BASE[:3], TUNED[:3])


def test_anybodys_predictions_are_scored_by_id_and_text() -> None:
    references = [{"id": "a", "text": TABLE}, {"id": "b", "text": "plain"}]
    hypotheses = [{"id": "b", "text": "plane"}, {"id": "a", "text": TABLE}]
    frame = scoring.score_records(references, hypotheses)
    assert frame["id"].tolist() == ["a", "b"]
    assert frame["cer"].tolist() == [0.0, 0.4]
    assert frame["table_f1"].iloc[0] == 1.0
    numbers = scoring.aggregate_records(frame, references, hypotheses)
    assert numbers["cer_mean"] == 0.2
    assert numbers["table_f1"] == 1.0
    with pytest.raises(UserError, match="no text"):
        scoring.score_records([{"id": "a"}, {"id": "b", "text": ""}], hypotheses)


@pytest.mark.slow
def test_scoring_imports_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from scribetune.evaluation import scoring; scoring.score_page('a | b\\n-|-\\n1|2', 'x');"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


GROUNDED = (
    "<|ref|>title<|/ref|><|det|>[[100, 50, 900, 90]]<|/det|>\n# Report\n\n"
    "<|ref|>text<|/ref|><|det|>[[100, 100, 900, 200]]<|/det|>\nThe total is 42."
)


def test_an_answer_with_boxes_is_scored_by_its_text_and_by_its_boxes() -> None:
    half = GROUNDED.replace("[[100, 100, 900, 200]]", "[[100, 100, 900, 120]]").replace("42", "43")
    found = scoring.score_page(GROUNDED, half, "eos")
    plain = scoring.score_page("# Report\n\nThe total is 42.", "# Report\n\nThe total is 43.", "eos")
    assert {**found, "box_f1": None, "box_iou": None} == plain
    assert found["box_f1"] == 0.5
    assert found["box_iou"] == pytest.approx(0.6)
    without = scoring.score_page(GROUNDED, "# Report\n\nThe total is 42.", "eos")
    assert (without["cer"], without["box_f1"], without["box_iou"]) == (0.0, 0.0, 0.0)
    told = scoring.score_page("# Report\n\nThe total is 42.", GROUNDED, "eos")
    assert (told["cer"], told["box_f1"], told["box_iou"]) == (0.0, None, None)


def test_boxes_are_summed_up_by_kind_for_anybodys_predictions() -> None:
    references = [{"id": "a", "text": GROUNDED}, {"id": "b", "text": "no boxes"}]
    predictions_ = [{"id": "a", "text": GROUNDED.replace("title", "sub_title")}, {"id": "b", "text": "no boxes"}]
    frame = scoring.score_records(references, predictions_)
    numbers = scoring.aggregate_records(frame, references, predictions_)
    assert numbers["boxes"] == 1 and numbers["cer_mean"] == 0.0 and numbers["box_f1"] == 0.5
    by_kind = {key: value for key, value in numbers.items() if key.startswith(("box_f1.", "box_iou."))}
    assert by_kind == {
        "box_f1.title": 0.0, "box_iou.title": 0.0, "box_f1.sub_title": 0.0, "box_f1.text": 1.0, "box_iou.text": 1.0,
    }  # fmt: skip
    assert frame["reference_characters"].tolist() == [26, 8]
