"""Cross-entropy over target tokens, in pieces: the logits of a large vocabulary are a training's largest tensor."""

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from scribetune.collation import IGNORED

_PIECE_POSITIONS = 2048


def token_loss(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return summed cross-entropy and the number of targets that are the likeliest token, both on the device.

    Computed in float32, 2,048 positions at a time and again in the backward pass, so that the float32 copy of the
    logits never exists as a whole.

    Args:
        logits: (pages, positions, vocabulary); position i is about token i + 1.
        labels: (pages, positions), those next tokens, `IGNORED` where nothing is learned.
    """
    flat, targets = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    pieces = list(zip(torch.split(flat, _PIECE_POSITIONS), torch.split(targets, _PIECE_POSITIONS), strict=True))
    if len(pieces) == 1:
        total = _summed(flat, targets)
    else:
        total = torch.stack([checkpoint(_summed, *piece, use_reentrant=False) for piece in pieces]).sum()
    with torch.no_grad():
        correct = torch.stack([(piece.argmax(-1) == wanted).sum() for piece, wanted in pieces]).sum()
    return total, correct


def _summed(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
