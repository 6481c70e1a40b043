"""Pages per second and peak memory of training: Unsloth's notebook recipe beside this project's own training.

    python measurements/training_speed.py --folder /tmp/speed                      # all comparisons
    python measurements/training_speed.py --folder /tmp/speed --only notebook vision-1

DeepSeek-OCR-2 of full size with random weights (measurements/full_size.py), pages of 1,732 tokens (1,121 + 611),
bfloat16, LoRA rank 16. Each case runs in a process of its own. Steps are timed on the host with the device synchronised
at the beginning of each; the first five (compilation, warm-up of the allocator) do not count. What lies before the
first step, features included, is printed as "before"; "per page" of a whole training contains it.

notebook      Unsloth's DeepSeek-OCR-2 recipe as its notebook has it: FastVisionModel, q/k/v/o/gate/up/down, "unsloth"
              checkpointing, its own defaults for experts, 2 pages 4 times a step, adamw_8bit, 2 workers; batches by the
              model's processor at full resolution (its collator shrinks pages)
unsloth-SCOPE-N   Unsloth with the weights of our scope, N pages at once, no checkpointing: its best batch
vision-N      scope `vision`, N pages a step: the same weights get LoRA
attention-N   scope `attention`, N pages a step, vision features computed once
SCOPE-3x200   a whole training: 3 epochs over 200 pages, the vision pass included, not waited for between its steps, so
              that only "s_per_page_and_epoch" says something; SCOPE-1x200 one epoch
…-NGB         the allocator refuses more than N GB (10^9 bytes)
…-native      without `scribetune.models.quick_layers`
--profile     a step of each case of ours is profiled: milliseconds of kernels by kind
"""

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

import kernels  # noqa: E402  the folders above come first

_ALONE = {"batch": 8, "pages": 96, "gradient_checkpointing": False}
_LISTED = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_ATTENTION = r".*language_model\.layers\.\d+\.self_attn\.(?:q|k|v|o)_proj"
CASES: dict[str, dict[str, Any]] = {
    "notebook": {"batch": 2, "accumulated": 4, "pages": 96, "targets": _LISTED, "optimizer": "adamw_8bit",
                 "gradient_checkpointing": "unsloth", "workers": 2, "force_compile": True},
    "unsloth-vision-8": {**_ALONE, "targets": _LISTED},
    "unsloth-attention-8": {**_ALONE, "targets": _ATTENTION},
    "vision-1": {"scope": "vision", "batch": 1, "pages": 24, "compile": True},
    "vision-1-free": {"scope": "vision", "batch": 1, "pages": 24, "compile": True, "deterministic": False},
    "vision-8": {"scope": "vision", **_ALONE},
    "vision-8-native": {"scope": "vision", **_ALONE, "quick": False},
    "vision-8-compiled": {"scope": "vision", **_ALONE, "compile": True},
    "vision-1x200": {"scope": "vision", **_ALONE, "pages": 200, "whole": True},
    "vision-3x200": {"scope": "vision", **_ALONE, "pages": 200, "whole": True, "epochs": 3},
    "attention-1": {"scope": "attention", "batch": 1, "pages": 24},
    "attention-8": {"scope": "attention", **_ALONE},
    "attention-8-free": {"scope": "attention", **_ALONE, "deterministic": False},
    "attention-8-native": {"scope": "attention", **_ALONE, "quick": False},
    "attention-8-compiled": {"scope": "attention", **_ALONE, "compile": True},
    "attention-1x200": {"scope": "attention", **_ALONE, "pages": 200, "whole": True},
    "attention-3x200": {"scope": "attention", **_ALONE, "pages": 200, "whole": True, "epochs": 3,
                        "gradient_checkpointing": "auto"},
    "attention-24GB": {"scope": "attention", "batch": 2, "pages": 24, "gradient_checkpointing": "auto", "cap_gb": 24},
    "attention-16GB-4bit": {"scope": "attention", "batch": 2, "pages": 24, "quantization": "4bit", "cap_gb": 16},
    "experts-16GB-4bit": {"scope": "experts", "batch": 1, "pages": 16, "quantization": "4bit", "cap_gb": 16},
}  # fmt: skip
_OF_MACHINE = ("compile", "deterministic", "gradient_checkpointing", "quantization")
WARM_UP = 5


