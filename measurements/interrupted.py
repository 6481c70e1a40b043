"""Whether a training that is killed and goes on ends with the same bytes as one that nothing disturbed.

    python measurements/training_speed.py --folder /tmp/speed --only      # makes the base model and the pages
    python measurements/interrupted.py --folder /tmp/speed                # on a GPU: bfloat16, quick layers

Each training is a process of its own. The second is killed (SIGKILL) as soon as its second checkpoint is whole, and
started again. Printed are seconds, how many steps the last process computed, the first and last loss and the adapter's
hash of both. On the CPU
`tests/integration/test_killed_training.py` holds this at any moment.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

PAGES, BATCH, STEPS_A_CHECKPOINT = 64, 4, 4


def train(base: Path, split: Path, folder: Path, scope: str) -> None:
    """Train in this process, and print what came of it."""
    from scribetune import training
    from scribetune.core import config, files
    from scribetune.training import page_trainer

    computed, real = [0], page_trainer.PageTrainer.get_batch_samples

    def counted(self: Any, *arguments: Any) -> Any:
        computed[0] += 1
        return real(self, *arguments)

    page_trainer.PageTrainer.get_batch_samples = counted  # type: ignore[method-assign]
    records = split.read_text(encoding="utf-8").splitlines()[:PAGES]
    files.write_text(folder / "train.jsonl", "\n".join(records) + "\n")
    files.write_text(folder / "validation.jsonl", "")
    settings = config.load(
        {
            "base_model": {"name": str(base)},
            "train": {
                "effective_batch": BATCH, "epochs": 1, "tensorboard": False,
                "lora": {"scope": scope, "rank": 16, "alpha": 16, "dropout": 0.05},
                "checkpoints": {"steps": STEPS_A_CHECKPOINT, "minutes": 0},
                "machine": {"micro_batch": BATCH, "vision_disk_gb": 0.0},
            },
        }
    )  # fmt: skip
    result = training.train(
        settings, str(base), folder / "train.jsonl", folder / "validation.jsonl",
        folder / "adapter", folder / "checkpoints",
    )  # fmt: skip
    adapter = files.sha256_file(folder / "adapter" / "adapter_model.safetensors")
    told = {
        "steps": result.steps,
        "of them here": computed[0],
        "losses": [result.first_loss, result.final_loss],
        "adapter": adapter[:12],
    }
    print("RESULT " + json.dumps(told), flush=True)


def checkpoints(folder: Path) -> list[str]:
    """Return the names of the checkpoints that are there, whole or not."""
    return sorted(path.name for path in (folder / "checkpoints").glob("checkpoint-*"))


def main() -> int:
    """Train undisturbed, then killed and started again; compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="that training_speed.py made")
    parser.add_argument("--scope", default="attention")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    base, split = given.folder / "base", given.folder / "pages.jsonl"
    if given.train:
        train(base, split, given.train, given.scope)
        return 0
    found = []
    for name, killed in (("undisturbed", False), ("killed", True)):
        folder = given.folder / "interrupted" / name
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, __file__, "--folder", str(given.folder), "--scope", given.scope]
        command += ["--train", str(folder)]
        began = time.perf_counter()
        if killed:
            silent = subprocess.DEVNULL
            process = subprocess.Popen(command, stdout=silent, stderr=silent, start_new_session=True)
            second = f"checkpoint-{2 * STEPS_A_CHECKPOINT}"
            while process.poll() is None and second not in checkpoints(folder):
                time.sleep(0.05)
            if process.poll() is not None:
                print("ended before it could be killed")
                return 1
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"killed after {time.perf_counter() - began:.0f} s with {', '.join(checkpoints(folder))}", flush=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told = next((line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")), None)
        if told is None:
            print(done.stdout[-1500:] + done.stderr[-1500:])
            return 1
        found.append(json.loads(told))
        print(f"{name}: {time.perf_counter() - began:.0f} s, {told}", flush=True)
    same = found[0]["adapter"] == found[1]["adapter"]
    print("the same adapter" if same else "ANOTHER adapter")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
