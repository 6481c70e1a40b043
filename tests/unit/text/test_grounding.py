"""Blocks with their boxes as text: the published form, and back to the label, to the character."""

import random

import pytest

from scribetune.text import grounding, placed_blocks
from scribetune.text.grounding import Block
from scribetune.text.markdown import FIGURE, normalise
from scribetune.text.placed_blocks import PlacedBlock, PlacedPage

LABEL = (
    "# Report\n\n## Results\n\nSome text\nin two lines.\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    f"$$\nx = 1\n\ny = 2\n$$\n\n{FIGURE}\n\n```\ncode\n\nmore\n```\n\n<table><tr><td>1\n\n2</td></tr></table>"
)


def test_a_label_is_told_apart_into_blocks() -> None:
    kinds = [span.kind for span in grounding.split(LABEL)]
    assert kinds == ["title", "sub_title", "text", "text", "table", "equation", "image", "text", "table"]
    assert "\n\n".join(LABEL[span.start : span.end] for span in grounding.split(LABEL)) == LABEL


def test_blocks_are_written_in_the_published_form() -> None:
    blocks = [
        Block("title", "# Report", ((104, 63, 390, 88),)),
        Block("text", "Two columns.", ((104, 100, 480, 900), (520, 63, 890, 200))),
        Block("table", "| a |\n|---|", ((1, 2, 3, 4),), cells=((1, 2, 2, 3), (2, 3, 3, 4))),
        Block("image", FIGURE, ((0, 0, 999, 66),)),
    ]
    assert grounding.write(blocks) == (
        "<|ref|>title<|/ref|><|det|>[[104, 63, 390, 88]]<|/det|>\n# Report\n\n"
        "<|ref|>text<|/ref|><|det|>[[104, 100, 480, 900], [520, 63, 890, 200]]<|/det|>\nTwo columns.\n\n"
        "<|ref|>table<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n| a |\n|---|\n\n"
        "<|ref|>image<|/ref|><|det|>[[0, 0, 999, 66]]<|/det|>"
    )
    with_cells = grounding.write(blocks, with_cells=True)
    assert "<|/det|><|ref|>cells<|/ref|><|det|>[[1, 2, 2, 3], [2, 3, 3, 4]]<|/det|>\n| a |" in with_cells
    assert grounding.read(with_cells) == grounding.Answer(tuple(blocks))


_PIECES = (
    *(
        "# a",
        "## b",
        FIGURE,
        "$$\na\n\nb\n$$",
        "| a |\n|---|\n| b |",
        "```\na\n\nb\n```",
        "&lt;|ref|>",
        "&amp;lt;|ref|>",
    ),
    *(
        "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>",
        "<|/det|>",
        "<|ref|>",
        "<table><tr><td>a\n\nb</td></tr></table>",
    ),
)


@pytest.mark.parametrize("seed", range(200))
def test_every_label_is_read_back_to_the_character(seed: int) -> None:
    chance = random.Random(seed)
    texts = ["".join(chance.choices("ab #|-<>&;/reftdlm$`![]()\n 12.,", k=chance.randrange(40))) for _ in range(4)]
    parts = chance.choices([*_PIECES, *texts], k=chance.randrange(8))
    label = normalise("\n\n".join(parts)).rstrip("\n")
    boxes = ((1, 2, 30, 40),)
    blocks = [
        Block(s.kind, label[s.start : s.end], boxes, boxes if s.kind == "table" else ()) for s in grounding.split(label)
    ]
    written = grounding.write(blocks, with_cells=seed % 2 == 0)
    assert grounding.plain(written) == label
    assert [block.kind for block in grounding.read(written).blocks] == [block.kind for block in blocks]


@pytest.mark.parametrize(
    ("answer", "text", "boxes"),
    [
        ("plain text  \n\n with blanks ", "plain text  \n\n with blanks ", 0),
        ("<|ref|>title<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n# A  \n\n<|ref|>image<|/ref|><|det|>[[5,6,7,8]]<|/det|>\n",
         f"# A\n\n{FIGURE}", 2),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nabc\n\n<|ref|>text<|/ref|><|det|>[[12, 3", "abc", 1),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nabc\n\n<|ref|>te", "abc", 1),
        ("<|ref|>Total 12<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n<|ref|>Sum<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>",
         "Total 12\n\nSum", 2),
        ("<|ref|>text<|/ref|><|det|>[[30, 2, 3, 4]]<|/det|>\nabc", "abc", 0),
        ("<|ref|>text<|/ref|><|det|>nowhere<|/det|>\nabc", "abc", 0),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 5000]]<|/det|>\nabc", "abc", 1),
        ("before\n<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nabc", "before\n\nabc", 1),
    ],
)  # fmt: skip
def test_what_models_write_is_text_and_boxes(answer: str, text: str, boxes: int) -> None:
    assert grounding.plain(answer) == text
    assert sum(len(block.boxes) for block in grounding.read(answer).blocks) == boxes


def test_a_mark_without_a_box_is_counted() -> None:
    assert grounding.read("<|ref|>text<|/ref|><|det|>[[9, 9, 1, 1]]<|/det|>\nabc").malformed == 1


def test_boxes_are_thousandths_of_the_page() -> None:
    assert grounding.normalised((0, 50, 500, 1000), 500, 1000) == (0, 50, 999, 999)
    assert grounding.normalised((-5, -5, 600, 1200), 500, 1000) == (0, 0, 999, 999)


def test_long_answers_of_marks_are_read_in_time() -> None:
    hostile = "<|ref|>" * 20_000 + "a" * 20_000
    assert grounding.read(hostile).blocks
    assert grounding.plain("<|ref|>a<|/ref|><|det|>[[" * 20_000)


def test_places_are_kept_in_records_and_moved_to_parts() -> None:
    page = PlacedPage(
        (
            PlacedBlock(0, 3, "title", ((0, 0, 999, 100),)),
            PlacedBlock(5, 9, "table", ((0, 500, 999, 749),), ((0, 500, 400, 600),)),
        )
    )
    assert placed_blocks.of_record(placed_blocks.as_record("d", 3, "hash", page)) == page
    below = placed_blocks.in_part(page, 5, 9, 0.5, 1.0)
    assert below.blocks == (PlacedBlock(0, 4, "table", ((0, 1, 999, 499),), ((0, 1, 400, 201),)),)
