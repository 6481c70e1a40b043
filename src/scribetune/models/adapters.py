"""LoRA adapters: put around a model, counted, saved byte for byte, and loaded with proof that every tensor arrived.

Several current versions of PEFT load an adapter of this architecture as nothing, with only a warning. Every load in
this project therefore goes through `load`, which compares the file with the model.
"""

import json
import struct
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors

from scribetune.core.config import Train
from scribetune.core.errors import UserError, counted
from scribetune.core.files import sha256_bytes, sha256_file, write_bytes, write_json
from scribetune.models.families import Family, expected_trainable

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
TASK_TYPE = "CAUSAL_LM"
"""What PEFT calls models that write text; both backends record it, so that their adapters load alike."""

_ADAPTER = "default"
_BASE_DIGEST = "base_model_sha256"


class AdapterError(RuntimeError):
    """An adapter that did not arrive in the model as it lies in its file."""


def attach(family: Family, model: Any, train: Train) -> Any:
    """Put a fresh LoRA adapter around a model: B is zero, so nothing changes until it is trained.

    Raises:
        UserError: A scope that the family lacks, or dropout with one that includes routed experts (PEFT cannot do it).
        AdapterError: The scope names no layer of one of its groups.
    """
    from peft import LoraConfig, get_peft_model

    scope = family.scopes[train.lora.scope]
    if scope.target_parameters and train.lora.dropout:
        raise UserError(
            f"LoRA on routed experts (train.lora.scope {train.lora.scope!r}) has no dropout; train.lora.dropout is",
            value=train.lora.dropout,
            accepted="0",
            todo="set train.lora.dropout to 0, or train.lora.scope to language",
        )
    _due(family, model, train.lora.scope, train.lora.rank)
    settings = LoraConfig(
        r=train.lora.rank,
        lora_alpha=train.lora.alpha,
        lora_dropout=train.lora.dropout,
        bias="none",
        target_modules=scope.target_modules,
        target_parameters=list(scope.target_parameters) or None,
        task_type=TASK_TYPE,
    )
    return get_peft_model(model, settings)


def count_trainable(family: Family, model: Any, scope_name: str) -> Mapping[str, int]:
    """Count trainable parameters by group, and check them against the shapes of the layers that the scope names.

    Raises:
        AdapterError: The scope names no layer of one of its groups, a group has another number of trainable weights
            than rank and shapes call for, or a weight that is not the adapter's is trainable.
    """
    expected = _due(family, model, scope_name, model.peft_config[_ADAPTER].r)
    counts: dict[str, int] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            if ".lora_" not in name:
                raise AdapterError(f"{name} is trainable, but belongs to the base model")
            group = family.group_of(name)
            counts[group] = counts.get(group, 0) + weight.numel()
    if counts != expected:
        raise AdapterError(
            f"scope {scope_name!r} trains {dict(sorted(counts.items()))}, but rank and shapes of the layers it names "
            f"call for {dict(sorted(expected.items()))}"
        )
    return MappingProxyType(dict(sorted(counts.items())))


