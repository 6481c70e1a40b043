"""What a build recorded of its files, gathered from all its records before anything is hashed."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from scribetune.audit import build_folder, dvc, history, lineage_reader, signature
from scribetune.audit.lineage_reader import Lineage
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.documents.inputs import shown_path
from scribetune.record import receipts
from scribetune.text import sharegpt

DOCUMENT_RECORD = "document.json"
PROOF = f"{layout.MERGED}/merge_proof.json"


class Kind(StrEnum):
    """What a file is, in the order in which findings are listed."""

    DOCUMENT = "document"
    PAGE_IMAGE = "page image"
    LABEL = "label"
    MANIFEST = "manifest"
    SPLIT = "split"
    RETENTION = "retention page"
    REPLAY = "replayed page"
    BENCHMARK = "benchmark page"
    BASE_MODEL = "base model"
    ADAPTER = "adapter"
    MERGED = "merged model"
    PREDICTIONS = "predictions"
    REPORT = "report"
    SIGNATURE = "signature"
    DVC_OUTPUT = "DVC output"
    CACHE_OBJECT = "DVC cache object"


_KINDS: Mapping[str, Kind] = {
    layout.SAMPLES: Kind.DOCUMENT,
    layout.PAGES: Kind.PAGE_IMAGE,
    layout.LABELS: Kind.LABEL,
    layout.MANIFESTS: Kind.MANIFEST,
    layout.SPLITS: Kind.SPLIT,
    layout.RETENTION: Kind.RETENTION,
    layout.REPLAY: Kind.REPLAY,
    layout.BENCHMARKS: Kind.BENCHMARK,
    layout.ADAPTER: Kind.ADAPTER,
    layout.MERGED: Kind.MERGED,
    layout.PREDICTIONS: Kind.PREDICTIONS,
}
"""What jobs make, by the folder; anything else is a report."""


class State(StrEnum):
    """What is wrong with a file."""

    ALTERED = "altered"
    MISSING = "missing"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold."""

    kind: Kind  # what the file is
    state: State  # what is wrong
    path: str  # the file, relative to the folder verified
    recorded_by: str = ""  # the file that recorded it; "" for what nothing recorded
    expected: str = ""  # the hash recorded (SHA-256, or MD5 where DVC recorded it); "" where none is
    found: str = ""  # the hash of what is there; "" where nothing is
    note: str = ""  # what to make of it, in words


@dataclass(frozen=True)
class ExpectedHash:
    """A hash that was recorded: `md5` says that it is DVC's, else it is a SHA-256."""

    kind: Kind
    path: str
    hash: str
    recorded_by: str
    md5: bool = False


@dataclass
class ExpectedHashes:
    """What the records say."""

    folder: Path  # the build's
    expected: list[ExpectedHash] = field(default_factory=list)  # every hash that was recorded
    findings: list[Finding] = field(default_factory=list)  # what is wrong with the records themselves
    notes: list[str] = field(default_factory=list)  # what cannot be checked, and why
    explained: set[str] = field(default_factory=set)  # paths that some record speaks of
    whole_folders: Sequence[dvc.Output] = ()  # folders of DVC whose list of files is not at hand: compared as a whole
    is_signed: bool = False  # whether there is a signature to check, or one was asked for
    _places: dict[str, Path] = field(default_factory=dict)

    def expect(
        self, kind: Kind, path: str, recorded: str, by: str, *, md5: bool = False, at: Path | None = None
    ) -> None:
        """Add a SHA-256, or an MD5 of DVC's, which explains nothing by itself; `at`: the file is not at `path` here."""
        self.expected.append(ExpectedHash(kind, path, recorded, by, md5))
        if not md5:
            self.explained.add(path)
        if at is not None:
            self._places[path] = at

    def damaged(self, kind: Kind, path: str, why: object) -> None:
        """Add a record that cannot be read: what it recorded cannot be checked."""
        self.explained.add(path)
        note = f"cannot be read ({str(why).splitlines()[0]}): what it recorded could not be checked"
        self.findings.append(Finding(kind, State.ALTERED, path, note=note))

    def place(self, path: str) -> Path:
        """Return where a recorded path is."""
        return self._places.get(path, self.folder / path)


