"""Promises about the model card: huggingface_hub reads it, scores stand base beside tuned, and nothing breaks out."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from markdown_it import MarkdownIt

from scribetune.core import files
from scribetune.core.config import Gate
from scribetune.evaluation import gate
from scribetune.report import model_card
from support.lineage_factory import lineage

NASTY = "x`|<img src=1>](http://bad) **b** \n---\n# h: {{ }} @everyone & www.bad.org"
REVISION = "a" * 40


def card(record: dict[str, Any], **sheet: str) -> str:
    rows = [{"document": name, "licence": "", "language": "", "category": ""} | sheet for name in "abcd"]
    return model_card.text(model_card.CardSources(record, rows, dict.fromkeys(model_card.SPLITS, "5" * 64)))


def load(text: str, folder: Path) -> ModelCard:
    files.write_text(folder / "README.md", text)
    loaded: ModelCard = ModelCard.load(folder / "README.md")
    return loaded


def header(text: str, folder: Path) -> dict[str, Any]:
    data: Any = load(text, folder).data  # its methods are not annotated
    return dict(data.to_dict())


def test_huggingface_hub_reads_the_card_and_writes_the_same_bytes(tmp_path: Path) -> None:
    text = card(lineage())
    assert load(text, tmp_path).content == text
    assert text == card(lineage())


def test_the_model_index_has_the_scores_of_base_and_tuned(tmp_path: Path) -> None:
    head = header(card(lineage()), tmp_path)
    name, results = model_index_to_eval_results(head["model-index"])
    assert name == "adapter"
    values = {(result.metric_name, (result.metric_args or {})["model"]): result.metric_value for result in results}
    assert values["CER, mean", "tuned"] == 0.25
    assert values["CER, mean (base model, for comparison)", "base"] == 0.5
    assert values["Table F1", "tuned"] == 0.875
    assert {"cer", "wer", "bleu", "rouge", "f1"} == {result.metric_type for result in results} == set(head["metrics"])
    assert {result.dataset_revision for result in results} == {"5" * 64}


def test_a_base_model_of_the_hub_is_named_and_a_folder_is_not(tmp_path: Path) -> None:
    hub = {"name": "deepseek-community/DeepSeek-OCR-2", "revision": REVISION, "files": {}}
    head = header(card(lineage(base_model=hub)), tmp_path)
    assert head["base_model"] == hub["name"]
    assert head["base_model_relation"] == "adapter"
    assert (head["library_name"], head["pipeline_tag"]) == ("peft", "image-text-to-text")
    assert f"revision='{REVISION}'" in model_card.loading_code(lineage(base_model=hub))
    local = header(card(lineage()), tmp_path)
    assert "base_model" not in local
    assert "base_model_relation" not in local


def test_without_scores_the_card_says_where_they_will_be(tmp_path: Path) -> None:
    record = lineage()
    del record["metrics"]
    assert "model-index" not in header(card(record), tmp_path)
    assert "reports/model_card.md" in card(record)


def test_the_verdict_stands_with_the_scores_and_a_refusal_says_why() -> None:
    record = lineage()
    assert "Verdict" not in card(record)
    for gain_low, words in ((0.1, "promoted"), (-0.1, "not promoted")):
        metrics = record["metrics"] | {"change": {"cer_gain_low": gain_low, "cer_gain_high": 0.4, "cer_pages": 9}}
        verdict = gate.judge(metrics, Gate(max_retention_cer_rise=0.2))
        text = card(record | {"metrics": metrics | {"gate": verdict.record()}})
        assert f"Verdict: **{words}**." in text
        assert f"- {model_card.escape(verdict.why[0])}" in text


def test_people_find_counts_scores_limits_and_hashes() -> None:
    text = card(lineage(), licence="CC-BY-4.0", language="en", category="invoices")
    for told in (
        f"| train | 1 | 1 | `{'5' * 64}` |", "correction (1), machine (2), corrected by 1 reviewer(s)",
        "Licences (documents): CC-BY-4.0 (3)", "Languages (documents): en (3)", "| CER, mean ↓ | 0.5000 | 0.2500 |",
        "| CER | 0.2500 | 0.1000 to 0.4000 | 0.0300 | 3 / ? / ? |", "1 of the 1 test labels", "50.0 % of the tuned",
        "outside the collection, base 0.1000, tuned 0.2000", "f" * 64, "e" * 64, "`d1ge`", "| `rank` | 16 |",
    ):  # fmt: skip
        assert told in text, told


def test_labels_of_a_teacher_are_told_from_those_of_people_and_the_gates_are_named() -> None:
    record = lineage()
    record["pages"][0] |= {"label_source": "teacher", "reviewer": "models/merged"}
    record["configuration"]["selection"] = {"min_word_recall": 0.95, "max_hidden_share": 0.05}
    text = card(record)
    assert "correction (1), machine (1), teacher (1), corrected by 1 reviewer(s)" in text
    assert "`teacher`: read from the page image by another model (models/merged)" in text
    assert "the words of the text layer (0.95)" in text
    assert "or unseen (0.05)" in text


def test_only_codes_are_languages_in_the_header(tmp_path: Path) -> None:
    assert header(card(lineage(), language="zh"), tmp_path)["language"] == ["zh"]
    assert "language" not in header(card(lineage(), language="Klingon, mostly"), tmp_path)


def test_what_a_sheet_or_a_configuration_says_cannot_break_out(tmp_path: Path) -> None:
    record = lineage(base_model={"name": NASTY, "revision": NASTY, "files": {NASTY: NASTY}})
    record["configuration"]["train"]["rank"] = NASTY
    record["training"]["backend_reason"] = NASTY
    record["hardware"]["gpus"] = [NASTY]
    text = card(record, licence=NASTY, language=NASTY, category=NASTY)
    loaded = load(text, tmp_path)
    plain = load(card(lineage(), licence="l", language="l", category="l"), tmp_path)

    def outline(body: str) -> list[str]:
        """Every block and every piece of inline markup but the text itself."""
        markdown = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
        kinds = []
        for token in markdown.parse(body):
            kinds.append(token.type)
            kinds += [child.type for child in token.children or [] if child.type not in ("text", "text_special")]
        return kinds

    assert set(outline(loaded.text)) == set(outline(plain.text))
    assert outline(loaded.text).count("heading_open") == outline(plain.text).count("heading_open")
    assert (
        header(text, tmp_path).keys()
        == header(card(lineage(), licence="l", language="l", category="l"), tmp_path).keys()
    )
    assert "<img" not in MarkdownIt("commonmark").enable("table").render(loaded.text)
    compile(model_card.loading_code(record), "card", "exec")


def test_the_loading_code_is_in_the_card_and_uses_the_name_as_a_string() -> None:
    code = model_card.loading_code(lineage())
    assert f"```python\n{code}\n```" in card(lineage())


@pytest.mark.parametrize("value", ["a|b", "*a*", "<b>", "a\nb", "[a](b)", "`a`", "# a", "a_b_", "$a$", "&amp;"])
def test_an_escaped_value_is_shown_as_it_is(value: str) -> None:
    rendered = MarkdownIt("commonmark").renderInline(model_card.escape(value))
    shown = value.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert rendered == shown


def test_the_card_is_written_from_the_files_of_a_build(tmp_path: Path) -> None:
    files.write_json(tmp_path / "lineage.json", lineage())
    files.write_text(tmp_path / "documents.csv", "document,licence,language,category\na,MIT,en,forms\n")
    for split in model_card.SPLITS:
        files.write_text(tmp_path / f"{split}.jsonl", split)
    splits = {split: tmp_path / f"{split}.jsonl" for split in model_card.SPLITS}
    model_card.write(tmp_path / "lineage.json", tmp_path / "documents.csv", splits, tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert files.sha256_bytes(b"train") in text
    assert "MIT (1)" in text


def test_writing_a_card_needs_no_model_library() -> None:
    code = "import sys, scribetune.report.model_card, huggingface_hub; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
