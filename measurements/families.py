"""Training and reading of every family at full size, in one table: s/page, peak memory, pages/s; one row per family.

    python measurements/families.py                                      # on a GPU, each family in a minute or two
    python measurements/families.py --only deepseek_ocr --bits 4         # 4-bit LoRA beside 16-bit
    python measurements/families.py --small --pages 4 --new-tokens 8     # a CPU, tiny models: that it works

Random weights, made on the device and never written (speed and memory do not depend on their values); pages of
1,632 × 2,304 px, answers of 611 tokens; bfloat16, LoRA rank 16, one page a step, checkpointing as the forecast says.
The model is trained from a folder that holds its configuration and processor alone: the loader is given the weights.
"train" is the median of the steps after the fifth, "vision" what the features took that are computed once per page,
"peak" the most memory that torch held while training (features, then steps) and while reading. Reading takes the pages
all at once, each with an answer of a length of its own (log-normal, `--new-tokens` in the mean).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / part) for part in ("src", "measurements", "pretraining", "tests")]

import full_size  # noqa: E402  the folders above come first
import generation  # noqa: E402
import torch  # noqa: E402
import training_speed  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from scribetune.core import config  # noqa: E402
from scribetune.generation import Reader  # noqa: E402
from scribetune.models import adapters, backends, families  # noqa: E402
from scribetune.models.examples import read_pages  # noqa: E402
from scribetune.training import memory  # noqa: E402
from support import small_models  # noqa: E402

FAMILIES = ("deepseek_ocr2", "deepseek_ocr", "deepseek_vl2")
"""What `full_size.model_and_processor` makes."""
COLUMNS = (
    "family", "weights_m", "image_tokens", "bits", "vision_s_per_page", "train_s_per_page", "train_peak_gb",
    "read_pages_per_s", "read_peak_gb", "seconds",
)  # fmt: skip


def made(family: str, device: str, dtype: Any, *, small: bool) -> tuple[Any, Any]:
    """Return a model with random weights and its processor."""
    if not small:
        return full_size.model_and_processor(device, dtype, family=family)
    known, folder = families.FAMILIES[family], small_models.FOLDERS[family]()
    # Not by the instance, whose loader `measure` replaces.
    model = type(known).load_model(known, folder, dtype=dtype, device=device)
    return model, known.load_processor(folder)


def measure(name: str, pages: int, new_tokens: int, bits: int, scope: str, *, small: bool) -> dict[str, Any]:
    """Train on pages and read them; return a row."""
    began = time.perf_counter()
    family = families.FAMILIES[name]
    placement = backends.place("bfloat16" if torch.cuda.is_available() else "float32", 1)
    model, processor = made(name, placement.device, placement.dtype, small=small)
    weights = sum(weight.numel() for weight in model.parameters())
    with tempfile.TemporaryDirectory() as kept:
        base = Path(kept) / "base"
        model.config.save_pretrained(base)
        (processor if family.is_in_transformers else processor.tokenizer).save_pretrained(base)
        save_file({"none": torch.zeros(1)}, base / "model.safetensors")  # the folder is looked at before it is loaded
        split = Path(kept) / "pages.jsonl"
        full_size.write_split(split, pages, family.prompts["free_ocr"])

        def load(_folder: Path, *, dtype: Any, device: str) -> Any:
            return given.pop() if given else made(name, device, dtype, small=small)[0]

        given = [model]
        del model
        family.load_model = load  # type: ignore[method-assign, assignment]
        adapters.base_digest = lambda _: "random weights"  # type: ignore[assignment, misc]
        case = {
            "scope": scope, "batch": 1, "pages": pages, "gradient_checkpointing": "auto", "max_tokens": 8192,
            **({"quantization": "4bit"} if bits == 4 else {}),
        }  # fmt: skip
        trained = training_speed.ours(base, split, case)
        steps = training_speed.times_per_page(trained["starts"], 1)
        trained_peak = max(trained["vision_peak_gb"], training_speed.peak_gb())
        memory.release()
        row = {
            "family": family.title,
            "weights_m": round(weights / 1e6, 1),
            "image_tokens": family.page_cost(processor, 1632, 2304).tokens,
            "bits": bits,
            "vision_s_per_page": trained["vision_s"] / pages,
            "train_s_per_page": steps["s_per_page"],
            "train_peak_gb": trained_peak,
        }
        row |= read(family, processor, load(base, dtype=placement.dtype, device=placement.device), split, new_tokens)
    row["seconds"] = round(time.perf_counter() - began)
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def read(family: Any, processor: Any, model: Any, split: Path, new_tokens: int) -> dict[str, float]:
    """Read the pages of a split; return pages per second and the peak of memory."""
    pages = read_pages(split, family.prompts["free_ocr"])
    limits = generation.answer_lengths(len(pages), new_tokens, 0)
    settings = config.load({"generate": {"max_new_tokens": max(limits)}})
    reader = Reader.around(settings, family, processor, model.eval(), str(next(model.parameters()).device))
    dict(reader.stream(pages[:1], [8]))
    training_speed.forget_peak()
    training_speed.wait()
    began = time.perf_counter()
    found = dict(reader.stream(pages, limits))
    training_speed.wait()
    taken = time.perf_counter() - began
    return {"read_pages_per_s": len(found) / taken, "read_peak_gb": training_speed.peak_gb()}


def main() -> None:
    """Measure each family in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--new-tokens", type=int, default=611)
    parser.add_argument("--bits", type=int, choices=(4, 16), default=16)
    parser.add_argument("--scope", default="language")
    parser.add_argument("--small", action="store_true", help="tiny models, where there is no GPU")
    parser.add_argument("--case", choices=FAMILIES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        row = measure(given.case, given.pages, given.new_tokens, given.bits, given.scope, small=given.small)
        print("RESULT " + json.dumps(row), flush=True)
        return
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for name in given.only:
        command = [sys.executable, __file__, *sys.argv[1:], "--case", name]
        quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet, check=False)
        results = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not results:
            print(f"{name} FAILED\n{(done.stdout + done.stderr)[-3000:]}", flush=True)
            continue
        row = json.loads(results[0])
        print("| " + " | ".join(str(row[column]) for column in COLUMNS) + " |", flush=True)


if __name__ == "__main__":
    main()