def gather(folder: Path, raw: Path | None, allowed_signers: Path | None, *, with_cache: bool) -> ExpectedHashes:
    """Read every record of a build; see `verify.verify`."""
    found = ExpectedHashes(folder)
    _documents(found, raw)
    _pages(found)
    _lineages(found)
    for name in ("pages.jsonl", "own/pages.jsonl"):
        _page_records(found, Kind.RETENTION, f"{layout.RETENTION}/{name}")
    _page_records(found, Kind.REPLAY, f"{layout.REPLAY}/pages.jsonl")
    for records in sorted((folder / layout.BENCHMARKS / "records").glob("*.jsonl")):
        _page_records(found, Kind.BENCHMARK, records.relative_to(folder).as_posix())
    _receipts(found)
    found.is_signed = _signature(found, allowed_signers)
    found.whole_folders = _dvc_outputs(found)
    if with_cache:
        _cache_objects(found)
    return found


def _documents(found: ExpectedHashes, raw: Path | None) -> None:
    candidates = [raw] if raw is not None else build_folder.raw_folders(found.folder)
    known: set[str] = set()
    for manifest, rows in _manifests(found, "documents"):
        for row in rows:
            known.add(row["path"])
            for root in (layout.PAGES, layout.LABELS):
                found.explained.add(f"{root}/{row['document']}/{DOCUMENT_RECORD}")
            if not row["sha256"]:  # it could not be read then: there is nothing to compare
                continue
            place = next((root / row["path"] for root in candidates if (root / row["path"]).is_file()), None)
            shown = place or candidates[0] / row["path"]
            found.expect(Kind.DOCUMENT, _relative(shown, found.folder), row["sha256"], manifest, at=shown)
    if known:
        below = (path.relative_to(candidates[0]) for path in build_folder.documents(candidates[0]))
        seen = (path for path in below if not any(part.startswith(".") for part in path.parts))
        new = sum(shown_path(path.as_posix()) not in known for path in seen)
        if new:
            found.notes.append(
                f"{new} document(s) in {candidates[0]} are newer than the build: the next one takes them in"
            )


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "documents": ("document", "path", "sha256"),
    "pages": ("document", "image", "image_sha256"),
    "labels": ("document", "label", "label_sha256"),
}


