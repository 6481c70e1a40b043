"""What is kept of a withdrawn document on this machine, and what no command here can take back."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scribetune.audit import build_folder, dvc, git
from scribetune.audit.expected_hashes import DOCUMENT_RECORD
from scribetune.audit.withdraw import EMPTY_LABEL, Named, Reach, built_from
from scribetune.core import files, layout
from scribetune.core.errors import UserError

_DEFAULT_CORRECTIONS = "data/corrections"
_PAGE_FILE = re.compile(r"p\d{4,}\.(?:png|md)")


@dataclass(frozen=True)
class Purge:
    """What is kept of a document on this machine: files and folders, and objects in DVC's cache that are only its."""

    paths: tuple[Path, ...]
    objects: tuple[Path, ...]


def plan_purge(folder: Path, named: Iterable[Named], labels: Iterable[str]) -> Purge:
    """Say what `purge` would remove; a PDF of the sample corpus stays, since every build makes it again."""
    wanted = tuple(named)
    corrections = _corrections(folder)
    paths: set[Path] = set()
    for row in built_from(folder, wanted):
        places = [folder / layout.PAGES, folder / layout.LABELS, corrections, folder / layout.REVIEW / "drafts"]
        paths |= {root / row.document for root in places if (root / row.document).is_dir()}
    paths |= {row.file for row in wanted if row.file is not None and not _is_sample(folder, row.file)}
    # Nothing says which of their files are of these documents: they go as a whole.
    mixed = (*layout.CACHES, str(build_folder.configured(folder, "dataset", "folder") or layout.DATASET))
    paths |= {folder / cache for cache in mixed if (folder / cache).is_dir()}
    return Purge(tuple(sorted(paths)), tuple(sorted(_objects(folder, wanted, set(labels)))))


def purge(chosen: Purge) -> None:
    """Remove what `plan_purge` chose; what is gone already does not matter.

    Raises:
        UserError: Something cannot be removed; what was chosen before it is gone.
    """
    for path in (*chosen.objects, *chosen.paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"Cannot be removed ({error.strerror})", value=str(path), accepted="files this user may remove",
                todo="correct its permissions and repeat the command: it goes on where it stopped",
            ) from error  # fmt: skip


def _is_sample(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to((folder / layout.SAMPLES).resolve())


def _corrections(folder: Path) -> Path:
    return folder / str(build_folder.configured(folder, "labels", "corrections") or _DEFAULT_CORRECTIONS)


def _objects(folder: Path, named: Iterable[Named], labels: set[str]) -> set[Path]:
    """Return objects of DVC's cache that only this document's pages, labels and PDF refer to, over all history.

    Every list of a folder that lies in the cache is read. An object stays if any of them names it for anything else,
    or if it is of another content that once had the same name.
    """
    home = dvc.cache_folder(folder)
    wanted = tuple(named)
    names = {row.document for row in wanted if row.document}
    pdfs = {row.path for row in wanted if row.path}
    hashes = {row.sha256 for row in wanted}
    own: set[str] = set()
    shared = {output.md5 for output in dvc.outputs(folder)}
    for listing in sorted((home / "files" / "md5").glob("??/*.dir")):
        # One that is damaged has no members here: scribetune verify --cache says so.
        members = {member.path: member.md5 for member in dvc.members(home, listing.parent.name + listing.name) or ()}
        for path, md5 in members.items():
            name, _, file = path.partition("/")
            of_it = False
            if name in names and (file == DOCUMENT_RECORD or _PAGE_FILE.fullmatch(file)):
                kept = dvc.object_path(home, members.get(f"{name}/{DOCUMENT_RECORD}", ""))
                of_it = _is_record_of(kept, hashes, labels)
            elif path in pdfs:
                place = dvc.object_path(home, md5)
                of_it = place.is_file() and files.sha256_file(place) in hashes
            (own if of_it else shared).add(md5)
    places = (dvc.object_path(home, md5) for md5 in own - shared)
    return {place for place in places if place.is_file()}


def _is_record_of(path: Path, hashes: set[str], labels: set[str]) -> bool:
    """Say whether a document.json (of pages or of labels) is of one of these PDFs."""
    try:
        record = json.loads(path.read_bytes())
        if "document" in record:
            return record["document"]["sha256"] in hashes
        found = {str(page["label_sha256"]) for page in record["pages"]} - {"", EMPTY_LABEL}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(found) and found <= labels


def remains(folder: Path, named: Iterable[Named], reach: Reach, *, purged: bool) -> tuple[str, ...]:
    """Say, in sentences, what still holds something of the document, and the command for it where there is one."""
    wanted = tuple(named)
    found: list[str] = []
    for row in wanted:
        if row.file is None:
            continue
        if _is_sample(folder, row.file):
            found.append(f"{row.file}: made again by every build with the sample corpus, and refused by it")
        elif row.file.exists():
            found.append(f"{row.file}: the PDF itself (--purge removes it)")
    if not purged and any((folder / root / row.document).is_dir() for row in wanted for root in (layout.PAGES,
                                                                                                 layout.LABELS)
                          if row.document):  # fmt: skip
        found.append(f"its folders in {layout.PAGES} and {layout.LABELS} (--purge removes them)")
    learned: dict[str, list[str]] = {}
    for item in reach.touched:
        if item.learned_from:
            learned.setdefault(item.weights_sha256, []).append(item.where)
    for weights, places in learned.items():
        found.append(
            f"adapter {weights[:12]} ({'; '.join(places)}) was trained with it, and its merged model and predictions "
            "come from that: what they learned cannot be taken out of them; stop using them"
        )
    in_git = [path for path in (_corrections(folder) / row.document for row in wanted if row.document)
              if _in_git_history(folder, path)]  # fmt: skip
    in_git += [row.file for row in wanted if row.file is not None and _in_git_history(folder, row.file)]
    found += [f"git history has {path}: git filter-repo --invert-paths --path rewrites it" for path in in_git]
    if (dvc.cache_folder(folder) / "files").is_dir():
        found.append(
            "DVC's cache: older splits, predictions and reports hold its text and pages. After the build without it, "
            "scribetune commit, then dvc gc --workspace removes everything that the present build does not use"
        )
    for name, url in dvc.remotes(folder).items():
        found.append(
            f"DVC remote {name} ({url}), if it was pushed: "
            f"dvc gc --workspace --cloud --remote {name} does the same there"
        )
    checkpoints = folder / layout.CHECKPOINTS
    if checkpoints.is_dir() and any(checkpoints.iterdir()):
        found.append(f"{checkpoints}: checkpoints of interrupted trainings may have learned from it; remove them")
    return tuple(found)


def _in_git_history(folder: Path, path: Path) -> bool:
    return bool(git.text(folder, "log", "--all", "-1", "--format=%H", "--", str(path.absolute())))