def times_per_page(starts: list[float], batch: int) -> dict[str, float]:
    """Return median and fastest seconds per page, from the beginnings of steps."""
    counted = sorted(b - a for a, b in list(pairwise(starts))[WARM_UP:])
    return {
        "s_per_page": counted[len(counted) // 2] / batch,
        "fastest_s_per_page": counted[0] / batch,
        "first_step_s": starts[1] - starts[0],
        "steps": max(0, len(starts) - 1),
    }


def notebook(base: Path, split: Path, case: dict[str, Any]) -> dict[str, Any]:
    """Train as Unsloth's notebook does, with batches by the model's processor."""
    from unsloth import FastVisionModel  # isort: skip  first: it patches transformers on import
    import torch
    from datasets import Dataset
    from PIL import Image
    from transformers import AutoModelForImageTextToText, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    began = time.perf_counter()
    model, processor = FastVisionModel.from_pretrained(
        str(base), load_in_4bit=False, auto_model=AutoModelForImageTextToText,
        use_gradient_checkpointing=case["gradient_checkpointing"],
        **({"unsloth_force_compile": True} if case.get("force_compile") else {}),
    )  # fmt: skip
    model = FastVisionModel.get_peft_model(
        model, r=16, lora_alpha=16, lora_dropout=0, bias="none", finetune_vision_layers=True,
        target_modules=case["targets"], use_gradient_checkpointing=case["gradient_checkpointing"],
    )  # fmt: skip
    FastVisionModel.for_training(model)
    trainable = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    rows = [json.loads(line) for line in split.read_text(encoding="utf-8").splitlines()][: case["pages"]]
    end = processor.tokenizer.eos_token
    starts: list[float] = []

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        chosen = [rows[item["index"]] for item in batch]
        texts = [row["conversations"][0]["value"] + row["conversations"][1]["value"] + end for row in chosen]
        images = [Image.open(row["images"][0]).convert("RGB") for row in chosen]
        made = processor(images=images, text=texts, return_tensors="pt", padding=True)
        labels = made["input_ids"].clone()
        labels[labels == processor.image_token_id] = -100
        made["labels"] = labels
        return dict(made)

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            torch.cuda.synchronize()
            starts.append(time.perf_counter())

    print("tokens per page", collate([{"index": 0}])["input_ids"].shape[1], flush=True)
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(base.parent / "notebook"), per_device_train_batch_size=case["batch"], num_train_epochs=1,
            gradient_accumulation_steps=case.get("accumulated", 1), learning_rate=2e-4, report_to="none",
            bf16=True, remove_unused_columns=False,
            dataset_kwargs={"skip_prepare_dataset": True}, dataset_text_field="", max_length=None, save_strategy="no",
            optim=case.get("optimizer", "adamw_torch_fused"), logging_steps=10, warmup_steps=2,
            dataloader_num_workers=case.get("workers", 8),
        ),
        train_dataset=Dataset.from_dict({"index": list(range(len(rows)))}),
        data_collator=collate,
        processing_class=processor.tokenizer,
        callbacks=[Clock()],
    )  # fmt: skip
    torch.cuda.reset_peak_memory_stats()
    trainer.train()
    torch.cuda.synchronize()
    starts.append(time.perf_counter())
    return {"trainable": trainable, "before_s": starts[0] - began, "total_s": starts[-1] - began, "starts": starts}


def wait() -> None:
    """Wait for the GPU, where there is one."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_gb() -> float:
    """Return the most memory that torch has held on the GPU since `forget_peak`; 0 without one."""
    import torch

    return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0


def forget_peak() -> None:
    """Begin to look for the peak anew."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def ours(base: Path, split: Path, case: dict[str, Any]) -> dict[str, Any]:
    """Train with this project's own code."""
    from scribetune import training
    from scribetune.core import config, files
    from scribetune.models import quick_layers, vision_cache
    from scribetune.training import page_trainer

    profiled = Profile() if case.get("profile") else None

    starts: list[float] = []
    real, saved = page_trainer.PageTrainer.get_batch_samples, page_trainer.PageTrainer._save_checkpoint
    quick_layers.WANTED = case.get("quick", True)

    def clocked(self: Any, *arguments: Any) -> Any:
        if not case.get("whole") or not starts:
            wait()
        starts.append(time.perf_counter())
        if profiled:
            profiled.at_step(len(starts))
        return real(self, *arguments)

    def at_the_end(self: Any, *arguments: Any) -> Any:
        wait()
        starts.append(time.perf_counter())  # what is written to disk is no step
        return saved(self, *arguments)

    seen, compute = [0.0], vision_cache.compute

    def timed(*arguments: Any, **named: Any) -> Any:
        since = time.perf_counter()
        found = compute(*arguments, **named)
        seen[0] = time.perf_counter() - since
        peaks.append(peak_gb())
        forget_peak()
        return found

    peaks: list[float] = []
    vision_cache.compute = timed
    page_trainer.PageTrainer.get_batch_samples = clocked  # type: ignore[method-assign]
    page_trainer.PageTrainer._save_checkpoint = at_the_end  # type: ignore[method-assign]
    if "cap_gb" in case:
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(case["cap_gb"] * 1e9 / total)
        from scribetune.training import memory

        memory.total_bytes = lambda _: int(case["cap_gb"] * 1e9)  # what a device of this size says of itself
    work = base.parent / "ours"
    records = split.read_text(encoding="utf-8").splitlines()[: case["pages"]]
    files.write_text(work / "train.jsonl", "\n".join(records) + "\n")
    files.write_text(work / "validation.jsonl", "")
    settings = config.load(
        {
            "base_model": {"name": str(base)},
            "train": {
                "effective_batch": case["batch"], "epochs": case.get("epochs", 1), "tensorboard": False,
                "lora": {"scope": case["scope"], "rank": 16, "alpha": 16, "dropout": 0.0},
                "optimization": {"optimizer": case.get("optimizer", "adamw")},
                "checkpoints": {"steps": 10_000, "minutes": 0},
                "machine": {
                    "backend": case.get("backend", "peft"), "micro_batch": case["batch"], "precision": "auto",
                    "gradient_checkpointing": True, "compile": False, "vision_disk_gb": 0.0,
                    **{name: case[name] for name in _OF_MACHINE if name in case},
                },
            },
        }
    )  # fmt: skip
    began = time.perf_counter()
    forget_peak()
    result = training.train(
        settings, str(base), work / "train.jsonl", work / "validation.jsonl", work / "adapter", work / "checkpoints"
    )
    wait()
    ended = time.perf_counter()
    return {
        "trainable": sum(result.trainable.values()), "before_s": starts[0] - began, "total_s": ended - began,
        "vision_s": seen[0], "vision_peak_gb": max(peaks, default=0.0),
        "starts": [*starts[: result.steps], starts[-1]], "loss": [result.first_loss, result.final_loss],
        "adapter": files.sha256_file(work / "adapter" / "adapter_model.safetensors")[:12],
        "forecast": str(result.preflight)[:600],
    }  # fmt: skip


