"""Promises about labels: text and tables arrive, LaTeX comes from /Alt, people override, quality is measured."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pymupdf
import pytest
import typst

from scribetune.core import isolation
from scribetune.documents.inputs import Document
from scribetune.labels import corrections
from scribetune.labels import reader as label_reader
from scribetune.labels import rows as label_rows
from scribetune.labels import shard as label_shard
from support import pdf_factory

SETTINGS = label_reader.LabelSettings(
    headers_footers="keep", tables="markdown", formulas="alt", tags="use", timeout_s_per_page=60.0, code="test"
)
FORMULA_PAGE = r"""
#set document(date: none)
#set page(width: 320pt, height: 320pt, margin: 18pt)
#set text(size: 11pt)
= Quarterly report
Revenue rose, with a rate of #math.equation(alt: "r = \\frac{a}{b}", $r = a/b$) in the year, and more text follows here.

#math.equation(block: true, alt: "g = \\frac{R_1 - R_0}{R_0} \\times 100", $ g = (R_1 - R_0)/R_0 times 100 $)

The last sentence stands below the formula.
"""


@pytest.fixture(scope="module")
def formula_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("formula")
    (folder / "page.typ").write_text(FORMULA_PAGE, encoding="utf-8")
    typst.compile(str(folder / "page.typ"), output=str(folder / "page.pdf"))
    return folder / "page.pdf"


def read(path: Path, settings: label_reader.LabelSettings = SETTINGS, page: int = 0) -> label_reader.PageText:
    return label_reader.PageReader(str(path), "", settings).read(page)


def test_latex_comes_from_the_alternative_text(formula_pdf: Path) -> None:
    page = read(formula_pdf)
    assert "rate of $r = \\frac{a}{b}$ in the year" in page.text
    assert "\n\n$$g = \\frac{R_1 - R_0}{R_0} \\times 100$$\n\n" in page.text
    assert (page.formulas, page.formulas_lost) == (2, 0)
    assert page.text.startswith("# Quarterly report\n")
    assert "below the formula" in page.text
    assert page.word_recall == 1.0


ANALYSED = label_reader.LabelSettings("keep", "markdown", "alt", "ignore", 60.0, "test")


def test_latex_finds_its_place_through_layout_analysis_too(formula_pdf: Path) -> None:
    page = read(formula_pdf, ANALYSED)
    assert "rate of $r = \\frac{a}{b}$ in the year" in page.text
    assert "\n\n$$g = \\frac{R_1 - R_0}{R_0} \\times 100$$\n\n" in page.text
    assert (page.formulas, page.formulas_lost) == (2, 0)


def test_later_pages_keep_their_tags_after_layout_analysis(tmp_path: Path) -> None:
    """pymupdf4llm removes the structure tree of the Document it works on."""
    (tmp_path / "pages.typ").write_text(FORMULA_PAGE + "\n#pagebreak()\n" + FORMULA_PAGE[40:], encoding="utf-8")
    typst.compile(str(tmp_path / "pages.typ"), output=str(tmp_path / "pages.pdf"))
    reader = label_reader.PageReader(str(tmp_path / "pages.pdf"), "", ANALYSED)
    assert [reader.read(page).formulas for page in range(2)] == [2, 2]


def test_formulas_stay_unicode_where_asked(formula_pdf: Path) -> None:
    settings = label_reader.LabelSettings("keep", "markdown", "text", "ignore", 60.0, "test")
    assert "\\frac" not in read(formula_pdf, settings).text


def test_tables_are_kept(tmp_path: Path) -> None:
    page = read(pdf_factory.healthy(tmp_path / "a.pdf", 7))
    rows = [line for line in page.text.split("\n") if line.startswith("| ")]
    assert len(rows) == 4
    assert label_rows.count_tables(page.text) == 1
    assert page.word_recall > 0.95


@pytest.mark.parametrize("tags", ["use", "ignore"])
def test_what_the_settings_drop_is_not_lost(tags: str, tmp_path: Path) -> None:
    (tmp_path / "page.typ").write_text(
        '#set page(width: 300pt, height: 400pt, header: [Annual report of all], numbering: "1")\n= Heading\nOf text.\n'
        "#v(40pt)\nMore of it.",
        encoding="utf-8",
    )
    typst.compile(str(tmp_path / "page.typ"), output=str(tmp_path / "page.pdf"))
    read_page = read(tmp_path / "page.pdf", label_reader.LabelSettings("drop", "markdown", "alt", tags, 60.0, "test"))
    assert "Annual" not in read_page.text
    assert (read_page.word_recall, read_page.word_precision) == (1.0, 1.0)


def test_glyphs_without_a_character_are_counted() -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((50, 50), "healthy text")
    assert label_reader.unmapped_share(page) == 0.0


@pytest.mark.slow
def test_a_correction_overrides_the_machine_and_names_its_reviewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = pdf_factory.healthy(tmp_path / "raw" / "a.pdf", 7, pages=2)
    human = tmp_path / "data" / "corrections" / "a" / "p0002.md"
    human.parent.mkdir(parents=True)
    human.write_text("<!-- reviewer: Ada -->\n# Right\n", encoding="utf-8")
    documents, rendered = [Document("a", path, "a.pdf")], {"a": ("sha", [1, 2])}

    def run(found: dict[tuple[str, int], Path]) -> list[label_rows.LabelRow]:
        return label_shard.label_shard(documents, rendered, {}, found, SETTINGS, workers=1)

    first, second = run(corrections.corrections_by_page([human]))
    assert first.label_source == "machine"
    assert (second.label_source, second.reviewer) == ("correction", "Ada")
    assert Path(second.label).read_text(encoding="utf-8") == "# Right\n"

    # Withdrawn again: the machine's label comes back.
    first_again, second_again = run({})
    assert first_again == first
    assert second_again.label_source == "machine"
    assert "Right" not in Path(second_again.label).read_text(encoding="utf-8")


def label_but_hang_on_page_2(
    document: str,
    path: str,
    password: str,
    settings: label_reader.LabelSettings,
    pages: Sequence[int],
    unseen: Sequence[int],
    first: int = 0,
) -> Iterator[str | label_reader.LabelledPage]:
    """Stand in for `label_document` in a worker: its second page never ends."""
    made = label_reader.label_document(document, path, password, settings, pages, unseen, first=first)
    for step in itertools.count(first):
        if step == 2:
            while True:
                pass
        try:
            value = next(made)
        except StopIteration:
            return
        yield value


@pytest.mark.slow
def test_a_page_that_hangs_costs_that_page_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is tried again next time: a crash may have been the machine's fault."""
    monkeypatch.chdir(tmp_path)
    paths = {name: pdf_factory.healthy(tmp_path / "raw" / f"{name}.pdf", 7, pages=3) for name in "ab"}
    documents = [Document(name, path, path.name) for name, path in paths.items()]
    rendered = {name: ("sha", [1, 2, 3]) for name in paths}
    settings = replace(SETTINGS, timeout_s_per_page=2.0)

    with monkeypatch.context() as patched:
        patched.setattr(label_shard, "label_document", label_but_hang_on_page_2)
        rows = label_shard.label_shard(documents[:1], rendered, {}, {}, settings, workers=1)
    assert [row.status for row in rows] == ["ok", "timed_out", "ok"]
    assert "2 s of processor time" in rows[1].message
    assert sorted(path.name for path in (tmp_path / "data" / "labels" / "a").iterdir()) == ["p0001.md", "p0003.md"]

    again = label_shard.label_shard(documents, rendered, {}, {}, settings, workers=1)
    assert [row.status for row in again] == ["ok"] * 6


