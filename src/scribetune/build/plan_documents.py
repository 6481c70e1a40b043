"""The input documents of a build, shard by shard: what the rules about them read and are told."""

import contextlib
import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from scribetune.core import layout
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.core.file_hashes import FileHashes
from scribetune.documents import object_storage, withdrawals
from scribetune.documents.inputs import (
    Document,
    Folder,
    SheetRow,
    assign_shards,
    find_documents,
    kept_by_dvc,
    not_read,
    read_sheet,
)
from scribetune.documents.withdrawals import Withdrawal
from scribetune.record import listings
from scribetune.review import decisions, spot_check
from scribetune.samples import corpus

_LEAST_DOCUMENTS = 3


@dataclass(frozen=True)
class InputDocuments:
    """The documents, and what people say of them."""

    config: Config  # the checked configuration
    all: tuple[Document, ...]  # every input PDF and image file
    shards: Mapping[str, tuple[Document, ...]]  # shard → documents
    sheet: Mapping[str, SheetRow]  # document id → what the sheet says
    # the sample corpus, where it stands in for the user's PDFs; else empty
    sample_specs: tuple[corpus.SampleSpec, ...] = field(repr=False)
    withdrawals: tuple[Withdrawal, ...] = ()  # what config/withdrawn.csv says
    withdrawn: Mapping[str, str] = field(default_factory=dict)  # document id → sha256, of those among the documents
    others: Mapping[str, str] = field(default_factory=dict, repr=False)  # see `inputs.Folder`
    # page id → sha256 of the document, of pages that people rejected (data/corrections/reviews.csv)
    rejected: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def raw_folder(self) -> str:
        """The folder that the documents' relative paths count from."""
        return layout.SAMPLES if self.sample_specs else self.config.documents.folder

    @property
    def name(self) -> str:
        """Name of the corpus for people: the folder of PDFs without the path to it; "" for the sample corpus."""
        raw = self.config.documents.raw
        if self.sample_specs or raw.rstrip("/") == layout.RAW:
            return "" if self.sample_specs else layout.RAW
        return Path(raw).name or Path(raw).absolute().name

    def pdfs(self, shard: str) -> list[str]:
        """Return a shard's PDFs as inputs: the sample PDFs, which a rule makes, or the listing of the user's."""
        if self.sample_specs:
            return [document.path.as_posix() for document in self.shards[shard]]
        return [listings.path_of(shard)]

    def identities(self, shard: str) -> dict[str, list[str]]:
        """Return {document id: what its job must know} of a shard; see `inputs.identify`."""
        return self._identities[shard]

    @cached_property
    def _identities(self) -> Mapping[str, dict[str, list[str]]]:
        """Shard → its identities: two rules are told of them."""
        no_row = SheetRow()
        return {
            shard: {
                document.id: [
                    document.relative_path,
                    self.sheet.get(document.id, no_row).password_variable,
                    *filter(None, [document.fault]),
                ]
                for document in members
            }
            for shard, members in self.shards.items()
        }

    def sheet_cells(self, *columns: str) -> dict[str, list[str]]:
        """Return {document id: those cells of the sheet}, for documents that have any of them."""
        rows = {name: [getattr(row, column) for column in columns] for name, row in sorted(self.sheet.items())}
        return {name: cells for name, cells in rows.items() if any(cells)}

    def withdrawn_in(self, shard: str) -> dict[str, str]:
        """Return {document id: sha256} of a shard's withdrawn documents: a withdrawal re-runs their shards alone."""
        if not self.withdrawn:
            return {}
        return {
            document.id: self.withdrawn[document.id] for document in self.shards[shard] if document.id in self.withdrawn
        }

    @property
    def refused(self) -> dict[str, list[str]]:
        """The hashes that selection refuses: {"documents": of PDFs, "labels": of labels}, sorted."""
        hashes = withdrawals.refused(self.withdrawals)
        return {"documents": sorted(hashes.documents), "labels": sorted(hashes.labels)}

    def corrections(self, shard: str) -> list[str]:
        """Return the human labels for a shard's documents."""
        if not self._corrections:
            return []
        return [path for document in self.shards[shard] for path in self._corrections.get(document.id, ())]

    @cached_property
    def _corrections(self) -> Mapping[str, list[str]]:
        """Document → its human labels. Few documents have any: their folders are listed, not everyone's looked for."""
        paths: dict[str, list[str]] = {}
        for path in sorted(Path(self.config.labels.corrections).glob("*/p[0-9]*.md")):
            paths.setdefault(path.parent.name, []).append(path.as_posix())
        return paths

    def answers(self) -> list[str]:
        """Return people's answers to the prompts that training pages draw; [] where none is drawn."""
        names = sorted(self.config.task.mix.weights)
        folder = Path(self.config.labels.corrections) / layout.ANSWERS
        return [path.as_posix() for name in names for path in sorted((folder / name).glob("*/p[0-9]*.md"))]

    def require_own_corrections(self) -> None:
        """Check that each human label is a file of the folder of corrections: what a link names, may be anybody's.

        Raises:
            UserError: One is a link that leads out of it, or no regular file.
        """
        folder = Path(self.config.labels.corrections)
        for path in map(Path, itertools.chain.from_iterable(self._corrections.values())):
            if path.is_file() and not path.is_symlink() and not path.parent.is_symlink():
                continue
            place = path.resolve()
            if not (place.is_file() and place.is_relative_to(folder.resolve())):
                raise UserError(
                    f"A label in {folder} is no file of that folder: {place} would be read as a label",
                    value=path.as_posix(),
                    accepted="files and folders; that the whole folder is a link is fine",
                    todo="put the file itself in the link's place, or remove it",
                )

    @property
    def spot_checks(self) -> list[str]:
        """The spot checks of labels by people, which the report tells of."""
        return [path.as_posix() for path in sorted(Path(self.config.labels.corrections).glob(spot_check.PATTERN))]

    def hashes(self) -> set[str]:
        """Return the SHA-256 of the documents, as far as they can be read."""
        found = set()
        with FileHashes(Path()) as hashes:
            for document in (each for each in self.all if not each.fault):
                with contextlib.suppress(OSError):  # its row says what is wrong with it
                    found.add(hashes.sha256(document.path.as_posix()))
        return found

    def require_enough(self) -> None:
        """Check that no split must end up empty.

        Raises:
            UserError: Fewer than three documents are left.
        """
        usable = len(self.all) - len(self.withdrawn)
        if usable < _LEAST_DOCUMENTS:
            besides = f", {len(self.withdrawn)} more withdrawn" if self.withdrawn else ""
            raise UserError(
                "A training, a validation and a test split need a document each; the test split would be empty",
                value=f"{usable} document(s) in {self.config.documents.raw}{besides}",
                accepted="at least three PDFs or images (fifty or more to learn from)",
                todo="add documents; the targets pages and labels work with any number",
            )

    @property
    def unread(self) -> list[str]:
        """The listing of files that are no documents, as an input of what tells of them; [] where there are none."""
        return [listings.UNREAD.as_posix()] if self.others else []

    def write_listings(self, *, unread: Collection[str] = ()) -> None:
        """Bring the listings of the user's documents up to date, shard by shard, and that of what is not read.

        `unread` are shards whose documents need not be read for it; see `listings.write`.
        """
        listings.write_unread(self.others)
        if not self.sample_specs:
            listings.write(
                {shard: [each.path for each in members if not each.fault] for shard, members in self.shards.items()},
                unread=unread,
            )


