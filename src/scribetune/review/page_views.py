"""What a build has made of each page, as a reviewer needs it: image, label, trust, why it was refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, files, layout
from scribetune.core.errors import UserError
from scribetune.dataset import trust
from scribetune.record import remembered

SELECTION = Path(layout.MANIFESTS, "selection", "all.csv")
OF_NO_USE = frozenset({"duplicate", "withdrawn", "image_failed", "blank"})
"""Reasons of refusal that no label can mend."""


_OF_BOTH = ("table_readings", "disagreements", "width_pt", "height_pt")


@dataclass(frozen=True)
class ReviewPage:
    """One page that a person may look at.

    `label` is "" where the machine wrote none; `label_reviewer` wrote the correction, or is the model; `reason` is why
    the build does not use the page; `trust` is the probability that the label is right, `doubts` what speaks against
    it, the weightiest first (`dataset.trust`).
    """

    document: str
    page: int
    image: str
    label: str
    label_sha256: str
    label_source: str
    label_reviewer: str
    accepted: bool
    reason: str
    document_sha256: str
    tables: int
    trust: float
    doubts: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Id of the page, as in splits and predictions."""
        return f"{self.document}/{layout.page_name(self.page)}"

    @property
    def can_be_used(self) -> bool:
        """Whether a good label makes the build use the page."""
        return self.reason not in OF_NO_USE


def read(folder: Path) -> dict[str, ReviewPage]:
    """Return page id → page, for every page of the last build that has an image and a use, sorted.

    Raises:
        UserError: The pages have not been selected yet, or a manifest is not one.
    """
    manifests = folder / layout.MANIFESTS
    if not (folder / SELECTION).exists():
        raise UserError(
            "There is nothing to review yet", value=str(folder / SELECTION),
            accepted="a build that has selected its pages",
            todo=f"select them first: {remembered.command(folder, 'labels')}; or name the build's folder with --folder",
        )  # fmt: skip
    try:
        digests = {row["document"]: row["sha256"] for row in _rows(manifests / "documents")}
        found = [_page(row, digests) for row in _rows(manifests / "selection")]
    except (KeyError, ValueError) as error:
        raise UserError(
            f"A manifest in {manifests} is not one of this version ({type(error).__name__}: {error})",
            todo=f"make them anew: {remembered.command(folder, 'labels')}",
        ) from error
    return {page.id: page for page in sorted(found, key=lambda page: page.id) if page.image and page.can_be_used}


def read_otherwise(folder: Path) -> dict[str, Mapping[str, str]]:
    """Return page id → its row in the manifest of labels, of pages that a second reader reads otherwise."""
    return {
        f"{row['document']}/{layout.page_name(int(row['page']))}": {name: row.get(name, "") for name in _OF_BOTH}
        for row in _rows(folder / layout.MANIFESTS / "labels")
        if row.get("table_readings") or row.get("disagreements")
    }


def read_blocks(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return page id → where the blocks of its label stand (`text.placed_blocks`); {} where nobody has asked."""
    found = sorted((folder / layout.BLOCKS).glob("*.jsonl"))
    return {str(row["id"]): row for path in found for row in files.read_jsonl(path)}


def _page(row: Mapping[str, str], digests: Mapping[str, str]) -> ReviewPage:
    document, number = row["document"], int(row["page"])
    if Path(document).name != document or document in ("", ".", ".."):
        raise ValueError(f"{document!r} is no document id")  # it becomes part of paths that are written to
    return ReviewPage(
        document=document,
        page=number,
        image=row["image"],
        label=row["label"],
        label_sha256=row["label_sha256"],
        label_source=row["label_source"],
        label_reviewer=row["reviewer"],
        accepted=row["accepted"].lower() == "true",
        reason=row["reason"],
        document_sha256=digests[document],
        tables=int(row["tables"]),
        trust=float(row["trust"]),
        doubts=trust.parted(row["trust_reasons"]),
    )


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    for path in sorted(folder.glob("*.csv")):
        yield from csv_files.read(path)
