"""Greedy reading with the label as a draft: what the model would write one token at a time, in a few forward passes.

The label's next tokens are fed at once. As far as each of them is the model's own likeliest token, they are what it
would have written; at the first that is not, the model's token is taken, the draft is brought back into step, and
reading goes on from there. The text is the model's, however wrong the draft (up to rounding: sums over several
positions at once may differ in the last bit). A model that reads well needs a small part of the passes.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch

_FIRST_WIDTH, _LEAST_WIDTH, _WIDEST = 16, 4, 128
_LOOK_BACK, _LOOK_AHEAD = 8, 32
_SAME_TOKENS = 2

Guard = Callable[[Sequence[int], torch.Tensor], torch.Tensor]
"""Takes the tokens written so far and the scores (vocabulary) of the next, and returns the scores that may be used: the
same tensor where nothing is forbidden."""


def has_plain_positions(native: Any) -> bool:
    """Tell whether a model counts positions one by one; others (rows and columns) keep an offset, `rope_deltas`."""
    return not hasattr(getattr(native, "model", native), "rope_deltas")


def read(
    native: Any,
    prompt: torch.Tensor,
    draft: Sequence[int],
    *,
    ends: Collection[int],
    limit: int,
    guard: Guard | None = None,
) -> list[int]:
    """Return what a model with plain positions, in evaluation mode, writes after a prompt, greedily, up to a limit.

    The prompt is embedded (1, length, hidden size). It stops at any of the tokens `ends`. The end token is
    part of the draft, and of what is returned where the model writes it.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    written: list[int] = []

    def choose(scores: torch.Tensor, likeliest: int) -> int:
        allowed = scores if guard is None else guard(written, scores)
        return likeliest if allowed is scores else int(allowed.argmax())

    scores = native(inputs_embeds=prompt, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
    token = choose(scores, int(scores.argmax()))
    place, width = 0, _FIRST_WIDTH
    while True:
        written.append(token)
        if token in ends or len(written) >= limit:
            return written[:limit]
        place = in_step(draft, place, written)
        guess = list(draft[place : place + width])
        fed = torch.tensor([[token, *guess]], device=prompt.device)  # (1, 1 + guessed)
        scores = native(input_ids=fed, past_key_values=cache, use_cache=True).logits[0]  # (1 + guessed, vocabulary)
        likeliest = scores.argmax(-1).tolist()
        taken = 0
        token = choose(scores[0], likeliest[0])
        while taken < len(guess) and token == guess[taken] and token not in ends:
            written.append(token)
            taken += 1
            token = choose(scores[taken], likeliest[taken])
        place += taken
        width = min(_WIDEST, 2 * width) if taken == len(guess) else max(_LEAST_WIDTH, min(width, 2 * taken))
        # What was fed beyond the last token that was taken never happened.
        if taken < len(guess):
            cache.crop(taken - len(guess))


def in_step(draft: Sequence[int], place: int, written: Sequence[int]) -> int:
    """Return the place in the draft that comes after what was written; its last token was expected at `place`."""
    if place < len(draft) and draft[place] == written[-1]:
        return place + 1
    tail = list(written[-_SAME_TOKENS:])
    near = range(max(len(tail), place - _LOOK_BACK), min(len(draft), place + _LOOK_AHEAD) + 1)
    found = [after for after in near if list(draft[after - len(tail) : after]) == tail]
    # Nothing alike nearby: a token in place of another is the commonest error.
    return min(found, key=lambda after: (abs(after - place), after)) if found else place + 1