def _manifests(found: ExpectedHashes, stage: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield (path, rows) of the manifests of a stage; a damaged one becomes a finding."""
    for path in build_folder.current_manifests(found.folder, stage):
        name = path.relative_to(found.folder).as_posix()
        try:
            rows = build_folder.rows(path, strict=True)
            for number, row in enumerate(rows, start=2):
                lacking = [column for column in _COLUMNS[stage] if row.get(column) is None]
                if lacking:
                    raise ValueError(f"line {number} has no {' and no '.join(lacking)}")  # noqa: TRY301  as below
            yield name, rows
        except (OSError, ValueError) as error:
            found.damaged(Kind.MANIFEST, name, error)


def _pages(found: ExpectedHashes) -> None:
    for stage, kind, column in (("pages", Kind.PAGE_IMAGE, "image"), ("labels", Kind.LABEL, "label")):
        for manifest, rows in _manifests(found, stage):
            for row in rows:
                if row[column]:
                    found.expect(kind, row[column], row[f"{column}_sha256"], manifest)


def _lineages(found: ExpectedHashes) -> None:
    adapter = _lineage(found, history.ADAPTER)
    build = _lineage(found, history.BUILD)
    if adapter is not None:
        _model(found, adapter, history.ADAPTER)
    elif build is not None:
        _model(found, build, history.BUILD)
    if (found.folder / PROOF).is_file():
        _merged(found)
    elif build is not None and build.merged:
        note = "the merged model cannot be checked without it"
        found.findings.append(Finding(Kind.MERGED, State.MISSING, PROOF, history.BUILD, note=note))
    if build is not None:
        for path, recorded in build.outputs.items():
            found.expect(_kind_of(path), path, recorded, history.BUILD)
        if adapter is not None and adapter.adapter != build.adapter:
            note = (
                "it speaks of another adapter than reports/lineage.json: one of the two was altered, or trained anew "
                "and not scored since (snakemake brings them together)"
            )
            found.findings.append(Finding(Kind.ADAPTER, State.ALTERED, history.ADAPTER, history.BUILD, note=note))
    lineage = build or adapter
    if lineage is not None:
        _splits(found, lineage)


def _lineage(found: ExpectedHashes, path: str) -> Lineage | None:
    if not (found.folder / path).is_file():
        return None
    try:
        return lineage_reader.read(found.folder / path)
    except UserError as error:
        found.damaged(Kind.ADAPTER if path == history.ADAPTER else Kind.REPORT, path, error.what)
        return None


def _model(found: ExpectedHashes, lineage: Lineage, by: str) -> None:
    for name, recorded in lineage.adapter.items():
        found.expect(Kind.ADAPTER, f"{layout.ADAPTER}/{name}", recorded, by)
    base = lineage.base_model
    if not base.files:
        found.notes.append(
            f"The base model {base.name} comes from a model hub at revision {base.revision}: its files are not checked"
        )
        return
    from scribetune.core.package import REPOSITORY

    # As the build looks it up: in the working directory, then in the repository.
    named = Path(base.name).expanduser()
    roots = [found.folder / named, REPOSITORY / named]
    home = next((root for root in roots if root.is_dir()), roots[0])
    for name, recorded in base.files.items():
        found.expect(Kind.BASE_MODEL, _relative(home / name, found.folder), recorded, by, at=home / name)


def _merged(found: ExpectedHashes) -> None:
    try:
        hashes = dict(json.loads((found.folder / PROOF).read_bytes())["merged"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        found.damaged(Kind.MERGED, PROOF, error)
        return
    for name, recorded in hashes.items():
        found.expect(Kind.MERGED, f"{layout.MERGED}/{name}", recorded, PROOF)


def _kind_of(path: str) -> Kind:
    return next((kind for folder, kind in _KINDS.items() if path.startswith(f"{folder}/")), Kind.REPORT)


def _splits(found: ExpectedHashes, lineage: Lineage) -> None:
    """Compare the pages in the splits with the lineage's; the answer in a record must be the label that was hashed."""
    by = history.BUILD if lineage.outputs else history.ADAPTER
    for split in lineage_reader.SPLITS:
        path = f"{layout.SPLITS}/{split}.jsonl"
        if not (found.folder / path).is_file():
            found.findings.append(Finding(Kind.SPLIT, State.MISSING, path, by))
            continue
        try:
            rows = list(_jsonl(found.folder / path))
            present = {row["id"]: (row["image_sha256"], row["label_sha256"]) for row in rows}
            strange = [row["id"] for row in rows if not _answers_its_label(row)]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            found.damaged(Kind.SPLIT, path, error)
            continue
        wanted = {page.id: (page.image_sha256, page.label_sha256) for page in lineage.pages if page.split == split}
        strange += sorted(name for name in {*present, *wanted} if present.get(name) != wanted.get(name))
        if strange:
            note = f"{len(set(strange))} page(s) are not as recorded: {', '.join(dict.fromkeys(strange[:3]))}"
            found.findings.append(Finding(Kind.SPLIT, State.ALTERED, path, by, note=note))


def _answers_its_label(record: Mapping[str, Any]) -> bool:
    """Say whether the text that is learned is the label whose hash is recorded (a label ends in a line break)."""
    answer = sharegpt.label(record) or ""
    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in (answer, f"{answer}\n")}
    return record["label_sha256"] in hashes


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)


def _page_records(found: ExpectedHashes, kind: Kind, path: str) -> None:
    """Add the images that records of pages outside the splits name."""
    if not (found.folder / path).is_file():
        return
    try:
        for row in _jsonl(found.folder / path):
            found.expect(kind, str(row["images"][0]), str(row["image_sha256"]), path)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        found.damaged(kind, path, error)


def _receipts(found: ExpectedHashes) -> None:
    """Add what jobs made and no other record speaks of."""
    recorded = {expected.path for expected in found.expected}
    shards = {path.stem for path in build_folder.current_manifests(found.folder, "documents")}
    for job, receipt in receipts.read(found.folder).items():
        if receipt.wildcards.get("shard", "") not in {"", *shards}:
            continue  # of documents grouped in another way
        benchmark = receipt.wildcards.get("benchmark", "")
        if benchmark and not (found.folder / layout.BENCHMARK_REPORTS / benchmark).is_dir():
            continue  # of a public benchmark that was taken out, and its results with it
        if job == "make_replay" and not (found.folder / layout.REPLAY).exists():
            continue  # in a clone: DVC keeps none, and a training makes them again where it runs
        for path, sha256 in receipt.outputs.items():
            if path not in recorded:
                found.expect(_kind_of(path), path, sha256, f"{receipts.FOLDER}/{job}.json")


