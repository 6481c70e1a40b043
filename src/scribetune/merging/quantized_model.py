"""A smaller variant of the merged model: the language model's matrices in 8 or 4 bits, under their original names.

Rounded to the nearest, without looking at any page: what that costs is measured on the test pages. Encoder, embeddings,
head, norms and routers stay as they are. Written one group of tensors at a time.
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scribetune.core.files import in_place_of, sha256_file, write_json
from scribetune.merging import companions
from scribetune.merging.checkpoint import Checkpoint, Outline, ShardWriter, dtype_name, file_errors_explained
from scribetune.merging.layouts import Layouts, ModelFiles
from scribetune.models import families, packed_weights
from scribetune.models.families import Family, native
from scribetune.models.packed_weights import PACKED, SCALE, SCHEMES, SHAPE, Scheme, Variant

logger = logging.getLogger(__name__)

RECORD = "quantized.json"
PROOF = "merge_proof.json"
_GROUPS = frozenset({"attention", "mlp", "experts"})
_END = "_proj.weight"


@dataclass(frozen=True)
class _Part:
    """Original tensors that come from the same native ones."""

    natives: tuple[str, ...]
    outlines: tuple[Outline, ...]


def write(merged: Path, target: Path, variant: Variant, shard_bytes: int) -> None:
    """Write a variant of a merged model's folder, with a record of what it was made of.

    Raises:
        UserError: The merged model's files cannot be read, or the disk is full.
    """
    family, scheme = families.family_of(merged), SCHEMES[variant]
    model = ModelFiles(Checkpoint(merged), Layouts(native.skeleton(merged)))
    known = [one for group in model.groups for one in group.natives if one.key in model.layouts.shapes]
    parts = [_Part(*part) for part in model.layouts.originals(known)]
    linear = [(one, _is_packed(family, part, one, scheme)) for part in parts for one in part.outlines]
    packed = {one.key for one, is_packed in linear if is_packed}
    ignored = sorted(
        one.key.removesuffix(".weight")
        for one, is_packed in linear
        if not is_packed and len(one.shape) == 2 and one.key.endswith(".weight")
    )
    with file_errors_explained(target), in_place_of(target) as new:
        _write_weights(model, parts, packed, scheme, new, shard_bytes)
        _write_settings(family, merged, new, scheme, ignored, _dtype(known))
        before, after = (sum(path.stat().st_size for path in one.glob("*.safetensors")) for one in (merged, new))
        made = {
            "variant": variant,
            "bits": scheme.bits,
            "group": scheme.group,
            "packed": len(packed),
            "tensors": len(linear),
            "weights_bytes": after,
            "merged_weights_bytes": before,
            "merged": json.loads((merged / PROOF).read_text(encoding="utf-8"))["merged"]["sha256"],
            "sha256": {path.name: sha256_file(path) for path in sorted(new.iterdir())},
        }
        write_json(new / RECORD, made)
    logger.info(
        "%d of %d matrices and vectors are in %d bits: %.2f GB of weights instead of %.2f",
        len(packed), len(linear), scheme.bits, after / 1e9, before / 1e9,
    )  # fmt: skip


def record(folder: Path) -> dict[str, Any]:
    """Return what a variant's folder says of what it was made of."""
    found: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def _is_packed(family: Family, part: _Part, one: Outline, scheme: Scheme) -> bool:
    return (
        len(one.shape) == 2
        and one.key.endswith(_END)
        and family.group_of(part.natives[0]) in _GROUPS
        and scheme.fits(one.shape[1])
    )


def _write_weights(
    model: ModelFiles, parts: list[_Part], packed: set[str], scheme: Scheme, folder: Path, shard_bytes: int
) -> None:
    """Write wide numbers first, so that every tensor begins at a multiple of its number's size.

    A part whose tensors have several sizes is read as often.
    """
    made = {
        part.natives: [one for outline in part.outlines for one in _outlines(outline, packed, scheme)] for part in parts
    }
    sizes = sorted({one.dtype.itemsize for outlines in made.values() for one in outlines}, reverse=True)
    ordered = [
        (part, [one for one in made[part.natives] if one.dtype.itemsize == size]) for size in sizes for part in parts
    ]
    with ShardWriter(folder, [one for _, outlines in ordered for one in outlines], shard_bytes) as writer:
        for part, outlines in ordered:
            if outlines:
                tensors = dict(_tensors(model, part, packed, scheme, {one.key for one in outlines}))
                for one in outlines:
                    writer.write(one.key, tensors.pop(one.key))
        writer.close()


def _outlines(one: Outline, packed: set[str], scheme: Scheme) -> Iterator[Outline]:
    if one.key not in packed:
        yield one
        return
    rows, columns = one.shape
    yield Outline(one.key + SHAPE, torch.int64, (2,))
    yield Outline(one.key + PACKED, torch.int32, (rows, columns * scheme.bits // 32))
    yield Outline(one.key + SCALE, one.dtype, (rows, columns // (scheme.group or columns)))


def _tensors(
    model: ModelFiles, part: _Part, packed: set[str], scheme: Scheme, wanted: set[str]
) -> Iterator[tuple[str, torch.Tensor]]:
    shapes = {one.key + SHAPE: torch.tensor(one.shape) for one in part.outlines if one.key in packed}
    yield from shapes.items()
    if wanted <= set(shapes):
        return
    for key, tensor in model.layouts.to_original({name: model.read(name) for name in part.natives}).items():
        if key in packed:
            numbers, scale = packed_weights.pack(tensor, scheme)
            yield key + PACKED, numbers
            yield key + SCALE, scale
        else:
            yield key, tensor


def _write_settings(
    family: Family, merged: Path, folder: Path, scheme: Scheme, ignored: list[str], dtype: torch.dtype
) -> None:
    """Write config.json in the form that goes with original names, and copy what lies beside the weights."""
    for path in sorted(merged.iterdir()):
        weights = path.suffix == ".safetensors" or path.name.endswith(".index.json")
        if path.is_file() and not weights and path.name not in ("README.md", companions.CONFIG, PROOF):
            shutil.copyfile(path, folder / path.name)
    settings: Mapping[str, Any] | None = None
    if family.names_on_disk("transformers") != "original":
        settings = family.authors_config(native.configuration(merged).to_dict(), dtype_name(dtype))
    if settings is None:
        settings = json.loads((merged / companions.CONFIG).read_text(encoding="utf-8"))
    write_json(folder / companions.CONFIG, {**settings, "quantization_config": scheme.settings(ignored)})


def _dtype(known: list[Outline]) -> torch.dtype:
    return max((one.dtype for one in known if one.dtype.is_floating_point), key=lambda dtype: torch.finfo(dtype).eps)
