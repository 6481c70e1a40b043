"""Pages per second and loss curves of one training on one GPU and shared by several.

    python measurements/several_gpus.py --folder /tmp/gpus --results /tmp/results            # 1 and 2 GPUs, 3-4 minutes
    python measurements/several_gpus.py --folder /tmp/gpus --results /tmp/results --gpus 1 2 4 --batch 32
    python measurements/several_gpus.py --folder /tmp/gpus --results /tmp/results --sharded   # the base shared too
    python measurements/several_gpus.py --folder /tmp/gpus --results /tmp/results --sharded --base models/tiny \
        --pages 16 --batch 4 --micro 2 --epochs 2      # a dry run on the CPU

DeepSeek-OCR-2 of full size with random weights (measurements/full_size.py), pages of 1,732 tokens (1,121 + 611),
bfloat16, LoRA rank 16 in scope `attention`, vision features computed once; the effective batch is the same for every
number of GPUs. Each case runs in a process of its own. Pages per second are those of the steps after the first five,
timed at two moments with the device synchronised; "features" are the seconds of the vision pass, "whole" those of
everything from the call to the adapter on disk, starting processes and loading the model included. "Peak" is the most
memory of any GPU, loading included; on a CPU the most resident memory of any process. results.json has the seconds
from step to step as the first process sees them. With --sharded every number of GPUs above one is trained once more
with `train.machine.sharding: full`, where each GPU holds a part of every decoder layer. Written to --results:
results.json, the table, and the log of each training.

`--base` takes another model (models/tiny, to try the script on a CPU), `--experts N` makes a small one whose weights
are almost all in its decoder layers (16 of them, N experts in each), to see on a CPU who holds what:

    python measurements/several_gpus.py --folder /tmp/gpus --results /tmp/results --gpus 2 --sharded --experts 64 \
        --pages 8 --batch 2 --micro 1 --epochs 2
"""

import argparse
import csv
import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / folder) for folder in ("src", "pretraining", "measurements")]

WARM_UP = 5
LONGEST_S = 150
MARK = "RESULT "


