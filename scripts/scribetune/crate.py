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

from scribetune import config, files, layout

METADATA = "ro-crate-metadata.json"
WORKFLOW_COPY = "reports/workflow"
"""Where a build outside of the repository keeps a copy of Snakefile and rules: a crate must hold its workflow."""

PDFS = "<PDFs>"
BASE = "<base model>"
TRUTH = "<truth>"
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


@dataclass(frozen=True)
class Step:
    """A rule of the workflow; tests compare these with the rules.

    Attributes:
        rule: Its name.
        does: What it does.
        inputs: Paths below the working directory, `PDFS`, `BASE` and `TRUTH`. A path with `{shard}` stands for the
            job's shard where the rule has a job per shard, else for all; a folder ends with `/`.
        outputs: Likewise.
        settings: Configuration keys that it reads: "pages", or "train.machine.precision" for one key of a section.
        sharded: There is a job per shard.
        by_benchmark: There is a job per public benchmark; a path with `{benchmark}` stands for the job's, else for all.
    """

    rule: str
    does: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: tuple[str, ...] = ()
    sharded: bool = False
    by_benchmark: bool = False


_DOCUMENTS, _PAGES, _LABELS = (f"data/manifests/{stage}/{{shard}}.csv" for stage in ("documents", "pages", "labels"))
_SELECTION, _ASSIGNMENTS = "data/manifests/selection/all.csv", "data/manifests/splits/all.csv"
_SPLITS = tuple(f"data/splits/{split}.jsonl" for split in ("train", "validation", "test"))
_TEST = _SPLITS[-1]
_WEIGHTS, _ADAPTER_CONFIG, _TRAINING_LOG, _ADAPTER_LINEAGE = (
    f"models/adapter/{name}"
    for name in ("adapter_model.safetensors", "adapter_config.json", "training_log.csv", "lineage.json")
)
_PROOF, _RETENTION = "models/merged/merge_proof.json", "data/retention/pages.jsonl"
_BASE_PREDICTIONS, _TUNED_PREDICTIONS, _BASE_RETENTION, _TUNED_RETENTION = (
    f"reports/predictions/{name}.jsonl" for name in ("base", "tuned", "base_retention", "tuned_retention")
)
_SAMPLES, _METRICS, _DOCUMENT_REPORT, _LINEAGE, _REPORT = (
    f"reports/{name}" for name in ("samples.csv", "metrics.json", "documents.csv", "lineage.json", "index.html")
)
_BENCHMARK_MANIFEST, _BENCHMARK_RECORDS = (
    f"{layout.BENCHMARKS}/{name}" for name in ("manifests/{benchmark}.csv", "records/{benchmark}.jsonl")
)
_BENCHMARK_BASE, _BENCHMARK_TUNED, _BENCHMARK_SAMPLES, _BENCHMARK_SCORES = (
    f"{layout.BENCHMARK_REPORTS}/{{benchmark}}/{name}"
    for name in ("base.jsonl", "tuned.jsonl", "samples.csv", "scores.json")
)
_PREDICTING = ("generate", "base_model", "task", "train.machine.cpu_threads", "train.machine.precision")

