"""Time of the review session with many pages and decisions: `PYTHONPATH=tests python measurements/review.py`."""

import csv
import itertools
import tempfile
import time
from dataclasses import astuple
from pathlib import Path

from scribetune.review import decisions
from scribetune.review.decisions import Review, Verdict
from scribetune.review.session import Choice, ReviewSession
from support import reviewed_build

PAGES, DECISIONS = 20_000, 10_000
CORRECTIONS = Path("data/corrections")


def make(folder: Path) -> None:
    """Write a build of many pages, half of them decided on."""
    texts = {(f"d{number}", 1): f"# Page {number}\n" * 20 for number in range(PAGES)}
    reviewed_build.make(folder, texts, images=False)
    path = folder / decisions.path_in(CORRECTIONS)
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(decisions.COLUMNS)
        for (document, page), text in list(texts.items())[:DECISIONS]:
            pdf, label = reviewed_build.pdf_digest(document), reviewed_build.digest(text)
            table.writerow(astuple(Review(document, page, "accept", "", "Ada", "2026", "trust", pdf, label, "")))


def main() -> None:
    """Print seconds."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        begun = time.perf_counter()
        session = ReviewSession(Path(name), CORRECTIONS, Choice())
        print(f"start {time.perf_counter() - begun:.2f} s")
        for _ in range(2):
            begun = time.perf_counter()
            queue = session.queue()
            print(f"queue {time.perf_counter() - begun:.2f} s, {queue['left']} left")
        for page in (row["id"] for row in queue["pages"][:3]):
            times = [time.perf_counter()]
            version = session.open(page, "Ada")["version"]
            times.append(time.perf_counter())
            session.save_draft(page, "Ada", "x" * 3000, version, 0)
            times.append(time.perf_counter())
            session.decide(page, "Ada", Verdict.ACCEPT, "", "", version)
            times.append(time.perf_counter())
            opened, saved, decided = (after - before for before, after in itertools.pairwise(times))
            print(f"open {opened:.3f} s, draft {saved:.3f} s, decision {decided:.3f} s")


if __name__ == "__main__":
    main()
