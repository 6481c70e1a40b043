"""Train the adapter: models/adapter/ with its log and its lineage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune import training
from scribetune.audit import lineage
from scribetune.core import files, layout, manifests
from scribetune.core.config import Config, restrict
from scribetune.dataset import replay, selection
from scribetune.record import provenance, trackers
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    config: Config,
    base_path: str,
    base_files: Sequence[str],
    split_files: Mapping[str, Path],
    assignment_manifest: Path,
    selection_manifest: Path,
    document_manifests: Sequence[str],
    history: Mapping[str, Any],
    adapter_folder: Path,
    gpus: int,
    replayed: Path | None = None,
) -> None:
    """Train, then write down what the adapter was made from.

    Args:
        config: The keys of training.
        base_path: Folder or hub id to load.
        base_files: Files of a local base model.
        split_files: Split → its JSONL.
        assignment_manifest: Which document went where.
        selection_manifest: Which pages were accepted.
        document_manifests: Documents of every shard.
        history: "configuration", "code" and "environment" of this stage and those before it.
        adapter_folder: Where the adapter goes: an empty folder.
        gpus: Most GPUs to train on.
        replayed: Records of pages outside the domain that are learned along.
    """
    pages = manifests.rows(manifests.read([selection_manifest], selection.SELECTION_TEXT_COLUMNS))
    sources = lineage.Sources(
        records={name: files.read_jsonl(path) for name, path in split_files.items()},
        assignments=manifests.rows(manifests.read([assignment_manifest], ("document", "split", "cluster"))),
        documents=manifests.rows(manifests.read(map(Path, document_manifests), selection.DOCUMENT_TEXT_COLUMNS)),
        reviewers={selection.page_id(row["document"], int(row["page"])): row["reviewer"] for row in pages},
        configuration=history["configuration"],
        code=history["code"],
        environment=history["environment"],
        lock=provenance.lock_in_use().name,
        base=lineage.base_model(config.base_model.name, config.base_model.revision, map(Path, base_files)),
    )
    work = training.WorkFolders(
        checkpoint_folder(sources, config),
        Path(layout.VISION),
        curves_folder(sources, config),
        _name(sources, config) if config.report.trackers else "",
    )
    with replay.mixed_in(split_files["train"], replayed, work.checkpoints.parent) as learned:
        result = training.train(
            config,
            base_path,
            learned,
            split_files["validation"],
            adapter_folder,
            work,
            processes=training.number_of_processes(config.train, gpus),
        )
    if config.report.trackers:
        trackers.note_run(adapter_folder / "adapter_model.safetensors", _name(sources, config))
    made = [path for path in sorted(adapter_folder.iterdir()) if path.name not in ("lineage.json", "README.md")]
    record = lineage.of_adapter(sources, lineage.training_facts(result), made)
    if replayed is not None:
        count = len(files.read_jsonl(replayed))
        record["replay"] = {"share": config.train.replay, "pages": count, "sha256": files.sha256_file(replayed)}
    files.write_json(adapter_folder / "lineage.json", record)


def checkpoint_folder(sources: lineage.Sources, config: Config) -> Path:
    """Return a folder named by everything that decides about the training: another training never resumes from it."""
    return Path(layout.CHECKPOINTS) / _name(sources, config)


def curves_folder(sources: lineage.Sources, config: Config) -> Path:
    """Return the folder of this training's TensorBoard curves."""
    return Path(layout.TENSORBOARD) / _name(sources, config)


def _name(sources: lineage.Sources, config: Config) -> str:
    decisive = {
        "records": sources.records["train"],
        "validation": sources.records["validation"],
        "base": sources.base,
        "config": config.decisive(),
        "code": sources.code,
        "environment": sources.environment,
    }
    return files.sha256_json(decisive)[:16]


if __name__ == "__main__":
    with rule_job(snakemake), files.in_place_of(Path(snakemake.output.weights).parent) as new_folder:
        main(
            config=restrict(snakemake.params.settings, snakemake.config),
            base_path=snakemake.params.base_path,
            base_files=snakemake.input.base,
            split_files={
                "train": Path(snakemake.input.train),
                "validation": Path(snakemake.input.validation),
                "test": Path(snakemake.input.test),
            },
            assignment_manifest=Path(snakemake.input.assignments),
            selection_manifest=Path(snakemake.input.selection),
            document_manifests=snakemake.input.documents,
            history={
                "configuration": {**snakemake.params.configuration, **snakemake.params.settings},
                "code": {**snakemake.params.codes, "train_adapter": snakemake.params.code},
                "environment": snakemake.params.environment,
            },
            adapter_folder=new_folder,
            gpus=snakemake.resources.gpu,
            replayed=next(map(Path, snakemake.input.replay), None),
        )
