"""Matrices in 8 or 4 bits with a scale for each row or group: the format "pack-quantized" of compressed-tensors.

A matrix (rows, columns) becomes three tensors: `weight_packed` (rows, columns · bits / 32) of int32, each with 4 or 8
whole numbers, the first in the lowest bits, moved up by half their range; `weight_scale` (rows, groups) and
`weight_shape`.
vLLM keeps them so in memory. Here they are made plain numbers again when the model is loaded: nothing is gained in
memory, and what is read is what the packed numbers say.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Variant = Literal["8bit", "4bit"]

METHOD, FORMAT = "compressed-tensors", "pack-quantized"
PACKED, SCALE, SHAPE = "_packed", "_scale", "_shape"
_WORD = 32


@dataclass(frozen=True)
class Scheme:
    """How matrices are rounded: symmetric, to the nearest."""

    bits: int
    group: int | None  # numbers that share a scale; None: a whole row

    def fits(self, columns: int) -> bool:
        """Tell whether a matrix of so many columns can be packed."""
        return columns % (_WORD // self.bits) == 0 and columns % (self.group or columns) == 0

    def settings(self, ignored: list[str]) -> dict[str, Any]:
        """Return `quantization_config` of config.json; `ignored` are the linear layers that stay as they are."""
        weights = {
            "num_bits": self.bits, "type": "int", "symmetric": True, "dynamic": False,
            "strategy": "group" if self.group else "channel", "group_size": self.group,
        }  # fmt: skip
        group = {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None}
        return {
            "quant_method": METHOD, "format": FORMAT, "quantization_status": "compressed",
            "config_groups": {"group_0": {**group, "format": FORMAT}}, "ignore": ignored,
        }  # fmt: skip


SCHEMES: Mapping[Variant, Scheme] = MappingProxyType({"8bit": Scheme(8, None), "4bit": Scheme(4, 32)})
"""The variants by name (`merge.quantize`)."""


def pack(weight: "torch.Tensor", scheme: Scheme) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return the packed whole numbers and the scales, in the weight's own number format, of a matrix that fits."""
    import torch

    rows, columns = weight.shape
    groups = weight.float().reshape(rows, -1, scheme.group or columns)
    most = 2 ** (scheme.bits - 1) - 1
    scale = (groups.abs().amax(-1) / most).clamp(min=torch.finfo(torch.float16).tiny).to(weight.dtype)
    whole = (groups / scale.float().unsqueeze(-1)).round().clamp(-most - 1, most)
    moved = (whole.to(torch.int64) + most + 1).reshape(rows, -1, _WORD // scheme.bits)
    words = (moved << _shifts(scheme)).sum(-1)
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32), scale


def unpack(packed: "torch.Tensor", scale: "torch.Tensor", shape: tuple[int, int], bits: int) -> "torch.Tensor":
    """Return the matrix that packed numbers and scales stand for, in the number format of the scales."""
    import torch

    rows, columns = shape
    numbers = (packed.to(torch.int64).unsqueeze(-1) >> _shifts(Scheme(bits, None))) & (2**bits - 1)
    groups = (numbers.reshape(rows, -1)[:, :columns] - 2 ** (bits - 1)).reshape(rows, scale.shape[1], -1)
    made: torch.Tensor = (groups.float() * scale.float().unsqueeze(-1)).reshape(rows, columns).to(scale.dtype)
    return made


def bits_of(settings: Mapping[str, Any]) -> int | None:
    """Return how many bits a config.json says that matrices have in this format; None where it says nothing of it."""
    about = settings.get("quantization_config") or {}
    if about.get("quant_method") != METHOD or about.get("format") != FORMAT:
        return None
    (group,) = about["config_groups"].values()
    return int(group["weights"]["num_bits"])


def plain(folder: Path, bits: int) -> "dict[str, torch.Tensor]":
    """Return the tensors of a model's folder by their names, packed matrices as plain numbers."""
    from safetensors.torch import load_file

    stored: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        stored |= load_file(path)
    made: dict[str, torch.Tensor] = {}
    for name in _matrices(stored):
        packed, scale, shape = (stored.pop(f"{name}{end}") for end in (PACKED, SCALE, SHAPE))
        rows, columns = shape.tolist()
        made[name] = unpack(packed, scale, (rows, columns), bits)
    return stored | made


def _matrices(names: Mapping[str, object]) -> Iterator[str]:
    return iter([name.removesuffix(PACKED) for name in names if name.endswith(f".weight{PACKED}")])


def settings_of(folder: Path) -> dict[str, Any]:
    """Return config.json of a model's folder."""
    settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return settings


def _shifts(scheme: Scheme) -> "torch.Tensor":
    import torch

    return torch.arange(0, _WORD, scheme.bits)
