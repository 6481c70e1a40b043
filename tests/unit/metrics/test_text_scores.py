"""What text metrics promise beyond the golden cases."""

import pytest

from scribetune.metrics import text_scores


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [("", "", 0.0), ("abc", "", 1.0), ("", "abcd", 4.0), ("  ", " x ", 1.0), ("ab", "abababab", 3.0)],
)
def test_empty_and_looping_pages_have_a_cer(reference: str, hypothesis: str, expected: float) -> None:
    assert text_scores.cer(reference, hypothesis) == expected


def test_normalised_cer_ignores_unicode_form_line_ends_digit_shapes_and_zwnj() -> None:
    reference, hypothesis = "café\n۱۲۳ می\u200cروم", "cafe\u0301\r\n123 میروم"
    assert text_scores.cer(reference, hypothesis) > 0.0
    assert text_scores.cer_normalised(reference, hypothesis) == 0.0
    assert text_scores.normalised("½ ² Ⅳ 一") == "½ ² Ⅳ 一"


def test_the_raw_cer_normalises_nothing() -> None:
    assert text_scores.cer("é", "e\u0301") == 2.0
    assert text_scores.cer("１", "1") == 1.0


@pytest.mark.parametrize(
    ("page", "tokenizer"),
    [
        ("The quick brown fox", "13a"),
        ("季度财务报告 2024", "zh"),
        ("季度报告 (quarterly financial report)", "13a"),
        ("营业收入 12,345.67 | 98.7% | EBIT", "13a"),
        ("营业收入合计 12,345.67 | 98.7% | EBIT", "zh"),
        ("", "13a"),
        ("12 345", "13a"),
    ],
)
def test_the_script_of_the_reference_chooses_the_bleu_tokenizer(page: str, tokenizer: str) -> None:
    assert text_scores.bleu_tokenizer(page) == tokenizer


def test_corpus_bleu_of_one_script_is_sacrebleus_and_says_how_it_was_made() -> None:
    import sacrebleu

    references = ["季度财务报告如下所示", "营业收入合计金额增长"]
    hypotheses = ["季度财务报告如下显示", "营业收人合计金额增长"]
    found = text_scores.corpus_bleu(references, hypotheses)
    assert found.score == sacrebleu.corpus_bleu(hypotheses, [references], tokenize="zh").score
    assert len(found.signatures) == 1
    assert "tok:zh" in found.signatures[0]


def test_corpus_bleu_of_two_scripts_lies_between_them_and_names_both() -> None:
    latin = ("the cat sat on the mat today", "the cat sat on a mat today")
    han = ("季度财务报告如下所示营业收入", "季度财务报告如下所示营业收人")
    alone = [text_scores.corpus_bleu([reference], [hypothesis]).score for reference, hypothesis in (latin, han)]
    both = text_scores.corpus_bleu([latin[0], han[0]], [latin[1], han[1]])
    assert min(alone) < both.score < max(alone)
    assert [signature.split("tok:")[1].split("|")[0] for signature in both.signatures] == ["13a", "zh"]


def test_corpus_bleu_refuses_lists_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="1 for 2"):
        text_scores.corpus_bleu(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="0 for 0"):
        text_scores.corpus_bleu([], [])


def test_character_rouge_sees_scripts_that_word_rouge_cannot() -> None:
    for page in ("季度财务报告", "گزارش مالی"):
        assert text_scores.rouge(page, page).rougeL == 0.0
        assert text_scores.rouge_characters(page, page) == text_scores.Rouge(1.0, 1.0, 1.0)
    assert text_scores.rouge_characters("abc", "...") == text_scores.Rouge(0.0, 0.0, 0.0)
    assert text_scores.rouge_characters("", "") == text_scores.Rouge(0.0, 0.0, 0.0)


def test_half_a_character_is_scored_not_fatal() -> None:
    assert text_scores.cer("a\ud800b", "ab") == pytest.approx(1 / 3)
