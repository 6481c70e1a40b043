"""Documents that are taken as they are: what an earlier job made of one, where its key and its files are the same.

`data/<stage>/<document>/document.json` holds the key (a hash of all that decided about the result) and the result.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from scribetune.core import files

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def record_path(folder: str, document: str) -> Path:
    """Return where the record of a document lies; `folder` is that of its stage."""
    return Path(folder) / document / "document.json"


def key_of(*parts: Any) -> str:
    """Return a hash of everything that decides about a document's result; the parts must be JSON."""
    return files.sha256_bytes(json.dumps(parts).encode())


def store(path: Path, key: str, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write a record; one with the key "" is taken over by nobody."""
    files.write_json(path, {"key": key, **content}, durable=durable)


def load(
    path: Path,
    key: str,
    parse: Callable[[Mapping[str, Any]], Result],
    files_of: Callable[[Result], Iterable[tuple[str, str]]],
    done_again: str,
) -> Result | None:
    """Return a document's earlier result if its key is the same and every file of it is still what it was.

    Args:
        path: Its record.
        key: See `key_of`.
        parse: Makes the result of the record, or raises one of the errors of content that is no record.
        files_of: Gives (path, sha256) of the files that belong to it.
        done_again: What is done otherwise, for the log: "rendered".
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        result = parse(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s is not readable (%s): the document is %s again", path, error, done_again)
        return None
    for name, digest in files_of(result):
        if not (Path(name).exists() and files.sha256_file(Path(name)) == digest):
            logger.warning("%s is missing or altered: the document is %s again", name, done_again)
            return None
    return result