def _signature(found: ExpectedHashes, allowed_signers: Path | None) -> bool:
    """Check the signature of reports/lineage.json where there is one; say whether there was anything to check."""
    lineage = found.folder / history.BUILD
    if not lineage.is_file():
        return False
    path = f"{history.BUILD}.sig"
    if not signature.path_of(lineage).exists():
        if allowed_signers is not None:
            note = "the lineage is not signed (scribetune sign)"
            found.findings.append(Finding(Kind.SIGNATURE, State.MISSING, path, note=note))
        return allowed_signers is not None
    try:
        result = signature.check(lineage, allowed_signers)
    except UserError as error:
        if allowed_signers is not None:
            raise
        found.notes.append(f"The signature of {history.BUILD} was not checked: {error.what}")
        return False
    unknown = result.state == signature.SignatureState.UNKNOWN_SIGNER
    if result.state == signature.SignatureState.BAD or (unknown and allowed_signers is not None):
        found.findings.append(Finding(Kind.SIGNATURE, State.ALTERED, path, note=result.detail))
    else:
        found.notes.append(f"Signature of {history.BUILD}: {result.detail}")
    return True


def _dvc_outputs(found: ExpectedHashes) -> list[dvc.Output]:
    """Add what dvc.lock says of the working tree; return the folders whose list of files is not at hand."""
    try:
        outputs = dvc.outputs(found.folder)
    except UserError as error:
        found.damaged(Kind.DVC_OUTPUT, dvc.LOCK, error.what)
        return []
    if outputs and _built_since(found.folder):
        found.notes.append(
            "The build ran since dvc.lock was written, so nothing was compared with dvc.lock "
            "(scribetune commit brings it up to date)"
        )
        return []
    whole = []
    for output in outputs:
        if not output.is_folder:
            found.expect(Kind.DVC_OUTPUT, output.path, output.md5, output.recorded_by, md5=True)
            found.explained.add(output.path)
            continue
        listed = dvc.members(dvc.cache_folder(found.folder), output.md5)
        if listed is None:
            whole.append(output)
            continue
        for member in listed:
            path = f"{output.path}/{member.path}"
            found.expect(Kind.DVC_OUTPUT, path, member.md5, output.recorded_by, md5=True)
            if output.path in (layout.ADAPTER, layout.MERGED, layout.PREDICTIONS):
                # Written beside the model by later steps; pages and labels need a manifest, whatever DVC took along.
                found.explained.add(path)
    return whole


def _built_since(folder: Path) -> bool:
    """Say whether Snakemake made something after dvc.lock was written, by its own records of when jobs ended."""
    lock = folder / dvc.LOCK
    written = lock.stat().st_mtime if lock.is_file() else 0.0
    return any(ended > written for ended in build_folder.job_ends(folder).values())


def _cache_objects(found: ExpectedHashes) -> None:
    home = dvc.cache_folder(found.folder)
    try:
        outputs = [output for output in dvc.outputs(found.folder) if output.in_cache]
    except UserError:
        return  # a finding already, of `_dvc_outputs`
    if not outputs:
        found.notes.append(
            "DVC records nothing here, so there is no cache to check (scribetune commit records a build)"
        )
    for output in outputs:
        objects = [(output.md5, output.path)]
        listed = dvc.members(home, output.md5) if output.is_folder else ()
        if listed is None and dvc.object_path(home, output.md5).is_file():
            found.notes.append(f"The list of {output.path} in DVC's cache is damaged: its files there were not checked")
        objects += [(member.md5, f"{output.path}/{member.path}") for member in listed or ()]
        for md5, owner in objects:
            path = dvc.object_path(home, md5)
            name = _relative(path, found.folder)
            found.expect(Kind.CACHE_OBJECT, name, md5.removesuffix(".dir"), owner, md5=True, at=path)


def _relative(path: Path, folder: Path) -> str:
    """Return a path as shown: relative to the folder where it lies below it."""
    try:
        return Path(os.path.realpath(path)).relative_to(folder.resolve()).as_posix()  # of links in a circle too
    except ValueError:
        return path.as_posix()
