"""That the model on disk is base + adapter: every tensor against the base's, and logits on pages.

Nothing here takes the writer's word: both checkpoints are read from disk again, the adapter's share is computed by
PEFT, and the models are loaded as anybody would load them, one after the other.
"""

import contextlib
import gc
import hashlib
import logging
import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image, ImageDraw

from scribetune.core.errors import counted
from scribetune.merging import deltas, streaming
from scribetune.merging.checkpoint import as_bytes, dtype_name
from scribetune.merging.deltas import Adapter, Change
from scribetune.merging.layouts import ModelFiles
from scribetune.models import adapters, families
from scribetune.models.examples import load_image, read_pages
from scribetune.models.families import modes

logger = logging.getLogger(__name__)

ROUNDING_TOLERANCE: Mapping[torch.dtype, float] = MappingProxyType(
    {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}
)
"""Largest root-mean-square difference between the logits of the merged model and of base + adapter, as a share of the
logits' own root mean square, by the coarser of the number formats on disk and in the computation. Not the largest
difference: a rounded router now and then sends a token to another expert."""

SAMPLE_PAGES = 3
"""Pages on which logits are compared."""

_ANSWER_TOKENS = 48  # of each page; the full vocabulary at every position is large
_SUM_TOLERANCE = 1e-6  # of a tensor's largest element: float32 sums in another order
_ROOM = 2.0  # float32 logits are computed where the weights then take at most half of the memory that is free


class MergeError(RuntimeError):
    """A merged model that is not base + adapter."""


@dataclass(frozen=True)
class SamplePage:
    """A page on which logits are compared."""

    id: str  # `<document>/p0001`, or the name of a drawn page
    image: Image.Image  # what the model sees
    answer: str  # what is written so far; logits are compared along it
    digest: str  # SHA-256 of the image's pixels


