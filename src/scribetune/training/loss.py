"""Cross-entropy over target tokens, in pieces: the logits of a large vocabulary are a training's largest tensor."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from scribetune.models.collation import IGNORED

PIECE_LOGITS = 2**24
"""Most logits that exist at once."""


def token_loss(
    hidden: torch.Tensor, labels: torch.Tensor, head: Callable[[torch.Tensor], torch.Tensor], vocabulary: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return summed cross-entropy and the number of targets that are the likeliest token, both on the device.

    Logits are made and compared, in float32, 16.8 million at a time (129 positions of DeepSeek-OCR-2's vocabulary), and
    again in the backward pass: those of all positions never exist at once.

    Args:
        hidden: (pages, positions, width), what the last layer says; position i is about token i + 1.
        labels: (pages, positions), those next tokens, `IGNORED` where nothing is learned.
        head: Makes logits (…, vocabulary) of hidden states (…, width).
        vocabulary: Its size.
    """
    flat, targets = hidden.reshape(-1, hidden.shape[-1]), labels.reshape(-1)  # (all positions, width), (all positions)
    positions = max(1, PIECE_LOGITS // vocabulary)

    def summed(rows: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = head(rows)  # (positions of a piece, vocabulary)
        total = cross_entropy(logits.float(), wanted, ignore_index=IGNORED, reduction="sum")
        with torch.no_grad():
            return total, (logits.argmax(-1) == wanted).sum()

    pieces = list(zip(torch.split(flat, positions), torch.split(targets, positions), strict=True))
    if len(pieces) == 1:
        return summed(flat, targets)
    # No random number is drawn in a head: none needs to be kept for the second time.
    found: list[Any] = [checkpoint(summed, *piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces]
    return torch.stack([total for total, _ in found]).sum(), torch.stack([correct for _, correct in found]).sum()


@contextlib.contextmanager
def without(head: torch.nn.Module) -> Iterator[None]:
    """Let a model's forward pass give, in place of logits, the hidden states that its head would make them of."""
    head.forward = _unchanged
    try:
        yield
    finally:
        del head.forward


def _unchanged(hidden: torch.Tensor) -> torch.Tensor:
    return hidden
