"""Wrong labels planted on a fifth of the pages: how many are seen in the first pages of `scribetune review --next`?

    git clone . /tmp/next && cd /tmp/next && scribetune build splits    # the sample corpus, with labels as they are
    python measurements/next_pages.py /tmp/next --plant                 # writes data/corrections and work/planted.json
    scribetune build reports/predictions/tuned_train.jsonl reports/predictions/tuned.jsonl --folder /tmp/next
    python measurements/next_pages.py /tmp/next

Or, on a machine with many cores: `--plant --jobs FILE` puts the wrong labels into data/splits themselves and writes a
job for `measurements/trainings.py`, whose readings `--results FILE` takes (without how sure the model was).

5 % of the words of these labels are replaced and 5 % of their tables' rows swapped, as `planted_suspects.py` does it,
and the model learns from them. A page counts with the mistakes planted on it. Beside the order of `--next`: that by
trust, which knows nothing of these mistakes (the machine made the labels, and nothing spoke against them), and the mean
of 1,000 random orders. Pages that the model has not read are left out. `--without` leaves one of the parts out.
"""

import argparse
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import trainings
from planted_suspects import SEED, SPLITS, plant_all
from trainings import Job

from scribetune.core import config as configuration
from scribetune.core import files, layout, yaml_files
from scribetune.review import gain, page_views, queues, readings
from scribetune.review.page_views import ReviewPage
from scribetune.text import sharegpt

PAGES = 0.2
"""Share of the pages with planted mistakes."""
PLANTED = "work/planted.json"
BEFORE = "work/before"
"""The manifests as they were before: trust in a label that a person is said to have written is 1."""
LOOKED_AT = (0.05, 0.10, 0.15, 0.20, 0.30)


def plant(folder: Path, jobs: Path | None) -> None:
    """Write wrong labels as corrections, or with jobs into the splits, and what is wrong in them."""
    records = [
        (split, record) for split in SPLITS for record in files.read_jsonl(folder / f"data/splits/{split}.jsonl")
    ]
    texts, plants = plant_all(records)
    ids = sorted(texts)
    chosen = set(random.Random(f"{SEED} pages").sample(ids, round(PAGES * len(ids))))  # noqa: S311
    counts = Counter(one.page for one in plants if one.page in chosen)
    shutil.copytree(folder / "data/manifests", folder / BEFORE / "data/manifests", dirs_exist_ok=True)
    files.write_json(folder / PLANTED, dict(counts))
    for page in chosen if jobs is None else ():
        files.write_text(folder / f"data/corrections/{page}.md", f"{texts[page].rstrip()}\n")
    if jobs is not None:
        for split in SPLITS:
            rows = [record for name, record in records if name == split]
            wrong = [_with_label(row, texts[row["id"]]) if row["id"] in chosen else row for row in rows]
            files.write_jsonl(folder / f"{layout.SPLITS}/{split}.jsonl", wrong)
        seed = configuration.load(yaml_files.read_values(folder / "config/config.yaml")).train.seed
        sets = {"tuned_train": f"{layout.SPLITS}/train.jsonl", "tuned": f"{layout.SPLITS}/test.jsonl"}
        job = Job(f"{folder.name}-next", os.path.relpath(folder, jobs.parent), sets["tuned_train"], seed, sets)
        trainings.write([job], jobs)
    print(f"{counts.total()} mistakes on {len(counts)} of {len(ids)} pages")


def _with_label(record: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {**record, **sharegpt.answered(sharegpt.said(record, "human") or "", text)}


def orders(folder: Path, without: str) -> dict[str, Sequence[str]]:
    """Return the name of each order → ids of pages."""
    records = [record for split in SPLITS for record in files.read_jsonl(folder / f"data/splits/{split}.jsonl")]
    labels = {str(record["id"]): sharegpt.said(record, "gpt") or "" for record in records}
    known = {id_: page for id_, page in page_views.read(folder / BEFORE).items() if id_ in labels}
    read = readings.read(folder)
    known = {id_: page for id_, page in known.items() if id_ in read}
    if without == "confidence":
        read = {id_: replace(reading, confidence=1.0) for id_, reading in read.items()}
    if without == "disagreement":
        read = {}
    if without == "trust":
        known = {id_: replace(page, trust=1.0) for id_, page in known.items()}
    gains = gain.of_pages(((page, labels[id_]) for id_, page in known.items()), read)
    return {"next": _one_by_one(gains, without), "trust": queues.lowest_trust(_machine(known)).ids}


def _one_by_one(gains: Sequence[gain.Gain], without: str) -> list[str]:
    """Return the order in which a person sees them, who decides on each and is shown the next."""
    if without == "novelty":
        return [one.page for one in gain.ordered(gains, [], most=len(gains))]
    waiting, decided = list(gains), []
    while waiting:
        first = gain.ordered(waiting, [one.runs for one in decided], most=len(waiting))[0]
        waiting.remove(first)
        decided.append(first)
    return [one.page for one in decided]


def _machine(pages: Mapping[str, ReviewPage]) -> dict[str, ReviewPage]:
    return {id_: replace(page, label_source="machine") for id_, page in pages.items()}


def found(order: Sequence[str], counts: Mapping[str, int]) -> dict[str, float]:
    """Return for each share of pages looked at the share of mistakes seen."""
    total = sum(counts.values())
    return {
        f"{share:.0%}": sum(counts.get(page, 0) for page in order[: round(share * len(order))]) / total
        for share in LOOKED_AT
    }


def main() -> None:
    """Plant, or compare orders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plant", action="store_true")
    parser.add_argument("--without", default="", choices=["", "confidence", "disagreement", "trust", "novelty"])
    parser.add_argument("--jobs", type=Path)
    parser.add_argument("--results", type=Path)
    chosen = parser.parse_args()
    if chosen.plant:
        plant(chosen.folder, chosen.jobs)
        return
    for name, rows in trainings.results(chosen.results)[f"{chosen.folder.name}-next"].items() if chosen.results else ():
        files.write_jsonl(chosen.folder / f"{layout.PREDICTIONS}/{name}.jsonl", rows)
    ordered = orders(chosen.folder, chosen.without)
    planted = json.loads((chosen.folder / PLANTED).read_text(encoding="utf-8"))
    counts = {page: planted[page] for page in ordered["next"] if page in planted}
    table: dict[str, Any] = {name: found(order, counts) for name, order in ordered.items()}
    rng = random.Random(SEED)  # noqa: S311
    pages = list(ordered["next"])
    drawn = [found(rng.sample(pages, len(pages)), counts) for _ in range(1000)]
    table["random"] = {share: sum(one[share] for one in drawn) / len(drawn) for share in drawn[0]}
    best = sorted(pages, key=lambda page: -counts.get(page, 0))
    table["best possible"] = found(best, counts)
    print(f"{sum(counts.values())} mistakes on {len(counts)} of {len(pages)} pages; share seen by pages looked at")
    for name, row in table.items():
        print(f"{name:14}", *(f"{share} {value:.2f}" for share, value in row.items()), sep="  ")


if __name__ == "__main__":
    main()
