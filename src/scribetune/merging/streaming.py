"""The merged checkpoint, written while the base's is read: one tensor in memory at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from scribetune.core.errors import UserError
from scribetune.merging import deltas
from scribetune.merging.checkpoint import Outline, ShardWriter
from scribetune.merging.deltas import Adapter, Change
from scribetune.merging.layouts import ModelFiles
from scribetune.models.families.interface import LayoutName

_FLOATS = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Step:
    """What is written next."""

    copied: tuple[str, ...]
    """Tensors of the base's files that are written under the same names; none where native ones are written instead."""
    natives: tuple[str, ...]  # native tensors that are read, adapted, and converted together
    outlines: tuple[Outline, ...]


def plan(base: ModelFiles, adapter: Adapter, layout: LayoutName, dtype: torch.dtype | None) -> list[Step]:
    """Lay down what will be written, in this layout and number format (None: each its own), without reading a tensor.

    Integers keep their format.

    Raises:
        UserError: A base that cannot be added to: tensors the adapter adapts are tied, quantised, or not there.
    """
    _check_adapted(base, adapter)

    def rounded(outline: Outline) -> Outline:
        return replace(outline, dtype=stored_dtype(outline.dtype, dtype))

    entries = base.checkpoint.entries

    def as_in_base(outline: Outline) -> Outline:
        """Turn it as the base's file has it: transformers reads Qwen's experts either way around, vLLM one way."""
        turned = (*outline.shape[:-2], *reversed(outline.shape[-2:]))
        entry = entries.get(outline.key)
        return replace(outline, shape=turned) if entry is not None and tuple(entry.shape) == turned else outline

    steps: list[Step] = []
    known: list[Outline] = []
    for group in base.groups:
        adapted = any(one.key in adapter.deltas for one in group.natives)
        if not all(one.key in base.layouts.shapes for one in group.natives) or (layout == base.layout and not adapted):
            copies = tuple(rounded(Outline(key, entries[key].dtype, entries[key].shape)) for key in group.keys)
            steps.append(Step(group.keys, (), copies))
        else:
            known.extend(rounded(one) for one in group.natives)
    if layout == "transformers":
        steps.extend(Step((), (one.key,), (one,)) for one in known)
    else:
        for natives, outlines in base.layouts.originals(known):
            steps.append(Step((), natives, tuple(as_in_base(one) for one in outlines)))
    # Wide numbers first, so that every tensor begins at a multiple of its number's size.
    return sorted(steps, key=lambda step: -max(one.dtype.itemsize for one in step.outlines))


def stored_dtype(own: torch.dtype, wanted: torch.dtype | None) -> torch.dtype:
    """Return a tensor's number format in the merged model, given its own and the one asked for (None: keep)."""
    return wanted if wanted is not None and own.is_floating_point else own


def write(
    steps: Sequence[Step],
    base: ModelFiles,
    adapter: Adapter,
    folder: Path,
    *,
    layout: LayoutName,
    shard_bytes: int,
    dtype: torch.dtype | None,
    device: str,
) -> Mapping[str, Change]:
    """Write the merged checkpoint, in files of at most `shard_bytes`; return what became of each one, by native name.

    The steps are those of `plan` with the same base, adapter, layout and number format. Sums are computed on `device`.

    Raises:
        UserError: The disk is full, a file cannot be read or written, or a sum is not finite.
    """
    changes: dict[str, Change] = {}

    def merged(name: str) -> torch.Tensor:
        weight = base.read(name)
        target = stored_dtype(weight.dtype, dtype)
        if name not in adapter.deltas:
            return weight.to(target)
        weight, changes[name] = deltas.add(weight, adapter.deltas[name], adapter, target, device)
        return weight

    with ShardWriter(folder, [one for step in steps for one in step.outlines], shard_bytes) as writer:
        for step in steps:
            if step.copied:
                for outline in step.outlines:
                    writer.write(outline.key, base.checkpoint.read(outline.key).to(outline.dtype))
                continue
            tensors = {name: merged(name) for name in step.natives}
            made = tensors if layout == "transformers" else base.layouts.to_original(tensors)
            del tensors
            for outline in step.outlines:
                tensor = made.pop(outline.key)
                turned = tuple(tensor.shape) != outline.shape
                writer.write(outline.key, tensor.transpose(-1, -2).contiguous() if turned else tensor)
        writer.close()
    return changes


def _check_adapted(base: ModelFiles, adapter: Adapter) -> None:
    tied = {*base.layouts.tied, *base.layouts.tied.values()}
    for name in adapter.deltas:
        if name in tied:
            raise UserError(
                "The adapter adapts a tensor that the base model uses in two places (tied weights)",
                value=name,
                accepted="an adapter of attention, MLP, expert or encoder weights",
                todo="train with one of the family's scopes (train.lora.scope)",
            )
        if name not in base.natives or base.natives[name].dtype not in _FLOATS:
            found = str(base.natives[name].dtype) if name in base.natives else "no such tensor"
            raise UserError(
                f"The adapter cannot be added to {name} of the model in {base.checkpoint.folder}, which has there",
                value=found.removeprefix("torch."),
                accepted="float32, bfloat16 or float16",
                todo="merge into the 16-bit model that the quantised one was made from",
            )
