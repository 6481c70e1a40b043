"""Seconds and memory of a merge with its proof, phase by phase.

    python measurements/merging.py                         the embedded model, scope experts
    python measurements/merging.py --full-size --pages 1   DeepSeek-OCR-2 at full size (3.39 B), random weights

The full-size base (measurements/full_size.py, 6.8 GB in bfloat16) is made in --folder first and kept there for the next
run; the merged model takes as much again. Pages are drawn, 1632 × 2304 px (1121 image tokens at full size).
"""

import argparse
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

import full_size  # noqa: E402
import torch  # noqa: E402  the folder above comes first
from safetensors.torch import save_file  # noqa: E402

from scribetune.core import config  # noqa: E402
from scribetune.merging import merged_model  # noqa: E402
from scribetune.models import adapters, families  # noqa: E402
from scribetune.models.families import native  # noqa: E402

TINY = REPOSITORY / "models" / "tiny"


def make_adapter(family: families.Family, base: Path, folder: Path, scope: str) -> int:
    """Write an adapter with random weights; return how many it has."""
    settings = config.load({"train": {"lora": {"scope": scope, "dropout": 0.0}}})
    wrapped = adapters.attach(family, native.skeleton(base), settings.train)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, 0.03, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder))
    return sum(weight.numel() for weight in weights.values())


def figures(folder: Path) -> Iterator[str]:
    """Yield the lines that a proof has to say about the merge."""
    proof = json.loads((folder / merged_model.PROOF_NAME).read_text(encoding="utf-8"))
    changes = proof["tensors"]["changed"].values()
    logits = proof["logits"]
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    yield f"{size / 1e9:.2f} GB in {len(list(folder.glob('*.safetensors')))} files, {proof['tensors']['total']} tensors"
    relative, noise, moved = ([one[key] for one in changes] for key in ("relative", "rounding", "moved"))
    yield (
        f"{len(changes)} adapted; the change is {min(relative):.2g} to {max(relative):.2g} of the tensor, rounding "
        f"noise up to {max(noise):.2g} of it, at least {min(moved):.1%} of the elements moved"
    )
    yield (
        f"logits in {logits['computed_in']} on {logits['device']}: adapter moves {logits['adapter_moves_by_rms']:.3g}, "
        + (
            f"merged differs {logits['on_disk_differs_by_rms']:.3g} of {logits['rms']:.3g} (root mean square), "
            f"same best token {logits['same_best_token']:.3f} of {logits['positions']} positions"
        )
    )


def main() -> None:
    """Make what is needed, merge, and print seconds, memory and the proof's figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full-size", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the full-size base is kept (default: a temporary folder)")
    parser.add_argument("--scope", default="experts")
    parser.add_argument("--layout", default="transformers", choices=["transformers", "original"])
    parser.add_argument("--precision", default="base")
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    logging.basicConfig(format="%(relativeCreated)9.0f ms  %(message)s", stream=sys.stdout)
    logging.getLogger("scribetune").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as temporary:
        work = given.folder or Path(temporary)
        base = work / "full-size-base" if given.full_size else TINY
        if not base.exists():
            shutil.rmtree(work / "unfinished", ignore_errors=True)
            # In a process of its own: the memory it takes is not the merge's.
            subprocess.run([sys.executable, full_size.__file__, str(work / "unfinished")], check=True)
            (work / "unfinished").rename(base)
        family = families.family_of(base)
        prompt = families.prompt_of(family, "free_ocr")
        count = make_adapter(family, base, work / "adapter", given.scope)
        records = work / "pages.jsonl"
        full_size.write_split(records, given.pages, prompt)
        settings = config.load(
            {
                "base_model": {"name": str(base)},
                "train": {"lora": {"scope": given.scope}, "machine": {"cpu_threads": given.threads}},
                "merge": {"layout": given.layout, "precision": given.precision},
            }
        )
        print(f"adapter: {count / 1e6:.1f} M weights, scope {given.scope}")
        started = time.perf_counter()
        merged_model.merge(settings, str(base), work / "adapter", work / "merged", [records])
        print(f"{time.perf_counter() - started:.0f} s", *figures(work / "merged"), sep="\n")


if __name__ == "__main__":
    main()
