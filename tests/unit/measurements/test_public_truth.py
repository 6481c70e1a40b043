"""The measure of labels against public truth: sets are read as their repositories have them, and figures are right."""

import json
import stat
import sys
from pathlib import Path

import public_truth
import pymupdf
import pytest
from public_sets import (
    SETS,
    Answer,
    Document,
    NotThereError,
    PublicSet,
    find,
    heading_similarity,
    text_similarity,
)

ONE = "intro words\n# One\nfirst text\nmore\n## Two\n| a | b |\n|---|---|\n| 1 | 2 |\n### Three\n"
OTHER = (
    "# One!\nfirst text more\n**Two**\n"
    "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n# Three\nlast"
)
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n"


def pdf(path: Path, text: str = "words") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as document:
        document.new_page().insert_text((72, 72), text)
        document.save(path)
    return path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(name: str, folder: Path) -> PublicSet:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return find(name, folder, work)


# Values of opendataloader-bench's evaluators at commit b4b9505.
def test_texts_and_headings_score_as_in_the_reference_implementation() -> None:
    assert heading_similarity(ONE, OTHER) == pytest.approx(0.30653358080981297, abs=1e-12)
    assert heading_similarity(OTHER, ONE) == pytest.approx(0.30653358080981297, abs=1e-12)
    assert heading_similarity(ONE, "no heading") == 0.0
    assert heading_similarity("no heading", ONE) is None
    assert text_similarity(ONE, OTHER) == pytest.approx(0.8879668049792531, abs=1e-12)
    assert text_similarity(ONE, "no heading") == pytest.approx(0.08955223880597017, abs=1e-12)


@pytest.mark.parametrize("name", SETS)
def test_a_set_that_is_not_there_says_what_was_looked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=name.partition(" ")[0]):
        found(name, tmp_path)


def test_icdar_tables_are_compared_page_by_page_or_all_together(tmp_path: Path) -> None:
    cells = "".join(
        f'<cell start-row="{row}" start-col="{column}"><content>{text}</content></cell>'
        for row, column, text in ((0, 0, "a"), (0, 1, "b"), (1, 0, "1"), (1, 1, "2"))
    )
    write(tmp_path / "icdar2013/x-str.xml", f'<d><table><region page="2">{cells}</region></table></d>')
    pdf(tmp_path / "icdar2013/x.pdf")
    pdf(tmp_path / "icdar2013/no-truth.pdf")
    icdar = found("icdar2013", tmp_path)
    assert [document.name for document in icdar.documents] == ["x"]
    assert icdar.score({"x": Answer(["", TABLE])})[""]["adjacency"].value == 1.0
    assert icdar.score({"x": Answer([TABLE, ""])})[""]["adjacency"].value == 0.0
    assert icdar.score({"x": Answer([TABLE], whole=True)})[""]["grits"].value == 1.0


def test_facts_of_tables_and_formulas_are_told_apart_and_headers_dropped(tmp_path: Path) -> None:
    data = tmp_path / "olmocr/olmocr/bench/sample_data"
    pdf(data / "pdfs/x.pdf")
    facts = (
        {"id": "1", "type": "present", "text": "words"},
        {"id": "2", "type": "table", "cell": "1", "up": "a"},
        {"id": "3", "type": "math", "math": "x^2"},
    )
    write(data / "dataset.jsonl", "".join(json.dumps({"pdf": "x.pdf", "page": 1, **fact}) + "\n" for fact in facts))
    olmocr = found("olmocr", tmp_path)
    assert [document.headers for document in olmocr.documents] == ["drop"]
    figures = olmocr.score({"x.pdf": Answer([f"words\n\n{TABLE}"])})[""]
    assert {name: (figure.value, figure.counted) for name, figure in figures.items()} == {
        "facts": (1.0, 2),
        "table_facts": (1.0, 1),
        "formula_facts": (0.0, 1),
    }


def test_documents_in_parts_have_a_group_for_each(tmp_path: Path) -> None:
    for part, name in (("arxiv", "a"), ("github", "b")):
        pdf(tmp_path / f"READoc/data/{part}/pdf/{name}.pdf")
        write(tmp_path / f"READoc/data/{part}/markdown/{name}.md", ONE)
    scored = found("READoc", tmp_path).score({"arxiv/a": Answer([ONE]), "github/b": Answer()})
    assert {group: figures["overall"].value for group, figures in scored.items()} == {"": 0.5, "arxiv": 1, "github": 0}


def test_a_pointer_to_a_large_file_is_no_pdf_but_published_answers_count(tmp_path: Path) -> None:
    bench = tmp_path / "opendataloader-bench"
    write(bench / "pdfs/1.pdf", "version https://git-lfs.github.com/spec/v1\n")
    write(bench / "ground-truth/markdown/1.md", ONE)
    write(bench / "prediction/engine/markdown/1.md", ONE)
    opendataloader = found("opendataloader-bench", tmp_path)
    assert not opendataloader.documents
    assert opendataloader.score(opendataloader.published["engine"])[""]["teds"].value == 1.0


