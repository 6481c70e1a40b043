"""Promises about forms and texts that layout analysis takes for drawings: their words are not lost in silence."""

import json
from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.dataset import trust
from scribetune.labels import drawing_witness, layout_model
from scribetune.labels.layout_model import Region
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.labels.rows import row_of
from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line, Span

BOX: Box = (100.0, 100.0, 400.0, 300.0)
SETTINGS = LabelSettings("keep", "html", "alt", "use", 60.0, "")


def drawn(texts: Sequence[str], *, horizontal: bool = True) -> PageBlock:
    lines = []
    for number, text in enumerate(texts):
        box = (110.0, 110.0 + 20 * number, 110.0 + 5 * len(text), 120.0 + 20 * number)
        lines.append(Line((Span(text, box, 10.0, False, False, False, False),), box, 0, horizontal))
    return PageBlock(Kind.DRAWN, BOX, tuple(lines))


@pytest.mark.parametrize(
    "texts",
    [
        ["Given Name:", "Jonathan", "Family Name:", "Link", "Country:", "Germany"],
        ["姓名：", "国家：", "电话："],
        ["The artwork below may be only a draft.", "Remark: this stands for the production date."],
        ["Copy of marking plate:", "The artwork below may be only a draft.", "1.2 V"],
        ["下面的图样只是一份草稿。", "这些文字表示生产的日期。"],
        ["a. “Put the toy on the table.”", "d. “Find your coat.”", "YES", "SOMETIMES"],
    ],
)
def test_names_one_below_the_other_and_sentences_are_no_words_of_a_drawing(texts: Sequence[str]) -> None:
    (found,) = drawing_witness.of_blocks([drawn(texts)])
    assert (found.page, found.label) == (texts[0], "")
    assert BOX[0] <= found.box[0] < found.box[2]


@pytest.mark.parametrize(
    "texts",
    [
        ["0.1", "0.2", "Number of clients", "run 1", "run 2"],
        ["Key:", "Value:", "Key:", "Value:", "Key:"],
        ["loop:", "begin:", "end:", "exit:"],
        ["Is it done?", "Yes.", "No.", "Send the mail."],
        ["The master asks each of its clients.", "Master", "Client"],
        ["a. Input", "b. Output", "c. ready.", "d. not yet."],
    ],
)
def test_words_of_plots_and_diagrams_are_a_drawings(texts: Sequence[str]) -> None:
    assert drawing_witness.of_blocks([drawn(texts)]) == ()


def test_text_that_is_in_the_label_or_runs_up_the_page_is_not_asked_for() -> None:
    names = ["Given Name:", "Family Name:", "Country:"]
    written = PageBlock(Kind.TEXT, BOX, drawn(names).lines)
    assert drawing_witness.of_blocks([written, drawn(names, horizontal=False)]) == ()


def test_a_page_whose_form_is_called_a_picture_is_not_trusted_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=595, height=842)
    for number, text in enumerate(("Given Name:", "Family Name:", "Country:", "Driving License:")):
        page.insert_text((110, 130 + 40 * number), text, fontsize=10)
        page.draw_rect((220, 118 + 40 * number, 390, 136 + 40 * number))
    for n in range(70):  # a flourish, for which the page is given to the layout model
        page.draw_line((120 + 3 * n, 295 - 2 * n), (123 + 3 * n, 292 - 2 * n))
    text = "Running text of the page stands below the form and goes on for some lines of usual length. "
    page.insert_textbox(pymupdf.Rect(72, 360, 522, 600), text * 6, fontsize=10)
    path = tmp_path / "form.pdf"
    pdf.save(path)
    regions = [Region("picture", BOX), Region("text", (70, 358, 522, 600))]
    monkeypatch.setattr(layout_model, "regions_of", lambda page: regions)
    found = PageReader(str(path), "", SETTINGS).read(0)
    assert "Given Name" not in found.text
    assert found.findings is not None
    row = vars(row_of("d", 1, found.text, "", word_recall=1.0, word_precision=1.0, findings=found.findings))
    trusted = trust.of(row | {"label_source": "machine"})
    assert trusted.value < 0.85
    assert any("Given Name:" in reason and "110 pt from the left" in reason for reason in trusted.reasons)
    assert json.loads(row["findings"])[0][:2] == ["figures_astray", "Given Name:"]