STEPS = (
    Step("make_samples", "Typeset the sample corpus", (), (PDFS,), ("samples",)),
    Step(
        "render_pages",
        "Render every page as an image",
        (PDFS,),
        (_DOCUMENTS, _PAGES, "data/pages/"),
        (
            "pages",
            "documents.timeout_s_per_page",
            "documents.memory_mb",
            "documents.max_megapixels",
            "documents.max_pages",
            "selection.max_unmapped_share",
            "selection.max_invisible_share",
            "selection.max_hidden_share",
        ),
        sharded=True,
    ),
    Step(
        "label_pages",
        "Extract a Markdown label of every page; human labels override",
        (_DOCUMENTS, _PAGES, PDFS),
        (_LABELS, "data/labels/"),
        ("labels", "documents.timeout_s_per_page"),
        sharded=True,
    ),
    Step(
        "select_pages",
        "Accept or refuse each page, with a reason",
        (_DOCUMENTS, _PAGES, _LABELS),
        (_SELECTION, _DOCUMENT_REPORT),
        ("selection",),
    ),
    Step(
        "split_documents",
        "Split the documents into train, validation and test",
        (_SELECTION, _DOCUMENTS),
        (*_SPLITS, _ASSIGNMENTS),
        ("splits",),
    ),
    Step(
        "train_adapter",
        "Train the LoRA adapter",
        (*_SPLITS, _ASSIGNMENTS, _SELECTION, _DOCUMENTS, BASE),
        (_WEIGHTS, _ADAPTER_CONFIG, _TRAINING_LOG, _ADAPTER_LINEAGE),
        # Besides what it reads itself: what its lineage says of the stages before it.
        ("train", "task", "base_model", "pages", "labels", "selection", "splits", "documents.timeout_s_per_page"),
    ),
    Step(
        "write_adapter_card",
        "Write the adapter's model card",
        (_ADAPTER_LINEAGE, _DOCUMENT_REPORT, *_SPLITS),
        ("models/adapter/README.md",),
    ),
    Step(
        "merge_adapter",
        "Add the adapter to the base weights, and prove it",
        (_WEIGHTS, _ADAPTER_CONFIG, BASE, *_SPLITS[1:]),
        (_PROOF, "models/merged/"),
        ("merge", "base_model", "task", "train.machine.cpu_threads"),
    ),
    Step(
        "make_retention",
        "Typeset plain-text pages on which forgetting shows",
        (),
        (_RETENTION,),
        ("retention", "pages.long_side_px"),
    ),
    Step(
        "predict_base",
        "Read the test pages with the base model",
        (_TEST, _RETENTION, BASE),
        (_BASE_PREDICTIONS, _BASE_RETENTION),
        _PREDICTING,
    ),
    Step(
        "predict_tuned",
        "Read the test pages with the merged model",
        (_TEST, _RETENTION, _PROOF),
        (_TUNED_PREDICTIONS, _TUNED_RETENTION),
        _PREDICTING,
    ),
    Step(
        "score_predictions",
        "Score base and tuned model against the labels",
        (_TEST, _BASE_PREDICTIONS, _TUNED_PREDICTIONS, _RETENTION, _BASE_RETENTION, _TUNED_RETENTION),
        (_SAMPLES, _METRICS),
        ("gate",),
    ),
    Step(
        "write_report",
        "Write the report people read",
        (
            _SAMPLES,
            _METRICS,
            *_SPLITS,
            _BASE_PREDICTIONS,
            _TUNED_PREDICTIONS,
            _DOCUMENT_REPORT,
            _SELECTION,
            _LABELS,
            _TRAINING_LOG,
            _ADAPTER_LINEAGE,
            _PROOF,
            _BENCHMARK_SCORES,
        ),
        (_REPORT,),
        ("report",),
    ),
    Step(
        "write_lineage",
        "Join the records of the stages into the audit",
        (
            _ADAPTER_LINEAGE,
            _PROOF,
            _METRICS,
            *_SPLITS,
            _DOCUMENTS,
            _PAGES,
            _LABELS,
            _SELECTION,
            _ASSIGNMENTS,
            _RETENTION,
            _BASE_PREDICTIONS,
            _BASE_RETENTION,
            _TUNED_PREDICTIONS,
            _TUNED_RETENTION,
            _DOCUMENT_REPORT,
            _SAMPLES,
            _BENCHMARK_MANIFEST,
            _BENCHMARK_RECORDS,
            _BENCHMARK_BASE,
            _BENCHMARK_TUNED,
            _BENCHMARK_SAMPLES,
            _BENCHMARK_SCORES,
        ),
        (_LINEAGE,),
        ("generate",),
    ),
    Step(
        "write_model_card",
        "Write the adapter's model card with its scores",
        (_LINEAGE, _DOCUMENT_REPORT, *_SPLITS),
        ("reports/model_card.md",),
    ),
)
"""Every rule behind `all` but the one that writes the crate, in an order in which they can run; see `steps`."""

