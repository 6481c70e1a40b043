"""Measure one point of the learning curve: train on a part of the documents, read the test pages, score them."""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import training
from scribetune.core import files, layout
from scribetune.core.config import Config, restrict
from scribetune.dataset import subsets
from scribetune.evaluation import learning_curve
from scribetune.generation import adapted
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    config: Config, base_path: str, splits: tuple[Path, Path, Path], percent: int, seed: int, gpus: int
) -> learning_curve.Point:
    """Train as the build does, but on fewer documents and with another seed; the adapter is not kept.

    Args:
        config: The keys of training and reading.
        base_path: Folder or hub id to load.
        splits: Records of the training, validation and test pages.
        percent: Share of the training documents.
        seed: Of the choice of documents and of the training.
        gpus: Most GPUs to train on.
    """
    train, validation, test = splits
    config = config.model_copy(update={"train": config.train.model_copy(update={"seed": seed})})
    learned = subsets.of_documents(files.read_jsonl(train), percent, seed)
    # A folder of its own: what an interrupted training left goes on only in the training that it is of.
    work = Path(layout.CHECKPOINTS, f"learning-curve-{percent}-{seed}")
    with tempfile.TemporaryDirectory(dir=Path(layout.REPORTS)) as temporary:
        records, adapter = Path(temporary, "train.jsonl"), Path(temporary, "adapter")
        files.write_jsonl(records, learned)
        training.train(
            config,
            base_path,
            records,
            validation,
            adapter,
            training.WorkFolders(work, Path(layout.VISION)),
            processes=training.number_of_processes(config.train, gpus),
        )
        read = adapted.read(config, base_path, adapter, test)
    return learning_curve.Point.of(percent, seed, learned, files.read_jsonl(test), [asdict(one) for one in read])


if __name__ == "__main__":
    with rule_job(snakemake):
        percent, seed = map(int, snakemake.wildcards.point.split("-"))
        point = main(
            restrict(snakemake.params.settings, snakemake.config),
            snakemake.params.base_path,
            (Path(snakemake.input.train), Path(snakemake.input.validation), Path(snakemake.input.test)),
            percent,
            seed,
            snakemake.resources.gpu,
        )
        files.write_json(Path(snakemake.output.point), asdict(point))
