"""The same bits in every run of one machine: what is asked of torch, and what is done where it cannot be had."""

import contextlib
import logging
import os
from collections.abc import Iterator

import torch

logger = logging.getLogger(__name__)

_WORKSPACES = "CUBLAS_WORKSPACE_CONFIG"
"""What cuBLAS's products may use beside their matrices; torch wants it set before it calls them deterministic."""


def seed(number: int, device: str, *, deterministic: bool) -> None:
    """Seed Python, NumPy and torch, and ask for deterministic kernels."""
    from transformers import set_seed

    set_seed(number)
    ask(device, wanted=deterministic)


def ask(device: str, *, wanted: bool) -> None:
    """Ask for deterministic kernels where there are any; a CPU has no others."""
    if device == "cpu":
        return
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    if wanted:
        _let_cublas_see_its_workspaces(device)
    # Its backward pass is not the same twice, whatever is asked for.
    torch.backends.cuda.enable_cudnn_sdp(not wanted)
    # Otherwise every new tensor is filled with NaN first; nothing here reads what it did not write.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _let_cublas_see_its_workspaces(device: str) -> None:
    """Set the variable that torch asks for, have it seen by a first product, and take it away again.

    torch 2.11 looks once whether it is set, and parses it anew for every product: 60 microseconds each, a quarter of a
    step of scope vision. The memory it gives cuBLAS, one for each stream, is what makes products the same twice. What
    the user has set stays.
    """
    if _WORKSPACES in os.environ:
        return
    os.environ[_WORKSPACES] = ":4096:8"
    try:
        _multiply(device)
    finally:
        del os.environ[_WORKSPACES]


def _multiply(device: str) -> None:
    some = torch.ones(8, 8, dtype=torch.bfloat16, device=device)
    (some @ some).sum().item()


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
