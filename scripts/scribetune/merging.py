"""Merging: base + adapter as one model that loads like any other, with the proof beside it."""

import hashlib
import json
import logging
import math
import random
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image, ImageDraw

from scribetune import adapters, families
from scribetune.config import Config
from scribetune.files import sha256_file, write_json

logger = logging.getLogger(__name__)

PROOF_NAME = "merge_proof.json"
ARITHMETIC_TOLERANCE = 1e-4
"""Largest difference between the logits of merged and of base + adapter before rounding, as a share of the largest
logit: both are float32, only the order of additions differs."""

ROUNDING_TOLERANCE: Mapping[torch.dtype, float] = MappingProxyType(
    {torch.float32: ARITHMETIC_TOLERANCE, torch.bfloat16: 5e-2, torch.float16: 1e-2}
)
"""Root mean square of that difference after rounding to the number format on disk, as a share of the logits' own. Not
the largest difference: a rounded router now and then sends a token to another expert."""

_SAMPLE_PAGES = 3
_SAMPLE_TEXT = "Total 1,234.56"


class MergeError(RuntimeError):
    """A merged model that is not base + adapter."""


@dataclass(frozen=True)
class TensorChange:
    """How much the adapter changes one tensor: Frobenius norms of the change and of the base's tensor."""

    delta_norm: float
    base_norm: float


def merge(config: Config, base_path: str, adapter_folder: Path, merged_folder: Path) -> None:
    """Merge the adapter into the base model, write it in the configured layout, and prove it.

    The merged folder gets the weights, config.json, every other file of the base model's folder as it is (processor,
    tokenizer, generation configuration), and merge_proof.json: the change of every adapted tensor, the comparison of
    all tensors with the base's, and the logits of the reloaded merged model beside those of base + adapter on sample
    pages. The arithmetic is done in float32 and rounded once.

    Args:
        config: The configuration (`base_model`, `task` and `merge` are used).
        base_path: Folder of the base model, or its hub id.
        adapter_folder: Holds the adapter.
        merged_folder: Where to; an older merged model there is replaced.

    Raises:
        UserError: No usable base model or adapter, or an adapter of another base.
        MergeError: The adapter changes nothing, or the merged model is not base + adapter.
    """
    folder = families.local_folder(base_path, config.base_model.revision)
    family = families.family_of(folder, config.base_model.family)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(config.train.cpu_threads)
    base_dtype = _dtype_on_disk(folder)
    dtype = base_dtype if config.merge.precision == "base" else getattr(torch, config.merge.precision)

    processor = family.load_processor(folder)
    sample = _sample_inputs(family, processor, families.prompt_of(family, config.task.prompt))
    model = family.load_model(folder, dtype=torch.float32, device=device)
    base_logits = _logits(family, model, sample)
    base_shapes, base_hashes = _describe(model)
    wrapped = adapters.load(model, adapter_folder, base_folder=folder)
    tuned_logits = _logits(family, wrapped, sample)
    targets = _targets(wrapped)
    before = {name: dict(wrapped.named_parameters())[inner].detach().clone() for name, inner in targets.items()}
    merged = wrapped.merge_and_unload(safe_merge=True)

    after = dict(merged.named_parameters())
    changes = {
        name: TensorChange(float(torch.linalg.vector_norm(after[name] - old)), float(torch.linalg.vector_norm(old)))
        for name, old in before.items()
    }
    del before
    _check_tensors(merged, base_shapes, base_hashes, changes)

    exact = _compare(tuned_logits, _logits(family, merged, sample))
    if not exact.largest <= ARITHMETIC_TOLERANCE * exact.scale:
        raise MergeError(
            f"the merged model's logits differ from base + adapter by {exact.largest:.3g} on the sample pages, "
            f"allowed is {ARITHMETIC_TOLERANCE * exact.scale:.3g}"
        )
    moved = _compare(base_logits, tuned_logits)
    if not moved.largest > 0:
        raise MergeError("the adapter moves no logit of the sample pages")

    merged_folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=merged_folder.parent, prefix=".merging-") as temporary:
        staged = Path(temporary)
        merged = merged.to(dtype)
        written = _describe(merged)
        family.save(merged, staged, config.merge.layout)
        _copy_companions(folder, staged, config.merge.layout, dtype)
        del merged, wrapped, model
        reloaded = family.load_model(staged, dtype=None, device=device)
        if _describe(reloaded) != written:
            raise MergeError("the merged model does not come back from disk as it was written")
        rounded = _compare(tuned_logits, _logits(family, reloaded.float(), sample))
        if not rounded.rms <= ROUNDING_TOLERANCE[dtype] * rounded.scale_rms:
            raise MergeError(
                f"rounding to {_name(dtype)} moves the merged model's logits by {rounded.rms:.3g} (root mean square) "
                f"on the sample pages, allowed is {ROUNDING_TOLERANCE[dtype] * rounded.scale_rms:.3g}; "
                "merge.precision float32 avoids it"
            )
        proof = {
            "base": {"name": config.base_model.name, "revision": config.base_model.revision, "sha256": _hashes(folder)},
            "adapter": {"sha256": _hashes(adapter_folder, (adapters.WEIGHTS, adapters.CONFIG))},
            "merged": {"layout": config.merge.layout, "precision": _name(dtype), "sha256": _every_hash(staged)},
            "tensors": {
                "total": len(base_shapes),
                "unchanged": len(base_shapes) - len(changes),
                "changed": {name: asdict(change) for name, change in changes.items()},
            },
            "logits": {
                "sample_pages": _SAMPLE_PAGES,
                "positions": int(tuned_logits.shape[0] * tuned_logits.shape[1]),
                "largest": exact.scale,
                "adapter_moves_by": moved.largest,
                "merged_differs_by": exact.largest,
                "on_disk_differs_by": rounded.largest,
                "on_disk_differs_by_rms": rounded.rms,
            },
        }
        write_json(staged / PROOF_NAME, proof)
        _replace(staged, merged_folder)
    logger.info(
        "Merged %d tensors; the adapter moves logits by up to %.3g, merged differs by %.3g (on disk, %s: %.3g)",
        len(changes),
        moved.largest,
        exact.largest,
        _name(dtype),
        rounded.largest,
    )