def input_documents(config: Config) -> InputDocuments:
    """Find the input documents below the current directory, or plan the sample corpus where there are none.

    Raises:
        UserError: There is no document, what is said of the documents cannot be read, or a human label is not to be.
    """
    raw = Path(config.documents.folder)
    is_default = config.documents.raw.rstrip("/") == layout.RAW
    there = Folder((), {}) if is_default and not raw.exists() else find_documents(raw)
    if stored_others := object_storage.others(config.documents.raw):
        there = Folder(there.documents, not_read(stored_others))
    documents: Iterable[Document] = there.documents
    specs: tuple[corpus.SampleSpec, ...] = ()
    if not documents and is_default:
        specs = _sample_corpus(config, raw)
        documents = sorted(Document(s.name, Path(layout.SAMPLES, f"{s.name}.pdf"), f"{s.name}.pdf") for s in specs)
    if not documents:
        raise UserError(
            f"No PDF or image below documents.raw{_named(there.others)}",
            value=config.documents.raw,
            accepted="a folder with PDFs or images (PNG, JPEG, TIFF, WebP, BMP) at any depth",
            todo=f"put them there, or use {layout.RAW} and leave it empty for the sample corpus",
        )
    known = list(documents)
    withdrawn = withdrawals.read(Path(layout.WITHDRAWN))
    found = InputDocuments(
        config=config,
        all=tuple(known),
        shards=assign_shards(known, config.documents.per_shard),
        sheet=read_sheet(Path(config.documents.sheet), known),
        sample_specs=specs,
        others=there.others,
        withdrawals=withdrawn,
        withdrawn=withdrawals.among(known, withdrawn),
        rejected=decisions.rejected(decisions.path_in(Path(config.labels.corrections))),
    )
    found.require_own_corrections()
    return found


def _named(others: Mapping[str, str]) -> str:
    """Return the first of the files that are no documents, for a message."""
    return f", only {len(others)} other file(s) such as {next(iter(others))}" if others else ""


def _sample_corpus(config: Config, raw: Path) -> tuple[corpus.SampleSpec, ...]:
    if kept := kept_by_dvc(raw):
        raise UserError(
            f"DVC keeps {kept} PDFs in {layout.RAW}, and the folder holds none",
            value=f"{layout.RAW}.dvc",
            accepted="the PDFs; or no such record, for the sample corpus",
            todo=f"dvc pull (or dvc checkout); for the sample corpus, dvc remove {layout.RAW}.dvc",
        )
    return tuple(
        corpus.plan(config.samples.count, config.samples.seed, config.samples.languages, config.samples.designs)
    )
