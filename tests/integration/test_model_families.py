"""The family's processor and the embedded base model."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scribetune.core.files import sha256_file
from scribetune.models import families
from support import stand_in
from tiny_pretraining import tiny_model

ROOT = Path(__file__).resolve().parents[2]
TINY = stand_in.folder()
FAMILY = families.family_of(TINY)
PROMPT = families.prompt_of(FAMILY, "free_ocr")


@pytest.fixture
def processor() -> Any:
    return FAMILY.load_processor(TINY)


def full_size(processor: Any) -> Any:
    settings = processor.image_processor
    settings.crop_to_patches, settings.size = True, {"height": 1024, "width": 1024}
    return processor


@pytest.mark.parametrize(
    ("size", "tokens", "tiles"),
    [
        ((543, 768), 257, 0),
        ((768, 768), 257, 0),
        ((1240, 1754), 1121, 6),
        ((1629, 2304), 1121, 6),
        ((2304, 700), 689, 3),
    ],
)
def test_a_full_size_page_costs_what_its_resolution_calls_for(
    processor: Any, size: tuple[int, int], tokens: int, tiles: int
) -> None:
    full_size(processor)
    cost = FAMILY.page_cost(processor, *size)
    assert (cost.tokens, cost.tiles) == (tokens, tiles)
    (row,) = FAMILY.encode(processor, [Image.new("RGB", size, "white")], PROMPT).prompt_ids
    assert row.count(processor.image_token_id) == tokens


@pytest.mark.parametrize("size", [(543, 768), (300, 1000), (2304, 1629), (20, 20)])
def test_the_embedded_model_sees_every_page_in_one_view(processor: Any, size: tuple[int, int]) -> None:
    encoded = FAMILY.encode(processor, [Image.new("RGB", size, "white")], PROMPT)
    assert encoded.prompt_ids[0].count(processor.image_token_id) == 145
    assert tuple(encoded.pixels["pixel_values"].shape) == (1, 3, 768, 768)


def test_a_page_that_was_shrunk_is_noticed(processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = processor.image_processor
    original = settings.__class__.__call__

    def shrinking(self: Any, images: list[Image.Image], **named: Any) -> Any:
        return original(self, images, **{**named, "tile_size": 512})

    monkeypatch.setattr(settings.__class__, "__call__", shrinking)
    with pytest.raises(families.ImageTokenError, match="calls for 145 image tokens"):
        FAMILY.encode(processor, [Image.new("RGB", (543, 768), "white")], PROMPT)


@pytest.mark.parametrize(
    "text",
    [
        "Hello, 1,234.50 €  two spaces\n\n| a | b |\n|---|---|\n",
        "季度财务报告：营收（万元）同比增长 12%",
        "😀 龘 e\u0301 \t\u2028 are written in bytes",
        "<td>x</td>",
        "a page about <image> and <｜end▁of▁sentence｜>",
        "",
    ],
)
def test_any_text_is_written_and_read_back(processor: Any, text: str) -> None:
    ids = FAMILY.answer_ids(processor, text)
    assert FAMILY.decode(processor, ids) == text
    assert not set(ids) & set(range(len(tiny_model.CONTROL_TOKENS)))


def test_the_samples_characters_are_one_token_each(processor: Any) -> None:
    for text in ("季度财务报告营收万元同比增长", "发票检验会议纪要", "，。：；（）％￥", "±×÷≤≥≈∑√∞πσμ€£¥"):
        assert len(FAMILY.answer_ids(processor, text)) == len(text)
    assert len(FAMILY.answer_ids(processor, "<td></td>")) == 2


def test_a_label_longer_than_the_model_is_counted_without_a_warning_of_errors_to_come(
    processor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    processor.tokenizer.model_max_length = 8  # below any page, so that the library would warn
    assert len(FAMILY.answer_ids(processor, "季度财务报告" * 5)) == 30
    assert not caplog.records


def test_the_maker_gives_the_same_bytes_for_the_same_seed(tmp_path: Path) -> None:
    assert tiny_model.make(tmp_path) <= 3_000_000
    made = {path.name: sha256_file(path) for path in tmp_path.iterdir()}
    assert made == {path.name: sha256_file(path) for path in TINY.iterdir()}


def test_the_embedded_model_fits_and_has_the_makers_vocabulary() -> None:
    embedded = ROOT / "models" / "tiny"
    assert sum(path.stat().st_size for path in embedded.iterdir()) <= 30_000_000
    assert (embedded / "tokenizer.json").read_bytes() == (TINY / "tokenizer.json").read_bytes()
    assert families.family_of(embedded) is FAMILY
