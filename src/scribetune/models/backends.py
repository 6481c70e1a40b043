"""Where and how a model is trained: device, number format and backend, each chosen with its reason said aloud."""

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from scribetune.core.config import Train
from scribetune.core.errors import UserError, counted
from scribetune.models import adapters, lora_layers
from scribetune.models.families import Family

logger = logging.getLogger(__name__)

BackendName = Literal["peft", "unsloth"]


@dataclass(frozen=True)
class Placement:
    """Device and number format of the weights, and why."""

    device: str
    dtype: torch.dtype
    reason: str

    @property
    def precision(self) -> str:
        """Name of the number format: float32 or bfloat16."""
        return str(self.dtype).removeprefix("torch.")


def gpu_names() -> list[str]:
    """Return the names of the GPUs that this process sees."""
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


@dataclass(frozen=True)
class BackendChoice:
    """The backend, and why."""

    name: BackendName
    reason: str


def place(precision: str, cpu_threads: int) -> Placement:
    """Choose device and number format, and fix the number of CPU threads.

    Sums on a CPU are split by thread, so that their number is part of the result.
    """
    torch.set_num_threads(cpu_threads)
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    where = torch.cuda.get_device_name() if cuda else f"the CPU, {counted(cpu_threads, 'thread')}"
    if precision != "auto":
        return Placement(device, getattr(torch, precision), f"{precision} as configured, on {where}")
    if cuda and torch.cuda.is_bf16_supported():
        return Placement(device, torch.bfloat16, f"bfloat16: {where} computes it")
    return Placement(device, torch.float32, f"float32, which needs no bfloat16 hardware, on {where}")


def choose(wanted: str) -> BackendChoice:
    """Choose the backend; `auto` is the one that was faster where both were measured side by side.

    Raises:
        UserError: unsloth asked for by name where it cannot run.
    """
    cuda = torch.cuda.is_available()
    installed = importlib.util.find_spec("unsloth") is not None
    lacking = "" if cuda and installed else "no CUDA device is there" if not cuda else "unsloth is not installed"
    if wanted == "unsloth" and lacking:
        raise UserError(
            f"The training backend cannot run here ({lacking})",
            value="unsloth",
            accepted="auto or peft",
            todo="set train.machine.backend to auto, or run on a machine with a CUDA GPU and the GPU environment",
        )
    if wanted == "auto":
        return BackendChoice("peft", lacking or "faster than unsloth and with less memory (docs/benchmarks.md)")
    return BackendChoice("unsloth" if wanted == "unsloth" else "peft", "as configured")


def load(
    choice: BackendChoice, family: Family, folder: Path, train: Train, placement: Placement, *, checkpointing: bool
) -> Any:
    """Load the base model and put a fresh adapter around it, as the backend does it: a PEFT model.

    Its base is in evaluation mode, its adapter weights are the only trainable ones. `checkpointing` says whether
    activations will be computed again in the backward pass.
    """
    if choice.name == "unsloth":
        return _load_unsloth(family, folder, train, placement, checkpointing)
    model = family.load_model(folder, dtype=placement.dtype, device=placement.device)
    adapted = adapters.attach(family, model, train)
    lora_layers.slim(adapted)
    return adapted


def _load_unsloth(family: Family, folder: Path, train: Train, placement: Placement, recompute: bool) -> Any:
    # Imported before anything else of the stack uses transformers' classes: unsloth patches them on import.
    from transformers import AutoModelForImageTextToText
    from unsloth import FastVisionModel

    checkpointing = "unsloth" if recompute else False
    model, _ = FastVisionModel.from_pretrained(
        str(folder),
        auto_model=AutoModelForImageTextToText,
        dtype=placement.dtype,
        load_in_4bit=train.machine.quantization == "4bit",
        max_seq_length=train.max_tokens,
        use_gradient_checkpointing=checkpointing,
        random_state=train.seed,
        trust_remote_code=False,
    )
    scope = family.scopes[train.lora.scope]
    return FastVisionModel.get_peft_model(
        model,
        r=train.lora.rank,
        lora_alpha=train.lora.alpha,
        lora_dropout=train.lora.dropout,
        bias="none",
        target_modules=scope.target_modules,
        # Never None: unsloth would then add the experts of a mixture-of-experts model on its own.
        target_parameters=list(scope.target_parameters),
        use_gradient_checkpointing=checkpointing,
        random_state=train.seed,
        task_type=adapters.TASK_TYPE,
    )
