"""Folders and hub repositories that base models lie in: what is read of them, and what is wrong with them in words."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scribetune.core.errors import UserError
from scribetune.models.families import unfit
from scribetune.models.families.unfit import ACCEPTED

LOADED = (".json", ".safetensors", ".model", ".txt", ".jinja", ".tiktoken")
"""What loading a model reads. Neither code nor pickles are among them."""
_PATIENCE_S = 10.0
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_LFS_POINTER = b"version https://git-lfs"
_INDEX = ".safetensors.index.json"
_MOST_JSON_BYTES = 1_000_000  # a tokenizer's may have ten times that, and are looked at whenever a build starts
_JSON_END_BYTES = 1_000


def model_files(folder: Path, origin: str = "") -> list[Path]:
    """List the files of a model's folder that loading reads, sorted; messages call the folder `origin`, else its path.

    Raises:
        UserError: config.json or weights are missing, in part or whole, or are not what they should be.
    """
    shown = origin or str(folder)
    unfit.refuse_other_content(folder, shown)
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and path.suffix in LOADED and not path.name.startswith(".")
    )
    names = {path.name for path in files}
    if "config.json" not in names:
        raise UserError("The base model has no config.json", value=shown, accepted=ACCEPTED, todo=_fetch_again(origin))
    weights = [path for path in files if path.suffix == ".safetensors"]
    if not weights:
        raise _without_weights(folder, shown, origin)
    for path in files:
        _require_whole(path, origin)
    absent = sorted(set(_shards(files)) - names)
    if absent:
        raise UserError(
            f"The base model lacks {len(absent)} of the files that its index names ({', '.join(absent[:3])})",
            value=shown,
            accepted=ACCEPTED,
            todo=_fetch_again(origin),
        )
    return files


def _require_whole(path: Path, origin: str) -> None:
    """Refuse a file that is cut off, damaged, or a pointer of git's in its place; cheap, whatever its size."""
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise UserError(
                "A file of the base model is only a pointer to a large file of git",
                value=str(path),
                accepted=ACCEPTED,
                todo="run `git lfs pull` in that folder",
            )
    about = path.stat()
    what = ""
    if path.suffix == ".safetensors":
        needed = _bytes_needed(path, about.st_size, about.st_mtime_ns)
        if needed != about.st_size:
            said = f"{about.st_size} bytes long, and should be {needed}"
            what = "no safetensors file" if needed is None else said
    elif path.suffix == ".json" and not path.name.endswith(_INDEX):
        what = _slip_in_json(path, about.st_size, about.st_mtime_ns)
    if what:
        raise UserError(
            f"A file of the model is cut off or damaged: it is {what}",
            value=str(path),
            accepted=ACCEPTED,
            todo=_fetch_again(origin) + "; one that a build made is made again where it is removed",
        )


@cache
def _slip_in_json(path: Path, size: int, _changed_ns: int) -> str:
    """Return why a file is no JSON; "" where it is, or is too large to read for this and ends as JSON does."""
    if size <= _MOST_JSON_BYTES:
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            return f"no JSON ({error})"
        return ""
    with path.open("rb") as file:
        file.seek(size - _JSON_END_BYTES)
        end = file.read().rstrip()
    return "" if end.endswith((b"}", b"]")) else f"no whole JSON: it ends after {size} bytes, in the middle"