BENCHMARK_STEPS = (
    Step(
        "prepare_benchmark",
        "Prepare the page images of a public benchmark",
        (TRUTH,),
        (_BENCHMARK_MANIFEST, _BENCHMARK_RECORDS),
        ("pages", "documents.timeout_s_per_page", "documents.memory_mb", "documents.max_megapixels"),
        by_benchmark=True,
    ),
    Step(
        "predict_benchmark_base",
        "Read a public benchmark with the base model",
        (_BENCHMARK_RECORDS, BASE),
        (_BENCHMARK_BASE,),
        _PREDICTING,
        by_benchmark=True,
    ),
    Step(
        "predict_benchmark_tuned",
        "Read a public benchmark with the merged model",
        (_BENCHMARK_RECORDS, _PROOF),
        (_BENCHMARK_TUNED,),
        _PREDICTING,
        by_benchmark=True,
    ),
    Step(
        "score_benchmark",
        "Score base and tuned model on a public benchmark",
        (TRUTH, _BENCHMARK_MANIFEST, _BENCHMARK_RECORDS, _BENCHMARK_BASE, _BENCHMARK_TUNED, *_SPLITS[:2]),
        (_BENCHMARK_SAMPLES, _BENCHMARK_SCORES),
        ("selection.duplicate_similarity",),
        by_benchmark=True,
    ),
)
"""The rules that a build with public benchmarks has besides."""


def steps(benchmarks: Iterable[str] = ()) -> list[Step]:
    """Return the steps of a build, those of its public benchmarks before what reports on them."""
    first = next(number for number, step in enumerate(STEPS) if step.rule == "write_report")
    return [*STEPS[:first], *(BENCHMARK_STEPS if list(benchmarks) else ()), *STEPS[first:]]


# A table of its own: what `mimetypes` says depends on the machine, and so would the crate's bytes.
_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
}
_TOLD = {
    _DOCUMENT_REPORT: "What became of every input document",
    _SELECTION: "Which pages were accepted, and why others were refused",
    _ASSIGNMENTS: "Which document went to which split",
    _ADAPTER_LINEAGE: "What the adapter was made from: documents, pages, configuration, code, environment, hardware",
    _LINEAGE: "The audit: lineage of the adapter, merged model, scores, hashes",
    _PROOF: "Proof that the merged weights are the base's plus the adapter",
    _METRICS: "Scores of base and tuned model",
    _SAMPLES: "Scores of every test page",
    _REPORT: "The report people read",
    "reports/model_card.md": "Hugging Face model card of the adapter, with scores",
    "models/adapter/README.md": "Hugging Face model card of the adapter, without scores",
}


@dataclass(frozen=True)
class CrateSources:
    """What a crate is written from.

    Attributes:
        root: The build's working directory.
        raw: Folder of the PDFs: relative to the root, or absolute.
        lineage: reports/lineage.json.
        documents: Rows of reports/documents.csv.
        shards: Shard → ids of its documents.
        has_samples: The sample corpus stands in for the user's PDFs.
        base_files: Files of a local base model, relative to the root or absolute.
        settings: {section: {key: value}} of every key that a step reads.
        codes: Rule → digest of its code.
        workflow: The Snakefile and its rules, below the root; the Snakefile first.
        engine_version: Snakemake's.
    """

    root: Path
    raw: str
    lineage: Mapping[str, Any]
    documents: Sequence[Mapping[str, str]]
    shards: Mapping[str, Sequence[str]]
    has_samples: bool
    base_files: Sequence[Path]
    settings: Mapping[str, Mapping[str, Any]]
    codes: Mapping[str, str]
    workflow: Sequence[Path]
    engine_version: str


