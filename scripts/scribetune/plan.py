"""The plan of a build, made when the Snakefile is read: documents, shards, base model, and each rule's digests.

Cheap on purpose: no model library, no PDF library, no data frame is imported here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from scribetune import config as configuration
from scribetune import families, layout, prompts, provenance, samples
from scribetune.config import Config
from scribetune.documents import Document, SheetRow, assign_shards, find_pdfs, read_sheet
from scribetune.errors import UserError

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "write_report": tuple(sorted(p.name for p in (provenance.PACKAGE_FOLDER / "templates").glob("report*"))),
    "make_samples": tuple(sorted(p.name for p in (provenance.PACKAGE_FOLDER / "templates").glob("*.typ"))),
}
"""Files that a rule's code reads besides modules, by rule."""


@dataclass(frozen=True)
class Plan:
    """What a build is about to do.

    Attributes:
        config: The checked configuration.
        working_directory: Where inputs and outputs are relative to.
        documents: Every input PDF.
        shards: Shard → documents.
        sheet: Document id → what the sheet says.
        sample_specs: The sample corpus, where it stands in for the user's PDFs; else empty.
    """

    config: Config
    working_directory: Path
    documents: tuple[Document, ...]
    shards: Mapping[str, tuple[Document, ...]]
    sheet: Mapping[str, SheetRow]
    sample_specs: tuple[samples.SampleSpec, ...] = field(repr=False)

    def settings(self, *wanted: str) -> dict[str, dict[str, Any]]:
        """Return the configuration keys a rule reads, for its `params`: "pages" or "pages.color" each."""
        values = self.config.model_dump(mode="json")
        chosen: dict[str, dict[str, Any]] = {}
        for name in wanted:
            section, _, key = name.partition(".")
            chosen.setdefault(section, {}).update({key: values[section][key]} if key else values[section])
        return chosen

    @staticmethod
    def code(rule: str) -> str:
        """Return the digest of the code that a rule executes."""
        return _code_digest(rule)

    @cached_property
    def environment(self) -> str:
        """Digest of the lock file this environment was made from."""
        return provenance.environment_digest(provenance.lock_in_use())

    @property
    def kind(self) -> str:
        """Kind of this environment, "cpu" or "gpu": the conda file of rules that run models."""
        return provenance.lock_in_use().stem

    def pdfs(self, shard: str) -> list[str]:
        """Return the paths of a shard's PDFs, with braces doubled as Snakemake reads them."""
        return [_escape(document.path.as_posix()) for document in self.shards[shard]]

    def identities(self, shard: str) -> dict[str, list[str]]:
        """Return {document id: [relative path, variable of its password]} of a shard: what its job must know."""
        return {
            document.id: [document.relative_path, self.sheet.get(document.id, SheetRow()).password_variable]
            for document in self.shards[shard]
        }

    def said(self, *columns: str) -> dict[str, list[str]]:
        """Return {document id: those cells of the sheet}, for documents of which it says anything there."""
        rows = {name: [getattr(row, column) for column in columns] for name, row in sorted(self.sheet.items())}
        return {name: cells for name, cells in rows.items() if any(cells)}

    def corrections(self, shard: str) -> list[str]:
        """Return the human labels for a shard's documents."""
        root = Path(self.config.labels.corrections)
        return [
            _escape(path.as_posix())
            for document in self.shards[shard]
            for path in sorted((root / document.id).glob("p[0-9]*.md"))
        ]

    @staticmethod
    def codes(*rules: str) -> dict[str, str]:
        """Return {rule: digest of its code}."""
        return {rule: _code_digest(rule) for rule in rules}

    def base_model(self, _wildcards: object) -> list[str]:
        """Input function: the files of the base model; none where it comes from the hub.

        Raises:
            WorkflowError: The folder does not exist or is no model; before any work is done.
        """
        with shown_without_traceback():
            found = families.base_model_files(self.config.base_model.name, self._model_roots)
        return [_escape(_as_given(path)) for path in found]

    def base_path(self, _wildcards: object) -> str:
        """Params function: where the base model is loaded from, a folder or a hub id.

        Raises:
            WorkflowError: As `base_model`; or a hub id without a pinned revision.
        """
        with shown_without_traceback():
            return families.resolve(self.config.base_model, self._model_roots)

    def prompt(self, _wildcards: object) -> str:
        """Params function: what the model is asked, in training, evaluation and serving.

        Raises:
            WorkflowError: The base model is of no supported family, or has no prompt for the task.
        """
        with shown_without_traceback():
            return prompts.prompt(self.config, self._model_roots)

    @property
    def _model_roots(self) -> tuple[Path, ...]:
        """A relative model folder is looked up in the working directory, then in the repository."""
        return (Path(), provenance.REPOSITORY)

    def when_enough_documents(self, path: str) -> Callable[[object], str]:
        """Return an input function for `path` that refuses to start what must end in an empty split.

        It raises WorkflowError where there are fewer than three documents.
        """

        def give(_wildcards: object) -> str:
            with shown_without_traceback():
                if len(self.documents) < 3:
                    raise UserError(
                        "A training, a validation and a test split need a document each; the test split would be empty",
                        value=f"{len(self.documents)} document(s) in {self.config.documents.raw}",
                        accepted="at least three PDFs (fifty or more to learn from)",
                        todo="add PDFs; the targets pages and labels work with any number",
                    )
            return path

        return give


def make_plan(values: Mapping[str, Any]) -> Plan:
    """Check the configuration and look at the inputs.

    Args:
        values: Snakemake's merged configuration; paths in it are relative to the current directory.

    Raises:
        WorkflowError: Something the user can mend.
    """
    with shown_without_traceback():
        return _make_plan(values)


def _make_plan(values: Mapping[str, Any]) -> Plan:
    config = configuration.load(values)
    raw = Path(config.documents.raw)
    is_default = config.documents.raw.rstrip("/") == layout.RAW
    found = [] if is_default and not raw.exists() else find_pdfs(raw)
    specs: tuple[samples.SampleSpec, ...] = ()
    if not found and is_default:
        specs = tuple(samples.plan(config.samples.count, config.samples.seed, config.samples.languages))
        found = sorted(Document(s.name, Path(layout.SAMPLES, f"{s.name}.pdf"), f"{s.name}.pdf") for s in specs)
    if not found:
        raise UserError(
            "No PDF below documents.raw",
            value=config.documents.raw,
            accepted="a folder with *.pdf files at any depth",
            todo=f"put PDFs there, or use {layout.RAW} and leave it empty for the sample corpus",
        )
    return Plan(
        config=config,
        working_directory=Path.cwd(),
        documents=tuple(found),
        shards=assign_shards(found, config.documents.per_shard),
        sheet=read_sheet(Path(config.documents.sheet), found),
        sample_specs=specs,
    )


@contextmanager
def shown_without_traceback() -> Iterator[None]:
    """Turn a `UserError` into the exception that Snakemake shows as a message alone."""
    from snakemake.exceptions import WorkflowError

    try:
        yield
    except UserError as error:
        raise WorkflowError(str(error)) from None


@cache
def _code_digest(rule: str) -> str:
    script = provenance.SCRIPTS_FOLDER / f"{rule}.py"
    return provenance.code_digest(script, TEMPLATES.get(rule, ()))


def _as_given(path: Path) -> str:
    """Return a path relative to the working directory where it lies below it: clones then agree on it."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _escape(path: str) -> str:
    return path.replace("{", "{{").replace("}", "}}")
