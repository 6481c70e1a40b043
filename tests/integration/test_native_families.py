"""PaddleOCR-VL, GLM-OCR and LightOnOCR from page images to text, on small random models."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from scribetune import generation, training
from scribetune.core import config
from scribetune.core.files import read_jsonl, sha256_file
from scribetune.generation import Reader
from scribetune.merging import merged_model
from scribetune.models import adapters, families
from scribetune.models.collation import pad_rows
from scribetune.models.examples import Page
from scribetune.models.families import token_grid
from scribetune.training import checkpoints
from support import tiny_grids
from support.numbered_pages import page_image, write_pages
from support.train_keys import grouped, quick_training

KINDS = pytest.mark.parametrize("kind", tiny_grids.KINDS)
WITH_AXES = pytest.mark.parametrize("kind", ["paddleocr_vl", "glm_ocr"])
EVERY_SCOPE = [(kind, str(scope)) for kind in tiny_grids.KINDS for scope in families.FAMILIES[kind].scopes]
SIZES = ((200, 150), (90, 300))
ATTENTION = 2 * (2 * (64 + 64) + 2 * (64 + 32))
SPLIT_MLP, JOINED_MLP = 2 * 3 * (64 + 96), 2 * ((64 + 2 * 96) + (96 + 64))
"""Weights of LoRA of rank 1 in two layers, by hand: width 64, two of four heads of 16 for keys and values, MLP 96."""
_MERGER = 4 * 32  # what a projector gets for a token: four patches of 32
ENCODER = {
    "paddleocr_vl": 2 * (4 * (32 + 32) + 2 * (32 + 48)) + (_MERGER + _MERGER) + (_MERGER + 64),
    "glm_ocr": 2 * ((32 + 96) + (32 + 32) + 3 * (32 + 48)) + (64 + 64) + 3 * (64 + 3 * 64),
    "lighton_ocr": 2 * (4 * (32 + 32) + 3 * (32 + 48)) + (_MERGER + 32) + (32 + 64) + (64 + 64),
}


def load(kind: str, folder: Path | None = None) -> Any:
    return tiny_grids.family(kind).load_model(folder or tiny_grids.folder(kind), dtype=torch.float32, device="cpu")


def processor_of(kind: str) -> Any:
    return tiny_grids.family(kind).load_processor(tiny_grids.folder(kind))


def prompt_of(kind: str) -> str:
    return tiny_grids.family(kind).prompts["free_ocr"]


def images() -> list[Image.Image]:
    return [page_image(number, size) for number, size in enumerate(SIZES)]


def batch(kind: str, *, left: bool) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """Two pages of unlike shape with answers of unlike length, padded: ids, mask, pixels."""
    family, processor = tiny_grids.family(kind), processor_of(kind)
    encoded = family.encode(processor, images(), prompt_of(kind))
    rows = [
        [*row, *family.answer_ids(processor, text)]
        for row, text in zip(encoded.prompt_ids, ("Total 1", "x"), strict=True)
    ]
    ids = pad_rows(rows, processor.tokenizer.pad_token_id, left=left)
    return ids, pad_rows([[1] * len(row) for row in rows], 0, left=left), encoded.pixels


@KINDS
@pytest.mark.parametrize("size", [(200, 150), (90, 300), (20, 20), (2304, 1629), (3000, 4), (5, 5)])
def test_a_page_costs_what_its_scaled_size_calls_for(kind: str, size: tuple[int, int]) -> None:
    family, processor = tiny_grids.family(kind), processor_of(kind)
    cost = family.page_cost(processor, *size)
    encoded = family.encode(processor, [Image.new("RGB", size, "white")], prompt_of(kind))
    (row,) = encoded.prompt_ids
    assert row.count(processor.image_token_id) == cost.tokens > 0
    assert len(row) == cost.tokens + family.text_tokens(processor, prompt_of(kind))


@KINDS
def test_a_page_that_was_shrunk_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family, processor = tiny_grids.family(kind), processor_of(kind)
    original = processor.image_processor.__class__.__call__

    def shrinking(self: Any, pages: list[Image.Image], **named: Any) -> Any:
        return original(self, [image.resize((100, 100)) for image in pages], **named)

    monkeypatch.setattr(processor.image_processor.__class__, "__call__", shrinking)
    with pytest.raises(families.ImageTokenError, match=r"calls for .* image tokens, but the processor made"):
        family.encode(processor, [page_image(0, (200, 150))], prompt_of(kind))


@KINDS
def test_the_prompt_goes_through_the_models_own_chat_template(kind: str) -> None:
    processor = processor_of(kind)
    (row,) = tiny_grids.family(kind).encode(processor, [page_image(0, (200, 150))], prompt_of(kind)).prompt_ids
    text = processor.tokenizer.decode([token for token in row if token != processor.image_token_id])
    assert text == tiny_grids.ASKED[kind]


@KINDS
@pytest.mark.parametrize("text", ["Total 1,234.50 €\n\n| a |", "季度财务报告", "of </s> and <|image|>", "<|user|>"])
def test_any_text_is_written_and_read_back_without_control_tokens(kind: str, text: str) -> None:
    family, processor = tiny_grids.family(kind), processor_of(kind)
    ids = family.answer_ids(processor, text)
    assert family.decode(processor, ids) == text
    assert not set(ids) & {processor.tokenizer.convert_tokens_to_ids(token) for token in tiny_grids.CONTROL[kind]}


@KINDS
@pytest.mark.parametrize("left", [False, True])
def test_kept_features_give_the_same_logits_as_pixels(kind: str, left: bool) -> None:
    family, model = tiny_grids.family(kind), load(kind)
    ids, mask, pixels = batch(kind, left=left)
    with torch.inference_mode():
        given = tiny_grids.native_inputs(kind, model, ids, pixels)
        expected = model(input_ids=ids, attention_mask=mask, **given).logits[mask.bool()]
        features = torch.cat(family.vision_features(model, pixels))
        assert features.shape[1] == family.feature_width(model.config)
        inputs = family.model_inputs(model, ids, mask, features)
        found = model(**inputs, attention_mask=mask).logits[mask.bool()]
        # LightOnOCR's pages go through the encoder one by one here, together in its own class.
        assert torch.equal(found, expected) if kind != "lighton_ocr" else torch.allclose(found, expected, atol=1e-5)
        other = model(**inputs | {"inputs_embeds": inputs["inputs_embeds"].flip(0)}, attention_mask=mask)
    assert not torch.allclose(other.logits[mask.bool()], expected, atol=1e-3)


@WITH_AXES
def test_positions_are_those_of_the_models_own_class_in_any_number_format(kind: str) -> None:
    family, model = tiny_grids.family(kind), load(kind)
    ids, mask, pixels = batch(kind, left=True)
    native, _ = model.model.get_rope_index(
        ids,
        mm_token_type_ids=(ids == model.config.image_token_id).int(),
        image_grid_thw=pixels["image_grid_thw"],
        attention_mask=mask,
    )
    with torch.inference_mode():
        features = torch.cat(family.vision_features(model, pixels))
    image = ids == model.config.image_token_id
    for kept in (features, features.bfloat16()):
        assert torch.equal(token_grid.positions(image, mask, kept[:, -1]), native)


@KINDS
def test_generation_from_kept_features_writes_what_generation_from_pixels_writes(kind: str) -> None:
    family, model, processor = tiny_grids.family(kind), load(kind), processor_of(kind)
    encoded = family.encode(processor, images(), prompt_of(kind))
    ids = pad_rows(encoded.prompt_ids, processor.tokenizer.pad_token_id, left=True)
    mask = pad_rows([[1] * len(row) for row in encoded.prompt_ids], 0, left=True)
    how: dict[str, Any] = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None}
    with torch.inference_mode():
        given = tiny_grids.native_inputs(kind, model, ids, encoded.pixels)
        expected = model.generate(input_ids=ids, attention_mask=mask, **given, **how)
        inputs = family.model_inputs(model, ids, mask, torch.cat(family.vision_features(model, encoded.pixels)))
        assert torch.equal(model.generate(input_ids=ids, attention_mask=mask, **inputs, **how), expected)
    assert len({tuple(row[-12:]) for row in expected.tolist()}) == 2, "the pages read alike and so show nothing"


@KINDS
def test_a_page_among_others_is_read_as_if_it_were_alone(kind: str, tmp_path: Path) -> None:
    split = write_pages(tmp_path, "test", prompt_of(kind), 5, SIZES)
    texts = []
    for rows in (1, 3):
        settings = config.load(
            {
                "base_model": {"name": str(tiny_grids.folder(kind))},
                # A narrow guard, so that it has something to do in short answers.
                "generate": {"max_new_tokens": 24, "batch": rows, "ngram_guard": 3, "ngram_window": 12},
            }
        )
        generation.predict(settings, str(tiny_grids.folder(kind)), {split: tmp_path / f"{rows}.jsonl"})
        texts.append([(row["text"], row["stop_reason"]) for row in read_jsonl(tmp_path / f"{rows}.jsonl")])
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 2, "the pages read alike and so show nothing"


def test_an_answer_ends_at_every_control_token_that_generation_config_names(tmp_path: Path) -> None:
    kind = "glm_ocr"
    family, processor, model = tiny_grids.family(kind), processor_of(kind), load(kind)
    page_image(0, SIZES[0]).save(tmp_path / "page.png")
    page = Page("d/p0001", "d", 1, tmp_path / "page.png", prompt_of(kind), "")
    settings = config.load({"generate": {"max_new_tokens": 24, "ngram_guard": 0}})
    with torch.inference_mode():
        next_turn = processor.tokenizer.convert_tokens_to_ids("<|user|>")
        model.lm_head.weight[next_turn] = 0.0
        (written,) = Reader.around(settings, family, processor, model, "cpu").read([page])
        assert (written.stop_reason, written.tokens) == ("length", 24)
        # The mark of the next turn takes the place of the first token.
        first = family.answer_ids(processor, written.text)[0]
        model.lm_head.weight[next_turn] = 1.001 * model.lm_head.weight[first]
        (ended,) = Reader.around(settings, family, processor, model, "cpu").read([page])
    assert (ended.stop_reason, ended.tokens, ended.text) == ("eos", 1, "")


@pytest.mark.parametrize(("kind", "scope"), EVERY_SCOPE)
def test_every_scope_trains_what_the_shapes_of_its_layers_call_for_and_all_of_it_gets_gradients(
    kind: str, scope: str
) -> None:
    family, rank = tiny_grids.family(kind), 4
    settings = config.Train.model_validate(grouped(scope=scope, rank=rank, dropout=0.0))
    model = adapters.attach(family, load(kind), settings)
    mlp = JOINED_MLP if kind == "glm_ocr" else SPLIT_MLP
    due = {"attention": ATTENTION, "mlp": mlp, "vision": ENCODER[kind]}
    counted = adapters.count_trainable(family, model, scope)
    assert counted == {group: rank * due[group] for group in family.scopes[scope].groups}
    ids, mask, pixels = batch(kind, left=False)
    model.train()
    features = torch.cat(family.vision_features(model, pixels))
    model(**family.model_inputs(model, ids, mask, features), attention_mask=mask).logits.square().mean().backward()
    lora_b = {name: weight.grad for name, weight in model.named_parameters() if ".lora_B." in name}
    assert [name for name, gradient in lora_b.items() if gradient is None or not gradient.any()] == []
    assert {family.group_of(name) for name in lora_b} == family.scopes[scope].groups


@pytest.mark.parametrize(
    ("kind", "scope", "layout"),
    [
        ("paddleocr_vl", "vision", "original"),
        ("glm_ocr", "language", "transformers"),
        ("glm_ocr", "vision", "original"),
        ("lighton_ocr", "vision", "transformers"),
    ],
)
def test_trained_is_reloaded_is_merged_and_predicts(kind: str, scope: str, layout: str, tmp_path: Path) -> None:
    family, folder = tiny_grids.family(kind), tiny_grids.folder(kind)
    settings = quick_training(folder, layout, scope=scope)
    splits = [write_pages(tmp_path, name, prompt_of(kind), count, SIZES) for name, count in (("train", 4), ("val", 1))]
    result = training.train(settings, str(folder), splits[0], splits[1], tmp_path / "adapter", tmp_path / "work")
    assert (result.steps, result.train_pages, result.skipped) == (2, 4, ())
    assert set(result.trainable) == family.scopes[scope].groups
    assert (result.cached_vision_bytes > 0) == family.scopes[scope].freezes_encoder

    merged_model.merge(settings, str(folder), tmp_path / "adapter", tmp_path / "merged")
    ids, mask, pixels = batch(kind, left=False)
    tuned = adapters.load(load(kind), tmp_path / "adapter", base_folder=folder)
    inputs = {"input_ids": ids, "attention_mask": mask, **tiny_grids.native_inputs(kind, load(kind), ids, pixels)}
    with torch.inference_mode():
        expected = tuned(**inputs).logits
        assert torch.allclose(load(kind, tmp_path / "merged")(**inputs).logits, expected, atol=1e-4)
        plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged").eval()
        assert torch.allclose(plain(**inputs).logits, expected, atol=1e-4)
        assert not torch.allclose(load(kind)(**inputs).logits, expected, atol=1e-4)
    # Names, tensors without a place in the class, and the files beside them are those that the base was published with.
    before, after = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "merged"))
    assert set(after) == set(before)
    proof = json.loads((tmp_path / "merged" / "merge_proof.json").read_text(encoding="utf-8"))
    beyond = ("visual.vision_model.head.", f"model.language_model.layers.{tiny_grids.LAYERS}.")
    unknown = [name for name in before if name.startswith(beyond)]
    assert proof["tensors"]["unknown_to_the_model"] == unknown and bool(unknown) == (kind != "lighton_ocr")
    assert all(torch.equal(after[name], before[name]) for name in unknown)

    generation.predict(settings, str(tmp_path / "merged"), {splits[0]: tmp_path / "predictions.jsonl"})
    assert [row["id"] for row in read_jsonl(tmp_path / "predictions.jsonl")] == [f"train-{n}/p0001" for n in range(4)]


class InterruptedRunError(Exception):
    """What a killed process would be."""


@KINDS
def test_an_interrupted_training_gives_the_same_adapter_and_kept_features_the_same_loss(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tiny_grids.folder(kind))
    splits = [write_pages(tmp_path, name, prompt_of(kind), count, SIZES) for name, count in (("train", 4), ("val", 0))]

    def run(name: str, **train: Any) -> Any:
        settings = quick_training(Path(folder), "transformers", epochs=2, checkpoints_steps=1, **train)
        work = training.WorkFolders(tmp_path / f"{name}-checkpoints", tmp_path / "vision")
        return training.train(settings, folder, splits[0], splits[1], tmp_path / name, work)

    kept = run("whole", scope="attention", dropout=0.1)
    writing = checkpoints.writing

    @contextmanager
    def cut_off(folder: Path, at_step: int, mark: str) -> Iterator[Path]:
        with writing(folder, at_step, mark) as staged:
            yield staged
        if at_step == 2:
            raise InterruptedRunError

    monkeypatch.setattr(checkpoints, "writing", cut_off)
    with pytest.raises(InterruptedRunError):
        run("cut", scope="attention", dropout=0.1)
    monkeypatch.setattr(checkpoints, "writing", writing)
    assert run("cut", scope="attention", dropout=0.1).resumed_from == 2
    assert sha256_file(tmp_path / "cut" / adapters.WEIGHTS) == sha256_file(tmp_path / "whole" / adapters.WEIGHTS)
    from_pixels = run("pixels", scope="attention", dropout=0.1, cache_vision=False)
    assert (kept.cached_vision_bytes > 0, from_pixels.cached_vision_bytes) == (True, 0)
    assert from_pixels.final_loss == pytest.approx(kept.final_loss, abs=1e-4)
