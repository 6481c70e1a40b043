"""Boxes against true ones: IoU by hand, pairs of one kind alone, and sums over pages."""

import pytest

from scribetune.metrics import boxes
from scribetune.text.grounding import Block


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (0, 0, 5, 5), 0.25),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),
    ],
)
def test_intersection_over_union(one: tuple[int, ...], other: tuple[int, ...], expected: float) -> None:
    assert boxes.iou(one, other) == pytest.approx(expected)
    assert boxes.iou(other, one) == boxes.iou(one, other)


def test_blocks_are_found_by_kind_each_once() -> None:
    reference = [
        Block("title", "", ((0, 0, 100, 100),)),
        Block("text", "", ((0, 200, 100, 300), (200, 200, 300, 300))),
        Block("table", "", ((0, 400, 100, 500),), ((0, 400, 50, 450), (50, 400, 100, 450))),
    ]
    hypothesis = [
        Block("text", "", ((0, 0, 100, 100),)),  # where the title is
        Block("text", "", ((0, 200, 100, 290),)),
        Block("table", "", ((0, 400, 100, 430),), ((0, 400, 50, 450),)),
        Block("image", "", ((0, 0, 5, 5),)),
    ]
    found = boxes.score(reference, hypothesis)
    assert found.f1("title") == 0.0 and found.mean_iou("title") == 0.0
    assert found.f1("text") == pytest.approx(2 * 1 / (2 + 2)) and found.mean_iou("text") == pytest.approx(0.9 / 2)
    assert found.f1("table") == 0.0 and found.mean_iou("table") == pytest.approx(0.3)
    assert found.f1("image") == 0.0 and found.mean_iou("image") is None
    assert found.f1() == pytest.approx(2 * 1 / (4 + 4)), "cells are counted by themselves"
    assert found.f1(boxes.CELL) == pytest.approx(2 * 1 / 3)
    assert found.kinds == ("cell", "image", "table", "text", "title")
    both = found + boxes.score(reference, reference)
    assert both.f1() == pytest.approx(2 * (1 + 4) / (8 + 8))
    assert both.mean_iou("title") == pytest.approx(0.5)


def test_pairs_have_the_greatest_sum() -> None:
    # The first is nearer to both; taken by it alone, the second would have none.
    reference = [(0, 0, 10, 10), (0, 4, 10, 14)]
    hypothesis = [(0, 2, 10, 12), (0, 0, 10, 8)]
    assert boxes.paired(reference, hypothesis) == [(reference[0], hypothesis[1]), (reference[1], hypothesis[0])]
    assert boxes.paired([], hypothesis) == []


def test_pages_without_boxes_have_no_score() -> None:
    found = boxes.score([], [])
    assert found.f1() is None and found.mean_iou() is None and found.kinds == ()
