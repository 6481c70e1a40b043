"""Promises about the page image as a witness: what a text layer says wrongly is named, with words and places."""

import json
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from scribetune.core.config import Selection
from scribetune.core.errors import UserError
from scribetune.dataset import trust
from scribetune.dataset.selection import Reason, refuse
from scribetune.labels import agreement, image_models, image_reading, image_witness, reader
from support import pdf_factory
from support.font_claims import with_claims

needs_models = pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="rapidocr")
LINES = (
    "The heating of the second floor was renewed in autumn",
    "and both of the older boilers were sold for little money.",
    "Four thousand people read the journal of the society,",
    "whose next volume will come out in the middle of March.",
)


def shifted(letter: str) -> str:
    """Return the next letter of the alphabet."""
    return chr(ord(letter) + 1) if letter.isalpha() and letter not in "zZ" else letter


def swapped(letter: str) -> str:
    """Return o for e, and e for o."""
    return {"e": "o", "o": "e"}.get(letter, letter)


def made(says: Callable[[str], str], more: str = "", pages: int = 1) -> pymupdf.Document:
    """Return a PDF with an embedded font whose letters are said to be others."""
    font = pymupdf.Font("tiro")
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_font(fontname="F0", fontbuffer=font.buffer)
    lines = [*LINES, *([more] if more else [])]
    for number, line in enumerate(lines):
        page.insert_text((72, 100 + 20 * number), line, fontname="F0", fontsize=12)
    claiming = with_claims(pdf, {font.has_glyph(ord(letter)): says(letter) for line in lines for letter in line})
    for _ in range(1, pages):
        claiming.fullcopy_page(0)
    return claiming


@needs_models
def test_a_font_that_tells_the_truth_has_nothing_against_it() -> None:
    witness = image_witness.Witness(made(lambda letter: letter, pages=2))
    found = witness.of_page(0)
    assert found is not None
    assert (found.agreement, found.disagreements) == (1.0, ())
    assert witness.of_page(1) is None  # its font is known, and it is not read


@needs_models
def test_a_font_whose_letters_are_exchanged_is_named_on_each_of_its_pages_with_words_and_places() -> None:
    witness = image_witness.Witness(made(shifted, pages=2))
    for number in (0, 1):
        found = witness.of_page(number)
        assert found is not None
        assert found.agreement < 0.6
        (font,) = found.disagreements
        assert font.kind == "font"
        said = {reading.label: reading.image for reading in font.readings}
        assert any(shown and label == "".join(map(shifted, shown)) for label, shown in said.items())
        assert all(70 < reading.box[0] < 400 and 80 < reading.box[1] < 170 for reading in font.readings)
        assert f"{font.font} are read as others" in image_witness.in_words(found.disagreements, number + 1)


@needs_models
def test_two_letters_exchanged_are_seen_among_others_that_are_right() -> None:
    found = image_witness.read_page(made(swapped)[0])
    assert {one.kind for one in found} == {"letter"}
    assert {one.what.split(" of the font")[0] for one in found} == {"“e”", "“o”"}


@needs_models
@pytest.mark.parametrize("pair", ["eo", "ae", "nu", "tl"])
def test_two_letters_exchanged_are_seen_beside_capitals_that_are_right(pair: str) -> None:
    one, other = pair[0], pair[1]
    found = image_witness.read_page(
        made(lambda letter: {one: other, other: one}.get(letter, letter), "Every Allotment")[0]
    )
    assert {what.kind for what in found} == {"letter"}
    assert f"“{one}” of the font" in " ".join(what.what for what in found)


def test_readings_that_exchange_two_letters_count_together_and_capitals_for_themselves() -> None:
    def read(*pairs: tuple[str, str]) -> list[image_witness.Reading]:
        return [image_witness.Reading(label, image, (0, 0, 1, 1)) for label, image in pairs]

    exchanged = image_witness._exchanged
    assert exchanged(read(("Evary", "Every"), ("mixad", "mixed")), 2) == [("a", "e")]  # E is read as itself
    assert exchanged(
        read(
            ("270,638", "270,683"),
        ),
        2,
    ) == [("3", "8"), ("8", "3")]  # one is read as the other
    assert exchanged(read(("lighf", "light"), ("public", "public")), 2) == []  # once: the reader's mistake, maybe
    thrice = read(("lighf", "light"), ("fhe", "the"), ("Easf", "East"))
    assert exchanged([*thrice, *read(("confirms", "confirms"))], 2) == [("f", "t")]  # one letter said for two
    assert exchanged([*thrice[:2], *read(("confirms", "confirms"))], 2) == []
    assert exchanged(read(("資本金", "资本金"), ("投資", "投资")), 2) == []  # a form of the same
    assert exchanged(read(("l0ok", "look"), ("c0t", "cot")), 2) == []  # they look alike


@needs_models
def test_lines_without_words_beneath_are_named() -> None:
    outlines = pymupdf.open("svg", made(str)[0].get_svg_image(text_as_path=True).encode())
    pdf = pymupdf.open("pdf", outlines.convert_to_pdf())
    assert not pdf[0].get_text().strip()
    for number in range(6):
        pdf[0].insert_text((72, 300 + 20 * number), pdf_factory.sentence(number))
    (lost,) = image_witness.read_page(pdf[0])
    assert lost.kind == "lost"
    assert any("heating of the second floor" in reading.image for reading in lost.readings)
    assert all(reading.label == "" and reading.box[3] < 200 for reading in lost.readings)


