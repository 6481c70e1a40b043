"""Merging: base + adapter as one model that loads like any other, with the proof beside it.

The base is read and the merged model written one tensor at a time, into a folder beside the merged model's; only when
everything there is proved does it take the merged model's name.
"""

import copy
import importlib.metadata
import logging
import platform
import resource
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch

from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.core.files import in_place_of, sha256_file, write_json
from scribetune.merging import companions, deltas, proof, streaming
from scribetune.merging.checkpoint import Checkpoint, dtype_name, file_errors_explained
from scribetune.merging.layouts import Layouts, ModelFiles
from scribetune.models import adapters, families
from scribetune.models.families import modes, native

logger = logging.getLogger(__name__)

PROOF_NAME = "merge_proof.json"

_GIGABYTE = 1_000_000_000
_SLACK_BYTES = 50_000_000  # headers, tokenizer and configuration files, the proof
_PACKAGES = ("peft", "safetensors", "torch", "transformers")


def merge(
    config: Config, base_path: str, adapter_folder: Path, merged_folder: Path, records: Sequence[Path] = ()
) -> None:
    """Merge the adapter into the base model, write it in the configured layout, and prove it.

    The merged folder gets the weights, config.json and generation_config.json (see `companions`), every other file of
    the base model's folder as it is (processor, tokenizer, chat template), and merge_proof.json: the comparison of all
    tensors with the base's, the change of every adapted one, and the logits of the merged model, loaded from disk,
    beside those of base + adapter on sample pages. Sums are computed in float32 and rounded once.

    Memory holds one tensor of the base (one layer's experts) while merging, and one model at a time while comparing
    logits. An interrupted merge leaves a hidden folder, which the next one clears away.

    Args:
        config: `base_model`, `task`, `merge` and `train.machine.cpu_threads` are used.
        base_path: Folder of the base model, or its hub id.
        adapter_folder: Holds the adapter.
        merged_folder: Where to; an older merged model there is replaced, and an unproved one removed at once.
        records: Splits; logits are compared on pages of the first that has any, else on drawn ones.

    Raises:
        UserError: No usable base model or adapter, an adapter of another base or with broken tensors, too little disk
            space, a file that cannot be read or written.
        MergeError: The merged model is not base + adapter.
    """
    folder = families.local_folder(base_path, config.base_model.revision)
    family = families.family_of(folder, config.base_model.family)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(config.train.machine.cpu_threads)
    dtype = None if config.merge.precision == "base" else getattr(torch, config.merge.precision)
    names = family.names_on_disk(config.merge.layout)

    adapters.read_settings(adapter_folder)  # before gigabytes are hashed
    skeleton = native.skeleton(folder)
    adapter = deltas.outline(copy.deepcopy(skeleton), adapter_folder)
    base = ModelFiles(Checkpoint(folder), Layouts(skeleton))
    hashes = adapters.base_hashes(folder)
    adapters.check_base(adapter_folder, folder, hashes)
    prompt = families.prompt_of(family, config.task.prompt, config.task.term)
    pages = proof.sample_pages(records, prompt)
    steps = streaming.plan(base, adapter, names, dtype)
    stored = _coarsest([one.dtype for step in steps for one in step.outlines])

    with _staged(merged_folder, sum(one.length for step in steps for one in step.outlines)) as staged:
        shard_bytes = int(config.merge.shard_gb * _GIGABYTE)
        changes = streaming.write(
            steps, base, adapter, staged, layout=names, shard_bytes=shard_bytes, dtype=dtype, device=device
        )
        form = companions.write(family, folder, staged, layout=names, stored=stored, dtype=dtype)
        if config.base_model.mode != modes.AUTO:
            mode = family.modes[config.base_model.mode]
            modes.write(staged, mode, family.views_of(mode))
        logger.info("Wrote %d of %d tensors adapted, %s", len(changes), len(base.natives), _memory())
        tensors = proof.check_tensors(base, ModelFiles(Checkpoint(staged), base.layouts), adapter, changes, dtype)
        logger.info("Every tensor on disk is the base's, or the base's and the adapter's sum, %s", _memory())
        logits = proof.check_logits(
            family,
            proof.Folders(folder, adapter_folder, staged),
            mode=config.base_model.mode,
            prompt=prompt,
            pages=pages,
            stored=stored,
            parameters=sum(prod(one.shape) for one in base.natives.values()),
            device=device,
            base_hashes=hashes,
        )
        hashes |= {"config.json": sha256_file(folder / "config.json")}
        origins = _origins(config, base, hashes, adapter_folder)
        merged = {
            "layout": config.merge.layout, "names": names, "configuration": form, "precision": dtype_name(stored),
        }  # fmt: skip
        merged_files = {"merged": {**merged, "sha256": _every_hash(staged)}}
        with file_errors_explained(staged):
            write_json(staged / PROOF_NAME, {**origins, **merged_files, "tensors": tensors, "logits": logits})
    moved, apart = logits["adapter_moves_by_rms"], logits["on_disk_differs_by_rms"]
    logger.info(
        "Merged %d tensors; the adapter moves logits by %.3g, the merged model on disk (%s) differs by %.3g (root mean "
        "square), %s", len(changes), moved, dtype_name(stored), apart, _memory(),
    )  # fmt: skip


