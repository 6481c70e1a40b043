"""Verification: every hash that a build recorded is computed again, and what does not hold is named.

Three things can be wrong. A file was *altered* (its content is not what was recorded), it is *missing* (recorded, and
not there), or it is *unexplained*: it lies among the build's results and nothing recorded it.
"""

import base64
import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from scribetune import layout, receipts, signature
from scribetune.audit import cache, history, records
from scribetune.errors import UserError

DOCUMENT = "document"
PAGE_IMAGE = "page image"
LABEL = "label"
MANIFEST = "manifest"
SPLIT = "split"
RETENTION = "retention page"
BENCHMARK = "benchmark page"
BASE_MODEL = "base model"
ADAPTER = "adapter"
MERGED = "merged model"
PREDICTIONS = "predictions"
REPORT = "report"
SIGNATURE = "signature"
DVC_OUTPUT = "DVC output"
CACHE_OBJECT = "DVC cache object"
KINDS = (
    DOCUMENT, PAGE_IMAGE, LABEL, MANIFEST, SPLIT, RETENTION, BENCHMARK, BASE_MODEL, ADAPTER, MERGED, PREDICTIONS,
    REPORT, SIGNATURE, DVC_OUTPUT, CACHE_OBJECT,
)  # fmt: skip

_BLOCK = 1 << 20
_DOCUMENT_RECORD = "document.json"
_PROOF = f"{layout.MERGED}/merge_proof.json"
_SWEPT: Mapping[str, str] = {
    layout.PAGES: PAGE_IMAGE,
    layout.LABELS: LABEL,
    layout.ADAPTER: ADAPTER,
    layout.MERGED: MERGED,
    layout.PREDICTIONS: PREDICTIONS,
}
"""Folders that hold nothing but what the build recorded, and the kind of what lies there."""

_UNHASHED = (f"{layout.ADAPTER}/README.md", f"{layout.ADAPTER}/{records.FILE_NAME}", _PROOF)
"""Results whose hash a record may lack, since they are that record or are written after it."""


