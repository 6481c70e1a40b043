"""The build as a Provenance Run Crate (RO-Crate 1.1, Workflow Run RO-Crate 0.5): ro-crate-metadata.json.

Of the three Workflow Run profiles this is the one that has a run of every step, with what it read, the parameters it
was given and what it made; Workflow Run Crate has the workflow as a whole only. The crate's root is the build's
working directory, so that every path in it is the path that a user sees, and nothing is copied. What lies elsewhere
(PDFs in another folder, a base model) is named by its content: `ni:///sha-256;…` (RFC 6920), which says nothing of
the machine.

The same build gives the same bytes: no clock times and no random identifiers. Page images and labels are not listed
one by one; the manifests, which are, have the SHA-256 of each.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scribetune.core import config, files, layout
from scribetune.core.errors import counted
from scribetune.documents.inputs import DocumentStatus
from scribetune.record.receipts import Receipt
from scribetune.record.steps import CONFIGURATION, merged

METADATA = "ro-crate-metadata.json"
WORKFLOW_COPY = "reports/workflow"
"""Where a build outside of the repository keeps a copy of Snakefile and rules: a crate must hold its workflow."""

PUBLISHED = "1970-01-01"
"""RO-Crate demands a date of publication. A build is not published, and a clock would make every file different."""

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_COMPLETED = "http://schema.org/CompletedActionStatus"
_FORMAL_PARAMETER = {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"}
_AGPL = "https://spdx.org/licenses/AGPL-3.0-or-later"


# A table of its own: what `mimetypes` says depends on the machine, and so would the crate's bytes.
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".bmp": "image/bmp",
    ".html": "text/html",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain",
    ".webp": "image/webp",
}
_ADAPTER, _MERGED = f"{layout.ADAPTER}/", f"{layout.MERGED}/"
_METRICS, _REPORT, _LINEAGE = (f"{layout.REPORTS}/{name}" for name in ("metrics.json", "index.html", "lineage.json"))
_RESULTS = {_ADAPTER: "Dataset", _MERGED: "Dataset", _METRICS: "File", _REPORT: "File", _LINEAGE: "File"}
"""What a build is run for."""

_FOLDERS = {
    layout.PAGES: ("Page images", f"Listed with their SHA-256 in {layout.MANIFESTS}/pages"),
    layout.LABELS: ("Markdown labels", f"Listed with their SHA-256 in {layout.MANIFESTS}/labels"),
    layout.ADAPTER: ("LoRA adapter (PEFT)", ""),
    layout.MERGED: ("Base model with the adapter merged in", ""),
}
_DESCRIPTIONS = {
    f"{layout.REPORTS}/documents.csv": "What became of every input document",
    f"{layout.MANIFESTS}/selection/all.csv": "Which pages were accepted, and why others were refused",
    f"{layout.MANIFESTS}/splits/all.csv": "Which document went to which split",
    f"{layout.ADAPTER}/lineage.json": (
        "What the adapter was made from: documents, pages, configuration, code, environment, hardware"
    ),
    _LINEAGE: "The audit: lineage of the adapter, merged model, scores, hashes",
    f"{layout.MERGED}/merge_proof.json": "Proof that the merged weights are the base's plus the adapter",
    _METRICS: "Scores of base and tuned model",
    f"{layout.REPORTS}/samples.csv": "Scores of every test page",
    _REPORT: "The report people read",
    f"{layout.REPORTS}/model_card.md": "Hugging Face model card of the adapter, with scores",
    f"{layout.ADAPTER}/README.md": "Hugging Face model card of the adapter, without scores",
    f"{layout.MERGED}/README.md": "Hugging Face model card of the merged model",
}


@dataclass(frozen=True)
class CrateSources:
    """What a crate is written from."""

    root: Path  # the build's working directory
    raw: str  # folder of the PDFs: relative to the root, or absolute
    lineage: Mapping[str, Any]  # reports/lineage.json
    documents: Sequence[Mapping[str, str]]  # rows of reports/documents.csv
    base_files: Sequence[Path]  # files of a local base model, relative to the root or absolute
    receipts: Sequence[Receipt]  # of the jobs, in an order in which they can run
    descriptions: Mapping[str, str]  # rule → what it does
    workflow: Sequence[Path]  # the Snakefile and its rules, below the root; the Snakefile first
    engine_version: str  # Snakemake's


def workflow_copies(snakefile: Path, rules: Iterable[Path]) -> list[str]:
    """Return where copies of the workflow go; [] where the working directory is the repository, which holds it."""
    if snakefile.resolve().parent == Path().resolve():
        return []
    return [f"{WORKFLOW_COPY}/{snakefile.name}", *(f"{WORKFLOW_COPY}/rules/{path.name}" for path in sorted(rules))]


_Parameters = Mapping[str, tuple[Any, Any]]
"""(section, key) → the formal parameter, and the value it had."""


def metadata(sources: CrateSources) -> dict[str, Any]:
    """Return the crate's metadata (JSON-LD); the same for the same sources.

    Raises:
        OSError: A file of the build cannot be read.
    """
    return _Writer(sources).written()


def content_uri(sha256: str) -> str:
    """Return the name of a content by its hash (RFC 6920): for files outside of the crate's folder."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


