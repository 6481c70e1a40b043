"""Boxes of blocks against those that are true: intersection over union, and F1 of blocks found.

A block counts as found where a block of the same kind has a box with an IoU of at least 0.5 with its own, each block
once; pairs are chosen for the greatest sum of IoU, kind by kind. A block with several boxes (it goes on in another
column) counts as so many. Boxes are in thousandths of the page (`text.grounding`); those of cells are `cell`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from scribetune.text.grounding import Block, Box

LEAST_IOU = 0.5
CELL = "cell"


@dataclass(frozen=True)
class BoxScore:
    """Boxes of one page, or of many added up.

    Attributes:
        found: Kind → boxes with an IoU of at least 0.5 with their own.
        expected: Kind → boxes that are true.
        written: Kind → boxes that were written.
        iou: Kind → sum of the IoU of each true box with the written one that it is paired with.
    """

    found: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    iou: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: "BoxScore") -> "BoxScore":
        """Return both added up."""
        kinds = sorted({*self.iou, *other.iou})
        iou = {kind: self.iou.get(kind, 0.0) + other.iou.get(kind, 0.0) for kind in kinds}
        return BoxScore(
            self.found + other.found, self.expected + other.expected, self.written + other.written, iou
        )  # fmt: skip

    def f1(self, kind: str = "") -> float | None:
        """Return 2 × found / (expected + written) of a kind, "" for all but cells; None where there is neither."""
        both = self._sum(self.expected, kind) + self._sum(self.written, kind)
        return 2 * self._sum(self.found, kind) / both if both else None

    def mean_iou(self, kind: str = "") -> float | None:
        """Return the mean IoU of true boxes of a kind, 0 for one without a partner; None where there are none."""
        expected = self._sum(self.expected, kind)
        total = sum(value for name, value in self.iou.items() if (name == kind if kind else name != CELL))
        return total / expected if expected else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds with true or written boxes, in alphabetical order."""
        return tuple(sorted({*self.expected, *self.written}))

    @staticmethod
    def _sum(counts: Counter[str], kind: str) -> int:
        return counts[kind] if kind else sum(count for name, count in counts.items() if name != CELL)


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share, as a share of the area that either covers; 0 for boxes without area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared) if areas > shared else float(shared > 0)


def score(reference: Sequence[Block], hypothesis: Sequence[Block]) -> BoxScore:
    """Score the boxes of one page's blocks."""
    true, written = _by_kind(reference), _by_kind(hypothesis)
    result = BoxScore()
    for kind in sorted({*true, *written}):
        pairs = [iou(one, other) for one, other in paired(true[kind], written[kind])]
        # What the counters lack is 0, and a Counter keeps no zero when it is added.
        result.expected[kind], result.written[kind] = len(true[kind]), len(written[kind])
        result.found[kind] = sum(value >= LEAST_IOU for value in pairs)
        result.iou[kind] = sum(pairs)
    return result


def paired(reference: Sequence[Box], hypothesis: Sequence[Box]) -> list[tuple[Box, Box]]:
    """Pair boxes, each with one other at most, for the greatest sum of IoU; pairs that share nothing are none."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if not reference or not hypothesis:
        return []
    gain = np.array([[iou(one, other) for other in hypothesis] for one in reference])  # (true, written)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [
        (reference[row], hypothesis[column]) for row, column in zip(rows, columns, strict=True) if gain[row, column]
    ]


def _by_kind(blocks: Sequence[Block]) -> defaultdict[str, list[Box]]:
    found: defaultdict[str, list[Box]] = defaultdict(list)
    for block in blocks:
        found[block.kind].extend(block.boxes)
        found[CELL].extend(block.cells)
    return defaultdict(list, {kind: boxes for kind, boxes in found.items() if boxes})