def input_files(shards: Iterable[str], benchmarks: Iterable[str] = ()) -> list[str]:
    """Return the paths of the files that the steps make, and that the crate therefore hashes."""
    shard_names, names = list(shards), list(benchmarks)
    paths = [path for step in steps(names) for path in step.outputs if path != PDFS and not path.endswith("/")]
    return sorted({one for path in paths for one in _expand(path, shard_names, names)})


def all_settings(benchmarks: Iterable[str] = ()) -> list[str]:
    """Return the configuration keys that any step reads, for the rule's `params`."""
    return sorted({name for step in steps(benchmarks) for name in step.settings})


def workflow_copies(snakefile: Path, rules: Iterable[Path]) -> list[str]:
    """Return where copies of the workflow go; [] where the working directory is the repository, which holds it."""
    if snakefile.resolve().parent == Path().resolve():
        return []
    return [f"{WORKFLOW_COPY}/{snakefile.name}", *(f"{WORKFLOW_COPY}/rules/{path.name}" for path in sorted(rules))]


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


def _expand(path: str, shards: Sequence[str], benchmarks: Sequence[str]) -> list[str]:
    for key, names in (("{shard}", shards), ("{benchmark}", benchmarks)):
        if key in path:
            return [path.replace(key, name) for name in names]
    return [path]


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
        self.hashes = self._known_hashes()
        self.settings = config.flatten(sources.settings)
        described = config.keys()
        self.meanings = {f"{section}.{key}": field.description for section, key, field in described}
        self.pdfs: dict[str, Any] = {}
        self.corrections: list[Any] = []
        self.benchmarks: list[str] = sorted(sources.lineage.get("benchmarks", {}))

    def written(self) -> dict[str, Any]:
        """Add everything, and return the metadata."""
        self._root()
        workflow = self._workflow()
        self._datasets()
        self.pdfs = self._documents()
        self.base = self._base_model()
        self.entities[f"{layout.ADAPTER}/"]["isBasedOn"] = _single(self.base)
        self.entities[f"{layout.MERGED}/"]["isBasedOn"] = [*self.base, self.entities[f"{layout.ADAPTER}/"]]
        parameters = {name: self._parameter(name) for name in self._keys(all_settings(self.benchmarks))}
        actions, steps, controls, tools = [], [], [], []
        for position, step in enumerate(self._steps(), start=1):
            tool = self._tool(step, parameters)
            how = self._add(f"#step/{step.rule}", "HowToStep", name=step.rule, position=str(position), workExample=tool)
            tools.append(tool)
            steps.append(how)
            for part in self._parts(step):
                action = self._action(step, part, tool, parameters)
                name = f"{step.rule}/{part}" if part else step.rule
                controls.append(
                    self._add(
                        f"#control/{name}",
                        "ControlAction",
                        name=f"start {name}",
                        instrument=how,
                        object=action,
                        actionStatus=_COMPLETED,
                    )
                )
                actions.append(action)
        workflow["hasPart"] = tools
        workflow["step"] = steps
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
        self.crate.metadata["conformsTo"] = [
            {"@id": "https://w3id.org/ro/crate/1.1"},
            {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
        ]
        pages = len(lineage["pages"])
        root["name"] = f"scribetune build from {len(lineage['documents'])} documents"
        root["description"] = (
            f"A LoRA adapter and a merged model for document OCR, made by scribetune {lineage['scribetune']} from "
            f"{pages} pages of {len(lineage['documents'])} documents, with what every step read and made. "
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

    def _known_hashes(self) -> dict[str, str]:
        """Return {path: SHA-256} of what the lineage has hashed already: weights can be large."""
        lineage = self.sources.lineage
        known = {f"{layout.ADAPTER}/{name}": digest for name, digest in lineage["adapter"].items()}
        merged = lineage.get("merged", {}).get("merged", {}).get("sha256", {})
        return known | {f"{layout.MERGED}/{name}": digest for name, digest in merged.items()}

    def _file(self, path: str, sha256: str = "", **properties: Any) -> Any:
        """Add a file below the root as a part of it."""
        from rocrate.model.file import File

        if path not in self.entities:
            place = self.sources.root / path
            properties = {"description": _TOLD.get(path, "")} | properties
            self.entities[path] = self.crate.add(
                File(
                    self.crate,
                    dest_path=path,
                    properties=_described(
                        path,
                        sha256 or self.hashes.get(path) or files.sha256_file(place),
                        place.stat().st_size,
                        **properties,
                    ),
                )
            )
        return self.entities[path]

    def _datasets(self) -> None:
        """Add the folders, each with the files in it that are listed."""
        for path, name, told in (
            ("data/pages", "Page images", "Listed with their SHA-256 in data/manifests/pages"),
            ("data/labels", "Markdown labels", "Listed with their SHA-256 in data/manifests/labels"),
            (layout.ADAPTER, "LoRA adapter (PEFT)", ""),
            (layout.MERGED, "Base model with the adapter merged in", ""),
        ):
            self._folder(path, name, told)
        corrections = Path(self.sources.settings.get("labels", {}).get("corrections", ""))
        corrected = any(page["label_source"] == "correction" for page in self.sources.lineage["pages"])
        if corrected and _is_below(corrections) and (self.sources.root / corrections).is_dir():
            told = "Listed with their SHA-256 and reviewers in data/manifests/labels"
            self.corrections = [self._folder(corrections.as_posix(), "Human labels", told)]
        for path in sorted(self.hashes):
            self._file(path)
        for folder in (layout.ADAPTER, layout.MERGED):
            inside = {path for path in [*self.hashes, *input_files(())] if path.startswith(f"{folder}/")}
            self.entities[f"{folder}/"]["hasPart"] = _single([self._file(path) for path in sorted(inside)])

    def _folder(self, path: str, name: str, description: str = "") -> Any:
        from rocrate.model.dataset import Dataset

        told = {"name": name} | ({"description": description} if description else {})
        self.entities[f"{path}/"] = self.crate.add(Dataset(self.crate, dest_path=path, properties=told))
        return self.entities[f"{path}/"]

    def _documents(self) -> dict[str, Any]:
        """Add every input PDF, and return {document id: entity}."""
        place = Path(self.sources.raw)
        is_inside = place == Path() or _is_below(place)
        found: dict[str, Any] = {}
        parts = []
        for row in sorted(self.sources.documents, key=lambda row: row["document"]):
            inside = (place / row["path"]).as_posix()
            licence = _licence(row.get("licence", ""))
            size = int(row["bytes"] or 0)
            if is_inside:
                entity = self._add(
                    quote(inside), "File", **_described(row["path"], row["sha256"], size, license=licence)
                )
                parts.append(entity)
            else:
                entity = self._outside(row["path"], row["sha256"], size, license=licence)
            found[row["document"]] = entity
        if place == Path():
            self.crate.root_dataset.append_to("hasPart", parts)
        elif is_inside:
            self._folder(place.as_posix(), "Input documents")["hasPart"] = _single(parts)
        return found

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
        told = _described(name, sha256, size, description="Not in the folder of this crate", **properties)
        self.entities[identifier] = self.crate.add(
            DataEntity(self.crate, identifier, properties={"@type": "File", **told})
        )
        return self.entities[identifier]

    def _base_model(self) -> list[Any]:
        """Add the base model, and return the entities that steps read."""
        base, paths = self.sources.lineage["base_model"], self.sources.base_files
        if not paths:
            uri = f"https://huggingface.co/{quote(base['name'])}/tree/{quote(base['revision'])}"
            return [self._add(uri, "CreativeWork", name=base["name"], version=base["revision"])]
        parts = []
        for path in sorted(paths):
            digest = base["files"].get(path.name) or files.sha256_file(self.sources.root / path)
            if not _is_below(path):
                size = (self.sources.root / path).stat().st_size
                parts.append(self._outside(f"{base['name']}/{path.name}", digest, size))
            else:
                parts.append(self._file(path.as_posix(), digest))
        model = self._add("#base-model", ["Collection", "CreativeWork"], name=base["name"], version=base["revision"])
        model["hasPart"] = _single(parts)
        model["mainEntity"] = next((part for part in parts if part["name"].endswith(".safetensors")), parts[0])
        return [model]

    def _workflow(self) -> Any:
        from rocrate.model.computationalworkflow import ComputationalWorkflow

        snakefile, *rules = self.sources.workflow
        licence = self._add(_AGPL, "CreativeWork", name="GNU Affero General Public License v3.0 or later")
        kind = {"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]}
        path = snakefile.as_posix()
        told = _described(path, files.sha256_file(self.sources.root / path), (self.sources.root / path).stat().st_size)
        workflow = self.crate.add(
            ComputationalWorkflow(self.crate, dest_path=path, properties=kind | told | {"name": "scribetune"})
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
                f"https://pypi.org/project/{quote(name)}/{quote(version)}/",
                "SoftwareApplication",
                name=name,
                softwareVersion=version,
                url={"@id": f"https://pypi.org/project/{quote(name)}/"},
            )
            for name, version in sorted(self.sources.lineage["environment"]["libraries"].items())
            if version != "not installed"
        ]
        self.crate.root_dataset["mainEntity"] = workflow
        self.entities[path] = workflow
        for rule in rules:
            self._file(rule.as_posix(), encodingFormat="text/plain", description="Rules that the Snakefile includes")
        return workflow

    def _steps(self) -> list[Step]:
        return [step for step in steps(self.benchmarks) if self.sources.has_samples or step.rule != "make_samples"]

    def _parts(self, step: Step) -> list[str]:
        """Return the shards or benchmarks that a step has a job for; [""] for one job."""
        if step.by_benchmark:
            return self.benchmarks
        return sorted(self.sources.shards) if step.sharded else [""]

    def _keys(self, names: Iterable[str]) -> list[str]:
        """Return every configuration key that the names mean, such as "train.lora.rank"."""
        wanted = tuple(f"{name}." for name in names)
        return sorted(key for key in self.settings if f"{key}.".startswith(wanted))

    def _parameter(self, name: str) -> tuple[Any, Any]:
        """Add a configuration key and the value it had, and return both."""
        value = self.settings[name]
        told = self.meanings.get(name)
        formal = self._add(
            f"#parameter/{name}",
            "FormalParameter",
            name=name,
            additionalType=_data_type(value),
            conformsTo=_FORMAL_PARAMETER,
            description=told,
        )
        shown = value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
        held = self._add(f"#value/{name}", "PropertyValue", name=name, exampleOfWork=formal)
        held["value"] = shown
        formal["workExample"] = held
        return formal, held

    def _tool(self, step: Step, parameters: Mapping[str, tuple[Any, Any]]) -> Any:
        version = f"{self.sources.lineage['scribetune']}, code {self.sources.codes[step.rule]}"
        tool = self._add(
            f"#rule/{step.rule}", "SoftwareSourceCode", name=step.rule, version=version, description=step.does
        )
        formal = [parameters[name][0] for name in self._keys(step.settings)]
        if formal:
            tool["input"] = _single(formal)
        return tool

    def _action(self, step: Step, part: str, tool: Any, parameters: Mapping[str, tuple[Any, Any]]) -> Any:
        shard, benchmark = ("", part) if step.by_benchmark else (part, "")
        read = [entity for path in step.inputs for entity in self._meant(path, shard, benchmark)]
        made = [entity for path in step.outputs for entity in self._meant(path, shard, benchmark)]
        if step.rule == "label_pages":
            read += self.corrections
        if step.rule == "score_predictions":
            made += self._metrics()
        given = [parameters[name][1] for name in self._keys(step.settings)]
        name = f"{step.rule}/{part}" if part else step.rule
        return self._add(
            f"#run/{name}",
            "CreateAction",
            name=name,
            description=step.does,
            instrument=tool,
            object=[*read, *given],
            result=made,
            actionStatus=_COMPLETED,
        )

    def _meant(self, path: str, shard: str, benchmark: str = "") -> list[Any]:
        """Return the entities that a path of a step stands for, in the job of a shard or benchmark ("": of all)."""
        if path == TRUTH:
            truth = self.sources.lineage["benchmarks"][benchmark]["truth"]
            return [self._outside(f"{benchmark}/{name}", sha256, None) for name, sha256 in sorted(truth.items())]
        if path == BASE:
            return self.base
        if path == PDFS:
            wanted = self.sources.shards[shard] if shard else sorted(self.pdfs)
            return _distinct(self.pdfs[document] for document in wanted if document in self.pdfs)
        if path.endswith("/"):
            return [self.entities[path]]
        shards = [shard] if shard else sorted(self.sources.shards)
        return [self._file(one) for one in _expand(path, shards, [benchmark] if benchmark else self.benchmarks)]

    def _metrics(self) -> list[Any]:
        """Add the scores of base and tuned model."""
        found = []
        for model in ("base", "tuned"):
            for key, value in sorted(self.sources.lineage.get("metrics", {}).get(model, {}).items()):
                if isinstance(value, int | float):
                    score = self._add(f"#metric/{model}/{key}", "PropertyValue", name=f"{key} of the {model} model")
                    score["value"] = value
                    found.append(score)
        return found

    def _outputs(self) -> list[Any]:
        """Add what the workflow is run for."""
        added = []
        for path, kind in (
            (f"{layout.ADAPTER}/", "Dataset"),
            (f"{layout.MERGED}/", "Dataset"),
            (_METRICS, "File"),
            (_REPORT, "File"),
            (_LINEAGE, "File"),
        ):
            entity = self.entities[path]
            formal = self._add(
                f"#output/{path.rstrip('/')}",
                "FormalParameter",
                name=path.rstrip("/"),
                additionalType=kind,
                conformsTo=_FORMAL_PARAMETER,
                workExample=entity,
            )
            entity["exampleOfWork"] = formal
            added.append(formal)
        return added

    def _run(self, workflow: Any, values: Sequence[Any]) -> Any:
        """Add the run of the workflow as a whole."""
        base = self.base
        read = _distinct(self.pdfs[document] for document in sorted(self.pdfs))
        folder = self.entities.get(f"{Path(self.sources.raw).as_posix()}/")
        made = [f"{layout.ADAPTER}/", f"{layout.MERGED}/", _METRICS, _REPORT, _LINEAGE]
        return self._add(
            "#run",
            "CreateAction",
            name="The build",
            description="The run of the whole workflow",
            instrument=workflow,
            object=[*([folder] if folder else read), *base, *values],
            result=[self.entities[path] for path in made],
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
    told = {
        "name": path,
        "sha256": sha256,
        "contentSize": "" if size is None else str(size),
        "encodingFormat": kind,
        **properties,
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def _single(value: Any) -> Any:
    """Return the one element of a list of one: RO-Crate 1.1 wants single values bare."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _licence(said: str) -> Any:
    """Return a licence as the sheet says it: a link where it is one, else the words."""
    said = said.strip()
    return {"@id": said} if said.startswith(("https://", "http://")) and " " not in said else said


def _data_type(value: Any) -> str:
    kinds: tuple[tuple[type, str], ...] = ((bool, "Boolean"), (int, "Integer"), (float, "Float"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "Text")


def _distinct(entities: Iterable[Any]) -> list[Any]:
    """Return the entities, each once: files of one content outside of the crate are one entity."""
    return list({entity.id: entity for entity in entities}.values())