@dataclass(frozen=True)
class _Difference:
    """Largest and root-mean-square difference of two sets of logits, and the same of the first set itself."""

    largest: float
    rms: float
    scale: float
    scale_rms: float


def _compare(expected: torch.Tensor, found: torch.Tensor) -> _Difference:
    apart = found - expected
    return _Difference(
        float(apart.abs().max()),
        float(apart.square().mean().sqrt()),
        float(expected.abs().max()),
        float(expected.square().mean().sqrt()),
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _dtype_on_disk(folder: Path) -> torch.dtype:
    """Return the number format of the base model's weights, read off the first safetensors file."""
    from safetensors import safe_open

    names = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    with safe_open(sorted(folder.glob("*.safetensors"))[0], framework="pt") as file:
        found = file.get_slice(next(iter(file.keys()))).get_dtype()
    if found not in names:
        raise MergeError(f"{folder}: weights in {found} cannot be merged into; accepted: {', '.join(names)}")
    return names[found]


def _sample_inputs(family: families.Family, processor: Any, prompt: str) -> list[tuple[torch.Tensor, Any]]:
    """Make sample pages with a little text, and token ids that go on behind the prompt, from a fixed seed."""
    rng = random.Random(0)  # noqa: S311 (samples, no secrets)
    answer = family.answer_ids(processor, _SAMPLE_TEXT)
    samples = []
    for number in range(_SAMPLE_PAGES):
        image = Image.new("RGB", (543, 768), "white")
        pen = ImageDraw.Draw(image)
        for line in range(12):
            pen.text((30, 30 + 50 * line), f"{number} {rng.randrange(10**12)}", fill="black", font_size=28)
        encoded = family.encode(processor, [image], prompt)
        samples.append((torch.tensor([[*encoded.prompt_ids[0], *answer]]), encoded.pixels))
    return samples


def _logits(family: families.Family, model: Any, sample: list[tuple[torch.Tensor, Any]]) -> torch.Tensor:
    """Return float32 logits (pages, length, vocabulary) on the CPU."""
    rows = []
    with torch.inference_mode():
        for ids, pixels in sample:
            features = torch.cat(family.vision_features(model, pixels))
            placed = ids.to(features.device)
            mask = torch.ones_like(placed)
            output = model(**family.model_inputs(model, placed, mask, features), attention_mask=mask)
            rows.append(output.logits.float().cpu())
    return torch.cat(rows)


def _describe(model: Any) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Return shape and SHA-256 of every parameter by name: a comparison that keeps no second copy in memory."""
    shapes, hashes = {}, {}
    for name, weight in model.named_parameters():
        shapes[name] = tuple(weight.shape)
        # As bytes, since NumPy has no bfloat16.
        content = weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        hashes[name] = hashlib.sha256(content).hexdigest()
    return shapes, hashes


def _targets(wrapped: Any) -> dict[str, str]:
    """Return the adapted tensors: name in the plain model → name inside the PEFT model."""
    found: dict[str, str] = {}
    for name, module in wrapped.named_modules():
        if not hasattr(module, "lora_A") or not hasattr(module, "get_base_layer"):
            continue
        parameter = getattr(module, "parameter_name", "weight")
        # Several stacked parameters of one module are wrappers around wrappers; the module itself lies innermost.
        inner, layer = name, module
        while hasattr(layer, "base_layer"):
            inner, layer = f"{inner}.base_layer", layer.base_layer
        plain = inner.removeprefix("base_model.model.").replace(".base_layer", "")
        found[f"{plain}.{parameter}"] = f"{inner}.{parameter}"
    return found


def _check_tensors(
    merged: Any, shapes: Mapping[str, tuple[int, ...]], hashes: Mapping[str, str], changes: Mapping[str, TensorChange]
) -> None:
    """Check that names and shapes are the base's, adapted tensors changed, and all others did not, by a bit.

    Raises:
        MergeError: One of these does not hold.
    """
    found_shapes, found_hashes = _describe(merged)
    if found_shapes != shapes:
        strange = sorted(set(found_shapes.items()) ^ set(shapes.items()))
        raise MergeError(f"the merged model's tensors are not the base's: {strange[:3]}")
    idle = sorted(
        name for name, change in changes.items() if not (math.isfinite(change.delta_norm) and change.delta_norm > 0)
    )
    if idle:
        raise MergeError(
            f"the adapter leaves {len(idle)} of the {len(changes)} tensors it adapts as they were ({idle[:3]}): "
            "it was not trained, or did not load whole"
        )
    touched = sorted(name for name in hashes if name not in changes and found_hashes[name] != hashes[name])
    if touched:
        raise MergeError(f"merging changed tensors that the adapter does not adapt: {touched[:3]}")


def _copy_companions(base: Path, merged: Path, layout: families.interface.LayoutName, dtype: torch.dtype) -> None:
    """Copy processor, tokenizer and generation files of the base as they are; in the original layout config.json too.

    The number format in config.json follows the weights: loaders that ask for none take it from there.
    """
    for path in sorted(base.iterdir()):
        weights = path.suffix == ".safetensors" or path.name.endswith(".index.json")
        if path.is_file() and not weights and path.name not in ("config.json", "README.md", ".gitattributes"):
            shutil.copyfile(path, merged / path.name)
    if layout == "original":
        settings = json.loads((base / "config.json").read_text(encoding="utf-8"))
        name = "torch_dtype" if "torch_dtype" in settings else "dtype"
        settings[name] = _name(dtype)
        write_json(merged / "config.json", settings)


def _hashes(folder: Path, names: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the SHA-256 of the weights and config.json in a folder, or of the files named."""
    chosen = (
        [folder / name for name in names] if names else [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    )
    return {path.name: sha256_file(path) for path in chosen}


def _every_hash(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder: processor and tokenizer decide about predictions too."""
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def _replace(staged: Path, folder: Path) -> None:
    """Move the finished model into place; files of an older one that the new one lacks go first."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in staged.iterdir()}
    for path in folder.iterdir():
        if path.is_file() and path.name not in names and path.suffix in (".safetensors", ".json"):
            path.unlink()
    # The proof goes last: where it lies, the model is whole.
    for path in sorted(staged.iterdir(), key=lambda path: (path.name == PROOF_NAME, path.name)):
        path.replace(folder / path.name)
