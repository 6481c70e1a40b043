"""Promises about text layers: a page whose layer is not what a reader sees has a status, and is never trained on."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pymupdf
import pytest

import label_pages
import render_pages
import split_documents
from scribetune.core import manifests
from scribetune.core.config import Selection, Splits
from scribetune.dataset import questions, selection, splits
from scribetune.documents import inputs, rendering
from scribetune.documents.inputs import DocumentStatus
from scribetune.labels.reader import LabelSettings
from support import hostile_pdfs, pdf_factory

SETTINGS = rendering.RenderSettings(long_side_px=768, color="auto", timeout_s_per_page=30.0, code="test")
LIMITS = rendering.LayerLimits()


def states(path: Path, limits: rendering.LayerLimits = LIMITS) -> list[rendering.PageRow]:
    """Render a document in this process, and judge its pages."""
    _, *rows = rendering.render_document("d", str(path), path.name, "", "0", SETTINGS)
    return [rendering.judge(row, limits) for row in rows if isinstance(row, rendering.PageRow)]


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("layers")
    return folder, hostile_pdfs.text_layers(folder)


def test_every_kind_of_page_gets_its_status_and_a_reason(
    layers: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, expected = layers
    found = {name: states(folder / name)[0] for name in expected}
    assert {name: str(row.status) for name, row in found.items()} == expected
    for row in found.values():
        assert bool(row.message) == (row.status != "ok")
        assert row.status == "ok" or "label it by hand" in row.message
        assert Path(row.image).exists()


def test_no_page_with_garbage_invisible_or_hidden_text_is_selected_and_all_counts_add_up(
    layers: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels here are as good as labels can look: only the pages' statuses stand between them and training."""
    monkeypatch.chdir(tmp_path)
    folder, expected = layers
    for name in expected:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    bad = {name: status for name, status in pdf_factory.bad_ones(tmp_path).items() if status != "ok"}
    pdf_factory.healthy(tmp_path / "three.pdf", 1, pages=3)
    found = inputs.find_documents(tmp_path).documents
    rendered = rendering.render_shard(found, {}, SETTINGS, workers=1)
    assert [result.document.document for result in rendered] == [document.id for document in found]
    assert all(len(result.pages) == result.document.pages for result in rendered)

    rows = [row for result in rendered for row in result.pages]
    labels = [
        {
            "document": row.document, "page": row.page, "label": "l.md", "label_sha256": "l", "label_source": "machine",
            "reviewer": "", "characters": 500, "word_recall": 1.0, "unmapped_share": 0.0, "tables": 0, "formulas": 0,
            "formulas_lost": 0, "status": "ok", "message": "",
        }
        for row in rows
    ]  # fmt: skip
    texts = {(row.document, row.page): f"{row.document} {row.page} {hostile_pdfs.SENTENCE}" for row in rows}
    frame = pd.DataFrame([asdict(result.document) for result in rendered])
    selected = selection.select(
        frame, pd.DataFrame([asdict(row) for row in rows]), pd.DataFrame(labels), texts, {}, Selection()
    )
    accepted = {page.document for page in selected if page.accepted}
    assert accepted == {Path(name).stem for name, status in expected.items() if status == "ok"} | {"three"}
    reasons = {f"{page.document}.pdf": page.reason for page in selected if not page.accepted}
    wanted = {name: status for name, status in expected.items() if status != "ok"}
    assert {name: reason for name, reason in reasons.items() if name in wanted} == wanted

    report = {row["path"]: row for row in selection.document_report(frame, selected, {})}
    assert len(report) == len(found)
    assert {name: report[name]["status"] for name in bad} == bad
    for row in report.values():
        assert row["accepted"] + row["refused"] == row["pages"]
        told = sum(int(part.rpartition(" ")[2]) for part in row["reasons"].split("; ") if part)
        assert told == row["refused"]
    assert {row["use"] for name, row in report.items() if name in bad} == {"unreadable"}


