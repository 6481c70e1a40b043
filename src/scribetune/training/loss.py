"""Cross-entropy over target tokens, in pieces: the logits of a large vocabulary are a training's largest tensor."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from scribetune.models import quick_layers
from scribetune.models.collation import IGNORED

PIECE_LOGITS = 2**24
"""Most logits that exist at once."""
QUICK_POSITIONS = 256
"""Positions whose logits exist at once where the gradient is made with the loss: 0.13 GB of them in float32."""


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
    if quick_layers.used_on(flat) and flat.requires_grad and _is_plain(head):
        return quick_loss(flat, targets, head.weight)  # type: ignore[attr-defined]
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


def _is_plain(head: Any) -> bool:
    return isinstance(head, torch.nn.Linear) and getattr(head, "bias", None) is None and not head.weight.requires_grad


class _Loss(torch.autograd.Function):
    """The gradient is made with the loss: of all that logits are needed for, they are there once."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        gradient = torch.empty(hidden.shape, dtype=weight.dtype, device=hidden.device)
        losses, correct = [], []
        for start in range(0, len(hidden), QUICK_POSITIONS):
            piece = slice(start, start + QUICK_POSITIONS)
            wanted, counts = targets[piece].clamp(min=0)[:, None], targets[piece] != IGNORED
            logits = hidden[piece].to(weight.dtype) @ weight.t()  # (positions of a piece, vocabulary)
            correct.append(((logits.argmax(-1) == wanted[:, 0]) & counts).sum())
            scores = logits.float().log_softmax(-1)
            of_target = scores.gather(1, wanted)
            losses.append((of_target[:, 0] * counts).sum())
            # The gradient of a loss to its logits: the probabilities, less one at the target.
            scores.exp_().scatter_(1, wanted, of_target.expm1()).mul_(counts[:, None])
            gradient[piece] = scores.to(weight.dtype) @ weight
        ctx.save_for_backward(gradient)
        ctx.kind = hidden.dtype
        found = torch.stack(correct).sum()
        ctx.mark_non_differentiable(found)
        return -torch.stack(losses).sum(), found

    @staticmethod
    def backward(ctx: Any, of_loss: torch.Tensor, _: Any) -> tuple[torch.Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * of_loss).to(ctx.kind), None, None


def quick_loss(hidden: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what `token_loss` returns for positions (positions, width) of a frozen head (vocabulary, width)."""
    total, correct = _Loss.apply(hidden, targets, weight)  # type: ignore[no-untyped-call]
    return total, correct


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
