"""Promises about right-to-left pages: the label has the text, however its chunks, marks and brackets were drawn."""

import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymupdf
import pytest
import typst

from scribetune.labels import right_to_left, text_layer
from scribetune.labels.reader import LabelSettings, PageReader
from support.bidirectional import visual

FONTS = Path("/usr/share/fonts/truetype/dejavu")
needs_font = pytest.mark.skipif(not (FONTS / "DejaVuSans.ttf").exists(), reason="needs the fonts of fonts-dejavu-core")
SETTINGS = LabelSettings("keep", "auto", "alt", "use", 60.0, "test")

HEBREW = [
    'האגודה, ע"י מורשי החתימה (להלן: "האגודה"), מצהירה:',
    "1. השטח המפורט בסעיף ב' לעיל הוא 12.5% מהמשק.",
    "2. ב-3/5/2020 בשעה 12:30 שולמו 1,250.50 שקלים [4].",
    "חברת Google (ישראל) פרסמה את info@example.com אתמול.",
    "עמ' 5–7, טל' 050-1234567; האם ידוע לנו?",
]
PERSIAN = ["از سال ۱۳۹۸ تا ۱۴۰۰، یعنی ۱۲٫۵ درصد (۵۰٪) است.", "گزارش سالانه: ۱۲/۵/۱۳۹۹ و 3 کتاب «تازه» [۷]؟"]
ARABIC = ["السلام عليكم (2020-2021)، وبلغت النسبة 50% في المجلة.", "1. الإصلاحات في ١٢/٥/٢٠٢٠: لا شيء للاعب؟"]


def drawn(folder: Path, lines: Sequence[str], *, mirrored: bool, seed: int = 1) -> Path:
    """Draw each line in chunks of one to three words, in any order, as form fillers do."""
    font = pymupdf.Font(fontfile=str(FONTS / "DejaVuSans.ttf"))
    document = pymupdf.open()
    page = document.new_page()
    chosen = random.Random(seed)
    for number, line in enumerate(lines):
        words = visual(line, right_to_left=True, mirrored=mirrored).split(" ")
        chunks = []
        while words:
            size = chosen.randint(1, 3)
            chunks.append(" ".join(words[:size]))
            del words[:size]
        left = 540 - sum(font.text_length(chunk, 11) + 4 for chunk in chunks)
        places = []
        for chunk in chunks:
            places.append((left, chunk))
            left += font.text_length(chunk, 11) + 4
        chosen.shuffle(places)
        for x, chunk in places:
            writer = pymupdf.TextWriter(page.rect)
            writer.append((x, 90 + 30 * number), chunk, font=font, fontsize=11)
            writer.write_text(page)
    document.save(folder / "drawn.pdf")
    return folder / "drawn.pdf"


def typeset(folder: Path, body: str, *, tagged: bool = True, settings: str = 'lang: "he", dir: rtl') -> Path:
    """Typeset with Typst, in right-to-left paragraphs."""
    source = f'#set page(paper: "a4")\n#set text(font: "DejaVu Sans", size: 11pt, {settings})\n'
    (folder / "page.typ").write_text(f"{source}#set smartquote(enabled: false)\n\n{body}")
    typst.compile(str(folder / "page.typ"), output=str(folder / "page.pdf"), font_paths=[str(FONTS)])
    if tagged:
        return folder / "page.pdf"
    document = pymupdf.open(folder / "page.pdf")
    document.xref_set_key(document.pdf_catalog(), "StructTreeRoot", "null")
    document.save(folder / "untagged.pdf")
    return folder / "untagged.pdf"


def label(path: Path) -> str:
    return PageReader(str(path), "", SETTINGS).read(0).text


@needs_font
@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("lines", [HEBREW, PERSIAN, ARABIC], ids=["Hebrew", "Persian", "Arabic"])
def test_chunks_drawn_in_any_order_are_read_in_the_order_of_their_places(
    lines: list[str], tmp_path: Path, *, mirrored: bool
) -> None:
    with pymupdf.open(drawn(tmp_path, lines, mirrored=mirrored)) as document:
        assert [line.text for line in text_layer.read(document[0]).lines] == lines


@needs_font
@pytest.mark.parametrize("tagged", [True, False])
def test_a_typeset_page_has_stops_brackets_and_figures_in_their_places(tmp_path: Path, *, tagged: bool) -> None:
    text = "הסכום הוא 250 שקלים (כולל המס) ליום 3 במאי. הפרטים מלאים ונכונים, וידוע לנו כי אישור הבקשה מותנה."
    assert " ".join(label(typeset(tmp_path, text, tagged=tagged)).split()) == text


@needs_font
def test_cells_have_the_order_of_their_text(tmp_path: Path) -> None:
    cells = [
        "שם מלא",
        "סכום",
        "הערה (קצרה)",
        "דני כהן",
        "1,250.50",
        "Windows 10 של Google",
        "רות לוי",
        "50%",
        "סוף: 3 ימים.",
    ]
    body = "#table(columns: 3, " + ", ".join(f"[{cell}]" for cell in cells) + ")"
    rows = [f"| {' | '.join(cells[at : at + 3])} |" for at in (0, 3, 6)]
    assert label(typeset(tmp_path, body)) == "\n".join([rows[0], "|---|---|---|", *rows[1:]]) + "\n"


