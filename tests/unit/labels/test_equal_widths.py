"""Equally wide characters are code where their script is set otherwise around them, and by nature nothing."""

import pytest

from scribetune.labels.equal_widths import code_alone, is_program
from scribetune.labels.text_layer import Line, Span


def line(text: str, y: float = 0.0) -> Line:
    """A line; between bars its font has equally wide characters."""
    spans, x = [], 0.0
    for number, piece in enumerate(text.split("|")):
        if piece:
            box = (x, y, x + 6.0 * len(piece), y + 12.0)
            spans.append(Span(piece, box, 12.0, False, False, number % 2 == 1, False))
            x = box[2]
    return Line(tuple(spans), (0.0, y, x, y + 12.0), 0)


def marked(*texts: str) -> list[str]:
    shown = code_alone([line(text, 14.0 * number) for number, text in enumerate(texts)])
    return ["".join(f"`{span.text}`" if span.mono else span.text for span in one.spans) for one in shown]


PROSE = "This is a text whose letters are of many widths, as in a book."


@pytest.mark.parametrize(
    "texts",
    [
        ("|15|、无形资产", "金额为|1,234.50|万元，按|ISO 9001|标准"),
        ("购买价款，见|IFRS|及|GAAP|的规定", "The |2021| budget"),
        ("|本公司于取得无形资产时分析 IFRS 17 的影响|", "|使用寿命有限|"),
        ("|Dear Sir, this is a letter that was written|", "|on an old machine, in the year of 1972.|", "|J. S.|"),
        ("Name: |JOHN SMITH|", "Date: |12/03/1999|", PROSE),
        (PROSE, "|These words are set in Courier and make a|", "|sentence as long as any other.|", PROSE, PROSE),
        ("第|3|章 |ABSTRACT|", "本文|Key|"),
    ],
)  # fmt: skip
def test_what_is_equally_wide_by_nature_is_no_code(texts: tuple[str, ...]) -> None:
    assert marked(*texts) == [text.replace("|", "") for text in texts]


@pytest.mark.parametrize(
    "texts",
    [
        (PROSE, "Call |print()| and set |x_max| to |8080| then."),
        (PROSE, "|def f(x):|", "|    return x + 1|", PROSE),
        (PROSE, "|pip install --upgrade thing|"),
        ("调用 print 函数与 Python 库，其他 Latin 词语", "使用|printf|输出结果"),
        (PROSE, "Die Funktion |drucke| gibt etwas aus.", PROSE),
        (PROSE, "Look at |http://example.org/10.1103/Lett.|", "|114.110504|", PROSE),
        (PROSE, "|// Кодовая строка|", "|int x = 5;|", PROSE),
    ],
)
def test_what_differs_from_the_text_around_it_is_code(texts: tuple[str, ...]) -> None:
    assert marked(*texts) == [text.replace("|", "`") for text in texts]


@pytest.mark.parametrize(
    ("texts", "holds"),
    [
        (("|v0 := ld state[748]   // load primes|", "|st sp[0], v0   // store them|"), True),
        (("|int x = f(3);   /* once */|", "|return x;|"), True),
        (("|Item     2024   2023|", "|Rent  1,204.50  998.10|", "|Total (net)  12 %|"), False),
        (("v0 := ld state[748]   // load primes", "st sp[0], v0   // store them"), False),
    ],
)
def test_statements_in_columns_are_a_program_and_figures_are_none(texts: tuple[str, ...], holds: bool) -> None:
    assert is_program([line(text, 14.0 * number) for number, text in enumerate(texts)]) is holds


def test_a_line_of_glyphs_without_characters_is_no_code() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    blank = Line((Span(" ", box, 10.0, False, False, True, False),), box, 0)
    assert [span.mono for shown in code_alone([blank]) for span in shown.spans] == [False]


def test_braces_of_another_font_break_no_listing() -> None:
    lines = ("FROM paper", "WHERE paper.Title = |{|[title]|}", "AND paper.Year = |{|[year]|}|;")
    shown = code_alone([line(f"|{text}", 14.0 * n) for n, text in enumerate(lines)] + [line(PROSE, 60.0)])
    assert [one.mono for one in shown] == [True, True, True, False]
