"""Proof that the test is no repetition of the training: for every test page its nearest training page.

It asks the records that were written and not the clusters that were meant, and it goes by other means than these:
shingles are of words instead of characters, every pair that shares one is compared instead of those that MinHash
proposes, and the page images are compared as well.
"""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core.errors import UserError
from scribetune.dataset.formats import Record
from scribetune.text import sharegpt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_WORDS = 3
"""Words of a shingle."""
_UNIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")
"""A word: of Chinese and Japanese, one character."""
_SIDE_PX = 64
_AT_ONCE = 512
"""Training pages that are compared with all test pages at once: what bounds the memory."""
_NAMED = 5
"""Pairs that a message names."""


@dataclass(frozen=True)
class Limits:
    """From which similarity on a test page counts as learned."""

    text: float
    image: float


@dataclass(frozen=True)
class Nearest:
    """A test page and the training pages nearest to it; "" and 0 where none shares anything with it."""

    page: str  # id of the test page
    image: str  # path of its image
    text_page: str  # the training page with the most similar text
    text: float  # Jaccard similarity of their shingles of three words
    text_image: str  # path of that page's image
    image_page: str  # the training page that looks most alike
    image_similarity: float  # correlation of the images at 64 × 64 pixels
    image_image: str  # path of that page's image

    def exceeds(self, limits: Limits) -> bool:
        """Tell whether the page is too much like one that is learned from."""
        return self.text >= limits.text or self.image_similarity >= limits.image


def nearest(
    test: Sequence[Record],
    train: Sequence[Record],
    thumbnail: Callable[[Record], "NDArray[np.float32]"],
    threads: int = 1,
) -> list[Nearest]:
    """Return for every test page the training pages nearest to it, in order.

    Args:
        test: Records of the test split.
        train: Records of the training split, at least one.
        thumbnail: Returns a page image as a vector of length 1 (`thumbnail_of`).
        threads: That images are read in.
    """
    by_text = _nearest_texts([_text(record) for record in test], [_text(record) for record in train])
    by_image = _nearest_images(test, train, thumbnail, threads)
    found = []
    for at, record in enumerate(test):
        (text_at, text), (image_at, image) = by_text[at], by_image[at]
        near, alike = (None if there < 0 else train[there] for there in (text_at, image_at))
        found.append(
            Nearest(
                page=str(record["id"]),
                image=str(record["images"][0]),
                text_page=str(near["id"]) if near else "",
                text=round(text, 6),
                text_image=str(near["images"][0]) if near else "",
                image_page=str(alike["id"]) if alike else "",
                image_similarity=round(image, 6),
                image_image=str(alike["images"][0]) if alike else "",
            )
        )
    return found