def sample_pages(records: Sequence[Path], prompt: str) -> list[SamplePage]:
    """Choose pages of the first records that have any, evenly spread; drawn ones where no records have pages.

    Raises:
        UserError: A record with another prompt, or whose image is gone.
    """
    for path in records:
        pages = read_pages(path, prompt)
        count = min(SAMPLE_PAGES, len(pages))
        if count:
            chosen = [pages[number * len(pages) // count] for number in range(count)]
            return [_sample(page.id, load_image(page.image), page.answer) for page in chosen]
    return _drawn_pages()


def check_tensors(
    base: ModelFiles, merged: ModelFiles, adapter: Adapter, changes: Mapping[str, Change], dtype: torch.dtype | None
) -> dict[str, Any]:
    """Compare every tensor on disk with the base's: names, shapes, number formats (`dtype`; None: its own), content.

    Returned are counts, differences of names and shapes (none), hashes of all that is as it was, and every change.

    Raises:
        MergeError: Anything else than base + adapter.
    """
    names = _compare_names(base, merged, dtype)
    lost = sorted(name for name, change in changes.items() if not change.moved > 0)
    if lost:
        raise MergeError(
            f"what the adapter adds to {len(lost)} of the {len(adapter.deltas)} tensors it adapts ({lost[0]} first) is "
            "lost in rounding; merge.precision float32 keeps it"
        )
    digest, unchanged, converted, furthest = hashlib.sha256(), 0, 0, 0.0
    for name, outline in base.natives.items():
        if name in adapter.deltas:
            furthest = max(furthest, _check_sum(name, base, merged, adapter))
            continue
        expected = base.read(name)
        target = streaming.stored_dtype(expected.dtype, dtype)
        converted += target != outline.dtype
        found, due = (hashlib.sha256(as_bytes(one)).hexdigest() for one in (merged.read(name), expected.to(target)))
        if found != due:
            raise MergeError(f"merging changed {name}, which the adapter does not adapt")
        digest.update(f"{name} {found}\n".encode())
        unchanged += 1
    return {
        **names,
        "total": len(base.natives),
        "unchanged": unchanged,
        "unchanged_in_another_format": converted,
        "unchanged_sha256": digest.hexdigest(),
        "sums_differ_by": furthest,
        "changed": {name: {**vars(change)} for name, change in changes.items()},
    }


def _compare_names(base: ModelFiles, merged: ModelFiles, dtype: torch.dtype | None) -> dict[str, Any]:
    """Compare names, shapes and number formats; of the files too, where both have the same layout."""
    due = {key: (one.shape, streaming.stored_dtype(one.dtype, dtype)) for key, one in base.natives.items()}
    found = {key: (one.shape, one.dtype) for key, one in merged.natives.items()}
    if base.layout == merged.layout:
        due |= {
            key: (one.shape, streaming.stored_dtype(one.dtype, dtype)) for key, one in base.checkpoint.entries.items()
        }
        found |= {key: (one.shape, one.dtype) for key, one in merged.checkpoint.entries.items()}
    differences = {
        "missing": sorted(set(due) - set(found)),
        "unexpected": sorted(set(found) - set(due)),
        "reshaped": sorted(key for key in set(due) & set(found) if due[key][0] != found[key][0]),
        "reformatted": sorted(key for key in set(due) & set(found) if due[key][1] != found[key][1]),
    }
    for what, keys in differences.items():
        if keys:
            raise MergeError(
                f"{counted(len(keys), 'tensor')} of the merged model {what}, compared with the base's: {keys[0]}"
            )
    unknown = sorted(set(base.natives) - set(base.layouts.shapes))
    return {**differences, "unknown_to_the_model": unknown, "tied": sorted(base.layouts.tied)}


def _check_sum(name: str, base: ModelFiles, merged: ModelFiles, adapter: Adapter) -> float:
    """Compare an adapted tensor on disk with base + PEFT's delta.

    Allowed is one unit in the last place of the number format on disk, and what another order of additions makes.
    Returned is the largest difference, as a share of the tensor's largest element.
    """
    delta = deltas.by_peft(adapter.deltas[name], adapter)
    old, new = base.read(name), merged.read(name)
    if delta.shape != old.shape:
        raise MergeError(f"PEFT would add {tuple(delta.shape)} to {name}, which is {tuple(old.shape)}")
    stacked = bool(adapter.deltas[name].experts)
    parts = zip(old, delta, new, strict=True) if stacked else [(old, delta, new)]
    spacing = torch.finfo(new.dtype).eps
    largest, furthest, beyond = 0.0, 0.0, 0.0
    for part, change, found in parts:
        exact = part.to(torch.float32) + change
        apart = (found.to(torch.float32) - exact).abs()
        largest = max(largest, float(exact.abs().max()))
        furthest = max(furthest, float(apart.max()))
        beyond = max(beyond, float((apart - spacing * exact.abs()).max()))
    if not (math.isfinite(furthest) and beyond <= _SUM_TOLERANCE * largest):
        raise MergeError(
            f"{name} is not base + adapter: it differs by up to {furthest:.3g} from what PEFT computes, "
            f"its largest element is {largest:.3g}"
        )
    return furthest / largest if largest else 0.0


@dataclass(frozen=True)
class Folders:
    """Where the models lie that are compared."""

    base: Path
    adapter: Path
    merged: Path


def check_logits(
    family: families.Family,
    folders: Folders,
    *,
    mode: str = modes.AUTO,
    prompt: str,
    pages: Sequence[SamplePage],
    stored: torch.dtype,
    parameters: int,
    device: str,
    base_hashes: Mapping[str, str],
) -> dict[str, Any]:
    """Compare the logits of the merged model, loaded from disk, with those of base + adapter, loaded by PEFT.

    One model lies on the device at a time. `mode` is how the adapter was trained to see pages (`base_model.mode`); the
    merged model's folder must say it by itself. `parameters` is how many numbers a model has, `stored` their format on
    disk.

    Raises:
        MergeError: The differences are larger than rounding explains, the adapter moves no logit, or the merged
            model's processor makes other inputs than the base's.
    """
    computed, reason = _precision(parameters, stored, device)
    logger.info("Logits are compared in %s: %s", dtype_name(computed), reason)
    inputs = _inputs(family, families.load_processor(family, folders.base, mode), prompt, pages)
    _check_inputs(inputs, _inputs(family, family.load_processor(folders.merged), prompt, pages))
    with _full_float32():
        model = family.load_model(folders.base, dtype=computed, device=device)
        wrapped = adapters.load(model, folders.adapter, base_folder=folders.base, hashes=base_hashes)
        tuned = _logits(family, wrapped, inputs)
        with wrapped.disable_adapter():
            base = _logits(family, wrapped, inputs)
        del model, wrapped
        _free()
        model = family.load_model(folders.merged, dtype=computed, device=device)
        merged = _logits(family, model, inputs)
        del model
        _free()
    moved, apart = _Difference.of(tuned, base), _Difference.of(tuned, merged)
    allowed = max(ROUNDING_TOLERANCE[stored], ROUNDING_TOLERANCE[computed]) * apart.scale_rms
    _judge(moved, apart, allowed, stored)
    return {
        "pages": [{"id": page.id, "pixels_sha256": page.digest} for page in pages],
        "sample_pages": len(pages),
        "positions": len(tuned),
        "vocabulary": tuned.shape[-1],
        "device": device,
        "computed_in": dtype_name(computed),
        "largest": apart.scale,
        "rms": apart.scale_rms,
        "adapter_moves_by": moved.largest,
        "adapter_moves_by_rms": moved.rms,
        "on_disk_differs_by": apart.largest,
        "on_disk_differs_by_rms": apart.rms,
        "allowed_rms": allowed,
        "same_best_token": float((tuned.argmax(-1) == merged.argmax(-1)).float().mean()),
    }


def _judge(moved: "_Difference", apart: "_Difference", allowed: float, stored: torch.dtype) -> None:
    """Refuse a merged model that is further from base + adapter than rounding explains."""
    if not (math.isfinite(moved.rms) and moved.largest > 0):
        raise MergeError("the adapter moves no logit of the sample pages, or makes some that are not finite")
    if not apart.rms <= allowed:
        raise MergeError(
            f"the merged model's logits differ from base + adapter by {apart.rms:.3g} (root mean square) on the sample "
            f"pages, allowed is {allowed:.3g}"
            + ("" if stored == torch.float32 else "; merge.precision float32 avoids rounding")
        )
    if apart.rms > moved.rms / 2:
        logger.warning(
            "Rounding to %s moves the logits by %.3g, the adapter itself by %.3g (root mean square): set "
            "merge.precision to float32 to keep what was learned",
            dtype_name(stored),
            apart.rms,
            moved.rms,
        )


@dataclass(frozen=True)
class _Difference:
    """Largest and root-mean-square difference of two sets of logits, and the same of the first set itself."""

    largest: float
    rms: float
    scale: float
    scale_rms: float

    @classmethod
    def of(cls, expected: torch.Tensor, found: torch.Tensor) -> "_Difference":
        apart = found - expected
        return cls(
            float(apart.abs().max()),
            float(apart.square().mean().sqrt()),
            float(expected.abs().max()),
            float(expected.square().mean().sqrt()),
        )


@dataclass(frozen=True)
class _Input:
    """A page as the model reads it: token ids (1, length), how many of them are the answer, and image tensors."""

    ids: torch.Tensor
    answer: int
    pixels: Mapping[str, torch.Tensor]


def _inputs(family: families.Family, processor: Any, prompt: str, pages: Sequence[SamplePage]) -> list[_Input]:
    found = []
    for page in pages:
        encoded = family.encode(processor, [page.image], prompt)
        answer = family.answer_ids(processor, page.answer)[:_ANSWER_TOKENS]
        found.append(_Input(torch.tensor([[*encoded.prompt_ids[0], *answer]]), len(answer), encoded.pixels))
    return found


def _check_inputs(base: Sequence[_Input], merged: Sequence[_Input]) -> None:
    for one, other in zip(base, merged, strict=True):
        same = torch.equal(one.ids, other.ids) and set(one.pixels) == set(other.pixels)
        if not same or any(not torch.equal(one.pixels[key], other.pixels[key]) for key in one.pixels):
            raise MergeError("the merged model's processor makes other inputs of a page than the base model's")


def _logits(family: families.Family, model: Any, inputs: Sequence[_Input]) -> torch.Tensor:
    """Return float32 logits (positions of all answers, vocabulary) on the CPU."""
    rows = []
    with torch.inference_mode():
        for one in inputs:
            features = torch.cat(family.vision_features(model, one.pixels))
            ids = one.ids.to(features.device)
            mask = torch.ones_like(ids)
            output = model(
                **family.model_inputs(model, ids, mask, features), attention_mask=mask, logits_to_keep=one.answer + 1
            )
            rows.append(output.logits[0].float().cpu())
    return torch.cat(rows)


def _precision(parameters: int, stored: torch.dtype, device: str) -> tuple[torch.dtype, str]:
    """Choose the number format of the comparison: float32 where there is room for it, else the one on disk."""
    needed, free = 4 * parameters, _free_memory(device)
    if stored == torch.float32 or needed * _ROOM <= free:
        return torch.float32, f"{needed / 1e9:.1f} GB of {free / 1e9:.1f} GB that are free"
    return stored, f"float32 would take {needed / 1e9:.1f} GB of {free / 1e9:.1f} GB that are free"


def _free_memory(device: str) -> int:
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Compute float32 as float32: by default CUDA's convolutions round to ten bits (TF32)."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _drawn_pages() -> list[SamplePage]:
    """Draw pages with a little text, from a fixed seed."""
    rng = random.Random(0)  # noqa: S311 (samples, no secrets)
    pages = []
    for number in range(SAMPLE_PAGES):
        image = Image.new("RGB", (543, 768), "white")
        pen = ImageDraw.Draw(image)
        for line in range(12):
            pen.text((30, 30 + 50 * line), f"{number} {rng.randrange(10**12)}", fill="black", font_size=28)
        pages.append(_sample(f"drawn-{number + 1}", image, "Total 1,234.56"))
    return pages


def _sample(name: str, image: Image.Image, answer: str) -> SamplePage:
    described = f"{image.mode} {image.width} {image.height} ".encode()
    return SamplePage(name, image, answer, hashlib.sha256(described + image.tobytes()).hexdigest())
