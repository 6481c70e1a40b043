"""What Unsloth loads and trains of the families, on small random models: a row per family. It needs a GPU.

    python measurements/unsloth_families.py                        # unsloth beside peft, two minutes
    python measurements/unsloth_families.py --only glm_ocr --backends peft

Each family's small model (tests/support) is trained for three steps by `train.machine.backend: unsloth`, and by `peft`
on the same pages: the first losses must be near each other where both read the same weights. Told are the class that
was loaded, the trainable weights and the losses, or the last line of what stopped it. Each is a process of its own, and
nothing is fetched.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
FAMILIES = (
    "deepseek_ocr2", "deepseek_ocr", "deepseek_vl2", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "paddleocr_vl",
    "glm_ocr", "lighton_ocr",
)  # fmt: skip
BACKENDS = ("unsloth", "peft")
COLUMNS = ("family", "backend", "model", "trainable", "first_loss", "final_loss", "said")
MARK = "RESULT "
_LIMIT_S = 150


def train(kind: str, backend: str, folder: Path, kept: Path) -> dict[str, Any]:
    """Train in this process; return what came of it."""
    if backend == "unsloth":
        import unsloth  # noqa: F401  first: it patches transformers' models on import
    from scribetune import training
    from scribetune.models import backends, families
    from support.numbered_pages import write_pages
    from support.train_keys import quick_training

    prompt, sizes = families.FAMILIES[kind].prompts["free_ocr"], [(90, 120)]
    learned, none = (write_pages(kept, name, prompt, count, sizes) for name, count in (("train", 6), ("none", 0)))
    found: dict[str, Any] = {}
    load = backends.load

    def loaded(*words: Any, **more: Any) -> Any:
        model = load(*words, **more)
        found["model"] = type(model.get_base_model()).__name__
        return model

    backends.load = loaded
    settings = quick_training(folder, "original", backend=backend, precision="float32", scope="attention")
    result = training.train(settings, str(folder), learned, none, kept / "adapter", kept / "work")
    found |= {"trainable": sum(result.trainable.values()), "said": ""}
    return found | {"first_loss": round(result.first_loss, 4), "final_loss": round(result.final_loss, 4)}


def row(kind: str, backend: str, folder: Path) -> dict[str, Any]:
    """Train in a process of its own; return its row."""
    # Nothing is compiled: that takes minutes for each, and changes neither what is loaded nor what learns.
    quiet = {"HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "TOKENIZERS_PARALLELISM": "false",
             "UNSLOTH_COMPILE_DISABLE": "1", "TORCHDYNAMO_DISABLE": "1", "OMP_NUM_THREADS": "2"}  # fmt: skip
    with tempfile.TemporaryDirectory() as kept:
        command = [sys.executable, __file__, "--only", kind, "--backends", backend, "--case", str(folder), kept]
        try:
            # Unsloth writes a folder of compiled code where it is run.
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | quiet, check=False, timeout=_LIMIT_S, cwd=kept
            )
        except subprocess.TimeoutExpired:
            return {"said": f"not done in {_LIMIT_S} s"}
    results = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
    if results:
        found: dict[str, Any] = json.loads(results[-1])
        return found
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return {"said": said[-1][:300] if said else f"status {done.returncode}"}


def main() -> None:
    """Try each family and backend, a few at a time, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--at-once", type=int, default=4, help="processes")
    parser.add_argument("--case", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sys.path[:0] = [str(REPOSITORY / part) for part in ("src", "tests", "pretraining")]
    if given.case:
        print(MARK + json.dumps(train(given.only[0], given.backends[0], *given.case)), flush=True)
        return
    from support import small_models

    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    cases = [(kind, backend, small_models.FOLDERS[kind]()) for kind in given.only for backend in given.backends]
    with ThreadPoolExecutor(given.at_once) as pool:
        running = {pool.submit(row, *case): case for case in cases}
        for done in as_completed(running):
            kind, backend, _ = running[done]
            told = {"family": kind, "backend": backend, **done.result()}
            print("| " + " | ".join(str(told.get(column, "")) for column in COLUMNS) + " |", flush=True)


if __name__ == "__main__":
    main()
