"""Documents into Markdown: what is written, what goes on after a stop, and what a bad document costs."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from scribetune.conversion import converting, given, joining
from scribetune.conversion.converting import Conversion, Wanted
from scribetune.conversion.manifest import Journal, PageResult
from scribetune.conversion.readers import Reading
from scribetune.core import config, files
from scribetune.core.errors import UserError
from support.scripted_reader import Scripted, make_pdf

CONFIG = config.load({"pages": {"long_side_px": 320}})
KEY = "secret"
TABLE = "# Page\n\n| a | b |\n|---|---|\n| =1+1 | <script>alert(1)</script> |\n"


def run(output: Path, inputs: Sequence[Path], reader: Scripted, **wanted: object) -> Conversion:
    return converting.convert(inputs, CONFIG, Wanted(output, **wanted), lambda: reader)  # type: ignore[arg-type]


def manifest(output: Path) -> list[dict[str, str]]:
    with (output / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_pages_documents_and_a_row_for_each_page(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "report.pdf", 3, blank=1)
    out = tmp_path / "out"
    done = run(out, [pdf], Scripted(), page_marks=True)
    assert done.is_complete and done.statuses == {"ok": 3, "blank": 1}
    assert (out / "pages/report/p0002.md").read_text() == "text p0002\n"
    joined = (out / "report.md").read_text()
    assert joined.startswith("<!-- page 1 -->\n\ntext p0001\n\n<!-- page 2 -->") and joined.endswith(
        "<!-- page 4 -->\n"
    )
    assert [(row["page"], row["status"], row["stop_reason"]) for row in manifest(out)] == [
        ("1", "ok", "eos"), ("2", "ok", "eos"), ("3", "ok", "eos"), ("4", "blank", ""),
    ]  # fmt: skip
    assert not list(out.glob(".rendered-*")), "page images are left"


def test_a_stopped_call_goes_on_and_reads_no_finished_page_again(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 7)
    whole = tmp_path / "whole"
    run(whole, [pdf], Scripted())
    out = tmp_path / "out"
    seen: list[str] = []
    for stop in (2, 3):
        reader = Scripted(stop_at=stop)
        with pytest.raises(KeyboardInterrupt):
            run(out, [pdf], reader)
        seen += reader.seen
    reader = Scripted()
    done = run(out, [pdf], reader)
    seen += reader.seen
    assert sorted(seen) == [f"a/p{page:04d}" for page in range(1, 8)]
    assert (done.read, done.read_before) == (2, 5)
    assert (out / "a.md").read_bytes() == (whole / "a.md").read_bytes()


def test_another_model_a_changed_text_or_a_changed_document_is_read_again(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 2)
    out = tmp_path / "out"
    run(out, [pdf], Scripted())
    assert run(out, [pdf], Scripted(made_by="other")).read == 2
    (out / "pages/a/p0001.md").write_text("by hand\n")
    assert run(out, [pdf], Scripted(made_by="other")).read == 1
    make_pdf(pdf, 2, blank=1)
    assert run(out, [pdf], Scripted(made_by="other")).read == 3


def test_bad_documents_cost_themselves(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        make_pdf(folder / f"good{number}.pdf", 1)
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (folder / "empty.pdf").write_bytes(b"")
    make_pdf(folder / "locked.pdf", 1, password=KEY)
    out = tmp_path / "out"
    done = run(out, [folder], Scripted())
    rows = {row["path"]: row["status"] for row in manifest(out)}
    assert len(rows) == 6 and [rows[f"good{n}.pdf"] for n in range(3)] == ["ok"] * 3
    assert rows["locked.pdf"] == "encrypted" and rows["empty.pdf"] == "not_a_pdf" and rows["damaged.pdf"] != "ok"
    assert not done.is_complete
    said = converting.summary(done, out)
    assert "locked.pdf: encrypted: it needs a password" in said and "3 ok" in said
    assert run(out, [folder / "locked.pdf"], Scripted(), password=KEY).is_complete


def test_texts_to_be_looked_at_are_marked(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 5)
    readings = [
        Reading("fine", "eos", 4, mean_probability=0.99, least_probability=0.9),
        Reading("unsure", "eos", 4, mean_probability=0.5, least_probability=0.1),
        Reading("cut", "length", 4, mean_probability=0.99, least_probability=0.9),
        Reading("again " * 60, "eos", 4, mean_probability=0.99, least_probability=0.9),
        Reading(failure="the server is gone"),
    ]
    out = tmp_path / "out"
    done = run(out, [pdf], Scripted(readings))
    assert [row["status"] for row in manifest(out)] == ["ok", "unsure", "cut", "loop", "error"]
    assert not done.is_complete and len(done.flagged) == 3
    assert [row["mean_probability"] for row in manifest(out)][1::3] == ["0.5000", ""]
    assert run(out, [pdf], Scripted()).read == 1, "only the page without a text is tried again"


def test_html_runs_nothing_and_json_and_csv_hold_tables(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 1)
    out = tmp_path / "out"
    run(out, [pdf], Scripted([Reading(TABLE, "eos", 9)]), kind="html", tables=True)
    page = (out / "a.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page and "<table>" in page
    # What a spreadsheet would run is text there.
    assert (out / "tables/a/p0001-1.csv").read_text().splitlines()[1].startswith("'=1+1")
    run(out, [pdf], Scripted(), kind="json")
    told = json.loads((out / "a.json").read_text())
    assert told["sha256"] == files.sha256_file(pdf)
    assert told["pages"][0]["tables"] == [[["a", "b"], ["=1+1", "<script>alert(1)</script>"]]]


def test_coordinates_are_left_out_unless_they_are_wanted(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 1)
    text = "<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n# Title"
    run(tmp_path / "text", [pdf], Scripted([Reading(text, "eos", 9)]))
    assert (tmp_path / "text/a.md").read_text() == "# Title\n"
    run(tmp_path / "places", [pdf], Scripted([Reading(text, "eos", 9)]), places=True)
    assert (tmp_path / "places/a.md").read_text() == f"{text}\n"


def test_boxes_that_are_wanted_stand_beside_the_texts(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 1)
    text = (
        "<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n# <b>Title\n\n"
        "<|ref|>table<|/ref|><|det|>[[1, 5, 3, 9]]<|/det|><|ref|>cells<|/ref|><|det|>[[1, 5, 2, 6]]<|/det|>\n"
        "| a |\n|---|\n| b |"
    )
    run(tmp_path / "json", [pdf], Scripted([Reading(text, "eos", 9)]), places=True, kind="json", tables=True)
    (page,) = json.loads((tmp_path / "json/a.json").read_text())["pages"]
    assert page["text"] == "# <b>Title\n\n| a |\n|---|\n| b |" and page["tables"] == [[["a"], ["b"]]]
    assert page["blocks"] == [
        {"kind": "title", "boxes": [[1, 2, 3, 4]], "text": "# <b>Title"},
        {"kind": "table", "boxes": [[1, 5, 3, 9]], "text": "| a |\n|---|\n| b |", "cells": [[1, 5, 2, 6]]},
    ]
    assert (tmp_path / "json/tables/a/p0001-1.csv").read_text().split() == ["a", "b"]
    run(tmp_path / "html", [pdf], Scripted([Reading(text, "eos", 9)]), places=True, kind="html")
    html = (tmp_path / "html/a.html").read_text()
    assert '<div data-kind="title" data-boxes="[[1,2,3,4]]">' in html and "&lt;b&gt;Title" in html
    assert 'data-kind="table" data-boxes="[[1,5,3,9]]" data-cells="[[1,5,2,6]]"' in html and "ref|" not in html
    run(tmp_path / "plain", [pdf], Scripted([Reading(text, "eos", 9)]), kind="json")
    assert "blocks" not in json.loads((tmp_path / "plain/a.json").read_text())["pages"][0]


def test_wanted_pages_only(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 6)
    out = tmp_path / "out"
    run(out, [pdf], Scripted(), pages=given.PageRanges.parse("2-3,5-"))
    assert [row["page"] for row in manifest(out)] == ["2", "3", "5", "6"]
    done = run(out, [pdf], Scripted(), pages=given.PageRanges.parse("9"))
    assert done.unread[0].message == "none of the wanted pages; it has 6"


@pytest.mark.parametrize("text", ["0", "7-3", "a", "-", "1,,2", "1-2-3"])
def test_ranges_that_name_no_pages_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--pages names no pages"):
        given.PageRanges.parse(text)


def test_ranges_are_sorted_and_joined() -> None:
    assert given.PageRanges.parse("5,1-3, 2-4").ranges == ((1, 5),)
    assert list(given.PageRanges.parse("").of(3)) == [1, 2, 3]
    assert list(given.PageRanges.parse("-2").of(3)) == [1, 2]


def test_inputs_are_named_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
        make_pdf(folder / "a.pdf", 1)
    stdin = io.BytesIO((one / "a.pdf").read_bytes())
    found = given.documents([one / "a.pdf", two, one, Path("-")], stdin, tmp_path)
    assert [document.id for document in found] == ["a", "a-2", "stdin"]
    with pytest.raises(UserError, match="standard input is empty"):
        given.documents([Path("-")], io.BytesIO(), tmp_path)
    with pytest.raises(UserError, match="no such file"):
        given.documents([tmp_path / "none.pdf"], stdin, tmp_path)


def test_the_output_folder_belongs_to_one_call(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Journal(out), pytest.raises(UserError, match="Another conversion writes"):
        run(out, [make_pdf(tmp_path / "a.pdf", 1)], Scripted())
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        run(tmp_path / "file", [tmp_path / "a.pdf"], Scripted())


def test_a_journal_that_was_cut_or_written_by_others_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    row = PageResult("a", "a.pdf", 1, "ok")
    with Journal(tmp_path) as journal:
        journal.add(row)
    path = tmp_path / ".conversion/pages.jsonl"
    path.write_bytes(path.read_bytes() + b'{"document": "a", "page": "two"}\n[]\n{"document": "a", "pa')
    with Journal(tmp_path) as journal:
        assert journal.rows == {("a", 1): row}


def test_a_table_that_goes_on_over_pages_is_written_once_and_others_stay(tmp_path: Path) -> None:
    head = "| a | b |\n|---|---|\n"
    texts = [
        f"# Title\n\n{head}| x | 1 |",
        f"{head}| y | 2 |",
        f"Continued\n\n{head}| z | 3 |\n\nEnd",
        "| c | d |\n|---|---|\n| u | 4 |",
    ]
    pdf = make_pdf(tmp_path / "a.pdf", 4)
    out = tmp_path / "out"
    readings = [Reading(text, "eos", 9) for text in texts]
    run(out, [pdf], Scripted(readings))
    table = f"# Title\n\n{head}| x | 1 |\n| y | 2 |\n| z | 3 |"
    whole = f"{table}\n\nContinued\n\nEnd\n\n{texts[3]}\n"
    assert (out / "a.md").read_text() == whole
    run(out, [pdf], Scripted(), page_marks=True)
    marked = f"<!-- page 1 -->\n\n{table}\n\n<!-- page 2 -->\n\n<!-- page 3 -->"
    assert (out / "a.md").read_text().startswith(marked)
    run(out, [pdf], Scripted(), kind="json")
    assert [page["table_continues"] for page in json.loads((out / "a.json").read_text())["pages"]] == [
        False,
        True,
        True,
        False,
    ]


def test_a_table_without_header_stays_apart_and_a_very_long_one_is_begun_again(tmp_path: Path) -> None:
    head = "| a | b |\n| --- | --- |\n"
    pages = [("", f"{head}| x | {number} |\n") for number in range(60)]
    parts = list(joining.joined(pages))
    assert [part.count("\n") for part in parts] == [51, 11]
    alone = ["| a | b |\n| --- | --- |\n| x | 1 |", "| 5 | 6 |\n| --- | --- |\n| 7 | 8 |"]
    assert list(joining.joined([("", text) for text in alone])) == alone
    assert len(list(joining.joined(pages, most_pages=1))) == 60


def test_a_call_without_anything_to_read_opens_no_reader(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 2, blank=1)
    blank = make_pdf(tmp_path / "blank.pdf", 0, blank=2)
    out = tmp_path / "out"
    assert run(out, [pdf], first := Scripted()).read == 3 and first.opened == 1
    assert run(out, [pdf], again := Scripted()).read_before == 3 and again.opened == 0
    assert run(out, [blank], other := Scripted()).statuses == {"blank": 2} and other.opened == 0


class Watching:
    """Sees what is read, and has enough after some rows."""

    def __init__(self, most: int) -> None:
        self.most, self.wanted, self.rows = most, 0, list[PageResult]()

    def planned(self, pages: Sequence[tuple[str, int]]) -> None:
        self.wanted = len(pages)

    def kept(self, row: PageResult) -> None:
        self.rows.append(row)

    def goes_on(self) -> bool:
        return len(self.rows) < self.most


def test_a_watcher_sees_each_row_and_ends_a_conversion_with_what_was_read(tmp_path: Path) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 5)
    out, watcher = tmp_path / "out", Watching(2)
    run(out, [pdf], Scripted(made_by="before"))
    done = converting.convert([pdf], CONFIG, Wanted(out), Scripted, watcher=watcher)
    assert watcher.wanted == 5 and [row.page for row in watcher.rows] == [1, 2]
    assert done.is_stopped and not done.is_complete and done.statuses == {"ok": 2}
    assert len(manifest(out)) == 2, "rows of another model are none of this call"
    done = converting.convert([pdf], CONFIG, Wanted(out), Scripted, watcher=Watching(9))
    assert (done.read, done.read_before, done.is_complete) == (3, 2, True)
