"""Qwen2.5-VL and Qwen3-VL from page images to text, on small random models; and what no family may do."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from scribetune import generation, training
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl
from scribetune.merging import merged_model
from scribetune.models import adapters, families
from scribetune.models.collation import pad_rows
from scribetune.models.families import token_grid
from scribetune.models.families.interface import Scopes
from support import stand_in, tiny_qwen
from support.numbered_pages import page_image, write_pages
from support.train_keys import grouped, quick_training

KINDS = pytest.mark.parametrize("kind", tiny_qwen.KINDS)
SIZES = ((200, 150), (90, 300))


def configuration(kind: str, layout: str = "transformers", **train: Any) -> config.Config:
    return quick_training(tiny_qwen.folder(kind), layout, **train)


def write_split(folder: Path, name: str, kind: str, pages: int) -> Path:
    return write_pages(folder, name, tiny_qwen.family(kind).prompts["free_ocr"], pages, SIZES)


def images() -> list[Image.Image]:
    return [page_image(number, size) for number, size in enumerate(SIZES)]


def load(kind: str, folder: Path | None = None) -> Any:
    return tiny_qwen.family(kind).load_model(folder or tiny_qwen.folder(kind), dtype=torch.float32, device="cpu")


def on_disk(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def batch(kind: str, *, left: bool) -> tuple[torch.Tensor, torch.Tensor, Any, Any]:
    """Two pages of unlike shape with answers of unlike length, padded."""
    family = tiny_qwen.family(kind)
    processor = family.load_processor(tiny_qwen.folder(kind))
    encoded = family.encode(processor, images(), family.prompts["free_ocr"])
    rows = [
        [*row, *family.answer_ids(processor, text)]
        for row, text in zip(encoded.prompt_ids, ("Total 1", "x"), strict=True)
    ]
    ids = pad_rows(rows, processor.tokenizer.pad_token_id, left=left)
    return ids, pad_rows([[1] * len(row) for row in rows], 0, left=left), encoded.pixels, processor


@KINDS
@pytest.mark.parametrize("size", [(200, 150), (90, 300), (20, 20), (2304, 1629), (3000, 4), (5, 5)])
def test_a_page_costs_what_its_scaled_size_calls_for(kind: str, size: tuple[int, int]) -> None:
    family, side = tiny_qwen.family(kind), tiny_qwen.SIDE_PX[kind]
    processor = family.load_processor(tiny_qwen.folder(kind))
    cost = family.page_cost(processor, *size)
    if min(size) > 4:  # a strip keeps at least one token across, and so may have more pixels than are asked for
        assert tiny_qwen.LEAST_PX <= cost.tokens * side * side <= tiny_qwen.MOST_PX
    encoded = family.encode(processor, [Image.new("RGB", size, "white")], family.prompts["free_ocr"])
    (row,) = encoded.prompt_ids
    assert row.count(processor.image_token_id) == cost.tokens
    assert len(row) == cost.tokens + family.text_tokens(processor, family.prompts["free_ocr"])


@KINDS
def test_a_page_that_was_shrunk_is_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = tiny_qwen.family(kind)
    processor = family.load_processor(tiny_qwen.folder(kind))
    original = processor.image_processor.__class__.__call__

    def shrinking(self: Any, pages: list[Image.Image], **named: Any) -> Any:
        return original(self, [image.resize((100, 100)) for image in pages], **named)

    monkeypatch.setattr(processor.image_processor.__class__, "__call__", shrinking)
    with pytest.raises(families.ImageTokenError, match=r"calls for .* image tokens, but the processor made"):
        family.encode(processor, [page_image(0, (200, 150))], family.prompts["free_ocr"])


@KINDS
def test_the_prompt_goes_through_the_models_own_chat_template(kind: str) -> None:
    family = tiny_qwen.family(kind)
    processor = family.load_processor(tiny_qwen.folder(kind))
    (row,) = family.encode(processor, [page_image(0, (200, 150))], "<image>Read.").prompt_ids
    text = processor.tokenizer.decode([token for token in row if token != processor.image_token_id])
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n" if kind == "qwen2_5_vl" else ""
    asked = "<|im_start|>user\n<|vision_start|><|vision_end|>Read.<|im_end|>\n"
    assert text == system + asked + "<|im_start|>assistant\n"


def test_a_model_without_a_chat_template_is_a_message(tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen.folder("qwen3_vl"), tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match=r"no chat template(?s:.*)Accepted: a folder with chat_template"):
        tiny_qwen.family("qwen3_vl").load_processor(folder)


@KINDS
@pytest.mark.parametrize(
    "text", ["Total 1,234.50 €\n\n| a |", "季度财务报告", "of <|im_end|> and <|image_pad|>", "<image>"]
)
def test_any_text_is_written_and_read_back_without_control_tokens(kind: str, text: str) -> None:
    family = tiny_qwen.family(kind)
    processor = family.load_processor(tiny_qwen.folder(kind))
    ids = family.answer_ids(processor, text)
    assert family.decode(processor, ids) == text
    assert not set(ids) & {processor.tokenizer.convert_tokens_to_ids(token) for token in tiny_qwen.CONTROL}


@KINDS
@pytest.mark.parametrize("left", [False, True])
def test_kept_features_give_the_same_logits_as_pixels(kind: str, left: bool) -> None:
    family, model = tiny_qwen.family(kind), load(kind)
    ids, mask, pixels, _ = batch(kind, left=left)
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask, **pixels, **tiny_qwen.pixel_inputs(model, ids)).logits
        features = torch.cat(family.vision_features(model, pixels))
        assert features.shape[1] == family.feature_width(model.config)
        inputs = family.model_inputs(model, ids, mask, features)
        assert torch.equal(model(**inputs, attention_mask=mask).logits[mask.bool()], expected[mask.bool()])
        # Without its rows and columns, or without DeepStack, a page is another page.
        plain = model(
            inputs_embeds=inputs["inputs_embeds"], attention_mask=mask, position_ids=mask.cumsum(1) - 1
        ).logits
        assert not torch.allclose(plain[mask.bool()], expected[mask.bool()], atol=1e-3)
    native, _ = model.model.get_rope_index(
        ids,
        mm_token_type_ids=tiny_qwen.pixel_inputs(model, ids)["mm_token_type_ids"],
        image_grid_thw=pixels["image_grid_thw"],
        attention_mask=mask,
    )
    assert torch.equal(inputs["position_ids"], native)


@KINDS
def test_features_survive_a_narrow_number_format(kind: str) -> None:
    model = load(kind)
    ids, mask, pixels, _ = batch(kind, left=False)
    with torch.inference_mode():
        features = torch.cat(tiny_qwen.family(kind).vision_features(model, pixels))
    image = ids == model.config.image_token_id
    exact = token_grid.positions(image, mask, features[:, -1])
    assert torch.equal(token_grid.positions(image, mask, features.bfloat16()[:, -1]), exact)


@KINDS
def test_generation_from_kept_features_writes_what_generation_from_pixels_writes(kind: str) -> None:
    family, model = tiny_qwen.family(kind), load(kind)
    processor = family.load_processor(tiny_qwen.folder(kind))
    encoded = family.encode(processor, images(), family.prompts["free_ocr"])
    ids = pad_rows(encoded.prompt_ids, processor.tokenizer.pad_token_id, left=True)
    mask = pad_rows([[1] * len(row) for row in encoded.prompt_ids], 0, left=True)
    how: dict[str, Any] = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None}
    with torch.inference_mode():
        given = tiny_qwen.pixel_inputs(model, ids)
        expected = model.generate(input_ids=ids, attention_mask=mask, **encoded.pixels, **given, **how)
        inputs = family.model_inputs(model, ids, mask, torch.cat(family.vision_features(model, encoded.pixels)))
        assert torch.equal(model.generate(input_ids=ids, attention_mask=mask, **inputs, **how), expected)


@KINDS
def test_an_unlike_number_of_tokens_and_features_is_an_error(kind: str) -> None:
    family, model = tiny_qwen.family(kind), load(kind)
    ids, mask, pixels, _ = batch(kind, left=False)
    with torch.inference_mode(), pytest.raises(families.ImageTokenError, match="differ in number"):
        family.model_inputs(model, ids, mask, torch.cat(family.vision_features(model, pixels))[1:])


@pytest.mark.parametrize(
    ("kind", "scope", "layout"),
    [
        ("qwen2_5_vl", "language", "original"),
        ("qwen3_vl", "vision", "transformers"),
        ("qwen3_vl_moe", "experts", "transformers"),
    ],
)
def test_trained_is_reloaded_is_merged_and_predicts(kind: str, scope: str, layout: str, tmp_path: Path) -> None:
    family, folder = tiny_qwen.family(kind), tiny_qwen.folder(kind)
    settings = configuration(kind, layout, scope=scope)
    splits = [write_split(tmp_path, "train", kind, 4), write_split(tmp_path, "validation", kind, 1)]
    result = training.train(settings, str(folder), splits[0], splits[1], tmp_path / "adapter", tmp_path / "work")
    assert (result.steps, result.train_pages, result.skipped) == (2, 4, ())
    assert set(result.trainable) == family.scopes[scope].groups
    assert (result.cached_vision_bytes > 0) == family.scopes[scope].freezes_encoder

    merged_model.merge(settings, str(folder), tmp_path / "adapter", tmp_path / "merged")
    # Experts, too, lie in the file as they did: transformers reads them turned around as well, vLLM does not.
    made, base = (
        {name: weight.shape for name, weight in on_disk(one).items()} for one in (tmp_path / "merged", folder)
    )
    assert made == base
    ids, mask, pixels, _ = batch(kind, left=False)
    inputs = {"input_ids": ids, "attention_mask": mask, **pixels, **tiny_qwen.pixel_inputs(load(kind), ids)}
    tuned = adapters.load(load(kind), tmp_path / "adapter", base_folder=folder)
    with torch.inference_mode():
        expected = tuned(**inputs).logits
        assert torch.allclose(load(kind, tmp_path / "merged")(**inputs).logits, expected, atol=1e-4)
        assert not torch.allclose(load(kind)(**inputs).logits, expected, atol=1e-4)

    generation.predict(settings, str(tmp_path / "merged"), {splits[0]: tmp_path / "predictions.jsonl"})
    assert [row["id"] for row in read_jsonl(tmp_path / "predictions.jsonl")] == [f"train-{n}/p0001" for n in range(4)]


def random_adapter(kind: str, base: Path, target: Path) -> Any:
    """Write an adapter of a base whose every tensor is random; return the model with it."""
    model = adapters.attach(tiny_qwen.family(kind), load(kind, base), configuration(kind, scope="attention").train)
    generator = torch.Generator().manual_seed(1)
    for weight in adapters.tensors(model).values():
        weight.normal_(0.0, 0.1, generator=generator)
    adapters.save(model, target, base_name=kind, base_digest=adapters.base_digest(base), revision=None)
    return model.eval()


@KINDS
def test_a_merged_model_loads_plainly_and_has_the_names_that_transformers_writes(kind: str, tmp_path: Path) -> None:
    hub, native = tiny_qwen.folder(kind), shutil.copytree(tiny_qwen.folder(kind), tmp_path / "native")
    AutoModelForImageTextToText.from_pretrained(hub).save_pretrained(tmp_path / "again")
    AutoModelForImageTextToText.from_pretrained(hub).save_pretrained(native, save_original_format=False)
    names = set(on_disk(tmp_path / "again"))
    # Qwen2.5-VL was published with names of before the class had a language_model; Qwen3-VL with the class's own.
    assert ("model.embed_tokens.weight" in names) == (set(on_disk(native)) != names) == (kind == "qwen2_5_vl")
    ids, mask, pixels, _ = batch(kind, left=False)
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        **pixels,
        **tiny_qwen.pixel_inputs(load(kind), ids),
    }
    for base in (hub, native):
        adapter = tmp_path / f"adapter-{base.name}"
        with torch.inference_mode():
            expected = random_adapter(kind, base, adapter)(**inputs).logits
        for layout in ("transformers", "original"):
            target = tmp_path / f"{base.name}-{layout}"
            merged_model.merge(configuration(kind, layout), str(base), adapter, target)
            assert set(on_disk(target)) == names
            with torch.inference_mode():
                merged = AutoModelForImageTextToText.from_pretrained(target).eval()
                assert torch.allclose(merged(**inputs).logits, expected, atol=1e-4)


def test_kept_features_train_like_pixels(tmp_path: Path) -> None:
    losses = []
    for cached in (True, False):
        settings = configuration("qwen3_vl", scope="attention", cache_vision=cached)
        splits = [write_split(tmp_path, "train", "qwen3_vl", 4), write_split(tmp_path, "none", "qwen3_vl", 0)]
        out = tmp_path / str(cached)
        folder = str(tiny_qwen.folder("qwen3_vl"))
        result = training.train(settings, folder, splits[0], splits[1], out, tmp_path / "work")
        assert bool(result.cached_vision_bytes) is cached
        losses.append((result.first_loss, result.final_loss))
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "scope"),
    [(kind, str(scope)) for kind in tiny_qwen.KINDS for scope in families.FAMILIES[kind].scopes],
)
def test_every_scope_trains_what_the_shapes_of_its_layers_call_for(kind: str, scope: str) -> None:
    family, rank = tiny_qwen.family(kind), 4
    settings = config.Train.model_validate(grouped(scope=scope, rank=rank, dropout=0.0))
    model = adapters.attach(family, load(kind), settings)
    counted = adapters.count_trainable(family, model, scope)
    # By hand: width 64, MLP 96, two heads of 16 for keys and values, 4 layers.
    attention = 4 * rank * (2 * (64 + 64) + 2 * (64 + 32))
    assert counted["attention"] == attention
    if "mlp" in counted:
        assert counted["mlp"] == 4 * rank * 3 * (64 + 96)
    if "experts" in counted:
        assert counted["experts"] == 4 * rank * 4 * ((64 + 48) + (64 + 24))
    if "vision" in counted:
        assert counted["vision"] > 0


@pytest.mark.parametrize(
    ("kind", "scope", "reason"),
    [
        ("qwen2_5_vl", "experts", "dense"),
        ("qwen3_vl", "experts", "dense"),
        ("qwen3_vl_moe", "language", "routed expert"),
    ],
)
def test_a_scope_that_a_family_lacks_is_refused_with_the_reason(kind: str, scope: str, reason: str) -> None:
    settings = config.Train.model_validate(grouped(scope=scope, dropout=0.0))
    with pytest.raises(UserError, match=rf"{reason}(?s:.*){scope}(?s:.*)Accepted: attention"):
        adapters.attach(tiny_qwen.family(kind), load(kind), settings)


def test_a_scope_that_finds_no_layer_of_a_group_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    family = tiny_qwen.family("qwen3_vl")
    blind = families.Scope(token_grid.ATTENTION, (), frozenset({"attention", "mlp"}), True, True)
    monkeypatch.setattr(type(family), "scopes", Scopes("Qwen3-VL", {"language": blind}))
    settings = config.Train.model_validate(grouped(scope="language", dropout=0.0))
    with pytest.raises(adapters.AdapterError, match=r"stands for \['attention', 'mlp'\], but names layers of"):
        adapters.attach(family, load("qwen3_vl"), settings)


@pytest.mark.parametrize("kind", ["deepseek_ocr2", *tiny_qwen.KINDS])
def test_code_in_a_models_folder_is_never_run(kind: str, tmp_path: Path) -> None:
    source = stand_in.folder() if kind == "deepseek_ocr2" else tiny_qwen.folder(kind)
    folder = shutil.copytree(source, tmp_path / "model")
    marker = tmp_path / "it-ran"
    hostile = f"open({str(marker)!r}, 'w').close()\nraise SystemExit('hostile')\n"
    for name in ("modeling_hostile.py", "configuration_hostile.py", "custom_generate/generate.py", "__init__.py"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(hostile, encoding="utf-8")
    named = {
        "AutoConfig": "configuration_hostile.Settings",
        "AutoModel": "modeling_hostile.Model",
        "AutoModelForImageTextToText": "modeling_hostile.Model",
        "AutoProcessor": "modeling_hostile.Processor",
        "AutoTokenizer": ["modeling_hostile.Words", "modeling_hostile.Words"],
        "AutoImageProcessor": "modeling_hostile.Images",
    }
    for path in folder.glob("*.json"):
        if path.name in ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json"):
            settings = json.loads(path.read_text(encoding="utf-8")) | {"auto_map": named}
            path.write_text(json.dumps(settings), encoding="utf-8")
    choice = config.BaseModelChoice(name=str(folder))
    family = families.family_of(Path(families.resolve(choice, [tmp_path])))
    model = family.load_model(folder, dtype=torch.float32, device="cpu")
    processor = family.load_processor(folder)
    assert family.encode(processor, [page_image(0, (64, 64))], family.prompts["free_ocr"]).prompt_ids
    assert type(model).__module__.startswith("transformers.models.")
    assert not marker.exists()
    # Transformers imports a folder's code under `transformers_modules.` with the file's own name at the end.
    assert not [name for name in sys.modules if name.endswith(("modeling_hostile", "configuration_hostile"))]
