"""Write the audit: reports/lineage.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.audit import lineage
from scribetune.core import files
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    adapter: Path,
    proof: Path,
    metrics: Path,
    outputs: Sequence[Path],
    generation: Mapping[str, Any],
    benchmarks: Sequence[Path],
    target: Path,
) -> None:
    """Join the records of the stages."""
    scores = [_read(path) for path in benchmarks]
    record = lineage.of_build(_read(adapter), _read(proof), _read(metrics), outputs, generation, scores)
    files.write_json(target, record)


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.input.adapter),
            Path(snakemake.input.proof),
            Path(snakemake.input.metrics),
            [
                Path(path)
                for path in (
                    snakemake.input.adapter,
                    snakemake.input.proof,
                    snakemake.input.metrics,
                    *snakemake.input.recorded,
                )
            ],
            snakemake.params.settings["generate"],
            [Path(path) for path in snakemake.input.benchmarks],
            Path(snakemake.output.lineage),
        )
