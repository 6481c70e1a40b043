"""What replay costs and saves: CER of the test pages and of the retention pages, with and without pages replayed.

    git clone . /tmp/kept && cd /tmp/kept && scribetune build splits data/retention/pages.jsonl
    python measurements/forgetting.py /tmp/kept --shares 0 0.1 0.2 --seeds 1 2 3

Each training is the build's, with another seed and `train.replay`; what it read is kept in work/forgetting, and only
what is missing there runs. Retention pages are scored by what is read alone, as in the build.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from scribetune import training
from scribetune.core import config as configuration
from scribetune.core import files, layout, yaml_files
from scribetune.core.config import Config
from scribetune.dataset import replay
from scribetune.evaluation import lost_characters, scoring
from scribetune.evaluation.scoring import PredictedSet
from scribetune.generation import adapted
from scribetune.generation.reader import Prediction, Reader
from scribetune.models.examples import read_pages
from scribetune.samples import retention

WORK = Path("work/forgetting")
SETS = {"test": Path("data/splits/test.jsonl"), "retention": Path("data/retention/pages.jsonl")}


def replayed(settings: Config, share: float, prompt: str) -> Path | None:
    """Return the records of the pages that a share asks for, made where they are not there; None for none."""
    if not share:
        return None
    pages = replay.count(len(files.read_jsonl(Path(layout.SPLITS, "train.jsonl"))), share)
    path = WORK / f"replay-{share:g}" / "pages.jsonl"
    if not path.exists():
        made = retention.make_pages(pages, settings.retention.seed, settings.retention.languages, "replay")
        retention.build(made, prompt, settings.pages.long_side_px, path.parent / "images", path)
    return path


def measure(settings: Config, share: float, seed: int) -> None:
    """Train once, and read both sets with it."""
    base = settings.base_model.name
    changed = settings.model_copy(update={"train": settings.train.model_copy(update={"seed": seed, "replay": share})})
    adapter = WORK / f"adapter-{share:g}-{seed}"
    work = training.WorkFolders(WORK / f"checkpoints-{share:g}-{seed}", Path(layout.VISION))
    prompt = str(files.read_jsonl(SETS["test"])[0]["conversations"][0]["value"])
    with replay.mixed_in(Path(layout.SPLITS, "train.jsonl"), replayed(settings, share, prompt), WORK) as learned:
        training.train(changed, base, learned, Path(layout.SPLITS, "validation.jsonl"), adapter, work)
    read = {name: _rows(adapted.read(changed, base, adapter, path)) for name, path in SETS.items()}
    files.write_json(WORK / f"{share:g}-{seed}.json", read)


def read_base(settings: Config) -> None:
    """Read both sets with the base model."""
    reader = Reader(settings, settings.base_model.name)
    read = {name: _rows(reader.read(read_pages(path, reader.prompt))) for name, path in SETS.items()}
    files.write_json(WORK / "base.json", read)


def _rows(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    return [{"id": one.id, "text": one.text, "stop_reason": one.stop_reason} for one in predictions]


def scores(name: str) -> dict[str, float]:
    """Return the CER of the test pages and of the retention pages, and how many characters were lost on these."""
    base = json.loads((WORK / "base.json").read_text(encoding="utf-8"))
    tuned = json.loads((WORK / f"{name}.json").read_text(encoding="utf-8"))
    found = {}
    for part, path in SETS.items():
        pages = PredictedSet(files.read_jsonl(path), base[part], tuned[part])
        pages = pages.plain() if part == "retention" else pages
        found[part] = float(scoring.score_set(pages)["cer_tuned"].mean())
        found["lost"] = len(lost_characters.find(pages))
    return found


def main() -> None:
    """Measure what is missing, and print a row for each share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.1, 0.2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    os.chdir(chosen.folder)
    settings = configuration.load(yaml_files.read_values(Path("config/config.yaml")))
    WORK.mkdir(parents=True, exist_ok=True)
    if not (WORK / "base.json").exists():
        read_base(settings)
    for seed in chosen.seeds:
        for share in chosen.shares:
            if not (WORK / f"{share:g}-{seed}.json").exists():
                measure(settings, share, seed)
            print(f"share {share:g} seed {seed}:", scores(f"{share:g}-{seed}"), flush=True)
    for name, of in (
        ("base", ["base"]),
        *((f"{s:g}", [f"{s:g}-{seed}" for seed in chosen.seeds]) for s in chosen.shares),
    ):
        found = [scores(one) for one in of]
        print(name, {key: round(mean(one[key] for one in found), 4) for key in found[0]})


if __name__ == "__main__":
    main()
