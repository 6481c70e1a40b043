"""Loops are found wherever they are; sound pages are not taken for loops."""

import pytest

from scribetune.metrics import loops

UNIT = (
    "The total of all amounts given on this page and on the ones before it is shown in the table below, unless noted; "
)


@pytest.mark.parametrize(
    ("page", "period"),
    [
        ("Total: 42 " * 40, 10),
        ("A page begins. " + "0.00 | " * 80 + "And it ends.", 7),
        ("x" * 31 + " then goes on", 1),
        ("Title\n" + "one line of text\n" * 20, 17),
        (UNIT * 9, len(UNIT)),
        ("abc" * 100 + "d" * 300, 1),
        ("Invoice 17" + "." * 490, 1),
        ("数据" * 35, 2),
    ],
)
def test_any_period_repeated_often_enough_anywhere_is_a_loop(page: str, period: int) -> None:
    found = loops.find_loop(page)
    assert found is not None
    assert found.period == period
    assert loops.has_loop(page)


def test_the_place_of_a_loop_is_given() -> None:
    found = loops.find_loop("begin " + "abc" * 100 + " end")
    assert found == loops.Repetition(period=3, start=6, length=300)
    assert found.repeats == 100


@pytest.mark.parametrize(
    "page",
    [
        "",
        "One sentence of ordinary text, and then another one that differs from it.",
        "Introduction ........................................................... 3",
        "Introduction . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . . 3",
        "Signature: ____________________________ Date: ______________",
        "|---|---|---|---|---|---|---|---|---|---|\n| a | b | c | d | e | f | g | h | i | j |",
        "| 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |\n| 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |",
        UNIT * 3,
        "yes " * 20,
    ],
)
def test_sound_pages_are_no_loops(page: str) -> None:
    assert not loops.has_loop(page)


def test_a_period_beyond_200_is_not_looked_for() -> None:
    unit = "".join(chr(0x4E00 + number) for number in range(201))
    assert loops.find_loop(unit * 10) is None
    assert loops.find_loop(unit[:200] * 10) is not None


def test_the_threshold_is_as_documented() -> None:
    assert loops.find_loop("ab" * 30 + "c") is None
    assert loops.find_loop("ab" * 31 + "c") is not None
    unit = "".join(chr(0x4E00 + number) for number in range(50))
    assert loops.find_loop("x" + unit * 7 + unit[:49]) is None
    assert loops.find_loop("x" + unit * 8) is not None


def test_empty_means_blank_output_for_a_page_that_is_not() -> None:
    assert loops.is_empty("text", " \n")
    assert not loops.is_empty(" ", "")
    assert not loops.is_empty("text", "x")


def test_truncated_means_stopped_at_the_token_limit() -> None:
    assert loops.is_truncated("length")
    assert not loops.is_truncated("eos")
    assert not loops.is_truncated(None)
