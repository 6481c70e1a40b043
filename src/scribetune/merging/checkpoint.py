"""Safetensors checkpoints read and written one tensor at a time, so that no model has to fit into memory.

Tensors are read with plain reads, not through a memory map: a bad sector under a map kills the process with a signal,
a failed read is an error that can be told in words; and memory use stays one tensor's, whatever the file's size.

Layout of a safetensors file: 8 bytes length of the header (little endian), the header as JSON, the tensors.
"""

import contextlib
import errno
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import torch

from scribetune.core.disk_space import FULL, free_bytes
from scribetune.core.errors import UserError, counted
from scribetune.core.files import write_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""Names that transformers and vLLM look for: one file, or the index of several."""

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
        "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
        "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    }
)  # fmt: skip
"""Number formats by their names in a safetensors header."""

_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_FULL = {*FULL, errno.EFBIG}
_HEADER_PER_TENSOR = 120  # bytes of JSON around a tensor's name, with room to spare


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies."""

    file: Path  # the safetensors file
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int  # first byte in the file
    length: int  # number of bytes


@dataclass(frozen=True)
class Outline:
    """A tensor to be written: name, number format, shape."""

    key: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """Bytes."""
        return prod(self.shape) * self.dtype.itemsize


class Checkpoint:
    """The safetensors files of a model, as transformers would load them: model.safetensors, or what the index names.

    Raises:
        UserError: No such files, one that is missing, cut off or damaged, or an unknown number format.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = _files(folder)
        entries: dict[str, Entry] = {}
        for path in self.files:
            with file_errors_explained(path):
                entries.update(_read_header(path))
        self.entries: Mapping[str, Entry] = MappingProxyType(entries)
        """Every tensor by its name in the files."""

    def read(self, key: str) -> torch.Tensor:
        """Return one tensor, on the CPU and in its own number format; UserError where the file cannot be read."""
        entry = self.entries[key]
        if not entry.length:
            return torch.empty(entry.shape, dtype=entry.dtype)
        data = bytearray(entry.length)
        view = memoryview(data)
        with file_errors_explained(entry.file), entry.file.open("rb", buffering=0) as stream:
            stream.seek(entry.start)
            filled = 0
            while filled < entry.length:
                count = stream.readinto(view[filled:])
                if not count:
                    raise _damaged(entry.file, f"it ends inside {key}")
                filled += count
        return torch.frombuffer(data, dtype=entry.dtype).reshape(entry.shape)


class ShardWriter:
    """Writes tensors, in the order outlined, into model.safetensors, or shards of at most `shard_bytes` with an index.

    The bytes depend on the tensors alone. A tensor that is larger than a shard gets a file of its own.
    """

    def __init__(self, folder: Path, outlines: Sequence[Outline], shard_bytes: int) -> None:
        self._folder = folder
        shards = plan_shards(outlines, shard_bytes)
        names = [SINGLE] if len(shards) == 1 else [
            f"model-{number:05d}-of-{len(shards):05d}.safetensors" for number in range(1, len(shards) + 1)
        ]  # fmt: skip
        self._waiting = [(name, outline) for name, shard in zip(names, shards, strict=True) for outline in shard]
        self._waiting.reverse()
        self._shards = dict(zip(names, shards, strict=True))
        self._name = ""
        self._stream: BinaryIO | None = None

    def write(self, key: str, tensor: torch.Tensor) -> None:
        """Append the next tensor.

        Raises:
            ValueError: Not the tensor whose turn it is, or another shape or number format than outlined.
            UserError: The disk is full, or writing failed.
        """
        name, outline = self._waiting[-1] if self._waiting else ("", None)
        if outline != Outline(key, tensor.dtype, tuple(tensor.shape)):
            raise ValueError(f"{key} ({tensor.dtype}, {tuple(tensor.shape)}) comes where {outline} was announced")
        with file_errors_explained(self._folder / name):
            if name != self._name:
                self._finish_shard()
                self._name, self._stream = name, (self._folder / name).open("wb")
                self._stream.write(_header(self._shards[name]))
            assert self._stream is not None  # noqa: S101  opened with the shard's first tensor
            self._stream.write(as_bytes(tensor))
        self._waiting.pop()

    def close(self) -> None:
        """Finish the last file, and write the index where there are several.

        Raises:
            ValueError: A tensor was announced and never written.
            UserError: The disk is full, or writing failed.
        """
        if self._waiting:
            raise ValueError(f"{counted(len(self._waiting), 'tensor')} never written, {self._waiting[-1][1].key} first")
        with file_errors_explained(self._folder / self._name):
            self._finish_shard()
            if len(self._shards) > 1:
                outlines = [outline for shard in self._shards.values() for outline in shard]
                write_json(
                    self._folder / INDEX,
                    {
                        "metadata": {
                            "total_parameters": sum(prod(outline.shape) for outline in outlines),
                            "total_size": sum(outline.length for outline in outlines),
                        },
                        "weight_map": {outline.key: name for name, shard in self._shards.items() for outline in shard},
                    },
                )

    def _finish_shard(self) -> None:
        if self._stream is not None:
            # Some disks say only here that they are full.
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):  # the error on the way here is the one to tell
                self._stream.close()
            self._stream = None


def plan_shards(outlines: Sequence[Outline], shard_bytes: int) -> list[list[Outline]]:
    """Cut a list of tensors into files of at most `shard_bytes`, header included; the order is kept."""
    shards: list[list[Outline]] = [[]]
    size = 0
    for outline in outlines:
        length = outline.length + len(json.dumps(outline.key)) + _HEADER_PER_TENSOR
        if shards[-1] and size + length > shard_bytes:
            shards.append([])
            size = 0
        shards[-1].append(outline)
        size += length
    return shards


def dtype_name(dtype: torch.dtype) -> str:
    """Return the plain name of a number format, as in configurations: float32."""
    return str(dtype).removeprefix("torch.")


def as_bytes(tensor: torch.Tensor) -> Any:
    """Return a tensor's bytes as they lie in a file, as a buffer (NumPy has no bfloat16)."""
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()


