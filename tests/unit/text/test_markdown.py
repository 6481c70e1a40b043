"""Promises about the normal form of labels."""

from scribetune.labels import agreement
from scribetune.text import markdown


def test_normalising_twice_changes_nothing() -> None:
    text = "# **Title**  \r\n\r\n\r\n\r\ntext \n|a|b|\n|:--|---|\n|1| x\\|y |\n"
    once = markdown.normalise(text)
    assert markdown.normalise(once) == once
    assert once == "# Title\n\ntext\n| a | b |\n|---|---|\n| 1 | x\\|y |\n"


def test_code_in_fences_stays_as_it_is() -> None:
    code = "```\n/**\n * purpose:  none\n *\n\n\n- a\n\n- b\n# include  x\n|a|b|\n```\n"
    assert markdown.normalise(code) == code
    assert markdown.normalise(f"* one\n\n* two\n\n\n\n{code}\n\n\n* three") == f"- one\n- two\n\n{code}\n- three\n"
    assert markdown.normalise("```\n* no end") == "```\n- no end\n"


def test_text_in_pictures_stays_and_their_markers_go() -> None:
    text = "before\n\n<!-- Start of picture text -->\none<br>\ntwo<br>\n<!-- End of picture text -->\n\nafter"
    assert markdown.normalise(text) == "before\n\none\ntwo\n\nafter\n"
    assert markdown.normalise("a\n\n**==> picture [10 x 10] intentionally omitted <==**\n\nb") == "a\n\nb\n"


def test_a_page_without_text_is_empty() -> None:
    assert markdown.normalise(" \n\n ") == ""


def test_words_ignore_marks_and_split_chinese() -> None:
    assert markdown.words("# Net **income**: 1,234<br>营收") == ["Net", "income", "1", "234", "营", "收"]


def test_words_take_each_kana_by_itself_wherever_ocr_sets_blanks() -> None:
    assert markdown.words("カナ・ｶﾞ 12、かなABC") == ["カ", "ナ", "ガ", "12", "か", "な", "ABC"]
    label, reading = "これはページのラベルです。", "これ は ページ の ラベル です 。"
    assert markdown.words(label) == markdown.words(reading)
    assert agreement.words_f(label, reading) == 1.0
    assert agreement.words_f(label, "これはページです。") < 1.0


def test_emphasis_goes_and_identifiers_stay() -> None:
    assert markdown.strip_emphasis("**Net** *result* of snake_case_name and 2*3*4") == (
        "Net result of snake_case_name and 2*3*4"
    )


def test_lists_are_tight_and_have_one_kind_of_bullet() -> None:
    assert markdown.normalise("• one\n\n– two\n\n- three\n\ntext\n\n1. a\n\n2. b\n") == (
        "- one\n- two\n- three\n\ntext\n\n1. a\n2. b\n"
    )


def test_plain_text_is_the_same_for_lines_and_for_markdown() -> None:
    lines = "Quarterly report\nRegion Revenue\nNorth 12.5\nThe margin rose\nto 12 %.\n• Tax paid\n季度财务\n报告 5"
    label = (
        "# Quarterly report\n\n| Region | Revenue |\n|---|---:|\n| North | 12.5 |\n\nThe **margin** rose to 12 %.\n\n"
        "- Tax paid\n\n## 季度财务报告 5\n"
    )
    assert markdown.plain_text(lines) == markdown.plain_text(label)
    assert markdown.plain_text(lines).startswith("Quarterly report Region Revenue North 12.5 The margin")
    pipe = "| Region | Revenue |\n|---|---:|\n| North | 12.5 |\n"
    html = "<table><tr><th>Region</th><th>Revenue</th></tr><tr><td>North</td><td>12.5</td></tr></table>\n"
    assert markdown.plain_text(label.replace(pipe, html)) == markdown.plain_text(label)
    assert markdown.plain_text(label.replace(pipe, html.replace("<", "\n  <").replace(">", ">\n  "))) == (
        markdown.plain_text(label)
    )
    assert markdown.plain_text("<table>\n<td>\n- 5\n<td>\n--\n</table>") == "- 5 --"
    assert markdown.plain_text("a - b\n-5 % and 3*4") == "a - b -5 % and 3*4", "signs inside a line are content"