def timed_training(group: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Train as one of a group of processes; return when what happened, in seconds, and the peak memory here."""
    import torch

    from scribetune import training
    from scribetune.core import config
    from scribetune.training import features, page_trainer, run, trial

    began = time.perf_counter()
    stamps: dict[str, float] = {}
    begins: list[float] = []
    take, compute = page_trainer.PageTrainer.get_batch_samples, features.vision_features

    def now() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def clocked(self: Any, *arguments: Any) -> Any:
        if len(begins) == WARM_UP:
            stamps["from"] = now()
        if len(begins) == self.schedule.total - 1:
            stamps["to"] = now()
        begins.append(time.perf_counter())
        return take(self, *arguments)

    def clocked_features(*arguments: Any) -> Any:
        before = now()
        made = compute(*arguments)
        stamps["features"] = now() - before
        return made

    setattr(page_trainer.PageTrainer, "get_batch_samples", clocked)  # noqa: B010
    setattr(features, "vision_features", clocked_features)  # noqa: B010
    work = Path(given["work"])
    base = Path(given["base"])
    settings = config.load(
        {
            "base_model": {"name": str(base)},
            "train": {
                "effective_batch": given["batch"], "epochs": given["epochs"], "tensorboard": False,
                "lora": {"scope": given["scope"], "rank": 16, "alpha": 16, "dropout": 0.0},
                "validation": {"keep": "last"},
                "checkpoints": {"steps": 10_000, "minutes": 0},
                "machine": {
                    "backend": "peft", "micro_batch": given["micro"], "gradient_checkpointing": False,
                    "sharding": given["sharding"],
                },
            },
        }
    )  # fmt: skip
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    splits = (work / "train.jsonl", work / "validation.jsonl")
    folders = training.WorkFolders(work / "checkpoints", work / "vision")
    whole = trial.Trial(settings.train.machine.micro_batch)
    result = run.train_in_group(group, settings, str(base), splits, work / "adapter", folders, whole)
    counted = len(begins) - 1 - WARM_UP
    peaks = group.gather(peak_bytes())
    return {
        "steps": result.steps,
        "pages_per_s": counted * given["batch"] / (stamps["to"] - stamps["from"]),
        "features_s": stamps["features"],
        "in_process_s": time.perf_counter() - began,
        "peak_gb": max(peaks) / 1e9,
        "peaks_gb": [peak / 1e9 for peak in peaks],
        "step_s": [round(after - before, 4) for before, after in pairwise(begins)],
    }


def peak_bytes() -> int:
    """Return the most memory that was allocated on this process's GPU, or that this process held."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Run one case in this process and the ones that it starts."""
    import several_gpus  # this module, by a name that other processes can import it by

    from scribetune.core import files
    from scribetune.models import processes

    work = Path(given["work"])
    shutil.rmtree(work, ignore_errors=True)
    records = Path(given["split"]).read_text(encoding="utf-8").splitlines()[: given["pages"]]
    files.write_text(work / "train.jsonl", "\n".join(records) + "\n")
    files.write_text(work / "validation.jsonl", "")
    began = time.perf_counter()
    if given["gpus"] == 1:
        found = timed_training(processes.ALONE, given)
    else:
        found = processes.launch(given["gpus"], several_gpus.timed_training, given)
    return {"gpus": given["gpus"], "sharding": given["sharding"], **found, "whole_s": time.perf_counter() - began}


def write_small(folder: Path, experts: int) -> None:
    """Write a DeepSeek-OCR-2 with random weights, 16 narrow layers and many experts in each, unless it is there."""
    import torch
    from transformers import DeepseekOcr2Config, DeepseekOcr2ForConditionalGeneration

    from tiny_pretraining import tiny_model

    if (folder / "processor_config.json").exists():
        return
    processor = tiny_model.page_processor()
    widths = dataclasses.replace(tiny_model.STAND_IN, decoder_layers=16, expert=512)
    settings = tiny_model.architecture(-(-len(processor.tokenizer) // 64) * 64, widths)
    settings["text_config"]["n_routed_experts"] = experts
    torch.manual_seed(0)
    tiny_model.save(DeepseekOcr2ForConditionalGeneration(DeepseekOcr2Config(**settings)), processor, folder)


def losses(path: Path) -> list[float]:
    """Return the losses in a training log."""
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as a Markdown table; the first is what the others are compared with."""
    head = ("GPUs", "base", "pages/s", "ratio", "features s", "whole s", "peak GB", "largest difference of loss")
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for one in results:
        cells = [
            str(one["gpus"]),
            "shared" if one["sharding"] == "full" else "whole",
            f"{one['pages_per_s']:.2f}",
            f"{one['pages_per_s'] / results[0]['pages_per_s']:.2f}",
            f"{one['features_s']:.1f}",
            f"{one['whole_s']:.1f}",
            f"{one['peak_gb']:.2f}",
            f"{max(abs(a - b) for a, b in zip(one['loss'], results[0]['loss'], strict=True)):.2g}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="work folder, 10 GB")
    parser.add_argument("--results", type=Path, required=True, help="gets the results")
    parser.add_argument("--gpus", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--sharded", action="store_true", help="train with a shared base too, on two GPUs or more")
    parser.add_argument("--scope", default="attention")
    parser.add_argument("--batch", type=int, default=16, help="pages per step, whatever the number of GPUs")
    parser.add_argument("--micro", type=int, default=8, help="pages per forward pass on one GPU")
    parser.add_argument("--pages", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--base", type=Path, help="another model than that of full size")
    parser.add_argument("--experts", type=int, help="a small random model with so many experts in each layer")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Make what is needed, run every case in a process of its own, print and keep a table."""
    given = arguments()
    if given.case:
        print(MARK + json.dumps(run(json.loads(given.case))), flush=True)
        return
    import full_size

    began = time.perf_counter()
    base = given.base.resolve() if given.base else given.folder / "base"
    if given.experts:
        base = given.folder / f"experts-{given.experts}"
        write_small(base, given.experts)
    elif not given.base:
        full_size.write(base)
    split = given.folder / f"pages-{given.pages}.jsonl"
    if not split.exists():
        full_size.write_split(split, given.pages, "<image>\nFree OCR. ")
    print(f"model and pages: {time.perf_counter() - began:.0f} s", flush=True)
    given.results.mkdir(parents=True, exist_ok=True)
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    results = []
    ways = [(number, "none") for number in given.gpus]
    ways += [(number, "full") for number in given.gpus if number > 1 and given.sharded]
    for number, sharding in ways:
        name = str(number) + "-sharded" * (sharding == "full")
        case = {
            "gpus": number, "sharding": sharding, "base": str(base), "split": str(split),
            "work": str(given.folder / f"work-{name}"),
            "scope": given.scope, "batch": given.batch, "micro": min(given.micro, given.batch // number),
            "pages": given.pages, "epochs": given.epochs,
        }  # fmt: skip
        visible = {} if number > 1 or "CUDA_VISIBLE_DEVICES" in os.environ else {"CUDA_VISIBLE_DEVICES": "0"}
        command = [
            sys.executable, str(Path(__file__).resolve()), "--folder", str(given.folder),
            "--results", str(given.results), "--case", json.dumps(case),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=os.environ | quiet | visible,
                timeout=LONGEST_S,
                check=False,
            )
            output = done.stdout + done.stderr
        except subprocess.TimeoutExpired as late:
            output = f"not done after {LONGEST_S} s\n{late.stderr!r}"
        (given.results / f"output-{name}.txt").write_text(output, encoding="utf-8")
        found = [line.removeprefix(MARK) for line in output.splitlines() if line.startswith(MARK)]
        if not found:
            print(f"{name} GPUs FAILED\n{output[-3000:]}", flush=True)
            continue
        log = Path(case["work"]) / "adapter" / "training_log.csv"
        shutil.copy(log, given.results / f"training_log-{name}.csv")
        results.append(json.loads(found[0]) | {"loss": losses(log)})
        (given.results / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
        print(json.dumps({key: value for key, value in results[-1].items() if key != "loss"}), flush=True)
    if results:
        (given.results / "table.md").write_text(table(results), encoding="utf-8")
        print(table(results), flush=True)
    print(f"all: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