class Profile:
    """What the GPU does in the eighth and ninth step; see measurements/kernels.py."""

    def at_step(self, number: int) -> None:
        """Begin or end where it is time."""
        if number == 8:
            self._profiler = kernels.profiler()
            self._profiler.__enter__()
            self._began = time.perf_counter()
        elif number == 10:
            seconds = time.perf_counter() - self._began
            self._profiler.__exit__(None, None, None)
            kernels.say(self._profiler, seconds, 2, "step")


def run(name: str, folder: Path, *, profile: bool = False) -> dict[str, Any]:
    """Run one case in this process."""
    case = CASES[name] | {"profile": profile}
    base, split = folder / "base", folder / "pages.jsonl"
    theirs = "targets" in case
    found = (notebook if theirs else ours)(base, split, case)
    import torch

    starts = found.pop("starts")
    found |= times_per_page(starts, case["batch"] * case.get("accumulated", 1))
    # Steps alone; "vision_peak_gb" is that of what lies before them.
    found["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    if "vision_s" in found:
        found["s_per_page_and_epoch"] = (found["vision_s"] + starts[-1] - starts[0]) / (
            case["pages"] * case.get("epochs", 1)
        )
    found["reserved_gb"] = torch.cuda.max_memory_reserved() / 1e9
    found["whole_s_per_page"] = found["total_s"] / (case["pages"] * case.get("epochs", 1))
    return {
        "case": name,
        **{key: round(value, 4) if isinstance(value, float) else value for key, value in found.items()},
    }


def main() -> None:
    """Make what is needed, run every case in a process of its own, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="work folder, 20 GB")
    parser.add_argument("--only", nargs="*", choices=sorted(CASES), default=list(CASES))
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--limit-s", type=float, help="give a case up after so many seconds")
    parser.add_argument("--case", choices=sorted(CASES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print("RESULT " + json.dumps(run(given.case, given.folder, profile=given.profile)), flush=True)
        return
    import full_size

    full_size.write(given.folder / "base")
    if not (given.folder / "pages.jsonl").exists():
        full_size.write_split(
            given.folder / "pages.jsonl", max(case["pages"] for case in CASES.values()), "<image>\nFree OCR. "
        )
    quiet = {"HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "TOKENIZERS_PARALLELISM": "false"}
    for name in given.only:
        began = time.perf_counter()
        command = [sys.executable, __file__, "--folder", str(given.folder), "--case", name]
        command += ["--profile"] if given.profile else []
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | quiet, check=False, timeout=given.limit_s
            )
            out, errors = done.stdout, done.stderr
        except subprocess.TimeoutExpired as late:
            out, errors = (
                (part or b"").decode() if not isinstance(part, str) else part for part in (late.stdout, late.stderr)
            )
        told = [line for line in out.splitlines() if line.startswith(("RESULT ", "PROFILE "))]
        print("\n".join(told), flush=True)
        if not any(line.startswith("RESULT ") for line in told):
            print(f"{name} FAILED\n{(out + errors)[-3000:]}", flush=True)
        print(f"{name}: {time.perf_counter() - began:.0f} s altogether", flush=True)


if __name__ == "__main__":
    main()