@cache
def _bytes_needed(path: Path, size: int, _changed_ns: int) -> int | None:
    """Return how long a safetensors file must be by its header; None where that cannot be read. Tensors are not."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            return None
        try:
            header = json.loads(file.read(length))
            ends = [int(about["data_offsets"][1]) for name, about in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None
    return 8 + length + max(ends, default=0)


def fetch(name: str, revision: str) -> Path:
    """Return the local snapshot of a hub repository at a commit; fetched first where it is not there.

    Only safetensors and text files at the top of the repository are fetched, no code and no pickles.

    Raises:
        UserError: It cannot be fetched, or what there is of it is not a whole model.
    """
    from huggingface_hub import snapshot_download

    errors = _hub_errors()
    origin = f"{name} at {revision}"
    wanted: dict[str, Any] = {
        "revision": revision,
        "allow_patterns": [f"*{end}" for end in LOADED],
        "ignore_patterns": ["*/*"],
    }
    # What lies here of a commit cannot have changed there: asked first, so that a whole copy needs no network.
    partial: UserError | None = None
    try:
        folder = Path(snapshot_download(name, local_files_only=True, **wanted))
        model_files(folder, origin)
    except UserError as error:
        partial = error
    except errors:
        pass
    else:
        return folder
    try:
        folder = Path(snapshot_download(name, **wanted))
    except errors as error:
        explained = _explained(name, revision, error)
        raise explained from (partial or error)
    model_files(folder, origin)
    return folder


def fetch_config(name: str, revision: str | None) -> Path:
    """Return a folder that holds config.json of a hub repository at a commit, the only file fetched.

    Raises:
        UserError: It cannot be fetched.
    """
    import huggingface_hub

    errors = _hub_errors()
    here: dict[str, Any] = {"repo_id": name, "filename": "config.json", "revision": revision}
    try:
        return Path(huggingface_hub.hf_hub_download(**here, local_files_only=True)).parent
    except errors:
        pass
    try:
        # Asked once: fetching a file asks a hub that cannot be reached for half a minute.
        huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(**here), timeout=_PATIENCE_S)
        return Path(huggingface_hub.hf_hub_download(**here)).parent
    except errors as error:
        raise _explained(name, revision, error) from error


def _shards(files: Iterable[Path]) -> list[str]:
    """Return the weight files that the indices among these files name."""
    named: list[str] = []
    for path in files:
        if path.name.endswith(_INDEX):
            try:
                named.extend(map(str, json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
            except (ValueError, KeyError, AttributeError) as error:
                raise UserError(
                    "The index of the base model's weights cannot be read",
                    value=str(path),
                    accepted='JSON with a "weight_map"',
                    todo=f"fetch the file again ({error!r})",
                ) from error
    return named


def _without_weights(folder: Path, shown: str, origin: str) -> UserError:
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if pickled:
        return UserError(
            f"The base model holds no *.safetensors, only pickled weights ({', '.join(pickled[:3])}), which can run "
            "code when they are read and are never loaded",
            value=shown,
            accepted=ACCEPTED,
            todo='convert pickled weights from a source that you trust once: python -c "from transformers import '
            f"AutoModelForImageTextToText as M; M.from_pretrained('{folder}').save_pretrained('NEW')\", and copy the "
            "tokenizer's and processor's files to NEW",
        )
    return UserError(
        "The base model holds no *.safetensors",
        value=shown,
        accepted=ACCEPTED,
        todo=_fetch_again(origin) + "; a repository that has only pickled weights must be converted first",
    )


def _fetch_again(origin: str) -> str:
    return "fetch it again with the network on: the local copy is incomplete" if origin else "fetch the folder again"


def _hub_errors() -> tuple[type[Exception], ...]:
    from httpx import HTTPError
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    return HTTPError, EntryNotFoundError, HFValidationError, OSError


_Kinds = type[Exception] | tuple[type[Exception], ...]


def _explained(name: str, revision: str | None, error: Exception) -> UserError:
    from httpx import TransportError
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    lacking = "it is not on this machine, or not whole"
    reasons: tuple[tuple[_Kinds, str, str], ...] = (
        (GatedRepoError, "its licence has to be accepted", "accept it on the model's page, and run `hf auth login`"),
        (
            RepositoryNotFoundError,
            "the hub has no such repository, or it is private",
            "check base_model.name; for a private one run `hf auth login`",
        ),
        (RevisionNotFoundError, "the repository has no such commit", "check base_model.revision"),
        (
            OfflineModeIsEnabled,
            f"{lacking}, and HF_HUB_OFFLINE is set",
            "unset HF_HUB_OFFLINE once, or give its folder as base_model.name",
        ),
        (
            (LocalEntryNotFoundError, TransportError),
            f"{lacking}, and the hub cannot be reached",
            "check the network, or fetch it elsewhere and give its folder as base_model.name",
        ),
        (
            EntryNotFoundError,
            "it has no config.json: an adapter, GGUF files and other formats are no whole model",
            "merge an adapter into its base first, or name the unquantised original (docs/models.md)",
        ),
    )
    unknown: tuple[_Kinds, str, str] = (
        Exception,
        str(error).partition("\n")[0],
        "check the id, the revision and the network",
    )
    _, reason, todo = next(row for row in (*reasons, unknown) if isinstance(error, row[0]))
    return UserError(
        f"The base model could not be fetched at revision {revision} ({reason})",
        value=name,
        accepted=ACCEPTED,
        todo=todo,
    )
