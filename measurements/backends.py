"""Both training backends on the same pages of a finished build: losses, CER of the test pages, seconds.

    python measurements/backends.py --build FOLDER --folder /tmp/backends                    # peft and unsloth
    python measurements/backends.py --build FOLDER --folder /tmp/backends --only peft        # without a GPU

FOLDER is the folder of a build (data/splits and the page images are read from it, params.yaml says how it was trained).
Each backend trains and is read in processes of its own: unsloth patches transformers on import, and the pages are read
by the project's reader, with the adapter merged into the base model, in float32 on either device.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src")]

BACKENDS = ("peft", "unsloth")
MARK = "RESULT "


def settings(build: Path, base: Path, backend: str, precision: str = "auto") -> Any:
    """Return the build's configuration, for one backend and without what only takes time."""
    import yaml

    from scribetune.core import config

    values = yaml.safe_load((build / "params.yaml").read_text(encoding="utf-8"))
    values["base_model"]["name"] = str(base)
    values["train"]["tensorboard"] = False
    values["train"]["machine"] |= {"backend": backend, "precision": precision}
    return config.load(values)


def train(build: Path, base: Path, folder: Path, backend: str) -> dict[str, Any]:
    """Train in this process."""
    if backend == "unsloth":
        import unsloth  # noqa: F401  first: it patches transformers on import
    from scribetune import training

    os.chdir(build)  # page images are named relative to it
    began = time.perf_counter()
    result = training.train(
        settings(build, base, backend),
        str(base),
        Path("data/splits/train.jsonl"),
        Path("data/splits/validation.jsonl"),
        folder / "adapter",
        folder / "checkpoints",
    )
    return {
        "train_s": time.perf_counter() - began,
        "precision": result.precision,
        "trainable": sum(result.trainable.values()),
        "loss": [result.first_loss, result.final_loss],
        "validation_loss": result.validation_loss,
        "validation_cer": result.validation_cer,
    }


def read(build: Path, base: Path, folder: Path, _: str) -> dict[str, Any]:
    """Read the test pages in this process, with plain PEFT's merge of the adapter."""
    import torch
    from peft import PeftModel

    from scribetune import generation
    from scribetune.core.files import read_jsonl
    from scribetune.metrics.text_scores import cer
    from scribetune.models import families

    family = families.family_of(base)
    model = family.load_model(base, dtype=torch.float32, device="cpu")
    PeftModel.from_pretrained(model, folder / "adapter").merge_and_unload().save_pretrained(folder / "merged")
    for path in base.iterdir():
        if path.suffix == ".json" and path.name not in ("config.json", "generation_config.json"):
            shutil.copy(path, folder / "merged" / path.name)
    os.chdir(build)
    chosen = settings(build, folder / "merged", "peft", "float32")
    test, predictions = Path("data/splits/test.jsonl"), folder / "predictions.jsonl"
    generation.predict(chosen, str(folder / "merged"), {test: predictions}, folder / "journals")
    answers = {row["id"]: row["conversations"][1]["value"] for row in read_jsonl(test)}
    rates = [cer(answers[row["id"]], row["text"]) for row in read_jsonl(predictions)]
    return {"test_pages": len(rates), "test_cer": sum(rates) / len(rates)}


def main() -> None:
    """Run every backend in processes of its own and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="work folder")
    parser.add_argument("--base", type=Path, default=REPOSITORY / "models" / "tiny")
    parser.add_argument("--only", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--step", choices=("train", "read"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        do = {"train": train, "read": read}[given.step]
        (backend,) = given.only
        found = do(given.build.resolve(), given.base.resolve(), given.folder.resolve(), backend)
        print(MARK + json.dumps(found), flush=True)
        return
    quiet = {"HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "TOKENIZERS_PARALLELISM": "false"}
    for backend in given.only:
        folder = given.folder / backend
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        found: dict[str, Any] = {"backend": backend}
        for step in ("train", "read"):
            command = [
                sys.executable, __file__, "--build", str(given.build), "--folder", str(folder), "--base",
                str(given.base), "--only", backend, "--step", step,
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet, check=False)
            (folder / f"{step}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
            results = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
            if not results:
                print(f"{backend}: {step} FAILED\n{(done.stdout + done.stderr)[-3000:]}", flush=True)
                break
            found |= json.loads(results[0])
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
