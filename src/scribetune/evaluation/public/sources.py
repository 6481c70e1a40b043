"""Where pages and truth of an evaluation set lie; light, since every plan of a build with benchmarks looks here."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageSource:
    """Where a page can be seen: the name of its file as the set has it, and the page in it."""

    file: str  # name of an image or PDF, perhaps with folders; "" where the set names none (it is named like the id)
    page: int = 0  # counted from 1 in a PDF; 0 of an image


def truth_files(path: Path) -> list[Path]:
    """Return the files of a set: itself, or the *.jsonl in a folder, sorted; [] where there is none."""
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    return [path] if path.is_file() else []