def test_a_table_of_pictures_becomes_a_pdf_with_its_texts_and_rules_in_place(tmp_path: Path) -> None:
    examples = tmp_path / "PubTabNet/examples"
    examples.mkdir(parents=True)
    with pymupdf.open() as document:
        page = document.new_page(width=200, height=60)
        page.draw_line((10, 30), (190, 30), width=2)
        page.get_pixmap().save(examples / "x.png")
    cells = [
        {"tokens": ["<b>", *text, "</b>"], "bbox": [20 + 80 * column, 10 + 30 * row, 60 + 80 * column, 20 + 30 * row]}
        for row, line in enumerate(("ab", "12"))
        for column, text in enumerate(line)
    ]
    tokens = ["<tbody>", *(["<tr>", "<td>", "</td>", "<td>", "</td>", "</tr>"] * 2), "</tbody>"]
    record = {"filename": "x.png", "html": {"cells": cells, "structure": {"tokens": tokens}}}
    write(examples / "PubTabNet_Examples.jsonl", json.dumps(record) + "\n")
    pubtabnet = found("PubTabNet", tmp_path)
    assert pubtabnet.score({"x": Answer([TABLE])})[""]["adjacency"].value == 1.0
    assert pubtabnet.score({"x": Answer(["no table"])})[""]["teds"].value == 0.0
    with pymupdf.open(pubtabnet.documents[0].pdf) as document:
        assert document[0].get_text().split() == ["a", "b", "1", "2"]
        assert len(document[0].get_drawings()) == 1


def test_pages_that_are_pictures_are_scans_or_lines_where_people_marked_them(tmp_path: Path) -> None:
    data = tmp_path / "OmniDocBench/demo_data/omnidocbench_demo"
    (data / "images").mkdir(parents=True)
    with pymupdf.open() as document:
        document.new_page(width=400, height=300).get_pixmap().save(data / "images/x.png")
    line = {"category_type": "text_span", "poly": [20, 20, 300, 20, 300, 40, 20, 40], "text": "A line of text."}
    blocks = [
        {**line, "category_type": "text_block", "anno_id": 1, "order": 1, "ignore": False, "line_with_spans": [line]},
        {
            "category_type": "figure",
            "poly": [20, 60, 90, 60, 90, 90, 20, 90],
            "anno_id": 2,
            "order": 2,
            "ignore": False,
        },
    ]
    # The size is the other way round, as in some of the set.
    information = {"image_path": "x.png", "width": 300, "height": 400, "page_no": 1}
    row = {"layout_dets": blocks, "extra": {"relation": []}, "page_info": information}
    write(data / "OmniDocBench_demo.json", json.dumps([row]))
    write(tmp_path / "OmniDocBench/demo_data/end2end/x.md", "A line of text.")
    scans, typeset = found("OmniDocBench", tmp_path), found("OmniDocBench typeset", tmp_path / "")
    assert scans.score(scans.published["its demo"])[""]["text"].value == 1.0
    assert typeset.score({"x": Answer(["A line of"])})[""]["text"].value == pytest.approx(0.6, abs=0.1)
    with pymupdf.open(typeset.documents[0].pdf) as document:
        assert document[0].get_text().strip() == "A line of text."
        assert len(document[0].get_images()) == 1
        assert document[0].rect.width == 842


def reader(path: Path, lines: str) -> str:
    """Write a program that stands in for Python with a reader: it answers task by task."""
    write(
        path,
        f"#!{sys.executable}\nimport json, os, sys, time\n"
        f"for line in sys.stdin:\n    pdf = json.loads(line)['pdf']\n{lines}",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(("failure", "why"), [("os._exit(3)", "ended with code 3"), ("time.sleep(60)", "within 2 s")])
def test_a_document_that_ends_the_reader_is_refused_and_the_rest_are_read(
    tmp_path: Path, failure: str, why: str
) -> None:
    answered = (
        "{'pdf': pdf, 'pages': ['words'], 'whole': False, 'refused': {}, 'error': '', 'seconds': 2.0, 'peak_mb': 7}"
    )
    python = reader(
        tmp_path / "python", f"    if 'bad' in pdf:\n        {failure}\n    print(json.dumps({answered}), flush=True)\n"
    )
    documents = [Document(name, pdf(tmp_path / f"{name}.pdf")) for name in ("one", "bad", "two")]
    answers = public_truth.read("kreuzberg", python, documents, limit_s=2)
    assert [answer["pages"] for answer in answers] == [["words"], [], ["words"]]
    assert why in answers[1]["error"]
    assert public_truth.costs(documents, answers) == {
        "seconds_a_page": pytest.approx(4 / 3), "peak_mb": 7, "pages": 3, "refused": 1,
    }  # fmt: skip


def test_pages_without_text_and_pages_not_trusted_are_refused_once(tmp_path: Path) -> None:
    with pymupdf.open() as document:
        for _ in range(3):
            document.new_page()
        document.save(tmp_path / "x.pdf")
    answer = {"pages": ["", "words", "words"], "whole": False, "refused": {"1": "scan", "2": "low_recall"}, "error": ""}
    costs = public_truth.costs([Document("x", tmp_path / "x.pdf")], [{**answer, "seconds": 1, "peak_mb": 1}])
    assert (costs["pages"], costs["refused"]) == (3, 2)


@pytest.mark.slow
def test_labels_are_measured_and_sets_that_are_not_there_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "A sentence that is long enough to be taken for a label."
    pdf(tmp_path / "READoc/data/arxiv/pdf/a.pdf", sentence)
    write(tmp_path / "READoc/data/arxiv/markdown/a.md", sentence)
    (tmp_path / "READoc/data/github/pdf").mkdir(parents=True)
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["public_truth.py", "--folder", str(tmp_path), "--out", str(out)])
    assert public_truth.main() == 0
    said = capsys.readouterr()
    assert "olmocr is left out" in said.err
    assert "https://github.com/allenai/olmocr" in said.err
    rows = (out / "public_truth.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[2:] for row in rows[1:3]] == [["text", "1.000000", "1"], ["overall", "1.000000", "1"]]
    assert "| 0 of 1 |" in (out / "public_truth.md").read_text(encoding="utf-8")


def test_a_reader_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["public_truth.py", "--folder", str(tmp_path), "--reader", "kreuzberg=/nowhere"])
    with pytest.raises(SystemExit):
        public_truth.main()
    assert "kreuzberg=/nowhere: kreuzberg is not there" in capsys.readouterr().err
