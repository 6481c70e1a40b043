"""The text metrics give jiwer's, sacrebleu's and rouge_score's values to the last digit."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics import text_scores

GOLDEN = Path(__file__).parent / "golden"
PAGES: list[dict[str, Any]] = json.loads((GOLDEN / "text_metrics.json").read_text(encoding="utf-8"))["cases"]
CORPORA: list[dict[str, Any]] = json.loads((GOLDEN / "text_corpus.json").read_text(encoding="utf-8"))["cases"]

pages = pytest.mark.parametrize("case", PAGES, ids=lambda case: case["id"])
corpora = pytest.mark.parametrize("case", CORPORA, ids=lambda case: case["id"])


@pages
def test_error_rates_and_edits_are_those_of_jiwer(case: dict[str, Any]) -> None:
    reference, hypothesis = case["reference"], case["hypothesis"]
    assert text_scores.cer(reference, hypothesis) == case["jiwer_cer"]
    assert text_scores.wer(reference, hypothesis) == case["jiwer_wer"]
    for count, golden in (
        (text_scores.character_edits(reference, hypothesis), case["char"]),
        (text_scores.word_edits(reference, hypothesis), case["word"]),
    ):
        assert count.edits == golden["S"] + golden["D"] + golden["I"]
        assert count.reference_length == golden["H"] + golden["S"] + golden["D"]


@pages
def test_the_fast_path_equals_jiwer_as_installed(case: dict[str, Any]) -> None:
    import jiwer

    assert text_scores.cer(case["reference"], case["hypothesis"]) == jiwer.cer(case["reference"], case["hypothesis"])
    assert text_scores.wer(case["reference"], case["hypothesis"]) == jiwer.wer(case["reference"], case["hypothesis"])


def test_the_fast_path_equals_jiwer_on_random_texts() -> None:
    import jiwer

    draw = random.Random(7)
    alphabet = "ab c \n\t  数据 \u200cک۳é\u00a0"
    for _ in range(300):
        reference, hypothesis = ("".join(draw.choices(alphabet, k=draw.randrange(60))) for _ in range(2))
        assert text_scores.cer(reference, hypothesis) == jiwer.cer(reference, hypothesis)
        assert text_scores.wer(reference, hypothesis) == jiwer.wer(reference, hypothesis)


@pages
def test_normalised_edit_distance_is_that_of_the_golden_case(case: dict[str, Any]) -> None:
    # The reference leaves 0 / 0 undefined; here it is 0.
    golden = 0.0 if case["ned_maxlen"] is None else case["ned_maxlen"]
    assert text_scores.ned(case["reference"], case["hypothesis"]) == golden


@pages
def test_sentence_bleu_is_that_of_sacrebleu(case: dict[str, Any]) -> None:
    found = {
        tokenizer: text_scores.sentence_bleu(case["reference"], case["hypothesis"], tokenizer)
        for tokenizer in ("13a", "zh", "intl", "char")
    }
    assert found == case["sacrebleu_sentence"]


@pages
def test_rouge_is_that_of_rouge_score(case: dict[str, Any]) -> None:
    found = text_scores.rouge(case["reference"], case["hypothesis"])
    golden = case["rouge"]
    assert (found.rouge1, found.rouge2, found.rougeL) == tuple(
        golden[name][2] for name in ("rouge1", "rouge2", "rougeL")
    )


@pages
def test_character_rouge_is_rouge_score_with_a_tokenizer_of_characters(case: dict[str, Any]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=text_scores.CharacterTokenizer())
    scores = scorer.score(case["reference"], case["hypothesis"])
    found = text_scores.rouge_characters(case["reference"], case["hypothesis"])
    assert (found.rouge1, found.rouge2, found.rougeL) == tuple(
        scores[name].fmeasure for name in ("rouge1", "rouge2", "rougeL")
    )


@corpora
def test_corpus_rates_are_those_of_jiwers_list_call(case: dict[str, Any]) -> None:
    pairs = list(zip(case["references"], case["hypotheses"], strict=True))
    assert text_scores.pooled_rate(text_scores.character_edits(*pair) for pair in pairs) == case["corpus_cer"]
    assert text_scores.pooled_rate(text_scores.word_edits(*pair) for pair in pairs) == case["corpus_wer"]
    assert sum(text_scores.cer(*pair) for pair in pairs) / len(pairs) == pytest.approx(case["mean_cer"], abs=1e-12)
    assert sum(text_scores.rouge(*pair).rougeL for pair in pairs) / len(pairs) == pytest.approx(
        case["mean_rougeL_f"], abs=1e-12
    )


@corpora
def test_corpus_bleu_is_that_of_sacrebleu(case: dict[str, Any]) -> None:
    found = {
        tokenizer: text_scores.corpus_bleu(case["references"], case["hypotheses"], tokenizer).score
        for tokenizer in ("13a", "zh", "intl", "char")
    }
    assert found == case["corpus_bleu"]
