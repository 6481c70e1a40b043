"""Promises about lines as they are drawn: the text comes back that the Unicode algorithm laid out."""

import random

import pytest

from scribetune.text import bidirectional
from support.bidirectional import visual

HEBREW = [
    "האגודה מסכימה לגריעת המשק מהחוזה.",
    "הסכום הוא 250 שקלים (כולל המס) ליום 3 במאי.",
    "1. השטח המפורט בסעיף ב' לעיל: 12.5%, 1,250.50 ו-$40.",
    "ב-12/5/2020 בשעה 12:30 (ראו [7]), טל' 050-1234567!",
    "חברת Google (ישראל) פרסמה את info@example.com ואת https://example.org/a?b=1 אתמול.",
    'דו"ח ה-OECD לשנים 2019–2020, עמ\' 5–7; צה"ל?',
    "מערכת Windows 10 של Microsoft Corporation (MSFT) הותקנה.",
    "מהירות של 5 GHz, משקל 70 kg, מחיר 20 USD.",
    "- טמפרטורה של 5- מעלות, +972 בטלפון, 1 250 איש.",
]
ARABIC = [
    "السلام عليكم ورحمة الله (2020-2021) وبلغت النسبة 50% في المجلة.",
    "في ١٢/٥/٢٠٢٠ بلغ السعر ١٬٢٥٠٫٥٠ درهم [٧]، أي ٪٥؟",
    "از سال ۱۳۹۸ تا ۱۴۰۰، یعنی ۱۲٫۵ درصد (۵۰٪) است.",
    "قال: «لا بأس» عند Google Inc. ثم مضى.",
    "1. تقرير عام عن 3 مدن.",
]


def back(shown: str, *, right_to_left: bool = True, mirrored: bool = True) -> str:
    """Return the text of a line as it is drawn; its brackets as shapes or, as some layers have them, as written."""
    places = bidirectional.logical_order(list(shown), right_to_left=right_to_left)
    return "".join(
        bidirectional.mirrored(shown[place.index]) if place.turned and mirrored else shown[place.index]
        for place in places
    )


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("text", [*HEBREW, *ARABIC])
def test_a_line_is_the_text_that_it_was_laid_out_of(text: str, *, mirrored: bool) -> None:
    shown = visual(text, right_to_left=True, mirrored=mirrored)
    assert shown != text
    assert back(shown, mirrored=mirrored) == text


@pytest.mark.parametrize(
    "text",
    [
        "The word שלום עולם means hello world, 12 times.",
        "Genesis (בראשית), line 4: (אב גד) end.",
        "סוף, and so on: אב 12 גד.",
    ],
)
def test_right_to_left_words_in_a_left_to_right_line_are_turned_around(text: str) -> None:
    assert back(visual(text, right_to_left=False), right_to_left=False) == text


def test_lines_of_random_words_and_figures_come_back() -> None:
    chosen = random.Random(7)
    words = ["השטח", "המפורט", "בסעיף", "לעיל", "מוגדר", "בחוזה", "כמשק", "עזר"]
    for _ in range(300):
        parts = [chosen.choice(words)]
        while len(parts) < 9:
            figure = chosen.choice(["12", "3.5%", "1,250", "12/5/2020", "12:30", "Google", "(אב גד)", '"אב"', "[4]"])
            parts += [figure, chosen.choice(words) + chosen.choice(["", "", ",", ":", ";"])]
        text = " ".join(parts) + chosen.choice([".", "?", "!", ""])
        assert back(visual(text, right_to_left=True)) == text


def test_figures_at_the_start_of_a_line_depend_on_the_line_before() -> None:
    shown = visual("2020-2021 في", right_to_left=True)
    assert back(shown) == "2020-2021 في"
    cut = "يف 2021-2020"
    places = bidirectional.logical_order(list(cut), right_to_left=True, after_arabic=True)
    assert "".join(cut[place.index] for place in places) == "2020-2021 في"


def test_text_that_no_algorithm_would_show_so_is_read_as_people_read_it() -> None:
    # A list's number, and a Latin phrase with its stop, set from left to right by hand.
    assert back("טקסט"[::-1] + " 1.") == "1. " + "טקסט"
    assert back("Hello, " + "םולש") == "שלום Hello,"
    assert back("12 May " + "םולש") == "שלום 12 May"


def test_brackets_say_whether_a_layer_has_them_as_written() -> None:
    def fit(text: str) -> int:
        return bidirectional.brackets_as_written(list(text), [True] * len(text))

    assert fit("(אב) [ג]") > 0
    assert fit(")אב( ]ג[") < 0
    assert fit("א) ב") > 0
    assert fit("א( ב") < 0
    assert fit("סעיף 15(ב)(4) לחוק") > 0
    assert fit("אב גד") == 0
