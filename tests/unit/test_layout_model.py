"""Promises about the layout model: one thread for each process, and regions and tables as they stand on the page."""

import gc
from pathlib import Path

import pdf_factory
import pymupdf
import pytest

from scribetune import labels, layout_model
from scribetune.documents import Document
from scribetune.table_cells import Cell

SETTINGS = labels.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


def test_a_ruled_table_is_found_with_its_cells_and_their_places(tmp_path: Path) -> None:
    pdf = pymupdf.open(pdf_factory.healthy(tmp_path / "a.pdf", 3))
    layout_model.without_tags(pdf)
    regions = layout_model.regions_of(pdf[0])
    ((found,),) = [region.tables for region in regions if region.kind == "table"]
    assert (found.table.rows, found.table.columns) == (4, 3)
    words = {word[4] for word in pdf[0].get_text("words")}
    assert {cell.text for cell in found.table.cells} <= words
    first = next(cell for cell in found.table.cells if (cell.row, cell.column) == (0, 0))
    assert first == Cell(0, 0, first.text)
    box = found.boxes[0][0]
    assert box is not None
    assert box[0] <= pdf[0].search_for(first.text, clip=pymupdf.Rect(box))[0].x0


def test_models_use_one_thread(tmp_path: Path) -> None:
    """There is a process for every core, and threads of the library's own wait by spinning."""
    import onnxruntime

    pdf = pymupdf.open(pdf_factory.healthy(tmp_path / "a.pdf", 3))
    layout_model.regions_of(pdf[0])
    gc.collect()
    sessions = [item for item in gc.get_objects() if type(item) is onnxruntime.InferenceSession]
    assert sessions
    assert {session.get_session_options().intra_op_num_threads for session in sessions} == {1}


def test_labels_of_workers_are_those_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = pdf_factory.healthy(tmp_path / "a.pdf", 3)
    (row,) = labels.label_shard([Document("a", path, "a.pdf")], {"a": ("sha", [1])}, {}, {}, SETTINGS, workers=1)
    text = Path(row.label).read_text(encoding="utf-8")
    assert row.tables == 1
    assert text == labels.PageReader(str(path), "", SETTINGS).read(0).text
