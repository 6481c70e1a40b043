"""What replay costs and saves: CER of the test pages and of the retention pages, with and without pages replayed.

    git clone . /tmp/kept && cd /tmp/kept && scribetune build splits data/retention/pages.jsonl
    python measurements/forgetting.py /tmp/kept --jobs /tmp/kept.jsonl
    OMP_NUM_THREADS=1 python measurements/trainings.py /tmp/kept.jsonl
    python measurements/forgetting.py /tmp/kept --results /tmp/kept.results.jsonl

Each training is the build's, with another seed and `train.replay` (`--shares`, `--seeds`). Retention pages are scored
by what is read alone, as in the build.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import trainings
from trainings import Job

from scribetune.core import config as configuration
from scribetune.core import files, layout, yaml_files
from scribetune.core.config import Config
from scribetune.dataset import replay
from scribetune.evaluation import lost_characters, scoring
from scribetune.evaluation.scoring import PredictedSet
from scribetune.samples import retention

WORK = Path("work/forgetting")
SETS = {"test": f"{layout.SPLITS}/test.jsonl", "retention": f"{layout.RETENTION}/pages.jsonl"}
BASE = "forgetting-base"


def learned(settings: Config, share: float) -> Path:
    """Return the records that a training with a share of replayed pages learns from; made where they are not there."""
    train, path = Path(layout.SPLITS, "train.jsonl"), WORK / f"{share:g}.jsonl"
    if share and not path.exists():
        made = WORK / f"replay-{share:g}" / "pages.jsonl"
        records = files.read_jsonl(train)
        count = replay.count(len(records), share)
        pages = retention.make_pages(count, settings.retention.seed, settings.retention.languages, "replay")
        prompt = str(records[0]["conversations"][0]["value"])
        retention.build(pages, prompt, settings.pages.long_side_px, made.parent / "images", made)
        with replay.mixed_in(train, made, WORK) as mixed:
            files.write_text(path, mixed.read_text(encoding="utf-8"))
    return path if share else train


def jobs(settings: Config, folder: str, shares: Sequence[float], seeds: Sequence[int]) -> Iterator[Job]:
    """Yield a training for each share and seed, and the base model's reading."""
    yield Job(BASE, folder, "", 0, SETS)
    for share in shares:
        path = learned(settings, share)
        for seed in seeds:
            yield Job(f"forgetting-{share:g}-{seed}", folder, path.as_posix(), seed, SETS)


def scores(results: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, float]:
    """Return the CER of the test pages and of the retention pages, and how many characters were lost on these."""
    found = {}
    for part, path in SETS.items():
        pages = PredictedSet(files.read_jsonl(Path(path)), results[BASE][part], results[name][part])
        pages = pages.plain() if part == "retention" else pages
        found[part] = float(scoring.score_set(pages)["cer_tuned"].mean())
        found["lost"] = len(lost_characters.find(pages))
    return found


def main() -> None:
    """Write the trainings, or print a row for each of them and for each share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    written = chosen.jobs and chosen.jobs.resolve()
    results = trainings.results(chosen.results) if chosen.results else {}
    os.chdir(chosen.folder)
    if written:
        settings = configuration.load(yaml_files.read_values(Path("config/config.yaml")))
        folder = os.path.relpath(Path.cwd(), written.parent)
        trainings.write(jobs(settings, folder, chosen.shares, chosen.seeds), written)
        return
    print("base", scores(results, BASE))
    for share in chosen.shares:
        names = [name for seed in chosen.seeds if (name := f"forgetting-{share:g}-{seed}") in results]
        found = [scores(results, name) for name in names]
        for name, row in zip(names, found, strict=True):
            print(name, {key: round(value, 4) for key, value in row.items()})
        for key in found[0] if len(found) > 1 else ():
            values = [row[key] for row in found]
            print(f"share {share:g} {key}: mean {mean(values):.4f}, standard deviation {stdev(values):.4f}")


if __name__ == "__main__":
    main()
