"""Passwords that were given after a document could not be opened: its pages are rendered again.

A password is in an environment variable, of which no record may tell. What is noted of one that was tried is 16 bits of
a slow hash: enough to see that another was given, too little to find one by.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from scribetune.build.plan_documents import InputDocuments
from scribetune.core import csv_files, files, layout
from scribetune.documents.inputs import DocumentStatus

TRIED = Path("work/passwords.json")
RENDERING = "render_pages"


def untried(documents: InputDocuments, folder: Path = Path()) -> dict[str, list[str]]:
    """Return {shard: ids of its documents that could not be opened, and for which another password is there now}."""
    variables = {name: row.password_variable for name, row in documents.sheet.items() if row.password_variable}
    given = {name: password for name, variable in variables.items() if (password := os.environ.get(variable, ""))}
    if not given:
        return {}
    tried = _tried(folder)
    found: dict[str, list[str]] = {}
    for shard, members in documents.shards.items():
        names = {document.id for document in members} & given.keys()
        for name in sorted(_locked(folder / layout.MANIFESTS / "documents" / f"{shard}.csv", names)):
            if tried.get(name) != fingerprint(name, given[name]):
                found.setdefault(shard, []).append(name)
    return found


def note(documents: InputDocuments, shards: Collection[str], folder: Path = Path()) -> None:
    """Note the passwords that are about to be tried for the documents of shards."""
    members = {document.id for shard in shards if shard in documents.shards for document in documents.shards[shard]}
    variables = {name: row.password_variable for name, row in documents.sheet.items() if row.password_variable}
    now = {
        name: fingerprint(name, password)
        for name, variable in variables.items()
        if name in members and (password := os.environ.get(variable, ""))
    }
    if now:
        files.write_json(folder / TRIED, {**_tried(folder), **now})


def fingerprint(document: str, password: str) -> str:
    """Return four hex digits that tell passwords for a document apart, all but surely."""
    return hashlib.scrypt(password.encode(), salt=document.encode(), n=2**14, r=8, p=1, dklen=2).hex()


def _locked(manifest: Path, names: Collection[str]) -> set[str]:
    if not names or not manifest.is_file():
        return set()
    rows = csv_files.read(manifest)
    return {row["document"] for row in rows if row["document"] in names and row["status"] == DocumentStatus.ENCRYPTED}


def _tried(folder: Path) -> Mapping[str, str]:
    try:
        return dict(json.loads((folder / TRIED).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
