"""Layers that compute with fewer operations give what PEFT's, and the native class's, own give."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from scribetune.models import adapters, lora_layers
from scribetune.models.families.deepseek_ocr2 import numbers_of
from scribetune.training.host_embedding import move_to_host
from scribetune.training.loss import token_loss, without
from support.training_pages import FAMILY, TINY, settings


def adapted(scope: str, rank: int = 8, seed: int = 0) -> Any:
    """The embedded model with an adapter of random numbers, as PEFT makes it."""
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    model = adapters.attach(FAMILY, model, settings(scope=scope, rank=rank, alpha=rank, dropout=0.0).train)
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if ".lora_" in name:
            weight.data = torch.randn(weight.shape, generator=random) * 0.05
    return model


def result(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits of two rows of text, and the gradients of the adapter's weights."""
    ids = torch.arange(80).reshape(2, 40) + 100
    model.zero_grad()
    logits = model(input_ids=ids).logits
    logits.square().mean().backward()
    return logits.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("scope", ["language", "experts"])
def test_slim_layers_give_pefts_logits_and_gradients(scope: str) -> None:
    model = adapted(scope)
    expected, gradients = result(model)
    assert lora_layers.slim(model) > 0
    found, slim_gradients = result(model)
    assert torch.allclose(found, expected, atol=1e-4)
    assert slim_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(slim_gradients[name], gradient, atol=1e-3 * float(gradient.abs().max())), name
    assert any(isinstance(module, lora_layers.SlimExperts) for module in model.modules()) == (scope == "experts")


def test_slim_layers_are_saved_switched_off_and_merged_as_pefts_are(tmp_path: Path) -> None:
    model = adapted("experts")
    lora_layers.slim(model)
    tuned, _ = result(model)
    with model.disable_adapter():
        base, _ = result_without_gradients(model)
    plain, _ = result_without_gradients(FAMILY.load_model(TINY, dtype=torch.float32, device="cpu"))
    assert torch.equal(base, plain) and not torch.allclose(tuned, plain, atol=1e-3)
    adapters.save(model, tmp_path, base_name="x", base_digest=adapters.base_digest(TINY), revision=None)
    loaded = adapters.load(FAMILY.load_model(TINY, dtype=torch.float32, device="cpu"), tmp_path, base_folder=TINY)
    assert torch.allclose(result_without_gradients(loaded)[0], tuned, atol=1e-4)
    assert torch.allclose(result_without_gradients(model.merge_and_unload())[0], tuned, atol=1e-3)


def result_without_gradients(model: Any) -> tuple[torch.Tensor, None]:
    with torch.no_grad():
        return model(input_ids=torch.arange(80).reshape(2, 40) + 100).logits, None


def test_a_rank_that_grouped_products_cannot_take_stays_as_peft_has_it() -> None:
    model = adapted("experts", rank=4)
    expected, _ = result(model)
    lora_layers.slim(model)
    assert not any(isinstance(module, lora_layers.SlimExperts) for module in model.modules())
    assert torch.allclose(result(model)[0], expected, atol=1e-4)


def test_experts_without_a_single_token_still_get_a_gradient() -> None:
    model = adapted("experts")
    lora_layers.slim(model)
    model(input_ids=torch.tensor([[100]])).logits.sum().backward()
    of_experts = [weight for name, weight in model.named_parameters() if ".experts." in name and ".lora_" in name]
    assert of_experts and all(weight.grad is not None for weight in of_experts)


@pytest.mark.parametrize("sizes", [[(500, 700)], [(500, 700), (1200, 1700), (1000, 800), (1250, 1700)]])
def test_all_views_of_a_page_in_one_sequence_give_what_the_native_class_gives(sizes: list[tuple[int, int]]) -> None:
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    processor = FAMILY.load_processor(TINY)
    processor.image_processor.crop_to_patches = True
    processor.image_processor.size = {"height": 1024, "width": 1024}
    images = [Image.effect_noise(size, 90).convert("RGB") for size in sizes]
    pixels = FAMILY.encode(processor, images, "<image>\nFree OCR. ").pixels
    with torch.no_grad():
        expected = model.model.get_image_features(**numbers_of(pixels)).pooler_output
        found = FAMILY.vision_features(model, pixels)
        fronts = [FAMILY.front_pixels(rows) for rows in FAMILY.front_features(model, pixels)]
        known: dict[str, Any] = {
            "front": torch.cat([one["front"] for one in fronts]),
            "front_rows": [count for one in fronts for count in one["front_rows"]],
        }
        again = FAMILY.vision_features(model, known)
    assert len(found) == len(expected) == len(sizes)
    for one, other, native in zip(found, again, expected, strict=True):
        assert one.shape == native.shape and torch.equal(one, other)
        assert torch.allclose(one, native, atol=1e-3), float((one - native).abs().max())


def test_an_embedding_in_main_memory_gives_the_same_rows_prepared_or_not() -> None:
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    ids = torch.tensor([[5, 6, 7]])
    expected = model.get_input_embeddings()(ids)
    table = sum(weight.numel() for weight in model.parameters())
    moved = move_to_host(model)
    assert moved is not None and model.get_input_embeddings() is moved
    assert sum(weight.numel() for weight in model.parameters()) == table - moved.weight.numel()
    assert torch.equal(moved(ids), expected)
    moved.prepare(ids)
    assert torch.equal(moved(ids), expected)
    moved.prepare(torch.tensor([[1]]))
    assert torch.equal(moved(ids), expected), "rows prepared for other ids must not be taken"


def test_the_loss_in_pieces_is_the_loss_of_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    head = torch.nn.Linear(8, 50)
    hidden = torch.randn(2, 30, 8, requires_grad=True)
    labels = torch.randint(0, 50, (2, 30))
    labels[0, :7] = -100
    whole, right = token_loss(hidden, labels, head, 50)
    (expected,) = torch.autograd.grad(whole, hidden)
    monkeypatch.setattr("scribetune.training.loss.PIECE_LOGITS", 7 * 50)
    pieces, counted = token_loss(hidden, labels, head, 50)
    (found,) = torch.autograd.grad(pieces, hidden)
    assert float(pieces) == pytest.approx(float(whole), rel=1e-6) and int(counted) == int(right)
    assert torch.allclose(found, expected, atol=1e-6)
    with without(head):
        assert torch.equal(head(hidden), hidden)
    assert head(hidden).shape[-1] == 50