def _is_below(path: Path) -> bool:
    """Whether a path, relative to the root or absolute, lies in a folder or file below it."""
    return path != Path() and not path.is_absolute() and ".." not in path.parts


class _Writer:
    """Collects the entities of one crate."""

    def __init__(self, sources: CrateSources) -> None:
        from rocrate.model.computerlanguage import get_lang
        from rocrate.rocrate import ROCrate

        self.sources = sources
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(_TERMS)
        self.entities: dict[str, Any] = {}
        self.language = self.crate.add(get_lang(self.crate, "snakemake", version=sources.engine_version))
        described = config.keys()
        self.meanings = {f"{section}.{key}": field.description for section, key, field in described}
        self.settings = {name: value for of_job in sources.receipts for name, value in _settings(of_job).items()}
        self.files: dict[str, Any] = {}  # by path
        self.folders: dict[str, Any] = {}
        self.documents: dict[str, Any] = {}  # by id
        self.base: list[Any] = []

    def written(self) -> dict[str, Any]:
        """Add everything, and return the metadata."""
        self._root()
        workflow = self._workflow()
        for path in _FOLDERS:
            self._folder(path)
        self._documents()
        self.base = self._base_model()
        parameters = {name: self._parameter(name) for name in sorted(self.settings)}
        actions, controls = self._jobs(workflow, parameters)
        self._fill_folders()
        workflow["input"] = [formal for formal, _ in parameters.values()]
        workflow["output"] = self._outputs()
        run = self._run(workflow, [value for _, value in parameters.values()])
        self._engine(controls, run)
        collections = [entity for entity in self.base if "Collection" in entity.type]
        self.crate.root_dataset["mentions"] = [run, *actions, *collections]
        value: dict[str, Any] = self.crate.metadata.generate()
        return value

    def _add(self, identifier: str, kind: str | list[str], **properties: Any) -> Any:
        """Add an entity that is no part of the root by itself, once."""
        from rocrate.model.contextentity import ContextEntity

        if identifier not in self.entities:
            kept = {key: _single(value) for key, value in properties.items() if value not in (None, "", [])}
            self.entities[identifier] = self.crate.add(
                ContextEntity(self.crate, identifier, properties={"@type": kind, **kept})
            )
        return self.entities[identifier]

    def _root(self) -> None:
        root, lineage = self.crate.root_dataset, self.sources.lineage
        profiles = [
            self._add(uri, "CreativeWork", name=name, version=uri.rsplit("/", 1)[1]) for uri, name in _PROFILES.items()
        ]
        root["conformsTo"] = profiles
        standards = ("https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0")
        self.crate.metadata["conformsTo"] = [{"@id": standard} for standard in standards]
        documents, pages = len(lineage["documents"]), len(lineage["pages"])
        root["name"] = f"scribetune build from {counted(documents, 'document')}"
        root["description"] = (
            f"A LoRA adapter and a merged model for document OCR, made by scribetune {lineage['scribetune']} from "
            f"{counted(pages, 'page')} of {counted(documents, 'document')}, with what every step read and made. "
            "datePublished is a placeholder, since a build is not published and a clock time would make equal builds "
            "differ: set it when you publish the crate."
        )
        root["datePublished"] = PUBLISHED
        root["license"] = self._add(
            "#licence",
            "CreativeWork",
            name="No licence of the whole",
            description="The workflow is under AGPL-3.0-or-later. A document's licence is named where "
            "config/documents.csv names one, and is unknown elsewhere; adapter and merged model depend on the base "
            "model's and on theirs.",
        )

    def _file(self, path: str, sha256: str = "", **properties: Any) -> Any:
        """Add a file, once: as a part of the root where it stays below it, else by its content.

        Nothing stays in work/; replayed pages are in no clone.
        """
        from rocrate.model.file import File

        if path not in self.files:
            if not _is_below(Path(path)) or path.startswith(("work/", f"{layout.REPLAY}/")):
                self.files[path] = self._outside(Path(path).name, sha256, None)
                return self.files[path]
            place = self.sources.root / path
            properties = {"description": _DESCRIPTIONS.get(path, ""), **properties}
            described = _described(path, sha256 or files.sha256_file(place), place.stat().st_size, **properties)
            self.files[path] = self.crate.add(File(self.crate, dest_path=path, properties=described))
        return self.files[path]

    def _folder(self, path: str) -> Any:
        from rocrate.model.dataset import Dataset

        if path not in self.folders:
            name, description = _FOLDERS.get(path, (path, ""))
            properties = {"name": name} | ({"description": description} if description else {})
            self.folders[path] = self.crate.add(Dataset(self.crate, dest_path=path, properties=properties))
        return self.folders[path]

    def _fill_folders(self) -> None:
        """Name in each folder the files in it that are in the crate."""
        for name, digest in sorted(self.sources.lineage["adapter"].items()):
            self._file(f"{layout.ADAPTER}/{name}", digest)
        for folder, entity in self.folders.items():
            inside = [self.files[path] for path in sorted(self.files) if path.startswith(f"{folder}/")]
            if inside:
                entity["hasPart"] = _single(inside)
        adapter, merged_model = self.folders[layout.ADAPTER], self.folders[layout.MERGED]
        adapter["isBasedOn"] = _single(self.base)
        merged_model["isBasedOn"] = [*self.base, adapter]

    def _documents(self) -> None:
        """Add every input document."""
        place = Path(self.sources.raw)
        is_inside = place == Path() or _is_below(place)
        parts = []
        read = [row for row in self.sources.documents if row["status"] != DocumentStatus.NOT_READ]
        for row in sorted(read, key=lambda row: row["document"]):
            path = (place / row["path"]).as_posix()
            licence = _licence(row.get("licence", ""))
            size = int(row["bytes"] or 0)
            if is_inside:
                described = _described(row["path"], row["sha256"], size, license=licence)
                entity = self._add(quote(path), "File", **described)
                parts.append(entity)
            else:
                entity = self._outside(row["path"], row["sha256"], size, license=licence)
            self.files[path] = self.documents[row["document"]] = entity
        if place == Path():
            self.crate.root_dataset.append_to("hasPart", parts)
        elif is_inside:
            self._folder(place.as_posix())["name"] = "Input documents"

    def _outside(self, name: str, sha256: str, size: int | None, **properties: Any) -> Any:
        """Add a file that is not in the crate, by its content; two files of the same content are one."""
        from rocrate.model.data_entity import DataEntity

        if not sha256:  # it could not be read
            return self._add(f"#unread/{quote(name)}", "CreativeWork", name=name)
        identifier = content_uri(sha256)
        if identifier in self.entities:
            same = self.entities[identifier]
            if name != same["name"]:
                same.append_to("alternateName", name)
            return same
        properties = _described(name, sha256, size, description="Not in the folder of this crate", **properties)
        self.entities[identifier] = self.crate.add(
            DataEntity(self.crate, identifier, properties={"@type": "File", **properties})
        )
        return self.entities[identifier]

    def _base_model(self) -> list[Any]:
        """Add the base model, and return what stands for it: its files are one thing that jobs read."""
        base, paths = self.sources.lineage["base_model"], self.sources.base_files
        if not paths:
            uri = f"https://huggingface.co/{quote(base['name'])}/tree/{quote(base['revision'])}"
            return [self._add(uri, "CreativeWork", name=base["name"], version=base["revision"])]
        parts = []
        for path in sorted(paths):
            place = self.sources.root / path
            digest = base["files"].get(path.name) or files.sha256_file(place)
            if _is_below(path):
                parts.append(self._file(path.as_posix(), digest))
            else:
                parts.append(self._outside(f"{base['name']}/{path.name}", digest, place.stat().st_size))
        model = self._add("#base-model", ["Collection", "CreativeWork"], name=base["name"], version=base["revision"])
        model["hasPart"] = _single(parts)
        model["mainEntity"] = next((part for part in parts if part["name"].endswith(".safetensors")), parts[0])
        self.files |= {path.as_posix(): model for path in paths}
        return [model]

    def _workflow(self) -> Any:
        from rocrate.model.computationalworkflow import ComputationalWorkflow

        snakefile, *rules = self.sources.workflow
        licence = self._add(_AGPL, "CreativeWork", name="GNU Affero General Public License v3.0 or later")
        kind = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]}
        path = snakefile.as_posix()
        place = self.sources.root / path
        described = _described(path, files.sha256_file(place), place.stat().st_size)
        workflow = self.crate.add(
            ComputationalWorkflow(self.crate, dest_path=path, properties=kind | described | {"name": "scribetune"})
        )
        workflow["encodingFormat"] = "text/plain"
        workflow["conformsTo"] = {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"}
        workflow["description"] = (
            "A folder of PDFs to a document-OCR model fine-tuned for it, with evidence and lineage"
        )
        workflow["programmingLanguage"] = self.language
        workflow["version"] = self.sources.lineage["scribetune"]
        workflow["license"] = licence
        workflow["softwareRequirements"] = [
            self._add(
                f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}",  # a package URL (purl)
                "SoftwareApplication",
                name=name,
                softwareVersion=version,
            )
            for name, version in sorted(self.sources.lineage["environment"]["libraries"].items())
            if version != "not installed"
        ]
        self.crate.root_dataset["mainEntity"] = workflow
        self.files[path] = workflow
        for rule in rules:
            self._file(rule.as_posix(), encodingFormat="text/plain", description="Rules that the Snakefile includes")
        return workflow

    def _jobs(self, workflow: Any, parameters: _Parameters) -> tuple[list[Any], list[Any]]:
        """Add the rules, and the runs of their jobs; return the runs and what started them."""
        tools: dict[str, Any] = {}
        steps: dict[str, Any] = {}
        actions, controls = [], []
        for receipt in self.sources.receipts:
            rule = receipt.rule
            if rule not in tools:
                tools[rule] = self._tool(receipt, parameters)
                steps[rule] = self._add(
                    f"#step/{rule}", "HowToStep", name=rule, position=str(len(tools)), workExample=tools[rule]
                )
            actions.append(self._action(receipt, tools[rule], parameters))
            controls.append(
                self._add(
                    f"#control/{receipt.job}",
                    "ControlAction",
                    name=f"start {receipt.job}",
                    instrument=steps[rule],
                    object=actions[-1],
                    actionStatus=_COMPLETED,
                )
            )
        workflow["hasPart"], workflow["step"] = list(tools.values()), list(steps.values())
        return actions, controls

    def _parameter(self, name: str) -> tuple[Any, Any]:
        """Add a configuration key and the value it had, and return both."""
        value = self.settings[name]
        formal = self._add(
            f"#parameter/{name}",
            "FormalParameter",
            name=name,
            additionalType=_data_type(value),
            conformsTo=_FORMAL_PARAMETER,
            description=self.meanings.get(name),
        )
        shown = value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
        held = self._add(f"#value/{name}", "PropertyValue", name=name, exampleOfWork=formal)
        held["value"] = shown
        formal["workExample"] = held
        return formal, held

    def _tool(self, receipt: Receipt, parameters: _Parameters) -> Any:
        tool = self._add(
            f"#rule/{receipt.rule}",
            "SoftwareSourceCode",
            name=receipt.rule,
            version=f"{self.sources.lineage['scribetune']}, code {receipt.code}",
            description=self.sources.descriptions.get(receipt.rule, ""),
        )
        formal = [parameters[name][0] for name in _settings(receipt)]
        if formal:
            tool["input"] = _single(formal)
        return tool

    def _action(self, receipt: Receipt, tool: Any, parameters: _Parameters) -> Any:
        read = [self._file(path, sha256) for path, sha256 in receipt.inputs.items() if sha256]
        # Documents that are named to a job, which their manifests stand for as inputs.
        named = [document for document in receipt.settings.get("documents", {}) if document in self.documents]
        read += [self.documents[document] for document in named]
        if self.sources.lineage["base_model"]["name"] in receipt.settings.values():
            read += self.base  # of the hub: no file
        made = [self._file(path, sha256) for path, sha256 in receipt.outputs.items()]
        if receipt.folder and receipt.folder != layout.REPLAY:
            made.append(self._folder(receipt.folder))
        if _METRICS in receipt.outputs:
            made += self._metrics()
        given = [parameters[name][1] for name in _settings(receipt)]
        return self._add(
            f"#run/{receipt.job}",
            "CreateAction",
            name=receipt.job,
            description=self.sources.descriptions.get(receipt.rule, ""),
            instrument=tool,
            object=[*_distinct(read), *given],
            result=_distinct(made),
            actionStatus=_COMPLETED,
        )

    def _metrics(self) -> list[Any]:
        """Add the scores of base and tuned model."""
        scores = []
        for model in ("base", "tuned"):
            for key, value in sorted(self.sources.lineage.get("metrics", {}).get(model, {}).items()):
                if isinstance(value, int | float):
                    scores.append(
                        self._add(f"#metric/{model}/{key}", "PropertyValue", name=f"{key} of the {model} model")
                    )
                    scores[-1]["value"] = value
        return scores

    def _results(self) -> dict[str, Any]:
        """Return what the workflow is run for, by path."""
        return {path: self.folders[path[:-1]] if path.endswith("/") else self._file(path) for path in _RESULTS}

    def _outputs(self) -> list[Any]:
        """Add what the workflow is run for as its parameters."""
        added = []
        for path, entity in self._results().items():
            formal = self._add(
                f"#output/{path.rstrip('/')}",
                "FormalParameter",
                name=path.rstrip("/"),
                additionalType=_RESULTS[path],
                conformsTo=_FORMAL_PARAMETER,
                workExample=entity,
            )
            entity["exampleOfWork"] = formal
            added.append(formal)
        return added

    def _run(self, workflow: Any, values: Sequence[Any]) -> Any:
        """Add the run of the workflow as a whole."""
        folder = self.folders.get(Path(self.sources.raw).as_posix())
        read = [folder] if folder else _distinct(self.documents[document] for document in sorted(self.documents))
        return self._add(
            "#run",
            "CreateAction",
            name="The build",
            description="The run of the whole workflow",
            instrument=workflow,
            object=[*read, *self.base, *values],
            result=list(self._results().values()),
            actionStatus=_COMPLETED,
        )

    def _engine(self, controls: Sequence[Any], run: Any) -> None:
        engine = self._add(
            "https://snakemake.readthedocs.io/",
            "SoftwareApplication",
            name="Snakemake",
            softwareVersion=self.sources.engine_version,
            url={"@id": "https://snakemake.readthedocs.io/"},
        )
        self._add(
            "#orchestration",
            "OrganizeAction",
            name="Orchestration by Snakemake",
            instrument=engine,
            object=list(controls),
            result=run,
            actionStatus=_COMPLETED,
        )