class State(StrEnum):
    """What is wrong with a file."""

    ALTERED = "altered"
    MISSING = "missing"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        kind: One of `KINDS`.
        state: What is wrong.
        path: The file, relative to the folder verified.
        recorded_by: The file that recorded it; "" for what nothing recorded.
        expected: The hash recorded (SHA-256, or MD5 where DVC recorded it); "" where none is.
        found: The hash of what is there; "" where nothing is.
        note: What to make of it, in words.
    """

    kind: str
    state: State
    path: str
    recorded_by: str = ""
    expected: str = ""
    found: str = ""
    note: str = ""


@dataclass(frozen=True)
class Verification:
    """What was checked and what came of it.

    Attributes:
        folder: The folder verified.
        checked: Kind → number of hashes compared.
        findings: What does not hold, by kind and path.
        notes: What could not be checked, and why.
    """

    folder: str
    checked: Mapping[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything recorded is there and unaltered, and nothing else is."""
        return not self.findings

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to verify."""
        return not self.checked and not self.findings

    def count(self, kind: str, state: State) -> int:
        """Return how many findings of a kind there are in a state."""
        return sum(finding.kind == kind and finding.state == state for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return plain values: folder, holds, kinds (checked, altered, missing, unexplained), findings, notes."""
        kinds = [kind for kind in KINDS if kind in self.checked or any(f.kind == kind for f in self.findings)]
        return {
            "folder": self.folder,
            "holds": self.holds,
            "kinds": {
                kind: {"checked": self.checked.get(kind, 0), **{str(s): self.count(kind, s) for s in State}}
                for kind in kinds
            },
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Expected:
    """A hash that was recorded: `md5` says that it is DVC's, else it is a SHA-256."""

    kind: str
    path: str
    hash: str
    recorded_by: str
    md5: bool = False


@dataclass
class _Collection:
    """What the records say, gathered before anything is hashed."""

    folder: Path
    expected: list[_Expected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    explained: set[str] = field(default_factory=set)
    places: dict[str, Path] = field(default_factory=dict)

    def expect(self, kind: str, path: str, recorded: str, by: str, *, at: Path | None = None) -> None:
        """Add a recorded SHA-256; `at` says where the file is if not at `path` below the folder."""
        self.expected.append(_Expected(kind, path, recorded, by))
        self.explained.add(path)
        if at is not None:
            self.places[path] = at

    def damaged(self, kind: str, path: str, why: object) -> None:
        """Add a record that cannot be read: what it recorded cannot be checked."""
        self.explained.add(path)
        note = f"cannot be read ({str(why).splitlines()[0]}): what it recorded could not be checked"
        self.findings.append(Finding(kind, State.ALTERED, path, note=note))

    def place(self, path: str) -> Path:
        """Return where a recorded path is."""
        return self.places.get(path, self.folder / path)


def verify(
    folder: Path,
    raw: Path | None = None,
    *,
    with_cache: bool = False,
    allowed_signers: Path | None = None,
    workers: int = 0,
) -> Verification:
    """Compute every recorded hash again.

    Args:
        folder: Working directory of a build.
        raw: Folder of the input PDFs; by default the one that config/config.yaml names, data/raw or data/samples.
        with_cache: Whether the objects in DVC's cache are checked too.
        allowed_signers: File that says whose keys may sign reports/lineage.json; by default git's. Where it is given,
            a signature must be there, and by one of them.
        workers: Threads that hash; 0 for one per core.

    Returns:
        What was checked and what does not hold; empty where nothing was ever recorded.

    Raises:
        UserError: `folder` is no folder, or there is no such file of allowed signers.
    """
    if not folder.is_dir():
        raise UserError(
            "There is no such folder", value=str(folder), accepted="the working directory of a build",
            todo="correct --folder",
        )  # fmt: skip
    found = _Collection(folder)
    _collect_documents(found, raw)
    _collect_pages(found)
    _collect_lineage(found)
    _collect_page_records(found, RETENTION, f"{layout.RETENTION}/pages.jsonl")
    for records_of in sorted((folder / layout.BENCHMARKS / "records").glob("*.jsonl")):
        _collect_page_records(found, BENCHMARK, records_of.relative_to(folder).as_posix())
    _collect_receipts(found)
    signed = _check_signature(found, allowed_signers)
    locked = _collect_dvc(found)
    if with_cache:
        _collect_cache(found)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        findings = [*found.findings, *_compare(found, pool), *_compare_folders(found, locked, pool)]
    if found.expected or found.findings:
        findings += _unexplained(found)
    checked: dict[str, int] = {}
    for expected in found.expected:
        checked[expected.kind] = checked.get(expected.kind, 0) + 1
    if signed:
        checked[SIGNATURE] = 1
    if locked:
        checked[DVC_OUTPUT] = checked.get(DVC_OUTPUT, 0) + len(locked)
    order = {kind: number for number, kind in enumerate(KINDS)}
    ordered = sorted(_once(findings), key=lambda finding: (order[finding.kind], finding.path, finding.recorded_by))
    return Verification(str(folder), checked, tuple(ordered), tuple(found.notes))


def digests(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {"sha256" or "md5": hex digest} of a file, read once and in blocks.

    Raises:
        OSError: The file cannot be read.
    """
    engines = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(set(names))}
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            for engine in engines.values():
                engine.update(block)
    return {name: engine.hexdigest() for name, engine in engines.items()}


# ---- what the records say


def _collect_documents(found: _Collection, raw: Path | None) -> None:
    candidates = [raw] if raw is not None else raw_folders(found.folder)
    known: set[str] = set()
    for manifest, rows in _manifests(found, "documents"):
        for row in rows:
            known.add(row["path"])
            place = next((root / row["path"] for root in candidates if (root / row["path"]).is_file()), None)
            shown = place or candidates[0] / row["path"]
            found.expect(DOCUMENT, _relative(shown, found.folder), row["sha256"], manifest, at=shown)
            for root in (layout.PAGES, layout.LABELS):
                found.explained.add(f"{root}/{row['document']}/{_DOCUMENT_RECORD}")
    if known:
        new = sum(
            path.relative_to(root).as_posix() not in known
            for root in candidates[:1]
            for path in root.rglob("*")
            if path.suffix.lower() == ".pdf" and not any(part.startswith(".") for part in path.relative_to(root).parts)
        )
        if new:
            found.notes.append(f"{new} PDF(s) in {candidates[0]} are newer than the build: snakemake takes them in")


def raw_folders(folder: Path) -> list[Path]:
    """Return where input PDFs may be: as configured, then the default, then the sample corpus."""
    folders = [folder / layout.RAW, folder / layout.SAMPLES]
    config = folder / "config" / "config.yaml"
    if config.is_file():
        import yaml

        try:
            named = yaml.safe_load(config.read_bytes())["documents"]["raw"]
            folders.insert(0, folder / str(named))
        except (yaml.YAMLError, KeyError, TypeError):
            pass  # Snakemake complains about it
    return [root for root in dict.fromkeys(folders) if any(_pdfs(root))] or folders


def _pdfs(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.suffix.lower() == ".pdf") if root.is_dir() else iter(())


def current_manifests(folder: Path, stage: str) -> list[Path]:
    """Return the shards' manifests of a stage, sorted.

    As a folder grows, documents are grouped into more shards, and the manifests of the old grouping stay behind
    (`000-of-001.csv` beside `000-of-002.csv`): those that were made last count.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted((folder / layout.MANIFESTS / stage).glob("*-of-*.csv")):
        groups.setdefault(path.stem.rpartition("-")[2], []).append(path)
    if len(groups) < 2:
        return [path for paths in groups.values() for path in paths]
    ends = _job_ends(folder)

    def made(paths: list[Path]) -> tuple[float, float]:
        names = [path.relative_to(folder).as_posix() for path in paths]
        return max(ends.get(name, 0.0) for name in names), max(path.stat().st_mtime for path in paths)

    return max(groups.values(), key=made)


def _manifests(found: _Collection, stage: str) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield (path, rows) of the manifests of a stage; a damaged one becomes a finding."""
    for path in current_manifests(found.folder, stage):
        name = path.relative_to(found.folder).as_posix()
        try:
            with path.open(encoding="utf-8", newline="") as stream:
                rows = list(csv.DictReader(stream, strict=True))
            yield name, _checked(rows, stage)
        except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
            found.damaged(MANIFEST, name, error)


_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "documents": ("document", "path", "sha256"),
    "pages": ("document", "image", "image_sha256"),
    "labels": ("document", "label", "label_sha256"),
}


def _checked(rows: list[dict[str, str]], stage: str) -> list[dict[str, str]]:
    for number, row in enumerate(rows, start=2):
        lacking = [name for name in _COLUMNS[stage] if row.get(name) is None]
        if lacking:
            raise ValueError(f"line {number} has no {' and no '.join(lacking)}")
    return rows


def _collect_pages(found: _Collection) -> None:
    for stage, kind, path, recorded in (
        ("pages", PAGE_IMAGE, "image", "image_sha256"),
        ("labels", LABEL, "label", "label_sha256"),
    ):
        for manifest, rows in _manifests(found, stage):
            for row in rows:
                if row[path]:
                    found.expect(kind, row[path], row[recorded], manifest)


def _collect_lineage(found: _Collection) -> None:
    adapter = _lineage(found, history.ADAPTER)
    build = _lineage(found, history.BUILD)
    if adapter is not None:
        _collect_model(found, adapter, history.ADAPTER)
    elif build is not None:
        _collect_model(found, build, history.BUILD)
    if (found.folder / _PROOF).is_file():
        _collect_merged(found)
    elif build is not None and build.merged:
        found.findings.append(
            Finding(MERGED, State.MISSING, _PROOF, history.BUILD, note="the merged model cannot be checked without it")
        )
    if build is not None:
        _collect_build(found, adapter, build)
    lineage = build or adapter
    if lineage is not None:
        _check_splits(found, lineage)


def _lineage(found: _Collection, path: str) -> records.Lineage | None:
    if not (found.folder / path).is_file():
        return None
    try:
        return records.read(found.folder / path)
    except UserError as error:
        found.damaged(ADAPTER if path == history.ADAPTER else REPORT, path, error.what)
        return None


def _collect_model(found: _Collection, lineage: records.Lineage, by: str) -> None:
    for name, recorded in lineage.adapter.items():
        found.expect(ADAPTER, f"{layout.ADAPTER}/{name}", recorded, by)
    base = lineage.base_model
    if not base.files:
        found.notes.append(
            f"The base model {base.name} comes from a model hub at revision {base.revision}: its files are not checked"
        )
        return
    from scribetune.package import REPOSITORY

    # As the build looks it up: in the working directory, then in the repository.
    named = Path(base.name).expanduser()
    roots = [found.folder / named, REPOSITORY / named]
    home = next((root for root in roots if root.is_dir()), roots[0])
    for name, recorded in base.files.items():
        found.expect(BASE_MODEL, _relative(home / name, found.folder), recorded, by, at=home / name)


def _collect_merged(found: _Collection) -> None:
    try:
        proof = json.loads((found.folder / _PROOF).read_bytes())
        hashes = dict(proof["merged"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        found.damaged(MERGED, _PROOF, error)
        return
    for name, recorded in hashes.items():
        found.expect(MERGED, f"{layout.MERGED}/{name}", recorded, _PROOF)


def _collect_build(found: _Collection, adapter: records.Lineage | None, build: records.Lineage) -> None:
    for path, recorded in build.outputs.items():
        found.expect(_kind_of(path), path, recorded, history.BUILD)
    if adapter is not None and adapter.adapter != build.adapter:
        found.findings.append(
            Finding(
                ADAPTER, State.ALTERED, history.ADAPTER, history.BUILD,
                note="it speaks of another adapter than reports/lineage.json: one of the two was altered, or trained "
                "anew and not scored since (snakemake brings them together)",
            )
        )  # fmt: skip


def _kind_of(path: str) -> str:
    for folder, kind in (
        (layout.SPLITS, SPLIT), (layout.MANIFESTS, MANIFEST), (layout.RETENTION, RETENTION),
        (layout.BENCHMARKS, BENCHMARK), (layout.ADAPTER, ADAPTER),
        (layout.MERGED, MERGED), (layout.PREDICTIONS, PREDICTIONS),
    ):  # fmt: skip
        if path.startswith(f"{folder}/"):
            return kind
    return REPORT


def _check_splits(found: _Collection, lineage: records.Lineage) -> None:
    """Compare the pages in the splits with the lineage's; the answer in a record must be the label that was hashed."""
    recorded = {
        (page.split, page.id): (page.image_sha256, page.label_sha256) for page in lineage.pages
    }  # fmt: skip
    by = history.BUILD if lineage.outputs else history.ADAPTER
    for split in records.SPLITS:
        path = f"{layout.SPLITS}/{split}.jsonl"
        if not (found.folder / path).is_file():
            found.findings.append(Finding(SPLIT, State.MISSING, path, by))
            continue
        try:
            rows = list(_jsonl(found.folder / path))
            present = {row["id"]: (row["image_sha256"], row["label_sha256"]) for row in rows}
            strange = [row["id"] for row in rows if not _answers_its_label(row)]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            found.damaged(SPLIT, path, error)
            continue
        wanted = {name: hashes for (of, name), hashes in recorded.items() if of == split}
        strange += sorted(name for name in {*present, *wanted} if present.get(name) != wanted.get(name))
        if strange:
            note = f"{len(set(strange))} page(s) are not as recorded: {', '.join(dict.fromkeys(strange[:3]))}"
            found.findings.append(Finding(SPLIT, State.ALTERED, path, by, note=note))


def _answers_its_label(record: Mapping[str, Any]) -> bool:
    """Say whether the text that is learned is the label whose hash is recorded (a label ends in a line break)."""
    answer = record["conversations"][1]["value"]
    hashes = {hashlib.sha256(text.encode()).hexdigest() for text in (answer, f"{answer}\n")}
    return record["label_sha256"] in hashes


def _jsonl(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.strip():
            yield json.loads(line)


def _check_signature(found: _Collection, allowed_signers: Path | None) -> bool:
    """Check the signature of reports/lineage.json where there is one; say whether there was anything to check."""
    lineage = found.folder / history.BUILD
    if not lineage.is_file():
        return False
    path = f"{history.BUILD}.sig"
    if not signature.path_of(lineage).exists():
        if allowed_signers is not None:
            note = "the lineage is not signed (scribetune sign)"
            found.findings.append(Finding(SIGNATURE, State.MISSING, path, note=note))
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
        found.findings.append(Finding(SIGNATURE, State.ALTERED, path, note=result.detail))
    else:
        found.notes.append(f"Signature of {history.BUILD}: {result.detail}")
    return True


_KIND_OF_OUTPUTS: Mapping[str, str] = {
    f"{layout.MANIFESTS}/": MANIFEST,
    f"{layout.SPLITS}/": SPLIT,
    f"{layout.RETENTION}/": RETENTION,
    f"{layout.BENCHMARKS}/": BENCHMARK,
    f"{layout.SAMPLES}/": DOCUMENT,
    f"{layout.ADAPTER}/": ADAPTER,
    f"{layout.MERGED}/": MERGED,
    f"{layout.PREDICTIONS}/": PREDICTIONS,
}
"""What jobs make, by the folder; anything else is a report."""


def _collect_receipts(found: _Collection) -> None:
    """Add what jobs made and no other record speaks of."""
    recorded = {expected.path for expected in found.expected}
    shards = {path.stem for path in current_manifests(found.folder, "documents")}
    for job, receipt in receipts.read(found.folder).items():
        if receipt.wildcards.get("shard", "") not in {"", *shards}:
            continue  # of documents grouped in another way
        benchmark = receipt.wildcards.get("benchmark", "")
        if benchmark and not (found.folder / layout.BENCHMARK_REPORTS / benchmark).is_dir():
            continue  # of a public benchmark that was taken out, and its results with it
        for path, sha256 in receipt.outputs.items():
            if path not in recorded:
                kind = next((kind for start, kind in _KIND_OF_OUTPUTS.items() if path.startswith(start)), REPORT)
                found.expect(kind, path, sha256, f"{receipts.FOLDER}/{job}.json")


def _collect_page_records(found: _Collection, kind: str, path: str) -> None:
    """Add the images that records of pages outside the splits name."""
    if not (found.folder / path).is_file():
        return
    try:
        for row in _jsonl(found.folder / path):
            found.expect(kind, str(row["images"][0]), str(row["image_sha256"]), path)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        found.damaged(kind, path, error)


def _collect_dvc(found: _Collection) -> list[cache.Output]:
    """Add what dvc.lock says of the working tree; return the folders whose list of files is not at hand."""
    try:
        outputs = cache.outputs(found.folder)
    except UserError as error:
        found.damaged(DVC_OUTPUT, cache.LOCK, error.what)
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
            found.expected.append(_Expected(DVC_OUTPUT, output.path, output.md5, output.recorded_by, md5=True))
            found.explained.add(output.path)
            continue
        listed = cache.members(history.cache_folder(found.folder), output)
        if listed is None:
            whole.append(output)
            continue
        for member in listed:
            path = f"{output.path}/{member.path}"
            found.expected.append(_Expected(DVC_OUTPUT, path, member.md5, output.recorded_by, md5=True))
            if output.path in (layout.ADAPTER, layout.MERGED, layout.PREDICTIONS):
                # Written beside the model by later steps; pages and labels need a manifest, whatever DVC took along.
                found.explained.add(path)
    return whole


def _built_since(folder: Path) -> bool:
    """Say whether Snakemake made something after dvc.lock was written, by its own records of when jobs ended."""
    lock = folder / cache.LOCK
    written = lock.stat().st_mtime if lock.is_file() else 0.0
    return any(ended > written for ended in _job_ends(folder).values())


def _job_ends(folder: Path) -> dict[str, float]:
    """Return {output: when the job that made it ended, in seconds since 1970}, from Snakemake's records."""
    ends: dict[str, float] = {}
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if not path.is_file():
            continue
        try:
            name = base64.b64decode(path.name.removeprefix("@")).decode()
            ends[name] = float(json.loads(path.read_bytes())["endtime"] or 0.0)
        except (ValueError, KeyError, TypeError):
            continue  # Snakemake's own affair; long names are cut into folders
    return ends


def _collect_cache(found: _Collection) -> None:
    home = history.cache_folder(found.folder)
    try:
        outputs = [output for output in cache.outputs(found.folder) if output.in_cache]
    except UserError:
        return  # told by `_collect_dvc`
    if not outputs:
        found.notes.append(
            "DVC records nothing here, so there is no cache to check (scribetune commit records a build)"
        )
    for output in outputs:
        objects = [(output.md5, output.path)]
        listed = cache.members(home, output) if output.is_folder else ()
        if listed is None and cache.object_path(home, output.md5).is_file():
            found.notes.append(f"The list of {output.path} in DVC's cache is damaged: its files there were not checked")
        objects += [(member.md5, f"{output.path}/{member.path}") for member in listed or ()]
        for md5, owner in objects:
            path = cache.object_path(home, md5)
            shown = _relative(path, found.folder)
            found.places[shown] = path
            found.expected.append(_Expected(CACHE_OBJECT, shown, md5.removesuffix(".dir"), owner, md5=True))


# ---- what is there


def _compare(found: _Collection, pool: ThreadPoolExecutor) -> Iterator[Finding]:
    wanted: dict[str, set[str]] = {}
    for expected in found.expected:
        wanted.setdefault(expected.path, set()).add("md5" if expected.md5 else "sha256")
    hashed = dict(
        zip(wanted, pool.map(lambda item: _digests(found.place(item[0]), item[1]), wanted.items()), strict=True)
    )
    ends, withdrawn = _job_ends(found.folder), _withdrawn(found.folder)
    for expected in found.expected:
        here, why = hashed[expected.path]
        actual = here.get("md5" if expected.md5 else "sha256", "")
        if actual == expected.hash:
            continue
        state = State.ALTERED if actual or why else State.MISSING
        note = why or _note(expected, state, ends, withdrawn)
        yield Finding(expected.kind, state, expected.path, expected.recorded_by, expected.hash, actual, note)


def _digests(path: Path, names: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return (digests, why the file cannot be read); neither where there is no such file."""
    try:
        return digests(path, names), ""
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        return {}, f"cannot be read ({error.strerror})"


def _note(expected: _Expected, state: State, ends: Mapping[str, float], withdrawn: set[str]) -> str:
    if expected.kind == CACHE_OBJECT:
        owner = f"belongs to {expected.recorded_by}"
        if state == State.MISSING and withdrawn & set(Path(expected.recorded_by).parts):
            return f"{owner}, of a withdrawn document; scribetune commit records the build without it"
        if state == State.MISSING:
            return f"{owner}; dvc fetch brings it from a remote"
        return f"{owner}; remove it, then dvc fetch (or scribetune commit, if the file in the working tree is good)"
    if ends.get(expected.path, 0.0) > ends.get(expected.recorded_by, float("inf")):
        return (
            f"made again by the build since {expected.recorded_by} was written: run snakemake to bring that up to date"
        )
    return ""


def _compare_folders(
    found: _Collection, folders: Sequence[cache.Output], pool: ThreadPoolExecutor
) -> Iterator[Finding]:
    """Compare whole folders with the MD5 of their list, where DVC's list itself is not at hand."""
    for output in folders:
        root = found.folder / output.path
        if not root.is_dir():
            yield Finding(DVC_OUTPUT, State.MISSING, output.path, output.recorded_by, output.md5)
            continue
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        hashes = pool.map(lambda path: _digests(path, ("md5",))[0].get("md5", ""), paths)
        listed = [cache.Member(p.relative_to(root).as_posix(), md5) for p, md5 in zip(paths, hashes, strict=True)]
        actual = cache.folder_md5(listed)
        if actual != output.md5:
            note = "some file in it was altered, added or removed; with its list in DVC's cache (dvc fetch) it is named"
            yield Finding(DVC_OUTPUT, State.ALTERED, output.path, output.recorded_by, output.md5, actual, note)


def _unexplained(found: _Collection) -> Iterator[Finding]:
    explained = found.explained | set(_UNHASHED)
    withdrawn = _withdrawn(found.folder)
    for root, kind in _SWEPT.items():
        for path in sorted((found.folder / root).rglob("*")):
            name = path.relative_to(found.folder).as_posix()
            if path.is_dir() or name in explained:
                continue
            parts = path.relative_to(found.folder / root).parts
            note = ""
            if path.suffix == ".tmp":
                note = "left by a write that was interrupted: it can be removed"
            elif kind in (PAGE_IMAGE, LABEL) and parts[0] in withdrawn:
                note = f"of a withdrawn document; scribetune forget {parts[0]} --purge removes it"
            elif kind in (PAGE_IMAGE, LABEL):
                note = "of a document that the build no longer knows, or put there by hand"
            yield Finding(kind, State.UNEXPLAINED, name, note=note)


def _withdrawn(folder: Path) -> set[str]:
    path = folder / layout.WITHDRAWN
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return {row.get("document") or "" for row in csv.DictReader(stream)}


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out what says the same of a file again: dvc.lock, of a file that a nearer record already spoke of."""
    told: set[tuple[str, State]] = set()
    by_dvc = []
    for finding in findings:
        if finding.kind == DVC_OUTPUT:
            by_dvc.append(finding)
            continue
        key = (finding.path, finding.state)
        if key not in told or finding.kind == CACHE_OBJECT:
            told.add(key)
            yield finding
    yield from (finding for finding in by_dvc if (finding.path, finding.state) not in told)


def _relative(path: Path, folder: Path) -> str:
    """Return a path as shown: relative to the folder where it lies below it."""
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return path.as_posix()
