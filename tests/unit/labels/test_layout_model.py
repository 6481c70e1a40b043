"""Promises about the layout model: one thread for each process, and regions and tables as they stand on the page."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from scribetune.documents.inputs import Document
from scribetune.labels import layout_model, reader, shard
from scribetune.text.grids import Cell
from support import pdf_factory

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


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
    (row,) = shard.label_shard([Document("a", path, "a.pdf")], {"a": ("sha", [1])}, {}, {}, SETTINGS, workers=1)
    text = Path(row.label).read_text(encoding="utf-8")
    assert row.tables == 1
    assert text == reader.PageReader(str(path), "", SETTINGS).read(0).text


def test_in_a_prepared_worker_they_have_one_thread_too() -> None:
    """The models load late there, after the library that makes their sessions."""
    code = (
        "import gc, onnxruntime\n"
        "from scribetune.labels import layout_model, reader\n"
        "reader.prepare_worker()\n"
        "layout_model._library()\n"
        "found = [one for one in gc.get_objects() if isinstance(one, onnxruntime.InferenceSession)]\n"
        "print(sorted({one.get_session_options().intra_op_num_threads for one in found}), len(found) > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[1] True", done.stderr


def test_shaded_boxes_inside_others_are_left_out_as_the_library_does() -> None:
    import pymupdf._table_refine

    layout_model._library()
    numbers = np.random.default_rng(0)
    corners = numbers.integers(0, 60, (150, 2)).astype(float)
    boxes = np.concatenate([corners, corners + numbers.integers(6, 40, (150, 2))], axis=1)
    rects = [pymupdf.Rect(*box) for box in (*boxes, boxes[0], boxes[1])]
    kept = layout_model._backgrounds(rects)
    expected = [
        one
        for one in rects
        if not any(
            (one & other).get_area() >= 0.9 * one.get_area() and other.get_area() > one.get_area() * 1.05
            for other in rects
        )
    ]
    assert kept == expected
    assert 10 < len(kept) < len(rects)
    assert pymupdf._table_refine._refine_cell_background_rects is layout_model._backgrounds