def _described(path: str, sha256: str, size: int | None, **properties: Any) -> dict[str, Any]:
    """Return a file's properties; what is not known is left out."""
    kind = _MEDIA_TYPES.get(Path(path).suffix.lower(), "application/octet-stream")
    given = {"name": path, "sha256": sha256, "contentSize": "" if size is None else str(size), "encodingFormat": kind}
    values = {**given, **properties}
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def _single(value: Any) -> Any:
    """Return the one element of a list of one: RO-Crate 1.1 wants single values bare."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _licence(cell: str) -> Any:
    """Return a licence as the sheet names it: a link where it is one, else the words."""
    name = cell.strip()
    return {"@id": name} if name.startswith(("https://", "http://")) and " " not in name else name


def _settings(receipt: Receipt) -> dict[str, Any]:
    """Return {dotted key: value} of the configuration that a job was given."""
    return config.flatten(merged(receipt.settings.get(name, {}) for name in CONFIGURATION))


def _data_type(value: Any) -> str:
    kinds: tuple[tuple[type, str], ...] = ((bool, "Boolean"), (int, "Integer"), (float, "Float"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "Text")


def _distinct(entities: Iterable[Any]) -> list[Any]:
    """Return the entities, each once: files of one content outside of the crate are one entity."""
    return list({entity.id: entity for entity in entities}.values())
