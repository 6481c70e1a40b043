"""Listings of input documents: one small file per shard, {path: sha256}, in the place of thousands of edges.

Snakemake spends about a tenth of a millisecond on each input file each time it reads the workflow. A listing is one
input; its content changes when, and only when, a document of its shard changes, comes or goes. It also spares names
that Snakemake would read as something else: braces are wildcards to it, and a line break is an error.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from scribetune.core import files
from scribetune.core.file_hashes import FileHashes

FOLDER = Path("work/inputs")
UNREAD = Path("work/not_read.json")
"""Files beside the documents that are not read: {path: what can be done about it}."""


def path_of(shard: str) -> str:
    """Return where the listing of a shard lies, relative to the working directory."""
    return (FOLDER / f"{shard}.json").as_posix()


def write(shards: Mapping[str, Iterable[Path]], folder: Path = Path(), *, unread: Collection[str] = ()) -> None:
    """Bring the listings of the shards' documents (relative to `folder` or absolute) up to date, where they are not.

    Args:
        shards: Shard → its documents.
        folder: Their folder.
        unread: Shards whose documents are not looked at, where nothing runs (a dry run): thousands take minutes to
            read. An empty listing stands in, if there is none. Nothing may have been made of them yet; a build reads
            them.
    """
    with FileHashes(folder) as hashes:
        for shard, documents in shards.items():
            target = folder / path_of(shard)
            if shard in unread:
                # A build may be at work here that has read them: what it listed stays.
                if not target.exists():
                    files.write_json(target, {}, durable=False)
                continue
            listing = {path.as_posix(): _hash(hashes, path) for path in documents}
            if read(target) != listing:
                # Not waited for: what a crash leaves half written is another listing, and written again.
                files.write_json(target, listing, durable=False)


def write_unread(others: Mapping[str, str], folder: Path = Path()) -> None:
    """Bring the listing of files that are not read up to date; where there are none, there is no listing."""
    target = folder / UNREAD
    if not others:
        target.unlink(missing_ok=True)
    elif read(target) != others:
        files.write_json(target, others)


def _hash(hashes: FileHashes, path: Path) -> str:
    try:
        return hashes.sha256(path.as_posix())
    except OSError as error:
        # Its job says in its row what is wrong; here it only has to differ from a file that can be read.
        return f"unreadable: {error.strerror}"


def read(path: Path) -> dict[str, str]:
    """Return {document: sha256} of a listing; {} where there is none."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def is_listing(path: str) -> bool:
    """Whether an input of a job is a listing."""
    return Path(path).parent == FOLDER
