"""Clustering, splitting and Parquet of 100,000 synthetic pages: time and memory.

    python measurements/hundred_thousand.py /tmp/hundred-thousand --pages 100000

Documents of five pages of about 1,200 characters, one in fifty a near-duplicate of another. Page images are of 2 KB, so
that the table's own work is measured and not the disk's. Each stage is a process of its own, as in a build; its peak of
memory is the kernel's.
"""

import argparse
import hashlib
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scribetune.core.config import Splits
from scribetune.dataset import parquet as tables
from scribetune.dataset import splits
from scribetune.dataset.near_duplicates import near_duplicates
from scribetune.text import sharegpt

PER_DOCUMENT = 5
STAGES = ("clusters", "parquet")


def text_of(number: int) -> str:
    """Return a page's text; every fiftieth document is an earlier one with a word changed."""
    document, page = divmod(number, PER_DOCUMENT)
    changed = document % 50 == 49
    rng = random.Random((document - 7 if changed else document) * PER_DOCUMENT + page)  # noqa: S311  made-up words
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(200)]
    if changed:
        words[100] = f"changed{number}"
    return " ".join(words)


def pages(count: int) -> Iterator[tuple[str, str]]:
    """Yield (id of a page, its text)."""
    for number in range(count):
        yield f"doc-{number // PER_DOCUMENT:06d}/p{number % PER_DOCUMENT + 1:04d}", text_of(number)


def clusters(count: int, folder: Path) -> dict[str, int]:
    """Cluster documents and pages, as `select_pages` does, and assign documents to splits."""
    began = time.process_time()
    by_page = dict(pages(count))
    made = time.process_time() - began
    parts: dict[str, list[str]] = {}
    for name, text in by_page.items():
        parts.setdefault(name.split("/")[0], []).append(text)
    of_documents = near_duplicates({name: "".join(texts) for name, texts in parts.items()}, 0.85)
    of_pages = near_duplicates(by_page, 0.85)
    contents = {name: hashlib.sha256(name.encode()).hexdigest() for name in parts}
    assigned = splits.assign(of_documents, contents, {}, Splits())
    (folder / "splits.json").write_text(json.dumps({one.document: one.split for one in assigned}), encoding="utf-8")
    return {
        "document clusters": len(set(of_documents.values())),
        "page clusters": len(set(of_pages.values())),
        "seconds for the texts alone": round(made),
    }


def parquet(count: int, folder: Path) -> dict[str, int]:
    """Write the three splits as Parquet."""
    where = json.loads((folder / "splits.json").read_text(encoding="utf-8"))
    image = random.Random(0).randbytes(2_000)  # noqa: S311  stands for a page image
    by_split: dict[str, list[dict[str, object]]] = {}
    for name, text in pages(count):
        document, page = name.split("/")
        by_split.setdefault(where[document], []).append(
            {"id": name, "document": document, "page": int(page[1:]), "images": [f"data/pages/{name}.png"],
             **sharegpt.answered("<image>\nFree OCR. ", text)}
        )  # fmt: skip
    written = {}
    for split, records in by_split.items():
        names = tables.write(folder, split, records, lambda _: image, [len(image)] * len(records), 500_000_000)
        written[f"{split}, files"] = len(names)
        written[f"{split}, pages"] = len(records)
    return written


def main() -> None:
    """Run the stages, each in a process, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--stage", choices=STAGES)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if not chosen.stage:
        for stage in STAGES:
            command = [sys.executable, __file__, str(chosen.folder), "--pages", str(chosen.pages), "--stage", stage]
            subprocess.run(command, check=True)
        return
    began = time.perf_counter()
    found = {"clusters": clusters, "parquet": parquet}[chosen.stage](chosen.pages, chosen.folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{chosen.stage}: {time.perf_counter() - began:.1f} s on the clock, {used.ru_utime + used.ru_stime:.1f} s of a "
        f"processor, {used.ru_maxrss / 2**20:.2f} GiB; {found}"
    )


if __name__ == "__main__":
    main()
