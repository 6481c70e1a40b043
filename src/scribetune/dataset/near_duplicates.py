"""Near-duplicate texts: clusters of those that share most of their character 8-grams, whatever their case and blanks.

MinHash (Broder 1997) in bands of rows proposes pairs; each pair is then compared exactly. Signatures are made with
NumPy and compared band by band, and shingles are made again where they are needed: 100,000 pages take minutes and
megabytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_SHINGLE_CHARACTERS = 8
_HASHES = 126
_MOST_ROWS = 12
_FOUND = 0.9999
"""Probability with which a pair that is just similar enough must be proposed."""
_SEED = 1
_REMEMBERED = 4_096
"""Texts whose shingles are kept at hand."""


def near_duplicates(texts: Mapping[str, str], similarity: float) -> dict[str, str]:
    """Cluster texts by Jaccard similarity over character 8-grams; returns name → smallest name of its cluster.

    White space and case do not count. A pair that was proposed is checked against the exact similarity, so that no
    chance collision joins two texts. A text without a character is like no other.
    """
    from scipy.cluster.hierarchy import DisjointSet

    names = sorted(texts)
    clusters = DisjointSet(range(len(names)))

    @lru_cache(_REMEMBERED)
    def shingles(at: int) -> "Hashes":
        return shingles_of(texts[names[at]])

    filled, signatures = _signatures([texts[name] for name in names])
    for group in _groups(filled, signatures, _rows(similarity)):
        for position, one in enumerate(group):
            for other in group[:position]:
                if clusters.connected(one, other):
                    continue
                if jaccard(shingles(one), shingles(other)) >= similarity:
                    clusters.merge(one, other)
    return {names[at]: names[min(cluster)] for cluster in clusters.subsets() for at in cluster}


def jaccard(one: "Hashes", other: "Hashes") -> float:
    """Return the Jaccard similarity of two sets of shingles."""
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    union = len(one) + len(other) - shared
    return shared / union if union else 0.0


def shingles_of(text: str) -> "Hashes":
    """Return the hashes of a text's character 8-grams, each once, in order; of a shorter text that of the whole."""
    import numpy as np

    dense = "".join(text.lower().split())
    letters = np.frombuffer(dense.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    if not len(letters):
        return letters
    width = min(_SHINGLE_CHARACTERS, len(letters))
    count = len(letters) - width + 1
    hashes = np.full(count, width, dtype=np.uint64)
    for at in range(width):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + letters[at : at + count]
    return np.unique(_mixed(hashes))


def _mixed(hashes: "Hashes") -> "Hashes":
    """Return hashes whose every bit depends on every bit (the finaliser of SplitMix64)."""
    import numpy as np

    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _signatures(texts: Sequence[str]) -> "tuple[NDArray[np.int64], NDArray[np.uint32]]":
    """Return the positions of texts with any character, and their MinHash signatures, (texts, hashes)."""
    import numpy as np

    draw = np.random.default_rng(_SEED)
    factors = draw.integers(0, 2**31, _HASHES, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    offsets = draw.integers(0, 2**32, _HASHES, dtype=np.uint32)
    filled: list[int] = []
    found = np.empty((len(texts), _HASHES), dtype=np.uint32)
    for at, text in enumerate(texts):
        shingles = shingles_of(text)
        if len(shingles):
            # Odd factors put 32-bit numbers in as many orders; of each the first shingle. (hashes, shingles)
            orders = factors[:, None] * (shingles >> np.uint64(32)).astype(np.uint32)[None, :] + offsets[:, None]
            found[len(filled)] = orders.min(axis=1)
            filled.append(at)
    return np.array(filled, dtype=np.int64), found[: len(filled)]


def _rows(similarity: float) -> int:
    """Return how many hashes make a band: the most with which similar pairs are still proposed as good as surely."""
    for rows in range(_MOST_ROWS, 1, -1):
        if 1 - (1 - similarity**rows) ** (_HASHES // rows) >= _FOUND:
            return rows
    return 1


def _groups(filled: "NDArray[np.int64]", signatures: "NDArray[np.uint32]", rows: int) -> Iterator[list[int]]:
    """Yield groups of positions whose signatures are the same in a band."""
    import numpy as np

    for band in range(_HASHES // rows if len(filled) else 0):
        part = np.ascontiguousarray(signatures[:, band * rows : (band + 1) * rows])
        _, numbers = np.unique(part, axis=0, return_inverse=True)
        numbers = numbers.ravel()
        order = np.argsort(numbers, kind="stable")
        edges = np.flatnonzero(np.diff(numbers[order])) + 1
        for group in np.split(order, edges):
            if len(group) > 1:
                yield filled[group].tolist()
