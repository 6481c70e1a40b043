"""Label a shard's pages: Markdown below data/labels, a row for each page in the manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core import manifests
from scribetune.core.config import restrict
from scribetune.dataset.selection import DOCUMENT_TEXT_COLUMNS, PAGE_TEXT_COLUMNS
from scribetune.documents.inputs import identify, open_passwords
from scribetune.labels import agreement, shard
from scribetune.labels.corrections import corrections_by_page
from scribetune.labels.reader import LabelSettings
from scribetune.labels.rows import LabelRow
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    raw: str,
    identities: Mapping[str, Sequence[str]],
    document_manifest: Path,
    page_manifest: Path,
    corrections: Sequence[str],
    settings: LabelSettings,
    workers: int,
    label_manifest: Path,
) -> None:
    """Label the pages that were rendered, put corrections in place, write the manifest."""
    settings = replace(settings, agreement=agreement.reader_of(settings.agreement))
    agreement.require(settings.agreement, settings.agreement_languages)
    documents, variables = identify(raw, identities)
    states = manifests.rows(manifests.read([document_manifest], DOCUMENT_TEXT_COLUMNS))
    page_rows: dict[str, list[dict[str, Any]]] = {}
    for row in manifests.rows(manifests.read([page_manifest], PAGE_TEXT_COLUMNS)):
        page_rows.setdefault(row["document"], []).append(row)
    rendered = {
        row["document"]: (row["sha256"], shard.usable_pages(row["status"], page_rows.get(row["document"], [])))
        for row in states
    }
    rows = shard.label_shard(
        documents,
        rendered,
        open_passwords(variables),
        corrections_by_page(Path(path) for path in corrections),
        settings,
        workers,
        {document: pages for document, rows in page_rows.items() if (pages := shard.pages_with_unseen(rows))},
    )
    manifests.write(label_manifest, [asdict(row) for row in rows], manifests.columns_of(LabelRow))


if __name__ == "__main__":
    with rule_job(snakemake):
        config = restrict(snakemake.params.settings)
        main(
            snakemake.params.raw,
            snakemake.params.documents,
            Path(snakemake.input.documents),
            Path(snakemake.input.pages),
            snakemake.input.corrections,
            LabelSettings(
                config.labels.headers_footers,
                config.labels.tables,
                config.labels.formulas,
                config.labels.tags,
                config.documents.timeout_s_per_page,
                snakemake.params.code,
                config.labels.agreement,
                config.labels.agreement_languages,
                config.labels.table_agreement,
                config.labels.witnesses,
                config.selection.max_characters if "selection" in snakemake.params.settings else 0,
            ),
            snakemake.threads,
            Path(snakemake.output.labels),
        )
