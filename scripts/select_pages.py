"""Select pages: a decision with its reason for every page, and one row for every document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.build import leftovers
from scribetune.core import manifests
from scribetune.core.config import Selection, restrict
from scribetune.dataset import long_pages, selection
from scribetune.documents.inputs import SheetRow
from scribetune.documents.withdrawals import Withdrawn
from scribetune.record import listings
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    document_manifests: Sequence[str],
    page_manifests: Sequence[str],
    label_manifests: Sequence[str],
    sheet: Mapping[str, SheetRow],
    limits: Selection,
    withdrawn: Withdrawn,
    rejected: Mapping[str, str],
    unread: Mapping[str, str],
    selection_manifest: Path,
    document_report: Path,
) -> None:
    """Join the manifests of all shards, decide, and write both tables; `unread` are the files beside the documents."""
    documents = manifests.read(map(Path, document_manifests), selection.DOCUMENT_TEXT_COLUMNS)
    pages = manifests.read(map(Path, page_manifests), selection.PAGE_TEXT_COLUMNS)
    labels = manifests.read(map(Path, label_manifests), selection.LABEL_TEXT_COLUMNS)
    texts = selection.label_texts(labels, lambda path: Path(path).read_text(encoding="utf-8"))
    selected = selection.select(
        documents, pages, labels, texts, sheet, limits, withdrawn, rejected,
        long_pages.cutter(limits) if limits.long_pages == "split" else None,
    )  # fmt: skip
    manifests.write(
        selection_manifest, [asdict(page) for page in selected], manifests.columns_of(selection.SelectedPage)
    )
    manifests.write(
        document_report,
        [*selection.document_report(documents, selected, sheet, withdrawn), *selection.unread_rows(unread)],
        selection.DOCUMENT_REPORT_COLUMNS,
    )
    leftovers.remove(set(documents["document"]), {Path(path).stem for path in document_manifests})


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            snakemake.input.documents,
            snakemake.input.pages,
            snakemake.input.labels,
            {name: SheetRow(*cells) for name, cells in snakemake.params.sheet.items()},
            restrict(snakemake.params.settings).selection,
            Withdrawn(
                frozenset(snakemake.params.withdrawn["documents"]), frozenset(snakemake.params.withdrawn["labels"])
            ),
            snakemake.params.rejected,
            {path: todo for listing in snakemake.input.unread for path, todo in listings.read(Path(listing)).items()},
            Path(snakemake.output.selection),
            Path(snakemake.output.report),
        )