@needs_font
def test_a_right_to_left_cell_in_a_table_that_is_not(tmp_path: Path) -> None:
    cells = [
        "Name",
        "Hebrew",
        "Amount",
        "Association",
        "האגודה מסכימה (לגריעת) המשק",
        "250",
        "Company",
        "חברת Google",
        "1",
    ]
    body = (
        "An English report on land use and its owners. #table(columns: 3, " + ", ".join(f"[{c}]" for c in cells) + ")"
    )
    path = typeset(tmp_path, body, tagged=False, settings='lang: "en"')
    assert "| Association | האגודה מסכימה (לגריעת) המשק | 250 |\n| Company | חברת Google | 1 |" in label(path)


@needs_font
def test_links_in_a_line_stand_where_they_are_read(tmp_path: Path) -> None:
    body = '= כותרת ראשית\n\nקראו את #link("https://example.org")[התקנון המלא] (בעברית) לפני החתימה, עד 5.6.2024.'
    text = "קראו את התקנון המלא (בעברית) לפני החתימה, עד 5.6.2024."
    assert label(typeset(tmp_path, body)) == f"# כותרת ראשית\n\n{text}\n"


def textpage(*chars: tuple[str, float, float], baseline: float = 100.0) -> Any:
    """Return what stands for a pymupdf.TextPage with one line, in MuPDF's order of its characters."""

    class _TextPage:
        def extractText(self) -> str:  # noqa: N802  its name
            return "".join(text for text, _, _ in chars)

        def extractRAWDICT(self) -> dict[str, Any]:  # noqa: N802  its name
            found = [{"c": c, "bbox": (x0, 90.0, x1, 102.0), "origin": (x0, baseline)} for c, x0, x1 in chars]
            span = {"chars": found, "size": 10.0, "flags": 0, "font": "Naskh", "bbox": (0, 90, 500, 102)}
            line = {"spans": [span], "bbox": (0, 90, 500, 102), "dir": (1.0, 0.0), "wmode": 0}
            return {"blocks": [{"type": 0, "bbox": (0, 90, 500, 102), "lines": [line]}]}

    return _TextPage()


def read(*chars: tuple[str, float, float]) -> str:
    ordered = right_to_left.in_order(textpage(*chars))
    assert ordered is not None
    return "\n".join(span["text"] for block in ordered.blocks for line in block["lines"] for span in line["spans"])


def test_letters_of_a_ligature_follow_the_one_that_has_its_width() -> None:
    # MuPDF gives kaf, alef (no width), lam for kaf, lam-alef; and the other way round where it turns nothing.
    kaf, yeh = ("\u06a9", 20.0, 26.0), ("\u06cc", 8.0, 14.0)
    assert read(kaf, ("\u0627", 20, 20), ("\u0644", 14, 20), yeh) == "\u06a9\u0644\u0627\u06cc"
    assert read(yeh, ("\u0644", 14, 20), ("\u0627", 20, 20), kaf) == "\u06a9\u0644\u0627\u06cc"


def test_an_alef_drawn_by_itself_where_its_lam_begins_follows_it() -> None:
    meem, seen = ("\u0645", 8.0, 14.0), ("\u0633", 20.0, 28.0)
    assert read(seen, ("\u0644", 14, 20), ("\u0627", 14, 14), meem) == "\u0633\u0644\u0627\u0645"


def test_marks_stand_on_their_letter_once() -> None:
    shin, vav = ("ש", 20.0, 28.0), ("ו", 14.0, 20.0)
    # With the letter's glyph and again with their own.
    points = [("\u05c1", 20.0, 20.0), ("\u05b8", 20.0, 20.0)]
    assert read(shin, *points, *points, vav) == unicodedata.normalize("NFC", "ש\u05c1\u05b8ו")
    # The glyph of the mark stands for its letter too.
    dal, lam = ("\u062f", 14.0, 20.0), ("\u0644", 20.0, 26.0)
    assert read(lam, ("\u0651", 20, 20), dal, ("\u0651", 14.5, 14.5), ("\u062f", 14.5, 14.5)) == "\u0644\u062f\u0651"


def test_shapes_of_letters_become_letters() -> None:
    # Lam-alef as one character, an isolated fatha, and a tatweel that stays.
    assert read(("\ufeed", 26, 32), ("\ufefb", 14, 26), ("\u0640", 10, 14)) == "\u0648\u0644\u0627\u0640"
    assert read(("\ufe8f", 20, 26), ("\ufe76", 20, 20)) == "\u0628\u064e"


def test_pages_without_right_to_left_letters_are_left_alone() -> None:
    assert right_to_left.in_order(textpage(("a", 0, 5), ("b", 5, 10))) is None
    assert right_to_left.is_right_to_left("שלום abc")
    assert not right_to_left.is_right_to_left("abcd של")
