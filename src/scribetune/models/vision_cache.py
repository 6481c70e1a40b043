"""Vision features computed once per page and reused: in main memory, or on disk for pages that do not fit there.

A file in the cache holds one page's features and prompt; its name begins with the page image's SHA-256 and goes on with
a hash of everything else that decides about them (weights, processor, prompt, number format, device, versions). Every
page is computed alone, so that what comes from the cache is what would be computed, to the last bit, whichever pages
were there before.
"""

import json
import logging
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from scribetune.core import progress
from scribetune.core.files import sha256_bytes, sha256_file, sha256_json, write_bytes
from scribetune.models.examples import Example, load_image
from scribetune.models.families import Family, ImageTokenError
from scribetune.models.families.native import native
from scribetune.models.processes import ALONE, Group

logger = logging.getLogger(__name__)

_CHECK = "sha256"
_ENCODING = 5
"""Counts the ways in which families' encoders have been run: another one gives other last digits."""
_MOST_MAPPED = 30_000
"""Files that a process maps into its memory at once; Linux allows for 65,530 mappings."""
_PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Features:
    """What the language model gets to see of a page.

    Attributes:
        features: (image tokens, width), in the model's number format.
        prompt_ids: Token ids of the prompt as the processor made it.
    """

    features: torch.Tensor
    prompt_ids: tuple[int, ...]


@dataclass(frozen=True)
class FeatureStore:
    """Features by example: held in memory, or read from disk when asked for.

    Attributes:
        held: For each example its features, or the file they lie in.
        expected: For each example its number of image tokens.
        bytes: Size of all features.
        of_front: Whether they are those of the encoder's frozen front alone, see `Family.front`.
        computed: Pages that the encoder ran for; the others were in the cache.
    """

    held: tuple[Features | Path, ...]
    expected: tuple[int, ...]
    bytes: int
    computed: int
    of_front: bool = False

    def get(self, index: int) -> Features:
        """Return the features of an example.

        Raises:
            RuntimeError: Its file was removed or damaged since the training began.
        """
        held = self.held[index]
        if isinstance(held, Features):
            return held
        found = _read(held, self.expected[index])
        if found is None:
            raise RuntimeError(f"{held} was removed or damaged during the training; start it again: it goes on")
        return found

    @property
    def in_memory(self) -> bool:
        """Whether no file is read during the training."""
        return all(isinstance(held, Features) for held in self.held)


@dataclass(frozen=True)
class Limits:
    """How much may be kept.

    Attributes:
        folder: The disk cache; None: no disk cache.
        memory_bytes: Features up to this size are held in memory.
        disk_bytes: Largest size of the folder.
    """

    folder: Path | None
    memory_bytes: float
    disk_bytes: float


def size(tokens: Sequence[int], width: int, dtype: torch.dtype) -> int:
    """Return the bytes of the features of pages with so many image tokens, `width` numbers each."""
    return sum(tokens) * width * dtype.itemsize


def fits(needed_bytes: int, limits: Limits) -> bool:
    """Tell whether features of that size can be kept at all, in memory or on disk."""
    on_disk = limits.disk_bytes if limits.folder is not None else 0.0
    return needed_bytes <= max(limits.memory_bytes, on_disk)


def model_key(
    folder: Path, base_digest: str, dtype: torch.dtype, device: str, *, mode: str = "auto", of_front: bool = False
) -> str:
    """Return a hash of everything but page and prompt that decides about features.

    Args:
        folder: The base model's folder, for its configuration and processor settings.
        base_digest: Hash of its weights.
        dtype: Number format that the encoder runs in.
        device: cpu or cuda.
        mode: How pages are cut into views (`base_model.mode`).
        of_front: Whether they are those of the encoder's frozen front alone.
    """
    facts = {
        "of_front": of_front,
        "mode": mode,
        "encoding": _ENCODING,
        "weights": base_digest,
        "files": {
            name: sha256_file(folder / name) for name in ("config.json", *_PROCESSOR_FILES) if (folder / name).is_file()
        },
        "dtype": str(dtype),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "versions": {name: version(name) for name in ("torch", "transformers", "pillow")},
    }
    return sha256_json(facts)


