"""vLLM's requests are guarded by the same rule as the build's own reader."""

import random

import pytest
import torch

from scribetune.generation.guard import WindowedNgramGuard
from scribetune_vllm.ngrams import forbidden


@pytest.mark.parametrize(("ngram", "window"), [(1, 1), (1, 5), (2, 4), (3, 6), (3, 90), (30, 90)])
def test_the_rule_is_that_of_the_reader(ngram: int, window: int) -> None:
    draw = random.Random(ngram * 1000 + window)
    guard = WindowedNgramGuard(ngram, window, exempt=(1,))
    for _ in range(60):
        # Few tokens, or a loop: otherwise nothing repeats.
        loop = [draw.randrange(4) for _ in range(draw.randrange(1, 40))]
        written = (loop * 6)[: draw.randrange(0, 100)]
        scores = torch.zeros(1, 5)
        if written:
            scores = guard(torch.tensor([written]), scores)  # type: ignore[arg-type]
        wanted = torch.isinf(scores[0]).nonzero().flatten().tolist()
        assert forbidden(written, ngram, window, {1}) == wanted
