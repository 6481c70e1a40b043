"""What pages are asked: labels, labels with boxes, and a mix that no other page's coming and going changes."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scribetune.build import prompts
from scribetune.core import config, files
from scribetune.core.config import Splits, restrict
from scribetune.core.errors import UserError
from scribetune.dataset import leakage, questions, splits
from scribetune.dataset.long_pages import Part
from scribetune.dataset.questions import AskedPage, Questions
from scribetune.evaluation import scoring
from scribetune.models import examples
from scribetune.text import grounding, placed_blocks, sharegpt
from scribetune.text.placed_blocks import PlacedBlock, PlacedPage
from support.documentation import REPOSITORY

PROMPTS = {
    "free_ocr": "<image>\nFree OCR. ",
    "markdown": "<image>\n<|grounding|>Convert the document to markdown. ",
    "grounding": "<image>\n<|grounding|>Convert the document to markdown. ",
    "ocr": "<image>\n<|grounding|>OCR this image. ",
    "figure": "<image>\nParse the figure. ",
    "describe": "<image>\nDescribe this image in detail. ",
    "locate": "<image>\nLocate <|ref|>{term}<|/ref|> in the image. ",
    "table": "<image>\nTable Recognition:",
}
LABEL = "# The harbour\n\nSome text of it.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
PLACES = PlacedPage(
    (
        PlacedBlock(0, 13, "title", ((10, 20, 300, 40),)),
        PlacedBlock(15, 31, "text", ((10, 60, 300, 80),)),
        PlacedBlock(33, len(LABEL), "table", ((10, 100, 300, 180),), ((10, 100, 90, 120),)),
    )
)


def page(number: int = 0, *, learns: bool = True, label: str = LABEL, tested: bool = False) -> AskedPage:
    return AskedPage(f"d/p{number:04d}", f"image{number}", "hash", label, is_learned=learns, is_tested=tested)


def asked(task: str = "free_ocr", **changes: Any) -> Questions:
    places = {f"d/p{number:04d}": ("hash", PLACES) for number in range(400)}
    return Questions(PROMPTS, task, **{"places": places, **changes})


def test_a_page_is_asked_for_its_label() -> None:
    said = Questions({"free_ocr": PROMPTS["free_ocr"]}, "free_ocr").of_page(page())
    assert said == sharegpt.answered(PROMPTS["free_ocr"], LABEL)


@pytest.mark.parametrize("with_cells", [False, True])
def test_a_grounded_page_answers_with_boxes_and_reads_as_its_label(with_cells: bool) -> None:
    said = asked("grounding", with_cells=with_cells).of_page(page())
    question, answer = (sharegpt.said(said, speaker) for speaker in ("human", "gpt"))
    assert question == PROMPTS["grounding"]
    assert answer is not None
    assert answer.startswith("<|ref|>title<|/ref|><|det|>[[10, 20, 300, 40]]<|/det|>\n# The harbour\n\n<|ref|>text")
    assert ("<|ref|>cells<|/ref|>" in answer) == with_cells
    assert sharegpt.label(said) == LABEL == scoring.reference_text({"id": "x", **said})


def test_a_page_without_boxes_is_left_out_of_what_is_learned_and_stays_in_the_test() -> None:
    lost = {"d/p0000": ("hash", PlacedPage(reason="it has no text layer")), "d/p0001": ("other", PLACES)}
    ask = asked("grounding", places=lost)
    assert ask.of_page(page(0)) == ask.of_page(page(1)) == ask.of_page(page(2, learns=False)) == {}
    assert ask.left_out == Counter(
        {
            "it has no text layer": 1, "its label is another one than its blocks are of": 1,
            "nobody asked where its blocks are": 1,
        }
    )  # fmt: skip
    assert sharegpt.said(ask.of_page(page(0, learns=False, tested=True)), "gpt") == LABEL
    assert ask.left_out.total() == 3


def test_a_part_of_a_page_has_its_own_places() -> None:
    part = Part(LABEL[33:], 50, 100, start=33)
    said = asked("grounding").of_part(page(), part, 100, "own")
    (block,) = grounding.read(sharegpt.said(said, "gpt") or "").blocks
    assert block.kind == "table" and block.text == LABEL[33:]
    # The table stands above the cut in PLACES: what lies outside the part is its edge.
    assert block.boxes == ((10, 0, 300, 0),)


MIX = {"free_ocr": 2.0, "grounding": 1.0, "ocr": 1.0, "locate": 1.0, "figure": 1.0, "describe": 1.0, "table": 1.0}
OWN = {
    ("figure", "d/p0003"): "a chart", ("describe", "d/p0003"): "a page of a report", ("describe", "d/p0004"): "another",
}  # fmt: skip


def drawn(ask: Questions, number: int) -> str:
    question = sharegpt.said(ask.of_page(page(number)), "human") or ""
    names = [
        name for name, text in PROMPTS.items()
        if name != "markdown" and (question.startswith(text.split("{")[0]) if name == "locate" else question == text)
    ]  # fmt: skip
    assert len(names) == 1
    return names[0]


def test_pages_draw_by_weight_and_each_for_itself() -> None:
    ask = asked(mix=MIX, own=OWN)
    found = [drawn(ask, number) for number in range(400)]
    counts = Counter(found)
    assert counts["free_ocr"] == pytest.approx(400 * 2 / 6, abs=40)
    assert all(counts[name] == pytest.approx(400 / 6, abs=30) for name in ("grounding", "ocr", "locate", "table"))
    assert [drawn(asked(mix=MIX, own=OWN), number) for number in reversed(range(400))] == found[::-1]
    without = {name: value for name, value in ask.places.items() if name != "d/p0007"}
    assert [drawn(asked(mix=MIX, own=OWN, places=without), n) for n in range(400) if n != 7] == found[:7] + found[8:]
    assert [drawn(asked(mix=MIX, own=OWN, seed=1), number) for number in range(400)] != found
    assert ask.of_page(page(5, learns=False)) == sharegpt.answered(PROMPTS["free_ocr"], LABEL)


@pytest.mark.parametrize("name", [name for name in PROMPTS if name != "markdown"])
def test_every_prompt_of_a_mix_is_reached_and_has_its_own_answer(name: str) -> None:
    ask = asked(mix={"free_ocr": 1e-6, name: 1000.0}, own=OWN)
    said = ask.of_page(page(3))
    question, answer = sharegpt.said(said, "human") or "", sharegpt.said(said, "gpt") or ""
    expected = {
        "free_ocr": LABEL,
        "grounding": grounding.write(placed_blocks.grounded(LABEL, PLACES)),
        "ocr": "<|ref|>The harbour<|/ref|><|det|>[[10, 20, 300, 40]]<|/det|>\n"
               "<|ref|>Some text of it.<|/ref|><|det|>[[10, 60, 300, 80]]<|/det|>\n"
               "<|ref|>a b 1 2<|/ref|><|det|>[[10, 100, 300, 180]]<|/det|>",
        "figure": "a chart",
        "describe": "a page of a report",
        "table": LABEL[33:],
    }  # fmt: skip
    if name == "locate":
        terms = {"The harbour": "[[10, 20, 300, 40]]", "Some text of it.": "[[10, 60, 300, 80]]"}
        (term,) = (term for term in terms if question == PROMPTS["locate"].replace("{term}", term))
        assert answer == f"<|ref|>{term}<|/ref|><|det|>{terms[term]}<|/det|>"
    else:
        assert (question, answer) == (PROMPTS[name], expected[name])
    assert sharegpt.label(said) == LABEL, "what it is compared with in the leakage proof"
    assert leakage._text(said) == LABEL


def test_a_page_that_has_no_answer_for_a_prompt_draws_another() -> None:
    ask = asked(mix={"free_ocr": 1e-6, "describe": 1000.0}, own=OWN)
    assert drawn(ask, 3) == drawn(ask, 4) == "describe"
    assert drawn(ask, 5) == "free_ocr"


def test_a_text_with_marks_of_its_own_is_not_looked_for() -> None:
    label = "a <|det|> b\n\n{brace} here"
    places = PlacedPage((PlacedBlock(0, 11, "text", ((1, 1, 2, 2),)), PlacedBlock(13, 25, "text", ((1, 3, 2, 4),))))
    ask = asked(mix={"free_ocr": 1e-6, "locate": 1000.0}, places={"d/p0000": ("hash", places)})
    assert sharegpt.said(ask.of_page(page(label=label)), "human") == PROMPTS["free_ocr"]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"mix": {"grounding": 1.0}}, r"task\.mix has no weight for task\.prompt = free_ocr"),
        ({"mix": {"free_ocr": 1.0, "markdown": 1.0, "grounding": 1.0}}, "asked in the same words"),
        ({"mix": {"free_ocr": -1.0}}, r"task\.mix\.free_ocr"),
        ({"mix": {"chart": 1.0}}, r"task\.mix\.chart"),
    ],
)
def test_a_mix_that_cannot_be_learned_is_refused(task: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        config.load({"task": task})


def test_the_records_of_a_mix_are_learned_from_and_read_with_the_tasks_prompt(tmp_path: Path) -> None:
    task = {"prompt": "free_ocr", "mix": {"free_ocr": 1.0, "grounding": 1.0, "locate": 1.0}}
    loaded = config.load({"base_model": {"name": "models/tiny"}, "task": task})
    texts = prompts.prompts(loaded, [REPOSITORY])
    assert list(texts) == ["free_ocr", "grounding", "locate"] and "{term}" in texts["locate"]
    names = [f"d{number}" for number in range(40)]
    placed = [placed_blocks.as_record(name, 1, "hash", PLACES) for name in names]
    files.write_jsonl(tmp_path / "blocks.jsonl", placed)
    ask = questions.of_build(texts, restrict({"task": loaded.task.decisive()}).task, 7, [tmp_path / "blocks.jsonl"], [])
    Image.new("L", (8, 8)).save(tmp_path / "page.png")
    rows = [
        {
            "document": name, "page": 1, "image": str(tmp_path / "page.png"), "image_sha256": f"{name} image",
            "label": name, "label_sha256": "hash", "label_source": "machine", "category": "", "language": "",
            "page_cluster": name,
        }
        for name in names
    ]  # fmt: skip
    assigned = splits.assign(dict(zip(names, names, strict=True)), {name: name for name in names}, {}, Splits())
    records = splits.records(rows, assigned, dict.fromkeys(names, f"{LABEL}\n"), ask)
    questions.tell(ask, records)
    for name, found in records.items():
        files.write_jsonl(tmp_path / f"{name}.jsonl", found)
        assert {sharegpt.label(record) for record in found} == {LABEL}
    main, *others = texts.values()
    learned = examples.read_pages(tmp_path / "train.jsonl", main, others)
    assert len({one.prompt.split("<|ref|>")[0] for one in learned}) == 3
    assert {one.prompt for one in examples.read_pages(tmp_path / "test.jsonl", main)} == {main}
    with pytest.raises(UserError, match="is not the one of the task"):
        examples.read_pages(tmp_path / "train.jsonl", main)
