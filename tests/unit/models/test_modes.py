"""Modes: how a page is cut into views, counted by hand, and who says so; the prompts as they were published."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scribetune.core import config
from scribetune.core.config import BaseModelChoice
from scribetune.core.errors import UserError
from scribetune.models import families
from scribetune.models.families import FAMILIES, modes
from scribetune.report import reading_code
from support import stand_in, tiny_deepseek_ocr, tiny_deepseek_vl2, tiny_grids, tiny_qwen

FIRST, SECOND = FAMILIES["deepseek_ocr"], FAMILIES["deepseek_ocr2"]
WITH_TILES = 1632, 2304  # two columns and three rows of tiles come nearest to it

# DeepSeek-OCR: a square of S px is S/64 lines of S/64 tokens and a mark each, and one mark for the page.
# DeepSeek-OCR-2: without marks for lines, and one for the page.
TOKENS = [
    (FIRST, "tiny", 8 * (8 + 1) + 1, 0),
    (FIRST, "small", 10 * (10 + 1) + 1, 0),
    (FIRST, "base", 16 * (16 + 1) + 1, 0),
    (FIRST, "large", 20 * (20 + 1) + 1, 0),
    (FIRST, "gundam", 16 * (16 + 1) + 1 + 3 * 10 * (2 * 10 + 1), 6),
    (SECOND, "small", 12 * 12 + 1, 0),
    (SECOND, "base", 16 * 16 + 1, 0),
    (SECOND, "gundam", 16 * 16 + 1 + 6 * 12 * 12, 6),
]


@pytest.mark.parametrize(("family", "mode", "tokens", "tiles"), TOKENS)
def test_a_mode_decides_about_views_and_tokens(family: families.Family, mode: str, tokens: int, tiles: int) -> None:
    processor = families.load_processor(family, stand_in.folder(), mode)
    cost = family.page_cost(processor, *WITH_TILES)
    assert (cost.tokens, cost.tiles) == (tokens, tiles)
    encoded = family.encode(processor, [Image.new("RGB", WITH_TILES, "white")], family.prompts["free_ocr"])
    assert encoded.prompt_ids[0].count(processor.image_token_id) == tokens
    assert encoded.pixels["pixel_values"].shape[-1] == family.modes[mode].base_size
    assert int(encoded.pixels["num_local_patches"][0]) == tiles


def test_published_numbers_of_tokens_are_the_squares_without_marks() -> None:
    sides = {name: mode.base_size // 64 for name, mode in FIRST.modes.items()}
    assert {name: side**2 for name, side in sides.items()} == {
        "tiny": 64, "small": 100, "base": 256, "large": 400, "gundam": 256,
    }  # fmt: skip
    assert (FIRST.modes["gundam"].image_size // 64) ** 2 == 100  # of each tile beside them


@pytest.mark.parametrize(
    ("folder", "mode", "told"),
    [
        (lambda: tiny_qwen.folder("qwen2_5_vl"), "base", r"Qwen2\.5-VL has no modes(?s:.*)Accepted: auto"),
        (lambda: tiny_grids.folder("glm_ocr"), "tiny", r"GLM-OCR has no modes(?s:.*)pages\.long_side_px"),
        (tiny_deepseek_vl2.folder, "gundam", r"DeepSeek-VL2 has no modes(?s:.*)'gundam'(?s:.*)Accepted: auto"),
        (stand_in.folder, "large", r"DeepSeek-OCR-2 has no such mode(?s:.*)Accepted: auto, small, base, gundam"),
    ],
)
def test_a_mode_that_the_family_lacks_is_refused_when_a_build_is_planned(folder: Any, mode: str, told: str) -> None:
    choice = BaseModelChoice.model_validate({"name": str(folder()), "mode": mode})
    with pytest.raises(UserError, match=told):
        families.prompt_for(choice, "free_ocr", [])


def test_a_folder_says_its_mode_to_whoever_loads_it(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "processor_config.json"):
        (tmp_path / name).write_bytes((stand_in.folder() / name).read_bytes())
    for family, expected in ((SECOND, 145), (FIRST, 111)):
        modes.write(tmp_path, family.modes["small"], family.views_of(family.modes["small"]))
        assert family.page_cost(family.load_processor(tmp_path), *WITH_TILES).tokens == expected
        other = families.load_processor(family, tmp_path, "base")
        assert family.page_cost(other, *WITH_TILES).tokens > expected
    said = json.loads((tmp_path / "processor_config.json").read_text(encoding="utf-8"))
    assert (said["base_size"], said["image_size"], said["crop_mode"]) == (640, 640, False)
    (tmp_path / "processor_config.json").write_text(json.dumps(said | {"base_size": 900}), encoding="utf-8")
    with pytest.raises(UserError, match="of no known mode"):
        FIRST.load_processor(tmp_path)


PUBLISHED = {
    "markdown": "<image>\n<|grounding|>Convert the document to markdown. ",
    "ocr": "<image>\n<|grounding|>OCR this image. ",
    "free_ocr": "<image>\nFree OCR. ",
    "figure": "<image>\nParse the figure. ",
    "describe": "<image>\nDescribe this image in detail. ",
    "locate": "<image>\nLocate <|ref|>the total<|/ref|> in the image. ",
}


@pytest.mark.parametrize("folder", [stand_in.folder, tiny_deepseek_ocr.folder])
@pytest.mark.parametrize("task", PUBLISHED)
def test_every_published_prompt_is_reached_by_the_configuration(task: str, folder: Any) -> None:
    asked = {"prompt": task, **({"term": "the total"} if task == "locate" else {})}
    settings = config.load({"base_model": {"name": str(folder())}, "task": asked})
    family, prompt = families.asked_of(settings.base_model, settings.task.prompt, [], settings.task.term)
    assert prompt == PUBLISHED[task]
    processor = families.load_processor(family, folder())
    ids = family.encode(processor, [Image.new("RGB", (64, 64))], prompt).prompt_ids[0]
    assert processor.tokenizer.decode([one for one in ids if one != processor.image_token_id]).endswith(
        PUBLISHED[task].removeprefix("<image>")
    )


def test_a_prompt_of_the_conversation_model_that_is_published_is_its_own() -> None:
    settings = config.load({"task": {"prompt": "locate", "term": "the total"}})
    choice = BaseModelChoice.model_validate({"name": str(tiny_deepseek_vl2.folder())})
    family, prompt = families.asked_of(choice, settings.task.prompt, [], settings.task.term)
    assert prompt == "<image>\n<|ref|>the total<|/ref|>."
    processor = families.load_processor(family, tiny_deepseek_vl2.folder())
    ids = family.encode(processor, [Image.new("RGB", (64, 64))], prompt).prompt_ids[0]
    marks = processor.tokenizer.convert_tokens_to_ids(["<|ref|>", "<|/ref|>"])
    assert [token for token in ids if token in marks] == marks


@pytest.mark.parametrize("task", ["figure", "describe", "ocr", "table"])
def test_what_the_conversation_model_is_not_asked_is_refused_when_a_build_is_planned(task: str) -> None:
    choice = BaseModelChoice.model_validate({"name": str(tiny_deepseek_vl2.folder())})
    with pytest.raises(UserError, match=rf"DeepSeek-VL2 has no prompt(?s:.*)'{task}'(?s:.*)free_ocr, locate, markdown"):
        families.prompt_for(choice, task, [])


@pytest.mark.parametrize(
    "task",
    [
        {"prompt": "locate"},
        {"term": "x"},
        {"prompt": "locate", "term": "a<|/ref|>b"},
        {"prompt": "locate", "term": " "},
    ],
)
def test_a_term_and_the_prompt_locate_go_together(task: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"task\.term"):
        config.load({"task": task})


def test_a_family_without_a_prompt_says_which_it_has() -> None:
    with pytest.raises(UserError, match=r"has no prompt for the task(?s:.*)free_ocr, markdown"):
        families.prompt_of(FAMILIES["qwen3_vl"], "figure")


def test_the_code_of_an_adapters_card_sets_the_views_that_it_was_trained_with() -> None:
    views = SECOND.views_of(SECOND.modes["base"])
    code = reading_code.with_transformers(reading_code.Reading("<image>\n", 768, (), views=views), "LOADING")
    (line,) = (line for line in code.splitlines() if "trained" in line and "views" in line)
    processor = SECOND.load_processor(stand_in.folder())
    exec(line, {"views": processor.image_processor})  # noqa: S102  as readers of the card do
    encoded = SECOND.encode(processor, [Image.new("RGB", WITH_TILES, "white")], SECOND.prompts["free_ocr"])
    assert encoded.prompt_ids[0].count(processor.image_token_id) == 16 * 16 + 1