def outlined(*at: int, far: float = 0.0) -> pymupdf.Document:
    """Return a PDF whose lines of these numbers are drawn as outlines, and no text; the others stand so far below."""
    svg = made(str)[0].get_svg_image(text_as_path=True)
    drawn = pymupdf.open("pdf", pymupdf.open("svg", svg.encode()).convert_to_pdf())
    pdf = pymupdf.open()
    page = pdf.new_page()
    for number, line in enumerate(LINES):
        if number in at:
            box = pymupdf.Rect(60, 86 + 20 * number, 500, 105 + 20 * number)
            page.show_pdf_page(box, drawn, 0, clip=box)
        else:
            page.insert_text((72, 100 + 20 * number + far), line, fontname="tiro", fontsize=12)
    return pdf


@needs_models
def test_one_line_within_text_is_missed_and_one_in_a_picture_or_far_from_text_is_not() -> None:
    pdf = outlined(2)
    assert "Four thousand" not in pdf[0].get_text()
    witness = image_witness.Witness(pdf)
    found = witness.of_page(0)
    assert found is not None
    (lost,) = found.disagreements
    assert (lost.kind, len(lost.readings)) == ("lost", 1)
    assert lost.what.startswith("1 line is seen where the text layer has no words: “Four thousand people")
    in_picture = witness.of_page(0, pictures=[(0.0, 120.0, 595.0, 150.0)])
    assert in_picture is not None
    assert in_picture.disagreements == ()
    alone = image_witness.Witness(outlined(2, far=300)).of_page(0)
    assert alone is not None
    assert alone.disagreements == ()


@needs_models
def test_a_picture_of_nothing_but_lines_is_text_that_nobody_wrote_down() -> None:
    found = image_witness.Witness(outlined(1, 2)).of_page(0, pictures=[(72.0, 108.0, 400.0, 146.0)])
    assert found is not None
    assert [len(one.readings) for one in found.disagreements] == [2]


@needs_models
def test_pages_that_draw_letters_are_looked_at_outside_the_sample_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(image_witness, "SHORT", 10**9)  # no short document is in the sample
    outlined(2).save("a.pdf")
    _, page = reader.label_document("a", "a.pdf", "", SETTINGS, [1])
    assert isinstance(page, reader.LabelledPage)
    assert [one["kind"] for one in json.loads(page.row.disagreements)] == ["lost"]
    assert trust.of({"status_label": "ok", **vars(page.row)}).value < Selection().min_trust
    made(str).save("b.pdf")
    _, page = reader.label_document("b", "b.pdf", "", SETTINGS, [1])
    assert isinstance(page, reader.LabelledPage)
    assert page.row.agreement == agreement.UNKNOWN


@needs_models
def test_words_where_nothing_is_seen_are_named() -> None:
    pdf = made(str)
    pdf[0].insert_text((72, 300), "four words in white", color=(1, 1, 1))
    (undrawn,) = image_witness.read_page(pdf[0])
    assert undrawn.kind == "undrawn"
    assert [reading.label for reading in undrawn.readings] == ["four", "words", "in", "white"]
    # Where it is known that some of a page's text is not seen, the label has none of that.
    said = image_witness.Witness(pdf).of_page(0, has_unseen=True)
    assert said is not None
    assert said.disagreements == ()


@needs_models
def test_the_manifest_has_what_the_image_says_and_the_page_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made(shifted, pages=image_witness.SHORT).save("a.pdf")
    _, page = reader.label_document("a", "a.pdf", "", SETTINGS, [1])
    assert isinstance(page, reader.LabelledPage)
    assert page.row.status == "ok"
    assert "the image of page 1 says otherwise" in page.row.message
    (stored,) = json.loads(page.row.disagreements)
    assert stored["kind"] == "font"
    row = {"status_page": "ok", "status_label": "ok", **vars(page.row)}
    assert refuse(row, Selection()) is Reason.LOW_AGREEMENT


@needs_models
def test_the_image_of_a_line_is_read_with_the_places_of_its_letters() -> None:
    pdf = made(str)
    pixmap = pdf[0].get_pixmap(dpi=150)
    found = image_reading.lines_of(pixmap.pil_image())
    assert [line.read.text for line in found] == list(LINES)
    places = found[0].read.places
    assert len(places) == len(LINES[0])
    assert list(places) == sorted(places)
    assert places[0] < 0.05
    assert places[-1] > 0.9


def test_models_are_taken_by_hash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rapidocr" / "models").mkdir(parents=True)
    (tmp_path / "rapidocr" / "__init__.py").write_text("raise AssertionError('its code is not run')")
    (tmp_path / "rapidocr" / "models" / image_models.FINDER).write_bytes(b"another")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=f"{image_models.FINDER} is not the model that is known here"):
        image_models.require()


def test_without_models_nothing_is_read_and_each_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_models, "_folder", lambda: None)
    assert agreement.reader_of("auto") == "absent"
    monkeypatch.chdir(tmp_path)
    path = pdf_factory.healthy(tmp_path / "a.pdf", 7)
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", agreement="absent")
    _, page = reader.label_document("a", str(path), "", settings, [1])
    assert isinstance(page, reader.LabelledPage)
    assert (page.row.status, page.row.agreement, page.row.image_reader) == ("ok", -1, "absent")
    assert agreement.reader_of("tesseract") == "tesseract"
    with pytest.raises(UserError, match="rapidocr, which carries the models, is not installed"):
        agreement.require("rapidocr", "eng")


def test_of_short_documents_some_are_looked_at_and_always_the_same() -> None:
    looked_at = []
    for number in range(64):
        pdf = pymupdf.open()
        for _ in range(2):
            pdf.new_page().insert_text((72, 100), f"Form {number}", fontsize=12)
        chosen = [bool(image_witness.Witness(pdf, image_witness.SHORT).sample) for _ in range(2)]
        assert chosen[0] == chosen[1]
        looked_at.append(chosen[0])
    assert 8 <= sum(looked_at) <= 24  # 2 of 8, by lot
