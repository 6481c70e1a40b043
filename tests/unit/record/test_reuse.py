"""Promises about work done before: inside a shard, only what changed is rendered and labelled again."""

import logging
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pymupdf
import pytest

import label_pages
import render_pages
from scribetune.core import isolation, layout, manifests
from scribetune.dataset.selection import LABEL_TEXT_COLUMNS
from scribetune.documents import inputs, rendering
from scribetune.labels import reader
from support import pdf_factory

RENDERING = rendering.RenderSettings(160, "auto", 30.0, "code")
LABELLING = reader.LabelSettings("keep", "markdown", "alt", "use", 30.0, "code")
CORRECTIONS = Path("data/corrections")


class Reader:
    """Stands in for `reader.PageReader`, whose layout models are slow to load: the text layer as it is."""

    def __init__(
        self, path: str, password: str, settings: reader.LabelSettings, readable: Collection[int] | None = None
    ) -> None:
        self._pdf = rendering.open_pdf(path, password)[0]

    def read(self, index: int, *, has_unseen: bool = False) -> reader.PageText:
        return reader.PageText(self._pdf[index].get_text().strip(), 1.0, 0.0, 0, 0)


@dataclass
class Shard:
    """A shard of few documents; `worked` has (what, document) of every call that a worker process would have made."""

    worked: list[tuple[str, str]] = field(default_factory=list)

    def run(self, tasks: Sequence[isolation.Task]) -> Iterator[isolation.Outcome]:
        """Stand in for `isolation.Workers.run`: the same calls, in this process."""
        for task in tasks:
            self.worked.append((task.function.__name__.removesuffix("_document"), task.arguments[0]))
            yield isolation.Outcome(task.function(*task.arguments))

    def run_steps(
        self, tasks: Sequence[isolation.Task], heard: object = None, ended: object = None
    ) -> Iterator[tuple[isolation.Outcome, ...]]:
        """Stand in for `isolation.Workers.run_steps`."""
        for outcome in self.run(tasks):
            yield tuple(map(isolation.Outcome, outcome.value))

    def build(self, monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, str]], set[str]]:
        """Render and label as the rules do; returns what was worked on, and the files written, made or removed."""
        before, self.worked = states(), []
        found = inputs.find_documents(Path(layout.RAW)).documents
        identities = {d.id: [d.relative_path, "PASSWORD" if d.id == "locked" else ""] for d in found}
        tables = [Path(layout.MANIFESTS, stage, "all.csv") for stage in ("documents", "pages", "labels")]
        corrections = [path.as_posix() for path in sorted(CORRECTIONS.glob("*/*.md"))]
        with monkeypatch.context() as patch:
            patch.setattr(isolation.Workers, "run", self.run)
            patch.setattr(isolation.Workers, "run_steps", self.run_steps)
            patch.setattr(reader, "PageReader", Reader)
            render_pages.main(layout.RAW, identities, RENDERING, 1, {}, tables[0], tables[1])
            label_pages.main(layout.RAW, identities, tables[0], tables[1], corrections, LABELLING, 1, tables[2])
        after = states()
        return self.worked, {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def states() -> dict[str, tuple[int, int]]:
    """Files are replaced whole: one that was written has another inode and another time."""
    found = [path for root in (layout.PAGES, layout.LABELS) for path in Path(root).glob("*/*")]
    return {path.relative_to("data").as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def files_of(document: str, *, page: int = 1) -> set[str]:
    return {
        f"pages/{document}/p{page:04d}.png", f"pages/{document}/document.json",
        f"labels/{document}/p{page:04d}.md", f"labels/{document}/document.json",
    }  # fmt: skip


def both(document: str) -> list[tuple[str, str]]:
    return [("render", document), ("label", document)]


def pdf(name: str, seed: int, count: int = 1) -> Path:
    """Write tiny pages, other ones for every seed."""
    made = pymupdf.open()
    for number in range(count):
        made.new_page(width=160, height=120).insert_text((10, 30), f"Report {seed} of part {number}")
    path = Path(layout.RAW) / f"{name}.pdf"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(path, no_new_id=True)
    return path


def correct(document: str, text: str = "# Right\n", page: int = 1) -> Path:
    path = CORRECTIONS / document / f"p{page:04d}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!-- reviewer: Ada -->\n{text}", encoding="utf-8")
    return path


@pytest.fixture
def shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shard:
    """Four documents, built."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abcd"):
        pdf(name, seed)
    made = Shard()
    worked, _ = made.build(monkeypatch)
    assert sorted(worked) == sorted(step for name in "abcd" for step in both(name))
    return made


def test_nothing_changed_is_nothing_worked_on_and_no_file_touched(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shard.build(monkeypatch) == ([], set())


def test_one_changed_pdf_is_rendered_and_labelled_again_alone_and_the_log_says_so(
    shard: Shard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pdf("b", 77)
    with caplog.at_level(logging.INFO):
        assert shard.build(monkeypatch) == (both("b"), files_of("b"))
    assert "3 documents unchanged or withdrawn, 1 to render" in caplog.text
    assert "3 documents unchanged, 1 to label" in caplog.text


def test_an_added_and_a_renamed_pdf_are_worked_on_alone(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    pdf("e", 5)
    assert shard.build(monkeypatch) == (both("e"), files_of("e"))
    shutil.move(Path(layout.RAW) / "a.pdf", Path(layout.RAW) / "z.pdf")
    assert shard.build(monkeypatch)[0] == both("z")


def test_a_correction_costs_no_reading_when_it_comes_later_or_when_it_goes(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = layout.page_label("c", 1)
    machine = label.read_bytes()
    theirs = {"labels/c/p0001.md", "labels/c/document.json"}

    human = correct("c")
    assert shard.build(monkeypatch) == ([], theirs)
    assert label.read_text(encoding="utf-8") == "# Right\n"
    assert shard.build(monkeypatch) == ([], set())

    pdf("b", 77)
    assert shard.build(monkeypatch) == (both("b"), files_of("b"))
    assert label.read_text(encoding="utf-8") == "# Right\n"

    human.unlink()
    assert shard.build(monkeypatch) == ([], theirs)
    assert label.read_bytes() == machine
    assert shard.build(monkeypatch) == ([], set())


def test_the_records_are_the_same_however_a_build_got_there(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build with corrections from the start, and one that they came to, come and went in: the same bytes."""

    def contents() -> dict[str, bytes]:
        return {name: Path("data", name).read_bytes() for name in states()}

    without = contents()
    human = correct("c")
    shard.build(monkeypatch)
    came_later = contents()
    human.unlink()
    shard.build(monkeypatch)
    assert contents() == without
    correct("c")
    shutil.rmtree(layout.LABELS)
    shard.build(monkeypatch)
    assert contents() == came_later


def test_a_correction_of_another_pdf_by_the_same_name_is_read_anew(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    human = correct("c")
    shard.build(monkeypatch)
    pdf("c", 78)
    assert shard.build(monkeypatch)[0] == both("c")
    human.unlink()
    shard.build(monkeypatch)
    assert "Report 78" in layout.page_label("c", 1).read_text(encoding="utf-8")


def test_an_altered_label_and_an_altered_record_of_a_correction_are_made_again(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.page_label("a", 1).write_text("tampered", encoding="utf-8")
    assert shard.build(monkeypatch) == ([("label", "a")], {"labels/a/p0001.md", "labels/a/document.json"})
    correct("c")
    shard.build(monkeypatch)
    record = Path(layout.LABELS) / "c" / "document.json"
    record.write_text(record.read_text(encoding="utf-8").replace("Report 2", "Tampered 2"), encoding="utf-8")
    assert shard.build(monkeypatch)[0] == [("label", "c")]
    layout.page_label("c", 1).write_text("tampered", encoding="utf-8")
    assert shard.build(monkeypatch) == ([], {"labels/c/p0001.md"})
    assert layout.page_label("c", 1).read_text(encoding="utf-8") == "# Right\n"


def test_a_pdf_that_lost_a_page_leaves_no_page_and_no_label_behind(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf("b", 77, count=2)
    shard.build(monkeypatch)
    correct("b", page=2)
    shard.build(monkeypatch)
    pdf("b", 78)
    shard.build(monkeypatch)
    assert {name for name in states() if "/b/" in name} == files_of("b")


def test_a_pdf_that_cannot_be_read_is_not_tried_again_until_it_changes(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pdf_factory.bad_ones(Path(layout.RAW))
    worked, _ = shard.build(monkeypatch)
    assert {name for what, name in worked if what == "render"} == {Path(name).stem for name in expected}
    rows = manifests.rows(manifests.read([Path(layout.MANIFESTS, "documents", "all.csv")], ("document", "status")))
    assert shard.build(monkeypatch) == ([], set())
    again = manifests.rows(manifests.read([Path(layout.MANIFESTS, "documents", "all.csv")], ("document", "status")))
    assert again == rows

    monkeypatch.setenv("PASSWORD", "wrong")
    assert shard.build(monkeypatch)[0] == [("render", "locked")]
    monkeypatch.setenv("PASSWORD", "secret")
    assert shard.build(monkeypatch)[0] == both("locked")
    assert shard.build(monkeypatch) == ([], set())


def test_a_correction_of_a_page_without_text_leaves_nothing_behind_when_it_goes(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = pymupdf.open()
    drawing.new_page(width=160, height=120).draw_rect((10, 10, 50, 50), fill=(1, 0, 0))
    drawing.save(Path(layout.RAW) / "e.pdf")
    human = correct("e")
    shard.build(monkeypatch)
    row = manifests.rows(manifests.read([Path(layout.MANIFESTS, "labels", "all.csv")], LABEL_TEXT_COLUMNS))[-1]
    assert (row["document"], row["label_source"], row["status"]) == ("e", "correction", "ok")
    human.unlink()
    assert shard.build(monkeypatch)[0] == []
    assert layout.page_label("e", 1).read_bytes() == b""
