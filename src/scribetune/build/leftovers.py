"""What earlier builds left of documents and shards that are no more: pages, labels, manifests, receipts.

A PDF that was deleted, renamed or moved leaves its pages and labels behind, and another number of shards the manifests
of the old ones. Nothing reads them, but the audit would find files that nobody explains. All of it can be made again.
"""

import logging
import re
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from scribetune.core import layout
from scribetune.record import listings, receipts

logger = logging.getLogger(__name__)

_SHARD = re.compile(r"\d{3,}-of-\d{3,}")
"""Names of shards, as `documents.inputs.assign_shards` gives them."""


def remove(documents: Collection[str], shards: Collection[str], folder: Path = Path()) -> list[Path]:
    """Remove what belongs to other documents and shards than these; return the files and folders removed."""
    removed: list[Path] = []
    for root in (layout.PAGES, layout.LABELS):
        removed += [path for path in _listed(folder / root) if path.is_dir() and path.name not in documents]
    for of_shards in (Path(layout.MANIFESTS), receipts.FOLDER, listings.FOLDER):
        named = [path for path in (folder / of_shards).rglob("*") if path.is_file() and _SHARD.fullmatch(path.stem)]
        removed += [path for path in named if path.stem not in shards]
    removed = sorted(set(removed))
    for path in removed:
        logger.info("Removed, since its document or shard is no more: %s", path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return removed


def _listed(folder: Path) -> Sequence[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
