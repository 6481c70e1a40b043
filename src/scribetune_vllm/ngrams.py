"""The rule of the n-gram guard, in plain Python: which tokens may not come next."""

from collections.abc import Collection, Sequence


def forbidden(written: Sequence[int], ngram: int, window: int, exempt: Collection[int]) -> list[int]:
    """Return the tokens that would repeat an n-gram begun within the last `window` tokens written."""
    recent = list(written[-window:])
    if len(recent) < ngram:
        return []
    prefix = recent[len(recent) - ngram + 1 :]
    starts = range(len(recent) - ngram + 1)
    found = {recent[start + ngram - 1] for start in starts if recent[start : start + ngram - 1] == prefix}
    return sorted(found.difference(exempt))