@pytest.mark.slow
def test_progress_is_in_pages_of_those_known_whatever_order_documents_end_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest begins first: its pages count as they come, and so do those of one that cannot be opened."""
    monkeypatch.chdir(tmp_path)
    paths = {"a": pdf_factory.healthy(tmp_path / "a.pdf", 7), "b": tmp_path / "b.pdf",
             "c": pdf_factory.healthy(tmp_path / "c.pdf", 7, pages=3)}  # fmt: skip
    paths["b"].write_bytes(b"no PDF")
    told: list[tuple[int, str]] = []

    @contextlib.contextmanager
    def bar(_description: str, total: int, unit: str) -> Iterator[Callable[[int, str], None]]:
        told.append((total, unit))
        yield lambda steps, note: told.append((steps, note))

    monkeypatch.setattr(label_shard, "bar", bar)
    documents = [Document(name, path, path.name) for name, path in paths.items()]
    rendered = {"a": ("x", [1]), "b": ("y", [1, 2]), "c": ("z", [1, 2, 3])}
    label_shard.label_shard(documents, rendered, {}, {}, SETTINGS, workers=1)
    assert told == [
        (6, "pages"), *[(1, "0 of 3 documents")] * 3, (0, "1 of 3 documents"), (2, "2 of 3 documents"),
        (1, "2 of 3 documents"), (0, "3 of 3 documents"),
    ]  # fmt: skip


def test_a_document_that_was_given_up_still_has_a_row_for_each_page() -> None:
    page = label_rows.row_without_label("a", 1, label_rows.LabelStatus.ERROR, "odd")
    lost = isolation.Outcome(None, "timed_out", "took longer than 4 s of processor time and was given up")
    steps = [isolation.Outcome(""), isolation.Outcome(label_reader.LabelledPage(page)), lost, lost, lost]
    made = label_shard._labelled("a", [1, 2, 3, 5, 9], steps)
    assert [(one.row.page, one.row.status) for one in made] == [
        (1, "error"),
        (2, "timed_out"),
        (3, "timed_out"),
        (5, "timed_out"),
        (9, "timed_out"),
    ]
    assert made[-1].row.message == "the document was given up before it"
    assert [one.row.status for one in label_shard._labelled("a", [1, 2], [lost])] == ["timed_out", "timed_out"]
    unreadable = label_shard._labelled("a", [4], [isolation.Outcome("encrypted: it needs a password")])
    assert [(one.row.status, one.row.message) for one in unreadable] == [("error", "encrypted: it needs a password")]


@pytest.mark.parametrize(("elsewhere", "shown"), [("the twice-lived kind", "a twice-lived"), ("it", "a twicelived")])
def test_words_of_other_pages_say_how_a_word_goes_on(tmp_path: Path, elsewhere: str, shown: str) -> None:
    document = pymupdf.open()
    for lines in (
        ("this is not about a twice-", "lived word at the end of a line"),
        ("this is about", f"so {elsewhere} of"),
    ):
        page = document.new_page()
        for number, line in enumerate(lines):
            page.insert_text((72, 100 + 14 * number), line, fontsize=11)
    document.save(tmp_path / "a.pdf")
    assert shown in read(tmp_path / "a.pdf").text