def thumbnail_of(path: Path) -> "NDArray[np.float32]":
    """Return the ink of a page image as a vector of length 1 and mean 0; zeros of a page of one colour."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX)
    ink = 255.0 - np.asarray(small, dtype=np.float32).ravel()  # (side · side,)
    ink -= ink.mean()
    length = float(np.linalg.norm(ink))
    return ink / length if length > 1e-3 else blank()


def blank() -> "NDArray[np.float32]":
    """Return the vector of a page of one colour, which is like no other."""
    import numpy as np

    return np.zeros(_SIDE_PX * _SIDE_PX, dtype=np.float32)


def report(found: Sequence[Nearest], limits: Limits) -> dict[str, Any]:
    """Return reports/leakage.json: limits, the greatest similarities, and all pages, the most similar first."""
    ordered = sorted(found, key=_most_similar_first)
    return {
        "limits": asdict(limits),
        "most": {
            "text": max((one.text for one in found), default=0.0),
            "image": max((one.image_similarity for one in found), default=0.0),
        },
        "above": [one.page for one in ordered if one.exceeds(limits)],
        "pages": [asdict(one) for one in ordered],
    }


def require_none(found: Sequence[Nearest], limits: Limits) -> None:
    """Check that no test page is too much like a training page.

    Raises:
        UserError: One is; the message names the most similar.
    """
    above = sorted((one for one in found if one.exceeds(limits)), key=_most_similar_first)
    if not above:
        return
    pairs = "; ".join(_in_words(one, limits) for one in above[:_NAMED])
    more = f" and {len(above) - _NAMED} more" if len(above) > _NAMED else ""
    raise UserError(
        f"{len(above)} test page(s) are too much like pages that are trained on",
        value=f"{pairs}{more}",
        accepted=f"text similarity below {limits.text:g}, image similarity below {limits.image:g}",
        todo="pin both documents to one split in the sheet, reject the page in `scribetune review`, or, where they are "
        "no copies of each other, raise report.max_text_similarity or report.max_image_similarity",
    )


def _most_similar_first(one: Nearest) -> tuple[float, str]:
    return -max(one.text, one.image_similarity), one.page


def _in_words(one: Nearest, limits: Limits) -> str:
    if one.text >= limits.text:
        return f"{one.page} reads like {one.text_page} ({one.text:.3f})"
    return f"{one.page} looks like {one.image_page} ({one.image_similarity:.3f})"


def _text(record: Record) -> str:
    return sharegpt.label(record) or ""


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _UNIT.findall(text.lower())
    return {tuple(words[at : at + _WORDS]) for at in range(max(1, len(words) - _WORDS + 1))} if words else set()


def _nearest_texts(test: Sequence[str], train: Sequence[str]) -> list[tuple[int, float]]:
    """Return (position of the nearest training text or -1, Jaccard similarity) of each test text."""
    import numpy as np
    from scipy.sparse import csr_array

    known: dict[tuple[str, ...], int] = {}
    rows = [[known.setdefault(shingle, len(known)) for shingle in _shingles(text)] for text in test]
    sizes = np.array([len(row) for row in rows], dtype=np.float64)  # (test,)
    tested = _matrix(csr_array, rows, len(known))
    best = np.zeros(len(test))
    where = np.full(len(test), -1)
    for start in range(0, len(train), _AT_ONCE):
        some = [_shingles(text) for text in train[start : start + _AT_ONCE]]
        # Shingles that no test page has are only counted.
        learned = _matrix(csr_array, [[known[one] for one in each if one in known] for each in some], len(known))
        shared = np.asarray((tested @ learned.T).todense(), dtype=np.float64)  # (test, some)
        union = sizes[:, None] + np.array([len(each) for each in some], dtype=np.float64)[None, :] - shared
        similarity = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
        _take_better(best, where, similarity, start)
    return list(zip(where.tolist(), best.tolist(), strict=True))


def _matrix(make: Any, rows: Iterable[Sequence[int]], width: int) -> Any:
    """Return rows of positions as a sparse matrix of ones, (rows, width)."""
    import numpy as np

    starts, columns = [0], []
    for row in rows:
        columns += sorted(row)
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.int32)
    return make((ones, np.array(columns, dtype=np.int32), np.array(starts)), shape=(len(starts) - 1, width))


def _nearest_images(
    test: Sequence[Record], train: Sequence[Record], thumbnail: Callable[[Record], "NDArray[np.float32]"], threads: int
) -> list[tuple[int, float]]:
    import numpy as np

    best = np.zeros(len(test))
    where = np.full(len(test), -1)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        tested = np.stack(list(pool.map(thumbnail, test)))  # (test, side · side)
        for start in range(0, len(train), _AT_ONCE):
            some = np.stack(list(pool.map(thumbnail, train[start : start + _AT_ONCE])))
            _take_better(best, where, (tested @ some.T).astype(np.float64), start)
    return list(zip(where.tolist(), best.tolist(), strict=True))


def _take_better(best: Any, where: Any, similarity: Any, start: int) -> None:
    """Note in place which of some training pages is more similar than what was found before; the first of equals."""
    import numpy as np

    there = similarity.argmax(axis=1)
    value = similarity[np.arange(len(best)), there]
    better = value > best
    best[better] = value[better]
    where[better] = there[better] + start


def from_report(known: Mapping[str, Any]) -> tuple[Limits, list[Nearest]]:
    """Return what `report` wrote."""
    return Limits(**known["limits"]), [Nearest(**page) for page in known["pages"]]