def _origins(config: Config, base: ModelFiles, hashes: Mapping[str, str], adapter_folder: Path) -> dict[str, Any]:
    """Return what a merged model was made of and with, as its proof has it."""
    about = config.base_model
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    adapter = {name: sha256_file(adapter_folder / name) for name in (adapters.WEIGHTS, adapters.CONFIG)}
    return {
        "base": {"name": about.name, "revision": about.revision, "layout": base.layout, "sha256": hashes},
        "adapter": {"sha256": adapter},
        "versions": {"python": platform.python_version()} | versions,
    }


@contextmanager
def _staged(merged_folder: Path, needed: int) -> Iterator[Path]:
    """Give a new folder beside the merged model's (a link is followed), which takes its place when the body is done.

    `needed` are the bytes of its weights.

    Raises:
        UserError: Too little disk space, or the folders cannot be made or renamed.
    """
    target = merged_folder.resolve()
    with file_errors_explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        unproved = target.exists() and not (target / PROOF_NAME).is_file()
        if unproved and any(target.iterdir()) and not (target / "config.json").is_file():
            raise UserError(
                "The merged model's folder holds something else, which would be lost",
                value=str(target),
                accepted="a folder that is empty, not there yet, or holds a merged model",
                todo="move its files elsewhere",
            )
        if unproved:
            shutil.rmtree(target)  # weights without a proof are no finished model
    with ExitStack() as stack:
        with file_errors_explained(target):
            staged = stack.enter_context(in_place_of(target))  # what a killed merge left is gone now
            free = shutil.disk_usage(target.parent).free
        if free < needed + _SLACK_BYTES:
            raise UserError(
                f"The merged model takes {(needed + _SLACK_BYTES) / 1e9:.2f} GB; free on the disk of {target.parent}",
                value=f"{free / 1e9:.2f} GB",
                accepted="room for the whole merged model beside an older one",
                todo="free some space, make the merged model's folder a link to one on another disk, or set "
                "merge.precision to bfloat16",
            )
        yield staged
        with file_errors_explained(target):
            stack.close()


def _coarsest(dtypes: Sequence[torch.dtype]) -> torch.dtype:
    """Return the floating-point number format with the widest spacing."""
    return max((dtype for dtype in dtypes if dtype.is_floating_point), key=lambda dtype: torch.finfo(dtype).eps)


def _every_hash(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder: processor and tokenizer decide about predictions too."""
    return {path.name: sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()}


def _memory() -> str:
    """Say how much memory this process has held at most so far (Linux counts kilobytes)."""
    peak = f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB of memory so far"
    if torch.cuda.is_available():
        peak += f", {torch.cuda.max_memory_allocated() / 1e9:.2f} GB on the GPU"
    return peak