class _Pixels(torch.utils.data.Dataset[tuple[tuple[int, ...], dict[str, Any]]]):
    """Pages through the processor, one at a time; what the workers of a DataLoader do."""

    def __init__(self, family: Family, processor: Any, examples: Sequence[Example], dtype: torch.dtype) -> None:
        self._family, self._processor, self._examples, self.dtype = family, processor, examples, dtype

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> tuple[tuple[int, ...], dict[str, Any]]:
        page = self._examples[index].page
        encoded = self._family.encode(self._processor, [load_image(page.image)], page.prompt)
        # In the encoder's number format already: half as much to hand over and to copy.
        pixels = {
            name: value.to(self.dtype) if torch.is_tensor(value) and value.is_floating_point() else value
            for name, value in encoded.pixels.items()
        }
        return encoded.prompt_ids[0], pixels


def compute(
    family: Family,
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    *,
    limits: Limits,
    key: str,
    needed_bytes: int,
    dtype: torch.dtype = torch.float32,
    workers: int = 0,
    group: Group = ALONE,
    of_front: bool = False,
    note: str = "",
) -> FeatureStore:
    """Get the features of all examples, from the cache or from the encoder.

    Several processes divide the pages that are missing among them and leave the features on disk; what fits in memory
    they map from there, so that the operating system keeps one copy for all. Without a disk cache each computes and
    holds them all.

    Args:
        family: The model's family.
        model: The model, in evaluation mode (dropout would be frozen into the features).
        processor: Its processor.
        examples: The pages.
        limits: Where features may lie; its memory is that of one process of the group.
        key: From `model_key`.
        dtype: Number format that the encoder runs in.
        needed_bytes: From `size`; decides whether memory is enough. Call only where `fits` says so.
        workers: Processes that prepare pixels while the encoder runs; 0: this one.
        group: The processes that need the features; all call this with the same examples.
        of_front: Keep what the encoder's frozen front makes of a page, see `Family.front`.
        note: What is shown behind the progress.

    Raises:
        ImageTokenError: A page has another number of image tokens than its resolution calls for.
    """
    folder = limits.folder if limits.folder is not None and needed_bytes <= limits.disk_bytes else None
    shared = group.size > 1 and folder is not None
    # What processes share is mapped from files, so that their limits add up to that of one copy.
    memory_bytes = limits.memory_bytes * (group.size if shared else 1)
    in_memory = needed_bytes <= memory_bytes and not (shared and len(examples) > _MOST_MAPPED)
    paths = [None if folder is None else folder / _name(example, key) for example in examples]
    expected = tuple(
        family.front_tokens(example.image_tokens) if of_front else example.image_tokens for example in examples
    )
    held = _cached(paths, expected, in_memory=in_memory) if group.is_first or not shared else {}
    missing = [index for index in range(len(examples)) if index not in held]
    if shared:
        missing = group.from_first(lambda: missing)
    if folder is not None and group.is_first:
        _make_room(folder, limits.disk_bytes - size_of_missing(needed_bytes, expected, missing), keep=set(paths))
    mine = missing[group.rank :: group.size] if shared else missing
    pixels = _Pixels(family, processor, [examples[index] for index in mine], dtype)
    encode = family.front_features if of_front else family.vision_features
    shown = progress.bar("Vision features", len(examples) - len(missing) + len(mine), "pages")
    with shown as advance, family.encoding(model):
        advance(len(examples) - len(missing), note)
        for index, seen in zip(mine, _encoded(model, pixels, encode, workers), strict=True):
            if len(seen.features) != expected[index]:
                raise ImageTokenError(
                    f"{examples[index].page.id} calls for {expected[index]} image tokens, the encoder made "
                    f"{len(seen.features)}"
                )
            path = paths[index]
            if path is not None:
                write_bytes(path, _packed(seen))
            held[index] = seen if path is None or (in_memory and not shared) else path
            advance(1, note)
    if shared:
        group.wait()
        for index, path in enumerate(paths):
            if path is not None and not isinstance(held.get(index), Features):
                # Workers that read files would be started anew for every epoch, while the GPUs wait.
                held[index] = (_read(path, expected[index]) if in_memory else None) or path
    return FeatureStore(
        tuple(held[index] for index in range(len(examples))), expected, needed_bytes, len(missing), of_front
    )


