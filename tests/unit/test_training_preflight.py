"""What a training will cost is said before it begins, and what cannot fit is refused with advice."""

from pathlib import Path

import pytest
import torch
from training_pages import FAMILY, TINY, settings

from scribetune import backends
from scribetune.collation import Example, Page
from scribetune.errors import UserError
from scribetune.training import preflight

PLACEMENT = backends.Placement("cpu", torch.float32, "a test")
PAGE = Page("a/p0001", "a", 1, Path("a.png"), "<image>", "x")
LEARNED = [Example(PAGE, tuple(range(length)), 160 + length, 145) for length in range(10, 30)]


def check(device_bytes: int = 10**12, **train: object) -> preflight.Preflight:
    return preflight.check(
        family=FAMILY,
        folder=TINY,
        settings=settings(**train).train,
        placement=PLACEMENT,
        learned=LEARNED,
        steps=30,
        cached_features_bytes=0,
        device_bytes=device_bytes,
    )


def test_parameters_and_tokens_are_counted_without_loading_a_weight() -> None:
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    found = check(scope="attention")
    assert found.base_parameters == sum(weight.numel() for weight in model.parameters())
    assert set(found.trainable) == {"attention"} and found.servable_as_lora
    assert (found.longest_tokens, found.p95_tokens, found.longest_image_tokens) == (189, 188, 145)
    assert found.memory.weights == 4 * found.base_parameters
    assert found.memory.adapter == 16 * sum(found.trainable.values())
    assert set(check(scope="vision").trainable) == {"attention", "mlp", "experts", "vision"}
    assert not check(scope="vision").servable_as_lora


def test_the_forecast_grows_with_the_batch_and_shrinks_with_checkpointing() -> None:
    plain, larger = check(effective_batch=4), check(effective_batch=4, micro_batch=4)
    assert larger.memory.activations == 4 * plain.memory.activations
    assert check(gradient_checkpointing=True).memory.activations < plain.memory.activations
    assert check(scope="vision").memory.encoder > 0 == plain.memory.encoder


def test_what_cannot_fit_is_refused_with_advice() -> None:
    with pytest.raises(UserError, match=r"even one page at a time|needs about .* GB even with one page") as refused:
        check(device_bytes=10**6)
    assert "gradient_checkpointing" in str(refused.value) and "189 tokens" in str(refused.value)


def test_it_says_everything_in_four_lines() -> None:
    text = "\n".join(check().lines())
    for part in ("Trainable parameters", "vLLM can load it", "Tokens per page: at most 189", "Memory forecast", "Time"):
        assert part in text
    assert "not measured here" in text
