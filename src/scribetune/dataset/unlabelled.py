"""Pages that were refused although they can be read: what a folder of scans is told."""

from collections import Counter
from collections.abc import Mapping

AROUND_A_JOB = True
"""It words advice; which pages are used does not depend on it."""

READABLE = (
    "scan", "no_text", "vector_only", "garbage_text", "invisible_text", "hidden_text", "low_recall", "low_precision",
    "low_agreement", "table_doubtful", "low_trust", "formula", "formula_lost", "review",
)  # fmt: skip
"""Reasons for which a page was refused although its image can be read."""


def advice(refused: Mapping[str, int]) -> str:
    """Return how pages without a usable label get one; "" where there are none.

    Args:
        refused: Reason → number of pages refused for it.
    """
    found = Counter({reason: count for reason, count in refused.items() if reason in READABLE})
    if not found:
        return ""
    counts = ", ".join(f"{reason} {count}" for reason, count in found.most_common())
    one = found.total() == 1
    return (
        f"{found.total()} page{'' if one else 's'} can be read but {'has' if one else 'have'} no usable text layer "
        f"({counts}): `scribetune teach MODEL` lets a model label such pages "
        "(rapidocr for MODEL: two readers, no model), `scribetune review --unlabelled` lets you"
    )
