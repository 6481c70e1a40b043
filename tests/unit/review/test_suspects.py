"""Promises about suspects: what model and image agree on against the label is listed, and nothing else is."""

from pathlib import Path
from typing import Any

from scribetune.core import csv_files
from scribetune.labels.image_reading import FoundLine, ReadText
from scribetune.review import suspects
from scribetune.text import sharegpt

PAGE = "# Larch Energy\n\nThe quarter closed with a profit of 4,310 before tax.\n\n"
TABLE = "| Region | Q1 |\n|---|---|\n| Islands | 320.1 |\n| Abroad | 274.7 |\n| Centre | 807.0 |\n"
SEEN = (
    "Larch Energy\nThe quarter closed with a profit of 4,310 before tax.\n"
    "Region Q1\nIslands 320.1\nAbroad 274.7\nCentre 807.0"
)


def test_a_wrong_word_is_named_with_what_both_readers_have() -> None:
    ((word, has, reads, there),) = suspects.of_page(PAGE.replace("profit", "orchard"), PAGE, SEEN)
    assert (word, has, reads) == (7, "orchard", "profit")
    assert "profit" in there


def test_one_wrong_digit_is_enough() -> None:
    assert [place[1:3] for place in suspects.of_page(PAGE.replace("310", "318"), PAGE, SEEN)] == [("318", "310")]


def test_swapped_rows_are_found_although_every_word_is_there() -> None:
    rows = TABLE.split("\n")
    swapped = "\n".join([*rows[:2], rows[3], rows[2], *rows[4:]])
    found = suspects.of_page(PAGE + swapped, PAGE + TABLE, SEEN)
    assert {"Islands", "Abroad"} & {word for place in found for text in place[1:3] for word in text.split()}


def test_a_word_that_only_the_model_reads_otherwise_is_not_suspect() -> None:
    assert suspects.of_page(PAGE, PAGE.replace("profit", "profile"), SEEN) == []
    assert suspects.of_page(PAGE + TABLE, PAGE, SEEN) == []  # it left the table out


def test_a_word_that_only_the_image_reader_reads_otherwise_is_not_suspect() -> None:
    assert suspects.of_page(PAGE, PAGE, SEEN.replace("profit", "profi")) == []


def test_what_is_nowhere_on_the_image_speaks_against_nobody() -> None:
    assert suspects.of_page(PAGE.replace("profit", "orchard"), PAGE, "something else altogether") == []
    assert suspects.of_page(PAGE.replace("profit", "orchard"), PAGE, "") == []


def test_blanks_marks_and_widths_of_characters_make_no_difference() -> None:
    assert suspects.of_page("季度 报告：４３１０", "季度报告:4310", "季度报告:4310") == []


def test_chinese_is_compared_character_by_character() -> None:
    label, model = "本季度净利润与上年同期持平，现金流充裕。", "本季度净利润与上年同期相当，现金流充裕。"
    found = suspects.of_page(label, model, "本季度净利润与上年同期相当，现金流充裕。")
    assert "".join(place[2].replace(" ", "") for place in found) == "相当"


def record(name: str, text: str) -> dict[str, Any]:
    answered = sharegpt.answered("<image>\n", text)
    return {"id": f"{name}/p0001", "label_source": "correction", "images": [f"{name}.png"], **answered}


def test_pages_with_most_suspect_places_come_first_and_agreeing_pages_are_not_read(tmp_path: Path) -> None:
    wrong, more = PAGE.replace("profit", "orchard"), PAGE.replace("profit", "orchard").replace("tax", "velvet")
    records = [("train", record("a", wrong)), ("test", record("b", more)), ("train", record("c", PAGE))]
    looked: list[str] = []

    def read(path: Path) -> str:
        looked.append(path.name)
        return SEEN

    found = suspects.find(records, dict.fromkeys(("a/p0001", "b/p0001", "c/p0001"), PAGE), read)
    assert [(one.id, one.split, one.on_page) for one in found] == [
        ("b/p0001", "test", 2), ("b/p0001", "test", 2), ("a/p0001", "train", 1),
    ]  # fmt: skip
    assert looked == ["a.png", "b.png"]
    suspects.write(tmp_path / "suspects.csv", found)
    rows = csv_files.read(tmp_path / "suspects.csv")
    assert [row["label_has"] for row in rows] == ["orchard", "velvet", "orchard"]


def test_lines_at_one_height_are_one_row_from_left_to_right() -> None:
    def line(text: str, left: float, top: float) -> FoundLine:
        corners = ((left, top), (left + 50, top), (left + 50, top + 10), (left, top + 10))
        return FoundLine(corners, ReadText(text, 1.0))

    assert suspects.in_rows([line("320.1", 200, 11), line("Islands", 10, 12), line("Abroad", 10, 30)]) == [
        "Islands 320.1", "Abroad",
    ]  # fmt: skip
