"""Render a shard's documents: page images below data/pages, a row for each document and each page in the manifests."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import manifests
from scribetune.core.config import restrict
from scribetune.documents import rendering
from scribetune.documents.inputs import identify, open_passwords
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    raw: str,
    identities: Mapping[str, Sequence[str]],
    settings: rendering.RenderSettings,
    workers: int,
    withdrawn: Mapping[str, str],
    document_manifest: Path,
    page_manifest: Path,
) -> None:
    """Render the documents below `raw` with `workers` processes, all but those withdrawn; write two manifests."""
    documents, variables = identify(raw, identities)
    rendered = rendering.render_shard(documents, open_passwords(variables), settings, workers, withdrawn, variables)
    manifests.write(
        document_manifest, [asdict(result.document) for result in rendered], manifests.columns_of(rendering.DocumentRow)
    )
    manifests.write(
        page_manifest,
        [asdict(row) for result in rendered for row in result.pages],
        manifests.columns_of(rendering.PageRow),
    )


if __name__ == "__main__":
    with rule_job(snakemake):
        config = restrict(snakemake.params.settings)
        main(
            snakemake.params.raw,
            snakemake.params.documents,
            rendering.RenderSettings(
                config.pages.long_side_px,
                config.pages.color,
                config.documents.timeout_s_per_page,
                snakemake.params.code,
                config.documents.memory_mb,
                config.documents.max_megapixels,
                config.documents.max_pages,
                rendering.LayerLimits(
                    config.selection.max_unmapped_share,
                    config.selection.max_invisible_share,
                    config.selection.max_hidden_share,
                ),
            ),
            snakemake.threads,
            snakemake.params.withdrawn,
            Path(snakemake.output.documents),
            Path(snakemake.output.pages),
        )