@pytest.mark.slow
def test_what_nobody_sees_reaches_no_training_set(
    layers: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From PDFs to the records of data/splits/train.jsonl, through the rules' own functions, by default settings."""
    monkeypatch.chdir(tmp_path)
    folder, expected = layers
    raw = tmp_path / "data" / "raw"
    raw.mkdir(parents=True)
    for name in expected:
        (raw / name).write_bytes((folder / name).read_bytes())
    for seed in range(4):
        pdf = pymupdf.open()
        page = pdf.new_page(width=320, height=320)
        for line in range(12):
            page.insert_text((20, 30 + 15 * line), pdf_factory.sentence(seed * 100 + line), fontsize=11)
        # Below 5 % of the text: such a page is used, without these words.
        page.insert_text((20, 240), f"secret{seed}", fontsize=11, color=(1, 1, 1))
        page.insert_text((20, 260), f"painted{seed}", fontsize=11)
        page.draw_rect((15, 248, 120, 264), color=(1, 1, 1), fill=(1, 1, 1))
        pdf.save(raw / f"partly{seed}.pdf")
    found = inputs.find_documents(raw).documents
    identities = {document.id: [document.relative_path, ""] for document in found}
    names = ("documents", "pages", "labels", "selection", "assignments", "report")
    tables = {name: tmp_path / f"{name}.csv" for name in names}
    render_pages.main(str(raw), identities, SETTINGS, 1, {}, tables["documents"], tables["pages"])
    settings = LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
    label_pages.main(str(raw), identities, tables["documents"], tables["pages"], [], settings, 1, tables["labels"])
    frames = {
        name: manifests.read([tables[name]], columns)
        for name, columns in (
            ("documents", selection.DOCUMENT_TEXT_COLUMNS),
            ("pages", selection.PAGE_TEXT_COLUMNS),
            ("labels", selection.LABEL_TEXT_COLUMNS),
        )
    }
    texts = selection.label_texts(frames["labels"], lambda path: Path(path).read_text(encoding="utf-8"))
    selected = selection.select(frames["documents"], frames["pages"], frames["labels"], texts, {}, Selection())
    manifests.write(
        tables["selection"], [asdict(row) for row in selected], manifests.columns_of(selection.SelectedPage)
    )
    split_files = {name: tmp_path / f"{name}.jsonl" for name in splits.NAMES}
    asked = questions.Questions({"markdown": "<image>read"}, "markdown")
    split_documents.main(
        tables["selection"], [str(tables["documents"])], {}, Splits(), asked, split_files, tables["assignments"]
    )
    written = "".join(path.read_text(encoding="utf-8") for path in split_files.values())
    used = {row.document for row in selected if row.accepted}
    assert used == {"dark", "rotated", "outside", "cropped"} | {f"partly{seed}" for seed in range(4)}
    assert all(json.loads(line) for line in split_files["train"].read_text(encoding="utf-8").splitlines())
    assert split_files["train"].read_text(encoding="utf-8")
    for seed in range(4):
        assert pdf_factory.sentence(seed * 100) in written
        assert f"secret{seed}" not in written
        assert f"painted{seed}" not in written
    assert frames["labels"].set_index("document")["word_recall"]["partly0"] == 1.0


def test_a_label_made_by_a_person_lets_any_page_with_an_image_in() -> None:
    row = {"status_label": "ok", "label_source": "correction", "characters": 100, "unmapped_share": 0.0}
    for status in rendering.PageStatus:
        reason = selection.refuse({**row, "status_page": status}, Selection())
        assert reason == ("image_failed" if status in rendering.UNREADABLE_PAGE else "")


def test_the_limits_are_the_users_and_changing_them_renders_nothing_anew(
    layers: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "white.pdf").write_bytes((layers[0] / "white.pdf").read_bytes())
    found = inputs.find_documents(tmp_path).documents
    (before,) = rendering.render_shard(found, {}, SETTINGS, workers=1)
    made = Path(before.pages[0].image).stat().st_mtime_ns
    lenient = rendering.RenderSettings(768, "auto", 30.0, "test", limits=rendering.LayerLimits(max_hidden_share=0.6))
    (after,) = rendering.render_shard(found, {}, lenient, workers=1)
    assert (before.pages[0].status, after.pages[0].status) == ("hidden_text", "ok")
    assert Path(after.pages[0].image).stat().st_mtime_ns == made


def test_private_characters_are_garbage_only_where_they_are_many(tmp_path: Path) -> None:
    row = rendering.PageRow("d", 1, "i", "s", 1, 1, "L", 1000, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, "ok", "")
    assert rendering.judge(row, LIMITS).status == "ok"
    assert rendering.judge(row, rendering.LayerLimits(max_unmapped_share=0.04)).status == "garbage_text"


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda whole: whole, "ok"),
        (lambda whole: whole[: len(whole) // 2], "truncated"),
        (lambda whole: whole[: whole.rindex(b"startxref")].rstrip(), "ok"),  # no page is missing
        (lambda whole: whole[: whole.rindex(b"endobj")], "truncated"),
        (lambda whole: whole + b"\n<!-- appended by a web server -->" * 200, "ok"),
        (lambda whole: b"\n\n" + whole, "ok"),
        (lambda whole: whole.replace(b"startxref", b"startxxxx"), "ok"),
        (lambda whole: b"GIF89a" + bytes(100), "not_a_pdf"),
        (lambda whole: b"", "not_a_pdf"),
    ],
)
def test_a_file_cut_off_is_told_from_one_that_was_mended(tmp_path: Path, make: object, status: str) -> None:
    path = pdf_factory.healthy(tmp_path / "a.pdf", 1, pages=2)
    path.write_bytes(make(path.read_bytes()))  # type: ignore[operator]
    pdf, found, message = rendering.open_pdf(str(path), "")
    assert str(found) == status
    assert bool(message) == (status != "ok")
    assert (pdf is not None) == (status == "ok")


def test_every_status_of_a_document_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in pdf_factory.bad_ones(tmp_path):
        _, status, message = rendering.open_pdf(str(tmp_path / name), "")
        assert status == DocumentStatus.OK or "; " in message, name


