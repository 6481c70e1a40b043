"""Reading with a draft gives what the model writes by itself, whatever the draft says."""

from collections.abc import Sequence

import pytest
import torch

from scribetune.training import drafting
from support.training_pages import FAMILY, TINY


@pytest.mark.parametrize("kind", ["right", "wrong", "shifted", "empty", "half"])
def test_the_text_is_the_models_own_whatever_the_draft(kind: str) -> None:
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    torch.manual_seed(4)
    with torch.no_grad():  # random weights of this size write one token for ever; these do not
        for weight in model.model.language_model.parameters():
            weight.add_(0.08 * torch.randn_like(weight))
        prompt = model.get_input_embeddings()(torch.randint(20, 200, (1, 12)))
        end, limit = 1, 60
        own = model.generate(
            inputs_embeds=prompt, max_new_tokens=limit, do_sample=False, eos_token_id=end, pad_token_id=2
        )[0].tolist()
        drafts: dict[str, Sequence[int]] = {
            "right": (*own, end),
            "wrong": [7] * 60,
            "shifted": (*own[3:20], 9, 9, *own[20:], end),
            "empty": (),
            "half": (*own[:20], *([5] * 20), *own[20:]),
        }
        passes = 0
        forward = model.forward

        def counted(*arguments: object, **named: object) -> object:
            nonlocal passes
            passes += 1
            return forward(*arguments, **named)

        model.forward = counted
        assert drafting.read(model, prompt, drafts[kind], ends=[end], limit=limit) == own
    assert len(set(own)) > 5
    assert passes <= {"right": 6, "wrong": 61, "shifted": 20, "empty": 61, "half": 40}[kind]


def test_a_draft_is_brought_back_into_step() -> None:
    draft = [10, 11, 12, 13, 14, 15, 16]
    assert drafting.in_step(draft, 2, [10, 11, 12]) == 3  # as expected
    assert drafting.in_step(draft, 2, [10, 11, 99]) == 3  # another token in its place
    assert drafting.in_step(draft, 2, [10, 11, 99, 14, 15]) == 6  # two left out


def test_what_the_guard_forbids_is_not_written() -> None:
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")

    def guard(written: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        allowed = scores.clone()
        allowed[list(written)] = -torch.inf
        return allowed

    with torch.no_grad():
        prompt = model.get_input_embeddings()(torch.randint(20, 200, (1, 5)))
        written = drafting.read(model, prompt, [7] * 9, ends=[1], limit=12, guard=guard)
    assert len(set(written)) == len(written)
