"""An adapter as vLLM serves it beside its base: under the original names of the tensors, expert by expert.

vLLM accepts an adapter under the native class's names, applies none of it, and says so at the level of debugging alone:
whoever asks for the adapter gets the base. Under the names of the original layout, which its loader of weights knows,
every module finds its place (measurements/vllm_layout.py counts them in the engine).
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scribetune.core.errors import UserError
from scribetune.core.files import in_place_of, write_text
from scribetune.merging import deltas
from scribetune.merging.checkpoint import Outline, file_errors_explained
from scribetune.merging.deltas import Adapter, Delta
from scribetune.merging.layouts import Layouts
from scribetune.models import adapters, families
from scribetune.models.families import Family, native

LINEAGE = "lineage.json"
_KEPT = ("peft_type", "task_type", "base_model_name_or_path", "revision", "inference_mode")


@dataclass(frozen=True)
class Exported:
    """What was written."""

    modules: int  # linear layers that get LoRA, each expert's counted for itself
    rank: int  # the largest, which `--max-lora-rank` must reach


def export(base: Path, adapter_folder: Path, target: Path) -> Exported:
    """Write an adapter's folder under the names that vLLM applies; what it adds to each weight stays the same.

    Args:
        base: Folder of the base model; only its configuration is read.
        adapter_folder: Holds the adapter as it was trained.
        target: Where to: a folder that is not there yet, empty, or an earlier export.

    Raises:
        UserError: No adapter there, one of another architecture or of the encoder, or a folder with something else.
    """
    family = families.family_of(base)
    skeleton = native.skeleton(base)
    layouts = Layouts(native.skeleton(base))
    adapter = deltas.outline(skeleton, adapter_folder)
    _check_served(family, adapter, adapter_folder)
    _check_target(target)
    settings = adapters.read_settings(adapter_folder)
    rank = max(_rank(delta, adapter) for delta in adapter.deltas.values())
    scaling = settings["lora_alpha"] / settings["r"]
    tensors: dict[str, torch.Tensor] = {}
    for delta in adapter.deltas.values():
        for name, down, up in _factors(delta, adapter, layouts):
            tensors[f"base_model.model.{name}.lora_A.weight"] = down.contiguous()
            factor = delta.scaling / scaling  # not 1 only where patterns or rslora give this layer another scaling
            tensors[f"base_model.model.{name}.lora_B.weight"] = (up if factor == 1 else up * factor).contiguous()
    about = {
        **{key: settings.get(key) for key in _KEPT},
        "r": rank, "lora_alpha": scaling * rank, "bias": "none", "lora_dropout": 0.0,
        "target_modules": sorted({name.split(".")[-3] for name in tensors}),
    }  # fmt: skip
    with file_errors_explained(target), in_place_of(target) as new:
        adapters.write(new, tensors, about, adapters.metadata(adapter_folder))
        write_text(new / "README.md", readme(about, rank))
        if (adapter_folder / LINEAGE).is_file():
            shutil.copyfile(adapter_folder / LINEAGE, new / LINEAGE)
    return Exported(len(tensors) // 2, rank)


def _check_served(family: Family, adapter: Adapter, folder: Path) -> None:
    encoder = [name for name in adapter.deltas if family.group_of(name) == "vision"]
    if encoder:
        raise UserError(
            f"The adapter in {folder} adapts {len(encoder)} weights of the encoder, and vLLM has LoRA in the language "
            "model alone; the first is",
            value=encoder[0],
            accepted="an adapter of the scopes attention, language or experts",
            todo="serve the merged model (target: merged; merge.layout: original)",
        )


def _check_target(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()) and not (target / adapters.CONFIG).is_file():
        raise UserError(
            "The folder holds something else, which would be lost",
            value=str(target),
            accepted="a folder that is not there yet, empty, or an earlier export",
            todo="name another folder",
        )


def _rank(delta: Delta, adapter: Adapter) -> int:
    return len(adapter.weights[delta.down]) // max(1, delta.experts)


def _factors(delta: Delta, adapter: Adapter, layouts: Layouts) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Yield (module, A, B) under original names; B·A·scaling is what is added to the module's (outputs, inputs).

    A stack of experts becomes a pair for each matrix of each expert. Which rows of the stack a matrix has is asked of
    the layouts themselves, by numbers in the place of weights.
    """
    down, up = adapter.weights[delta.down], adapter.weights[delta.up]
    shape = layouts.shapes[delta.parameter]
    if not delta.experts:
        ((_, outlines),) = layouts.originals([Outline(delta.parameter, down.dtype, shape)])
        yield outlines[0].key.removesuffix(".weight"), down, up
        return
    stack, rows, _ = shape
    numbered = torch.arange(stack * rows, dtype=torch.float64).reshape(stack, rows, 1)
    rank = len(down) // stack
    for key, numbers in layouts.to_original({delta.parameter: numbered}).items():
        places = numbers.reshape(-1).long()
        expert = int(places[0]) // rows
        # PEFT counts the second axis of a stack as inputs, so that its B·A is the weight's change turned on its side.
        mine_down, mine_up = down[expert * rank : (expert + 1) * rank], up[:, expert::stack]
        yield key.removesuffix(".weight"), mine_up.T, mine_down.T[places - expert * rows]


def readme(settings: Mapping[str, Any], rank: int) -> str:
    """Return what a folder with an exported adapter says of itself."""
    base = settings.get("base_model_name_or_path")
    return "\n".join([
        "# LoRA adapter under the names that vLLM applies", "",
        f"Base model: {base}, in its original layout. Served beside it by", "",
        f"    vllm serve BASE --enable-lora --max-lora-rank {rank} --lora-modules tuned=THIS_FOLDER", "",
        "and asked for as the model `tuned`. PEFT does not load these names.", "",
    ])  # fmt: skip
