"""Promises about kinds of pages: scripts are told by their letters, layouts by what the label holds."""

import pytest

from scribetune.dataset import page_kinds


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Revenue 2024, 12 % (季度)", "Latin"),
        ("季度财务报告 Q1 2024", "Han"),
        ("日本語のページです", "Japanese"),
        ("گزارش مالی ۱۴۰۳", "Arabic"),
        ("Отчёт за квартал", "Cyrillic"),
        ("분기 보고서", "Korean"),
        ("1,204 — 17 %", ""),
        ("", ""),
    ],
)
def test_a_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert page_kinds.script(text) == script


@pytest.mark.parametrize(
    ("label", "layout"),
    [
        ("# Memo\n\nwords", "text"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "tables"),
        ("<table><tr><td>1</td></tr></table>", "tables"),
        ("$$\nx = 1\n$$", "formulas"),
        ("| a |\n|---|\n| 1 |\n\n$$x$$", "tables and formulas"),
    ],
)
def test_a_layout_is_what_stands_beside_text(label: str, layout: str) -> None:
    assert page_kinds.layout(label) == layout