@contextlib.contextmanager
def file_errors_explained(path: Path) -> Iterator[None]:
    """Turn an operating system's error about a file (full, unreadable, vanished, no permission) into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                "The disk is full; the merged model was not finished, and what there was of it is removed",
                value=str(path.parent),
                accepted=f"room for the whole merged model; free are {free_bytes(path.parent):,} bytes",
                todo="free some space and run again",
            ) from error
        raise UserError(
            f"A file of the model could not be read or written ({error.strerror or error})",
            value=str(error.filename or path),
            accepted="a file on a sound disk, with permission to it",
            todo="check the disk and the permissions; fetch the base model again if its file is damaged",
        ) from error


def _files(folder: Path) -> tuple[Path, ...]:
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    index = folder / INDEX
    if not index.is_file():
        raise UserError(
            "The model's folder holds no weights that transformers would find",
            value=str(folder),
            accepted=f"{SINGLE}, or {INDEX} with the files that it names",
            todo="fetch the model again, as one whole folder",
        )
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(index, "it is not an index of safetensors files") from error
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise UserError(
            f"{index} names {counted(len(names), 'file')}, of which {len(missing)} cannot be found",
            value=missing[0],
            accepted="every file of the index",
            todo="fetch the model again, as one whole folder",
        )
    return tuple(folder / name for name in names)


def _read_header(path: Path) -> dict[str, Entry]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        first = stream.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
        if 8 + length > size:
            raise _damaged(path, f"{size} bytes cannot hold its header")
        try:
            header = json.loads(stream.read(length))
            described = {
                key: (about["dtype"], tuple(about["shape"]), *about["data_offsets"])
                for key, about in header.items()
                if key != "__metadata__"
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(path, "its header is no safetensors header") from error
    entries = {}
    for key, (name, shape, start, end) in described.items():
        if name not in DTYPES:
            raise UserError(
                f"{path}: the number format of {key} is not known",
                value=name,
                accepted=", ".join(DTYPES),
                todo="use the model's 16-bit or 32-bit weights",
            )
        if end - start != prod(shape) * DTYPES[name].itemsize or 8 + length + end > size:
            raise _damaged(path, f"it has {size} bytes, and {key} should end at byte {8 + length + end}")
        entries[key] = Entry(path, DTYPES[name], shape, 8 + length + start, end - start)
    return entries


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"A file of the model is cut off or damaged: {why}",
        value=str(path),
        accepted="a whole safetensors checkpoint",
        todo="fetch or make the model again",
    )


def _header(outlines: Sequence[Outline]) -> bytes:
    """Return a shard's header, padded with spaces to a multiple of 8 bytes as the reference implementation does."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for outline in outlines:
        header[outline.key] = {
            "dtype": _NAMES[outline.dtype],
            "shape": list(outline.shape),
            "data_offsets": [place, place + outline.length],
        }
        place += outline.length
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text
