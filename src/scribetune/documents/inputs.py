"""Input documents: finding PDFs and images, naming them, grouping them into shards, and what the sheet says of them."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from pathlib import Path

from scribetune.core import csv_files, layout
from scribetune.core.errors import UserError

SHEET_COLUMNS = ("path", "category", "language", "licence", "split", "password_variable")
SPLIT_PINS = ("", "train", "validation", "test")
_MAX_SLUG_CHARACTERS = 60
_SHORT_SLUG_CHARACTERS = 20  # with a whole SHA-256 behind it, still a file name
_NOT_UTF_8 = "its name is not UTF-8, so that it cannot be told of in any file; rename it"
_PDF = ".pdf"
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"})
_IGNORED = re.compile(r"\..*|~\$.*|thumbs\.db|desktop\.ini|.*\.dvc", re.IGNORECASE | re.DOTALL)
_MADE = (
    layout.PAGES, layout.LABELS, layout.MANIFESTS, layout.SPLITS, layout.RETENTION, layout.BENCHMARKS, layout.REPORTS,
    "data/corrections", "models", "work", "logs", "benchmarks",
)  # fmt: skip
"""What builds write, below their folder: were that the folder of documents, page images would be inputs again."""
_TODO = {
    "doc docx docm odt rtf pages wpd xls xlsx xlsm ods numbers csv ppt pptx odp key": (
        "export it as PDF from the program that writes it"
    ),
    "htm html mhtml xhtml epub md txt tex rst eml msg xps djvu ps eps svg": ("print or convert it to PDF"),
    "gif heic heif jp2 jpx j2k jxl avif psd raw dng cr2 nef ico": "save it as PNG or TIFF",
    "zip rar 7z tar gz tgz bz2 xz zst": "unpack it",
    "part crdownload download tmp": "see whether it is still being copied",
}
_SURROGATE = re.compile("[\ud800-\udfff]")  # what Python makes of bytes of a name that are not UTF-8
_NOT_KEPT = re.compile(r"[^\w.-]")  # \w: letters and digits of any script, and "_"


class DocumentStatus(StrEnum):
    """What came of reading an input document; the value is what reports/documents.csv shows."""

    OK = "ok"
    ENCRYPTED = "encrypted"
    NOT_A_PDF = "not_a_pdf"
    NOT_AN_IMAGE = "not_an_image"
    NOT_READ = "not_read"
    ZERO_PAGES = "zero_pages"
    TRUNCATED = "truncated"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    ERROR = "error"
    WITHDRAWN = "withdrawn"


class DocumentUse(StrEnum):
    """What a document was used for; the column `use` of reports/documents.csv."""

    USED = "used"
    NO_USABLE_PAGE = "no_usable_page"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    UNREADABLE = "unreadable"


def outcome(row: Mapping[str, str]) -> str:
    """Return one word for what became of a document: its status, or what kept a readable one from being used.

    Older rows of reports/documents.csv have no column `use` and say it in `status`.
    """
    use = row.get("use", "")
    is_plain = use in ("", DocumentUse.USED, DocumentUse.UNREADABLE)
    return row["status"] if is_plain or row["status"] != DocumentStatus.OK else use


@dataclass(frozen=True, order=True)
class Document:
    """One input PDF or image file."""

    id: str  # readable name, unique in the folder, and stable: it depends on the relative path alone
    path: Path  # where the file is, as the job opens it
    relative_path: str  # POSIX path below the raw folder; names the document in the sheet and in reports
    fault: str = ""  # why it is not to be opened, in words; "" where nothing is known against it


_ID = attrgetter("id")
"""Sorts documents: no two of a folder share an id."""


@dataclass(frozen=True)
class SheetRow:
    """What the sheet says of one document; empty where it says nothing."""

    category: str = ""
    language: str = ""
    licence: str = ""
    split: str = ""
    password_variable: str = ""


def document_id(relative_path: str) -> str:
    """Return a readable slug of a relative path.

    A plain file name is its own slug (`report-2024.pdf` → `report-2024`). Where anything had to be changed (folders,
    blanks, other signs, length, case of the extension), eight hex digits of the path's SHA-256 follow. Two paths of a
    folder share it only where one is called as another's id, or where those digits agree: see `_unique_ids`.
    """
    kept = _slug(relative_path)
    if f"{kept}.pdf" == relative_path:
        return kept
    digest = _digest(relative_path)[:8]
    return f"{kept}-{digest}" if kept else f"document-{digest}"


def _slug(relative_path: str) -> str:
    folder, slash, name = unicodedata.normalize("NFC", relative_path).rpartition("/")
    dot = name.rfind(".")
    stem = folder + slash + (name[:dot] if 0 < dot < len(name) - 1 else name)
    return _NOT_KEPT.sub("-", stem).strip("-.")[:_MAX_SLUG_CHARACTERS].strip("-.")


def _digest(relative_path: str) -> str:
    return hashlib.sha256(relative_path.encode("utf-8", "surrogateescape")).hexdigest()


def _unique_ids(relative_paths: Iterable[str]) -> dict[str, str]:
    """Return relative path → id, `document_id` for all but those that would share one.

    Of these, one keeps it: the one whose id is no plain file name. The ids of the others end in a whole SHA-256, which
    neither a plain name (60 characters at most) nor a short digest can be.
    """
    sharing: dict[str, list[str]] = {}
    for path in relative_paths:
        sharing.setdefault(document_id(path), []).append(path)
    ids: dict[str, str] = {}
    for name, paths in sharing.items():
        first, *others = sorted(paths, key=lambda path: (path == f"{name}.pdf", path))
        ids[first] = name
        ids |= {path: f"{_slug(path)[:_SHORT_SLUG_CHARACTERS]}-{_digest(path)}" for path in others}
    return ids


@dataclass(frozen=True)
class Folder:
    """What lies below the folder of input documents, hidden files left out."""

    documents: tuple[Document, ...]  # sorted by id
    others: Mapping[str, str]  # path of a file of another kind below the folder → what can be done about it; sorted


def find_documents(folder: Path) -> Folder:
    """Find every PDF and image file (by its name, any case) below `folder`, at any depth, and what is neither.

    Hidden files and folders are left out, what desktops and DVC leave behind, and what this build wrote; a file's
    content and kind play no part here. A folder called `*.pdf` is looked into, and stands for a document itself where
    no PDF is in it, or where it is a link, which is not followed.

    Raises:
        UserError: `folder` is missing, is no folder, or something below it cannot be listed.
    """
    if not folder.exists():
        raise UserError(
            "The folder of input documents does not exist",
            value=str(folder),
            accepted="an existing folder with PDFs or images at any depth",
            todo="create it, or point documents.raw at your folder",
        )
    if not folder.is_dir():
        raise UserError(
            "documents.raw is a file, not a folder", value=str(folder), accepted="a folder of PDFs and images",
            todo="point documents.raw at the folder that holds it",
        )  # fmt: skip

    def refuse(error: OSError) -> None:
        raise UserError(
            f"A folder of input documents cannot be read ({error.strerror})",
            value=str(error.filename),
            accepted="folders this user may list and enter",
            todo="correct its permissions (ls -ld), or move it out of documents.raw",
        ) from error

    found: list[str] = []
    others: list[str] = []
    folders_called_so: list[str] = []
    made = {os.path.abspath(each) for each in _MADE}  # noqa: PTH100
    top = len(os.path.join(folder, ""))  # noqa: PTH118  this runs whenever the Snakefile is read: paths stay strings
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") or os.path.abspath(os.path.join(parent, name)) in made)  # noqa: PTH100, PTH118
        )
        inner = os.path.join(parent, "")[top:]  # noqa: PTH118
        for name in names:
            if is_document(name):
                found.append(inner + name)
            else:
                others.append(inner + name)
        folders_called_so += [inner + name for name in folders if name.lower().endswith(_PDF)]
    found += [
        path
        for path in folders_called_so
        if not any(file.startswith(f"{path}/") and file.lower().endswith(_PDF) for file in found)
    ]
    documents = sorted((_document(folder, path, name) for path, name in _unique_ids(found).items()), key=_ID)
    return Folder(tuple(documents), not_read(others))


def is_document(name: str) -> bool:
    """Whether a file of this name is read: a PDF or an image that is not hidden."""
    base = name.rpartition("/")[2]
    return not base.startswith(".") and (base.lower().endswith(_PDF) or is_image(base))


def is_image(name: str) -> bool:
    """Whether a file is called as an image that is read as a document."""
    return os.path.splitext(name)[1].lower() in _IMAGES  # noqa: PTH122  as above


def not_read(paths: Iterable[str]) -> dict[str, str]:
    """Return {path: what can be done about it} of files that are no documents, sorted; what desktops leave aside."""
    kept = (path for path in sorted(paths) if not _IGNORED.fullmatch(path.rpartition("/")[2]))
    return {shown_path(path): _todo(path) for path in kept}


def _todo(path: str) -> str:
    """Return what can be done about a file that is no input document."""
    suffix = path[path.rfind(".") + 1 :].lower() if "." in path.rpartition("/")[2] else ""
    done = next((todo for suffixes, todo in _TODO.items() if suffix in suffixes.split()), "convert it to PDF")
    return f"only PDFs and images (PNG, JPEG, TIFF, WebP, BMP) are read; {done}, or move it out of the folder"


def _document(folder: Path, relative_path: str, name: str) -> Document:
    shown = shown_path(relative_path)
    return Document(name, folder / relative_path, shown, "" if shown == relative_path else _NOT_UTF_8)


def shown_path(path: str) -> str:
    r"""Return a path as it can be written down: bytes of a name that are not UTF-8 become `\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace") if _SURROGATE.search(path) else path


def kept_by_dvc(folder: Path) -> int:
    """Return how many files `<folder>.dvc` says DVC keeps of a folder; 0 where there is no such file."""
    record = folder.with_name(f"{folder.name}.dvc")
    if not record.is_file():
        return 0
    found = re.search(r"^\s*nfiles: (\d+)$", record.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return int(found[1]) if found else 0


def assign_shards(documents: Iterable[Document], per_shard: int) -> dict[str, tuple[Document, ...]]:
    """Return shard name (`000-of-001`) → its documents, sorted, about `per_shard` of them, by a hash of their ids.

    The number of shards is a power of two, so that it changes rarely as a folder grows, and a document's shard does not
    depend on the others. (When it does change, documents that are already done are recognised and not redone.)
    """
    everything = sorted(documents, key=_ID)
    count = 1
    while count * per_shard < len(everything):
        count *= 2
    shards: dict[str, list[Document]] = {}
    for document in everything:
        position = int.from_bytes(hashlib.sha256(document.id.encode()).digest()[:4], "big") % count
        shards.setdefault(f"{position:03d}-of-{count:03d}", []).append(document)
    return {name: tuple(shards[name]) for name in sorted(shards)}


def read_sheet(path: Path, known: Sequence[Document]) -> dict[str, SheetRow]:
    """Return document id → row of the optional sheet: a CSV with any of `SHEET_COLUMNS`, `path` among them.

    Raises:
        UserError: An unknown column, a missing `path`, a split that does not exist, or a path that no document has.
    """
    if not path.exists():
        return {}
    by_path: Mapping[str, str] = {document.relative_path: document.id for document in known if not document.fault}
    rows: dict[str, SheetRow] = {}
    for number, cells in csv_files.read_table(path, SHEET_COLUMNS, required="path"):
        if cells["split"] not in SPLIT_PINS:
            raise UserError(
                f"{path}, line {number}: unknown split", value=cells["split"],
                accepted="train, validation, test, or nothing", todo="correct the line",
            )  # fmt: skip
        found = by_path.get(cells["path"])
        if found is None:
            raise UserError(
                f"{path}, line {number}: no such document", value=cells["path"],
                accepted="a path relative to documents.raw", todo="correct or remove the line",
            )  # fmt: skip
        rows[found] = SheetRow(**{name: cells[name] for name in SHEET_COLUMNS[1:]})
    return rows


def identify(raw: str, identities: Mapping[str, Sequence[str]]) -> tuple[list[Document], dict[str, str]]:
    """Return a job's documents, and document id → variable of its password, from what its rule says of them.

    `identities` is document id → (path relative to `raw`, variable that holds its password or "", its fault if any).
    """
    documents = [Document(name, Path(raw, path), path, *fault) for name, (path, _, *fault) in identities.items()]
    return documents, {name: cells[1] for name, cells in identities.items()}


def open_passwords(variables: Mapping[str, str]) -> dict[str, str]:
    """Return document id → password, from the environment variables named; "" where there is none."""
    return {name: os.environ.get(variable, "") if variable else "" for name, variable in variables.items()}
