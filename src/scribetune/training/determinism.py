"""The same bits in every run of one machine: what is asked of torch, and what is done where it cannot be had."""

import contextlib
import logging
import os
from collections.abc import Iterator

import torch

logger = logging.getLogger(__name__)


def seed(number: int, device: str, *, deterministic: bool) -> None:
    """Seed Python, NumPy and torch, and ask for deterministic kernels."""
    from transformers import set_seed

    set_seed(number)
    ask(device, wanted=deterministic)


def ask(device: str, *, wanted: bool) -> None:
    """Ask for deterministic kernels where there are any; a CPU has no others."""
    if device == "cpu":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    # Its backward pass is not the same twice, whatever is asked for.
    torch.backends.cuda.enable_cudnn_sdp(not wanted)
    # Otherwise every new tensor is filled with NaN first; nothing here reads what it did not write.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


class Strictness:
    """Whether a training step may use only deterministic kernels.

    Where torch only warns, attention takes the faster kernel whose gradients are not the same twice; it is strict only
    where a kernel without a deterministic form would be an error. A model that needs such a kernel is trained with
    warnings from then on, and it is said.
    """

    def __init__(self, wanted: bool) -> None:
        self._strict = wanted

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Be strict within the context."""
        if not self._strict:
            yield
            return
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(True, warn_only=True)

    def gives_way(self, error: RuntimeError) -> bool:
        """Tell whether an error came of strictness; if so there will be none any more."""
        if not self._strict or "deterministic" not in str(error):
            return False
        self._strict = False
        logger.warning(
            "Two runs of this training may differ in their last bits: %s", str(error).split(". ", maxsplit=1)[0]
        )
        return True
