"""Say where the blocks of a shard's labels stand on their pages: a record for each page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files, manifests
from scribetune.core.config import restrict
from scribetune.dataset.selection import LABEL_TEXT_COLUMNS
from scribetune.documents.inputs import identify, open_passwords
from scribetune.labels import block_shard
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    raw: str,
    identities: Mapping[str, Sequence[str]],
    label_manifest: Path,
    timeout_s_per_page: float,
    workers: int,
    target: Path,
) -> None:
    """Place the blocks of every labelled page."""
    documents, variables = identify(raw, identities)
    labels = manifests.rows(manifests.read([label_manifest], LABEL_TEXT_COLUMNS))
    records = block_shard.place_shard(documents, labels, open_passwords(variables), timeout_s_per_page, workers)
    files.write_jsonl(target, records)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            snakemake.params.raw,
            snakemake.params.documents,
            Path(snakemake.input.labels),
            restrict(snakemake.params.settings).documents.timeout_s_per_page,
            snakemake.threads,
            Path(snakemake.output.blocks),
        )