def base_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each safetensors file of a base model, by name."""
    return {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))}


def base_digest(folder: Path, hashes: Mapping[str, str] | None = None) -> str:
    """Return one hash for the weights of a base model: over the names and SHA-256 of its safetensors files.

    `hashes` are those of `base_hashes`, where they are known: hashing gigabytes takes its time.
    """
    found = base_hashes(folder) if hashes is None else hashes
    return sha256_bytes("".join(f"{name} {digest}\n" for name, digest in sorted(found.items())).encode())


def save(model: Any, folder: Path, *, base_name: str, base_digest: str, revision: str | None) -> None:
    """Write adapter_model.safetensors and adapter_config.json of a PEFT model, the same bytes for the same weights.

    What is recorded as the base (`base_name`) must hold on another machine too; `base_digest` goes into the metadata.
    """
    with tempfile.TemporaryDirectory() as temporary:
        staged = Path(temporary)
        # Embeddings are never trained; left to itself PEFT would ask the hub whether they were resized.
        model.save_pretrained(staged, save_embedding_layers=False)
        settings = json.loads((staged / CONFIG).read_text(encoding="utf-8"))
        settings |= {"base_model_name_or_path": base_name, "revision": revision, "inference_mode": True}
        metadata = {"format": "pt", _BASE_DIGEST: base_digest}
        weights = _with_metadata((staged / WEIGHTS).read_bytes(), metadata)
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / CONFIG, settings)


def write(
    folder: Path, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any], about: Mapping[str, str]
) -> None:
    """Write an adapter of plain tensors (not tied to each other): the same bytes for the same weights."""
    held = {name: tensors[name].clone() for name in sorted(tensors)}  # no two of them may share memory
    write_bytes(folder / WEIGHTS, _with_metadata(save_tensors(held), about))
    write_json(folder / CONFIG, dict(settings))


def metadata(folder: Path) -> dict[str, str]:
    """Return what an adapter's file says beside its tensors, the hash of its base among it."""
    return _header(folder / WEIGHTS)[1]


def load(model: Any, folder: Path, *, base_folder: Path, hashes: Mapping[str, str] | None = None) -> Any:
    """Put a saved adapter around a model in evaluation mode, and prove that every tensor of the file arrived in it.

    `base_folder` and its `base_hashes`, where known, serve to refuse an adapter that was trained on other weights.

    Raises:
        UserError: No adapter there, or one that belongs to another base model.
        AdapterError: PEFT dropped or changed a tensor.
    """
    from peft import PeftModel

    settings = read_settings(folder)
    check_base(folder, base_folder, hashes)
    check_names({*dict(model.named_modules()), *dict(model.named_parameters())}, folder, settings)
    wrapped = PeftModel.from_pretrained(model, folder, adapter_name=_ADAPTER, local_files_only=True)
    check_arrived(wrapped, folder / WEIGHTS)
    return wrapped.eval()


def check_arrived(model: Any, path: Path) -> None:
    """Compare an adapter file with the adapter weights of a model, tensor by tensor.

    Raises:
        AdapterError: A tensor is missing on either side, or differs.
    """
    stored = load_file(path)
    held = tensors(model)
    if set(stored) != set(held):
        missing, extra = sorted(set(stored) - set(held)), sorted(set(held) - set(stored))
        raise AdapterError(
            f"{path}: {len(missing)} of {counted(len(stored), 'tensor')} did not arrive in the model ({missing[:3]}), "
            f"and {len(extra)} of the model's are not in the file ({extra[:3]}). This version of peft does not load "
            f"this architecture's adapters; install the version that the environment pins."
        )
    changed = [
        name for name in sorted(stored) if not torch.equal(stored[name], held[name].to(stored[name].dtype).cpu())
    ]
    if changed:
        raise AdapterError(
            f"{path}: {len(changed)} of {counted(len(stored), 'tensor')} arrived with other values ({changed[:3]})"
        )


def tensors(model: Any) -> dict[str, torch.Tensor]:
    """Return the adapter weights held by a PEFT model, by their names in a file."""
    return {
        name.replace(f".{_ADAPTER}.", "."): weight.detach()
        for name, weight in model.named_parameters()
        if ".lora_" in name
    }


def copied(model: Any) -> dict[str, torch.Tensor]:
    """Return a copy of a model's adapter tensors in main memory, by their names in a file."""
    return {name: tensor.to("cpu", copy=True).contiguous() for name, tensor in tensors(model).items()}


def put(model: Any, stored: Mapping[str, torch.Tensor]) -> None:
    """Put adapter tensors into a model.

    Raises:
        AdapterError: The names are not those of the model's adapter.
    """
    held = tensors(model)
    if set(held) != set(stored):
        raise AdapterError(f"a checkpoint and the model differ by {counted(len(set(held) ^ set(stored)), 'tensor')}")
    with torch.no_grad():
        for name, tensor in held.items():
            tensor.copy_(stored[name])


