"""Parts of the training documents for a learning curve: each holds the smaller ones of its seed."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any


def of_documents(records: Sequence[Mapping[str, Any]], percent: int, seed: int) -> list[Mapping[str, Any]]:
    """Return the records of a share of the documents, in their order; at least one document.

    Documents are in an order by hash: that of 20 % begins with that of 10 %, and a document more moves no other.

    Args:
        records: Those of the training split.
        percent: The share of its documents, from 1 to 100.
        seed: Another one gives another order.
    """
    documents = sorted({str(record["document"]) for record in records}, key=lambda name: _place(name, seed))
    chosen = set(documents[: max(1, round(len(documents) * percent / 100))])
    return [record for record in records if record["document"] in chosen]


def _place(document: str, seed: int) -> bytes:
    return hashlib.sha256(f"learning curve {seed} {document}".encode()).digest()