def test_a_link_to_nothing_costs_its_row_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gone.pdf").symlink_to(tmp_path / "nowhere")
    pdf_factory.healthy(tmp_path / "good.pdf", 1)
    gone, good = rendering.render_shard(inputs.find_documents(tmp_path).documents, {}, SETTINGS, workers=1)
    assert (gone.document.status, good.document.status) == ("error", "ok")
    assert "cannot be read" in gone.document.message


def test_the_sheets_variable_is_named_where_it_does_not_hold_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pdf_factory.bad_ones(tmp_path)
    (document,) = (one for one in inputs.find_documents(tmp_path).documents if one.id == "locked")
    for password in ("", "wrong"):
        (result,) = rendering.render_shard([document], {"locked": password}, SETTINGS, 1, variables={"locked": "KEY_7"})
        assert "KEY_7" in result.document.message
        assert "wrong" not in result.document.message


def test_manifests_keep_what_names_hold(tmp_path: Path) -> None:
    rows = [{"document": f"d{n}", "path": name} for n, name in enumerate(hostile_pdfs.STRANGE_NAMES)]
    manifests.write(tmp_path / "m.csv", rows, ["document", "path"])
    assert [row["path"] for row in manifests.rows(manifests.read([tmp_path / "m.csv"], ("document", "path")))] == list(
        hostile_pdfs.STRANGE_NAMES
    )


def test_form_fields_and_annotations_are_drawn(tmp_path: Path) -> None:
    made = pymupdf.open()
    page = made.new_page(width=300, height=300)
    field = pymupdf.Widget()
    field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, "name", "MMMMMM"
    field.rect = pymupdf.Rect(20, 20, 280, 60)
    page.add_widget(field)
    page.add_highlight_annot(pymupdf.Rect(20, 200, 280, 240))
    made.save(tmp_path / "form.pdf")
    page = pymupdf.open(tmp_path / "form.pdf")[0]
    from scribetune.documents import page_images

    image = page_images.render(page, page.get_displaylist(), 300, "auto")
    assert image.mode == "RGB"  # the highlight
    assert image.pixels[20:60, 20:280].min() < 100
    assert image.pixels[200:240, 20:280].min() < 100


def test_text_off_the_page_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printers' slugs stand beside the crop box on every page of a book."""
    monkeypatch.chdir(tmp_path)
    made = pymupdf.open()
    page = made.new_page(width=500, height=500)
    for line in range(6):
        page.insert_text((60, 100 + 20 * line), hostile_pdfs.SENTENCE[:60], fontsize=10)
        page.insert_text(
            (60, 470 + 5 * line), "Book_12-345_p007.indd  03/04/20  11:12:13 Uhr  cyan magenta", fontsize=5
        )
    page.set_cropbox(pymupdf.Rect(30, 30, 470, 450))
    made.save(tmp_path / "slugs.pdf")
    (row,) = states(tmp_path / "slugs.pdf")
    assert (row.status, row.hidden_share) == ("ok", 0.0)
    assert row.layer_characters == 6 * len("".join(hostile_pdfs.SENTENCE[:60].split()))


def test_unpainted_characters_count_as_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some producers write all characters of a font unpainted, so that viewers load it: a word or two."""
    monkeypatch.chdir(tmp_path)
    made = pymupdf.open()
    page = made.new_page(width=500, height=500)
    for line in range(6):
        page.insert_text((60, 100 + 20 * line), hostile_pdfs.SENTENCE[:60], fontsize=10)
    page.insert_text((60, 400), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", fontsize=2, render_mode=3)
    page.insert_text((60, 420), ". . . . . . . . . . . . . . . . . . . . . . . . . . . . .", fontsize=2, render_mode=3)
    made.save(tmp_path / "subset.pdf")
    (row,) = states(tmp_path / "subset.pdf")
    assert row.status == "ok"
    assert 0 < row.invisible_share < 0.03


def test_vertical_text_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = "日本語の縦書きの文章はこのように上から下へ書かれる。右から左へ行が進む。".encode("utf-16-be").hex()
    rows = "".join(f"1 0 0 1 {500 - 30 * column} 740 Tm <{written}> Tj\n" for column in range(8))
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UTF16-V /DescendantFonts [6 0 R] >>"
    )
    descendant = (
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Japan1) /Supplement 6 >> /FontDescriptor << /Type /FontDescriptor /FontName /HeiseiMin-W3 "
        b"/Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 /Descent -200 /StemV 80 >> >>"
    )
    content = hostile_pdfs.stream(f"BT /F1 12 Tf {rows} ET".encode())
    resources = b"/Font << /F1 5 0 R >>"
    (tmp_path / "v.pdf").write_bytes(hostile_pdfs.one_page(content, resources=resources, more=[font, descendant]))
    made = pymupdf.open()
    page = made.new_page()
    for column in range(20):
        page.insert_text((60 + 20 * column, 700), "A line of text that runs up the page", rotate=90, fontsize=10)
    made.save(tmp_path / "up.pdf")
    for name in ("v.pdf", "up.pdf"):
        (row,) = states(tmp_path / name)
        assert (row.status, row.hidden_share) == ("ok", 0.0), name