def restore(model: Any, path: Path) -> None:
    """Put the adapter in a checkpoint's file into a model; see `put`."""
    put(model, load_file(path))
    check_arrived(model, path)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return adapter_config.json of an adapter's folder.

    Raises:
        UserError: No adapter there, or one whose settings cannot be read.
    """
    path = folder / CONFIG
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise UserError(
            "There is no adapter in the folder",
            value=str(folder),
            accepted=f"a folder with {WEIGHTS} and {CONFIG}",
            todo="train one first (target: adapter)",
        )
    try:
        settings: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"The adapter's settings cannot be read ({error})",
            value=str(path),
            accepted="adapter_config.json as PEFT writes it",
            todo="train or fetch the adapter again",
        ) from error
    return settings


def check_base(folder: Path, base_folder: Path, hashes: Mapping[str, str] | None = None) -> None:
    """Refuse an adapter that records other base weights than those of a folder.

    Raises:
        UserError: No adapter there, or one that was trained on other weights.
    """
    recorded = read_settings(folder).get("base_model_name_or_path")
    digest = _header(folder / WEIGHTS)[1].get(_BASE_DIGEST)
    # Adapters made elsewhere carry no hash; for those, PEFT compares the shapes and `check_arrived` the rest.
    if digest is not None and digest != base_digest(base_folder, hashes):
        raise UserError(
            f"The adapter in {folder} was trained on other weights than those in {base_folder}; its base is",
            value=recorded,
            accepted="the model that it was trained on",
            todo="train again on this base model, or give base_model.name the model it was trained on",
        )


def check_names(names: Collection[str], folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse an adapter with tensors for modules and parameters (`names`) that a model does not have.

    Raises:
        UserError: The first such module; the adapter is of another architecture.
    """
    strangers = sorted(name for name in map(_target_of, _header(folder / WEIGHTS)[0]) if name not in names)
    if strangers:
        raise UserError(
            f"The adapter in {folder} is of another architecture (the base model has no {strangers[0]}); its base is",
            value=settings.get("base_model_name_or_path"),
            accepted="the model that it was trained on",
            todo="train again on this base model",
        )


def unreadable(path: Path, error: Exception) -> UserError:
    """Return what to tell a user whose adapter's weights cannot be read."""
    return UserError(
        f"The adapter's weights cannot be read ({error})",
        value=str(path),
        accepted="a whole safetensors file",
        todo="train or fetch the adapter again",
    )


def _header(path: Path) -> tuple[list[str], dict[str, str]]:
    """Return names and metadata of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return list(file.keys()), file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def _due(family: Family, model: Any, scope_name: str, rank: int) -> Mapping[str, int]:
    """Return how many weights each group of a scope must train, by the model's shapes; none may be without any."""
    scope = family.scopes[scope_name]
    expected = expected_trainable(family, model, scope, rank)
    if set(expected) != scope.groups:
        raise AdapterError(
            f"scope {scope_name!r} stands for {sorted(scope.groups)}, but names layers of {sorted(expected)} in this "
            f"{family.title} model"
        )
    return expected


def _target_of(name: str) -> str:
    """Return the module that an adapter tensor belongs to (for stacked parameters, the module that holds them)."""
    module = name.removeprefix("base_model.model.").split(".lora_")[0]
    return module.removesuffix(".base_layer")


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file with this metadata, its header in one fixed order.

    The library writes metadata in the order of a hash table, another one in every process.
    Layout: 8 bytes length of the header (little endian), the header as JSON padded with spaces, the tensors.
    """
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    ordered = {"__metadata__": dict(sorted(metadata.items())), **header}
    text = json.dumps(ordered, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]
