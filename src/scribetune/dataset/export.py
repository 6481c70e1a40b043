"""A build's splits as a dataset for others: one folder that can be copied or uploaded as it is.

    README.md, croissant.json           the card, and the same for machines
    parquet/<split>-00000-of-00001.parquet
    sharegpt, trl, swift/<split>.jsonl  with images as paths within the folder
    dataset_info.json                   LLaMA-Factory's, of sharegpt
    data/pages/<doc>/p0001.png          what these name, under the names that the build has for them

The same records give the same bytes. No time and no name of a machine is in any file.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import files
from scribetune.core.config import Dataset
from scribetune.core.errors import UserError
from scribetune.dataset import croissant, formats, parquet
from scribetune.dataset.formats import Record
from scribetune.dataset.splits import NAMES

CARD, CROISSANT, DATASET_INFO = "README.md", "croissant.json", "dataset_info.json"
_LINES = {"trl": formats.trl, "swift": formats.swift}
_MB = 1_000_000


@dataclass(frozen=True)
class Exported:
    """What was written of a split."""

    split: str
    documents: int
    pages: int
    characters: int
    image_bytes: int
    parquet: tuple[str, ...]  # its files, relative to the dataset's folder


def write(
    splits: Mapping[str, Path],
    folder: Path,
    settings: Dataset,
    working_directory: Path = Path(),
) -> list[Exported]:
    """Write all that is no card into an empty folder.

    Args:
        splits: Split → its ShareGPT file, as split_documents writes it.
        folder: Where to.
        settings: The name, the forms and the size of a Parquet file.
        working_directory: What the records' image paths count from.

    Raises:
        UserError: An image is missing, or is not the one of its record.
    """
    wanted = set(settings.formats)
    exported = []
    for split in NAMES:
        records = files.read_jsonl(splits[split])
        sizes = [_size(working_directory, record) for record in records]
        if wanted - {"parquet"}:
            for record in records:
                files.write_bytes(folder / record["images"][0], _image(working_directory, record), durable=False)
        if wanted & {"sharegpt", "llamafactory"}:
            (folder / "sharegpt").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(splits[split], folder / "sharegpt" / f"{split}.jsonl")
        for name in sorted(wanted & _LINES.keys()):
            files.write_jsonl(folder / name / f"{split}.jsonl", (_LINES[name](record) for record in records))
        written: list[str] = []
        if "parquet" in wanted:
            (folder / "parquet").mkdir(parents=True, exist_ok=True)
            written = parquet.write(
                folder / "parquet", split, records, lambda record: _image(working_directory, record), sizes,
                settings.shard_mb * _MB,
            )  # fmt: skip
        exported.append(
            Exported(
                split, len({record["document"] for record in records}), len(records), formats.characters(records),
                sum(sizes), tuple(f"parquet/{name}" for name in written),
            )
        )  # fmt: skip
    if "llamafactory" in wanted:
        info = formats.dataset_info(settings.name, {split: f"sharegpt/{split}.jsonl" for split in NAMES})
        files.write_json(folder / DATASET_INFO, info)
    return exported


def write_croissant(
    folder: Path, settings: Dataset, exported: Sequence[Exported], description: str, licence: str
) -> None:
    """Write the dataset's Croissant metadata, of the files that lie in its folder."""
    tables = {each.split: each.parquet for each in exported}
    lines = {} if any(tables.values()) else {split: _lines_of(folder, split) for split in NAMES}
    metadata = croissant.metadata(folder, settings.name, description, licence, tables, lines)
    files.write_json(folder / CROISSANT, metadata)


def require_own(folder: Path) -> None:
    """Check that a folder may be replaced: it is empty, not there, or a dataset that was written here before.

    Raises:
        UserError: It holds something else.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CROISSANT).is_file():
        raise UserError(
            "The dataset would take the place of a folder that holds something else",
            value=folder.as_posix(),
            accepted="an empty folder, one that is not there, or a dataset that was written before",
            todo="name another in dataset.folder, or empty this one",
        )


def _lines_of(folder: Path, split: str) -> str:
    return next(f"{name}/{split}.jsonl" for name in ("trl", "swift", "sharegpt") if (folder / name).is_dir())


def _size(working_directory: Path, record: Record) -> int:
    try:
        return (working_directory / str(record["images"][0])).stat().st_size
    except FileNotFoundError as error:
        raise _not_its_image(record, "missing") from error


def _image(working_directory: Path, record: Record) -> bytes:
    content = (working_directory / str(record["images"][0])).read_bytes()
    if files.sha256_bytes(content) != record["image_sha256"]:
        raise _not_its_image(record, "another file")
    return content


def _not_its_image(record: Record, what: str) -> UserError:
    return UserError(
        f"The image of a record is {what}",
        value=record["images"][0],
        accepted=f"the image that {record['id']} was split with, by its SHA-256",
        todo="dvc pull (or dvc checkout), or build pages and splits again",
    )