def _cached(paths: Sequence[Path | None], expected: Sequence[int], *, in_memory: bool) -> dict[int, Features | Path]:
    """Return what lies in the cache, by example: read where it is to be held in memory."""
    held: dict[int, Features | Path] = {}
    for index, path in enumerate(paths):
        found = None if path is None else _read(path, expected[index])
        if found is not None and path is not None:
            held[index] = found if in_memory else path
            path.touch()
    return held


@torch.no_grad()
def _encoded(
    model: Any,
    pages: _Pixels,
    encode: Callable[[Any, Mapping[str, Any]], list[torch.Tensor]],
    workers: int,
) -> Iterator[Features]:
    """Yield the features of pages in their order; each is taken from the device while it works on the next one."""
    device = native(model).device
    loader = torch.utils.data.DataLoader(
        pages,
        batch_size=None,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        # Otherwise every pass would draw from the random numbers of the training.
        generator=torch.Generator(),
    )
    as_pixels = (torch.uint8, pages.dtype)  # numbers of views stay where they are counted
    waiting: tuple[torch.Tensor, Sequence[int]] | None = None
    for prompt_ids, pixels in loader:
        sent = {
            name: value.to(device, non_blocking=True) if torch.is_tensor(value) and value.dtype in as_pixels else value
            for name, value in pixels.items()
        }
        (feature,) = encode(model, sent)  # (image tokens, width)
        if waiting is not None:
            yield _taken(*waiting)
        waiting = (feature, prompt_ids)
    if waiting is not None:
        yield _taken(*waiting)


def _taken(feature: torch.Tensor, prompt_ids: Sequence[int]) -> Features:
    return Features(feature.cpu(), tuple(int(token) for token in prompt_ids))


def size_of_missing(needed_bytes: int, expected: Sequence[int], missing: Sequence[int]) -> float:
    """Return the bytes that the features still to be written will take."""
    return needed_bytes * sum(expected[index] for index in missing) / max(1, sum(expected))


def _name(example: Example, key: str) -> str:
    image = sha256_file(example.page.image)
    return f"{image[:2]}/{image}-{sha256_bytes(f'{key} {example.page.prompt}'.encode())[:24]}.safetensors"


def _packed(seen: Features) -> bytes:
    tensors = {
        "features": seen.features.contiguous(),  # (image tokens, width)
        "prompt_ids": torch.tensor(seen.prompt_ids, dtype=torch.int32),
    }
    return save(tensors, metadata={_CHECK: _checksum(tensors)})


def _checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    return sha256_bytes(b"".join(tensors[name].view(torch.uint8).numpy().tobytes() for name in sorted(tensors)))


def _read(path: Path, expected: int) -> Features | None:
    """Return what a file holds; None where it is missing, damaged, or of another number of image tokens."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in ("features", "prompt_ids")}
            recorded = (file.metadata() or {}).get(_CHECK)
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError, KeyError, struct.error, json.JSONDecodeError) as error:
        logger.warning("Vision features are computed again: %s is damaged (%s)", path, error)
        return None
    if recorded != _checksum(tensors) or len(tensors["features"]) != expected:
        logger.warning("Vision features are computed again: %s is damaged", path)
        return None
    return Features(tensors["features"], tuple(tensors["prompt_ids"].tolist()))


def _make_room(folder: Path, limit_bytes: float, keep: set[Path | None]) -> None:
    """Remove the files that were not used for longest until the folder is within the limit; never those to keep."""
    files = sorted(_files(folder), key=lambda path: (path.stat().st_mtime_ns, path.name))
    total = sum(path.stat().st_size for path in files)
    removed = 0
    for path in files:
        if total <= limit_bytes:
            break
        if path not in keep:
            total -= path.stat().st_size
            path.unlink()
            removed += 1
    if removed:
        logger.info("%s: the features of %d pages, unused for longest, were removed", folder, removed)


def _files(folder: Path) -> Iterator[Path]:
    return folder.glob("??/*.safetensors")
