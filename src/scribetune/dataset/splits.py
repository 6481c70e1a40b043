"""Splits: each document, with its near-duplicates, goes to train, validation or test by a hash, never by chance."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scribetune.core.config import Splits
from scribetune.core.errors import UserError
from scribetune.dataset import long_pages
from scribetune.dataset.questions import AskedPage, Questions
from scribetune.text import sharegpt

logger = logging.getLogger(__name__)

NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class Assignment:
    """One document in data/manifests/splits: where it went, and how that was decided ("hash", "pin" or "quota")."""

    document: str
    split: str
    cluster: str
    decided_by: str


def position(cluster_key: str, seed: int) -> float:
    """Return a number in [0, 1) that depends on nothing but the cluster's content and the seed."""
    digest = hashlib.sha256(f"{seed}:{cluster_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def assign(
    clusters: Mapping[str, str],
    contents: Mapping[str, str],
    pins: Mapping[str, str],
    settings: Splits,
    advice: str = "",
) -> list[Assignment]:
    """Assign documents to splits, whole clusters at a time; one assignment per document, sorted.

    A cluster's place is the hash of its smallest content hash: below `test` it is tested on, in the next `validation`
    it validates, else it trains. So documents keep their split when others come or go. Where that leaves the test or
    the validation split empty, the training cluster with the lowest hash is moved there ("quota").

    Args:
        clusters: Document → cluster (see `near_duplicates`).
        contents: Document → SHA-256 of its PDF.
        pins: Document → split that the sheet asks for.
        settings: Shares and seed.
        advice: What makes more documents usable, for the message where there are too few.

    Raises:
        UserError: Two documents of one cluster are pinned to different splits; or there are fewer than three
            clusters, so that a split would be empty.
    """
    members: dict[str, list[str]] = {}
    for document, cluster in sorted(clusters.items()):
        members.setdefault(cluster, []).append(document)
    places = {
        cluster: position(min(contents[document] for document in documents), settings.seed)
        for cluster, documents in members.items()
    }
    chosen: dict[str, tuple[str, str]] = {}
    for cluster, documents in members.items():
        wanted = {pins[document] for document in documents if pins.get(document)}
        if len(wanted) > 1:
            raise UserError(
                f"Near-duplicate documents are pinned to different splits ({', '.join(documents)})",
                value=sorted(wanted),
                accepted="one split for all of them: otherwise the test would leak into the training",
                todo="correct the split column of the sheet",
            )
        chosen[cluster] = (wanted.pop(), "pin") if wanted else (_split_at(places[cluster], settings), "hash")
    for name in ("test", "validation"):
        if name not in {split for split, _ in chosen.values()}:
            _fill(name, chosen, places)
    if "train" not in {split for split, _ in chosen.values()}:
        # Rare: the hash put every cluster into validation and test. The one furthest from them goes back.
        movable = [cluster for cluster, (_, how) in chosen.items() if how == "hash"]
        if movable and len(chosen) >= len(NAMES):
            chosen[max(movable, key=lambda cluster: (places[cluster], cluster))] = ("train", "quota")
    empty = [name for name in NAMES if name not in {split for split, _ in chosen.values()}]
    if empty:
        raise UserError(
            f"The {', '.join(empty)} split would be empty: {len(members)} distinct usable document(s)",
            value=sorted(clusters) or None,
            accepted="at least three documents that are no near-duplicates of each other",
            todo=advice or "add documents, or look into reports/documents.csv for why some were refused",
        )
    return [
        Assignment(document, chosen[cluster][0], cluster, chosen[cluster][1])
        for document, cluster in sorted(clusters.items())
    ]


def _split_at(place: float, settings: Splits) -> str:
    if place < settings.test:
        return "test"
    return "validation" if place < settings.test + settings.validation else "train"


def _fill(name: str, chosen: dict[str, tuple[str, str]], places: Mapping[str, float]) -> None:
    movable = [cluster for cluster, (split, how) in chosen.items() if split == "train" and how == "hash"]
    if len(movable) > 1:
        chosen[min(movable, key=lambda cluster: (places[cluster], cluster))] = (name, "quota")


def records(
    pages: Sequence[Mapping[str, Any]],
    assignments: Sequence[Assignment],
    texts: Mapping[str, str],
    questions: Questions,
    parts: Path = Path(long_pages.FOLDER),
) -> dict[str, list[dict[str, Any]]]:
    """Build the ShareGPT records of each split, in order of document and page, from accepted rows of the selection.

    A validation or test page that is a near-duplicate of a training page (the same cover, the same terms) is left
    out, so that nothing that was learned is asked again. `texts` is path of a label → its content; answers are labels
    without their final newline, or what `questions` makes of them, escaped where trainers would take them for images
    (`text.sharegpt`). Pages that are cut become a record for each part, whose images are written below the folder
    `parts`.
    """
    split_of = {assignment.document: assignment.split for assignment in assignments}
    trained = {row["page_cluster"] for row in pages if split_of[row["document"]] == "train"}
    result: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for row in pages:
        split = split_of[row["document"]]
        if split != "train" and row["page_cluster"] in trained:
            continue
        name = f"{row['document']}/p{int(row['page']):04d}"
        whole = {
            "id": name,
            "document": row["document"],
            "page": int(row["page"]),
            "image_sha256": row["image_sha256"],
            "label_sha256": row["label_sha256"],
            "label_source": row["label_source"],
            "category": row["category"],
            "language": row["language"],
            "continues": row.get("continues", ""),
            "images": [row["image"]],
        }
        label = texts[row["label"]]
        page = AskedPage(
            name, row["image_sha256"], row["label_sha256"], label.rstrip("\n"),
            is_learned=split == "train", is_tested=split == "test",
        )  # fmt: skip
        cell = row.get("parts", "")
        if cell:
            result[split] += long_pages.records(whole, label, cell, partial(questions.of_part, page), parts)
        elif spoken := questions.of_page(page):
            images = whole.pop("images")
            result[split].append({**whole, **spoken, "images": images})
    for name, rows in result.items():
        if not rows:
            raise UserError(
                f"The {name} split would be empty: all its pages are near-duplicates of training pages"
                f"{questions.left_out_in_words()}",
                accepted="documents that differ",
                todo="add documents, or raise selection.duplicate_similarity",
            )
    return result


def tell_of_escapes(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Log the pages whose text holds what trainers take for an image."""
    for name, rows in records.items():
        for row in rows:
            if row.get(sharegpt.ESCAPED):
                logger.info(
                    "%s: %s holds %d <image>, <video> or <audio> as text, written as &lt;image> and so on",
                    name, row["id"], row[sharegpt.ESCAPED],
                )  # fmt: skip
