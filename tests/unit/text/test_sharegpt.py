"""Promises about ShareGPT records: as many placeholders as images, whatever a page says, and its text comes back."""

import json

import pytest

from scribetune.text import sharegpt

QUESTION = "<image>\nFree OCR. "


@pytest.mark.parametrize(
    ("answer", "escaped"),
    [
        ("# A page", 0),
        ("write <image> here", 1),
        ("<image><image> and <video>, <audio>", 4),
        ("&lt;image> is written for <image>", 1),
        ("&amp;lt;image> is written for &lt;image>, which is <image>", 1),
        ("&lt;image> alone stays as it is", 0),
        ("&amp;lt;video&gt; <images> < image > <IMAGE>", 0),
        ("<<image>>\n<img src='x'>", 1),
    ],
)
def test_an_answer_holds_no_placeholder_and_comes_back(answer: str, escaped: int) -> None:
    record = json.loads(json.dumps({"images": ["p0001.png"], **sharegpt.answered(QUESTION, answer)}))
    conversation = "".join(turn["value"] for turn in record["conversations"])
    assert conversation.count("<image>") == len(record["images"])
    assert "<video>" not in conversation
    assert "<audio>" not in conversation
    assert record.get("escaped", 0) == escaped
    assert sharegpt.said(record, "gpt") == answer
    assert sharegpt.said(record, "human") == QUESTION


def test_a_record_that_says_nothing_has_no_text() -> None:
    assert sharegpt.said({}, "gpt") is None
    assert sharegpt.said({"conversations": []}, "human") is None
