"""Unfinished texts: one file per page and reviewer in work/review/drafts, written while the reviewer types."""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scribetune.core import files, layout
from scribetune.review.decisions import WORK

logger = logging.getLogger(__name__)

FOLDER = WORK / "drafts"


@dataclass(frozen=True)
class Draft:
    """What a reviewer has typed on a page and not decided on.

    `version` is the state of the page (see `ReviewSession`) that it began from. `revision` counts up with each save: of
    two tabs of one reviewer the one that is behind is refused.
    """

    reviewer: str
    text: str
    version: str
    revision: int
    saved_at: str


def path_of(folder: Path, document: str, page: int, reviewer: str) -> Path:
    """Return where a reviewer's draft of a page lies below a working directory."""
    return folder / FOLDER / document / f"{layout.page_name(page)}.{_who(reviewer)}.json"


def _who(reviewer: str) -> str:
    return hashlib.sha256(reviewer.encode()).hexdigest()[:12]


def read(path: Path) -> Draft | None:
    """Read a draft; None where there is none. One that is not readable is put aside, not overwritten."""
    try:
        return Draft(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        aside = path.with_suffix(".unreadable")
        logger.warning("%s is not a draft (%s) and is kept as %s", path, error, aside)
        path.replace(aside)
        return None


def write(path: Path, draft: Draft) -> None:
    """Write a draft; it is on the disk when this returns."""
    files.write_json(path, asdict(draft))


def remove(path: Path) -> None:
    """Remove a draft that has been decided on."""
    path.unlink(missing_ok=True)


def hand_over(folder: Path, was: str, name: str) -> None:
    """Give one reviewer's drafts to another name; where that has a draft of the page already, both stay as they are."""
    for path in sorted((folder / FOLDER).glob(f"*/*.{_who(was)}.json")):
        target = path.with_name(path.name.replace(_who(was), _who(name)))
        draft = read(path)
        if draft is not None and not target.exists():
            write(target, replace(draft, reviewer=name))
            remove(path)


def of_others(folder: Path, document: str, page: int, reviewer: str) -> list[str]:
    """Return the names of other reviewers who have a draft of the page, sorted."""
    found = sorted((folder / FOLDER / document).glob(f"{layout.page_name(page)}.*.json"))
    drafts = [read(path) for path in found if path != path_of(folder, document, page, reviewer)]
    return sorted(draft.reviewer for draft in drafts if draft is not None)
