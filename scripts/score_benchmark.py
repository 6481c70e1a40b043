"""Score both models on a benchmark: reports/benchmarks/<name>/samples.csv (per page) and scores.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import csv_files, files
from scribetune.evaluation import scoring
from scribetune.evaluation import truth as evaluation_sets
from scribetune.evaluation.public import scores, sources
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    name: str,
    kind: str,
    truth: Path,
    manifest: Path,
    records: Path,
    base: Path,
    tuned: Path,
    learned: Sequence[Path],
    similarity: float,
    samples: Path,
    target: Path,
) -> None:
    """Compare what both models read with what is true, and tell which pages and records were left out."""
    refused: list[evaluation_sets.Refused] = []
    found = evaluation_sets.read(truth, kind, refused)
    pages = files.read_jsonl(records)
    read = scores.Read(
        truth=found,
        refused=refused,
        rows=csv_files.read(manifest),
        layers={str(page["id"]): str(page["layer"]) for page in pages},
        images={str(page["id"]): str(page["image_sha256"]) for page in pages},
        base=files.read_jsonl(base),
        tuned=files.read_jsonl(tuned),
        learned=[record for path in learned for record in files.read_jsonl(path)],
    )
    hashes = {path.name: files.sha256_file(path) for path in sources.truth_files(truth)}
    frame, result = scores.score(name, read, hashes, similarity)
    scoring.write_samples(frame, samples)
    files.write_json(target, result)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            snakemake.wildcards.benchmark,
            snakemake.params.benchmark["kind"],
            Path(snakemake.params.benchmark["truth"]),
            Path(snakemake.input.manifest),
            Path(snakemake.input.records),
            Path(snakemake.input.base),
            Path(snakemake.input.tuned),
            [Path(path) for path in snakemake.input.learned],
            snakemake.params.settings["selection"]["duplicate_similarity"],
            Path(snakemake.output.samples),
            Path(snakemake.output.scores),
        )
