"""The figures of `measurements/serving.py`, with readers that are known."""

from collections.abc import Generator, Iterable
from pathlib import Path

import pytest
import serving

from scribetune.conversion.readers import Reading
from scribetune.core import config


class Known:
    """Reads each page in its own number of seconds, and fails where it is told to."""

    made_by = ""

    def __init__(self, fails: tuple[str, ...] = ()) -> None:
        self.fails, self.seen = fails, list[str]()

    def open(self) -> int:
        return 3

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        for index, image in enumerate(images):
            self.seen.append(image.name)
            failed = image.name in self.fails
            yield index, Reading(failure="busy") if failed else Reading(image.name, "eos", 10, seconds=index + 1.0)


def test_each_line_reads_pages_of_its_own_and_texts_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    pages = [Path(f"p{number}") for number in range(1 + 4 * 3)]
    endpoint, own = Known(fails=("p5",)), Known()
    lines = list(serving.compared(pages, [4, 4, 4], [1, 8], lambda _: endpoint, lambda _: own))
    assert endpoint.seen == [f"p{number}" for number in range(9)], "the first is not counted"
    assert own.seen == ["p0", *endpoint.seen[1:5], "p0", "p9", "p10", "p11", "p12"]
    speeds = [line for line in lines if isinstance(line, serving.Speed)]
    assert [(line.reader, line.at_once, line.pages, line.failed) for line in speeds] == [
        ("endpoint", 1, 4, 0), ("endpoint", 8, 4, 1), ("own reader", 3, 4, 0), ("own reader", 3, 4, 0),
    ]  # fmt: skip
    assert (speeds[0].p50_s, speeds[0].p95_s) == (2.0, 4.0) and speeds[0].tokens_per_s > 0
    assert lines[-1] == "same text on 4 of 4 pages"
    assert "not read: busy" in capsys.readouterr().err


def test_pages_are_rendered_as_a_build_does(tmp_path: Path) -> None:
    found = serving.images(config.load({"pages": {"long_side_px": 320}}), 2, tmp_path)
    assert [path.name for path in found] == ["p0001.png", "p0002.png"]
    assert len({path.read_bytes() for path in found}) == 2
