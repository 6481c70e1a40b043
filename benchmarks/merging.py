"""Seconds and memory of a merge with its proof, phase by phase.

    python benchmarks/merging.py                         the embedded model, scope experts
    python benchmarks/merging.py --full-size --pages 1   DeepSeek-OCR-2 at full size (3.39 B parameters), random weights

The full-size base (6.8 GB in bfloat16) is made in --folder first, tensor by tensor, and kept there for the next run;
the merged model takes as much again. Pages are drawn, 1629 × 2304 px (1121 image tokens at full size).
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import torch  # noqa: E402  the folder above comes first
from PIL import Image, ImageDraw  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import DeepseekOcr2Config  # noqa: E402

from scribetune import adapters, config, families, merging  # noqa: E402
from scribetune.files import write_json, write_jsonl  # noqa: E402
from scribetune.merging import layouts  # noqa: E402
from scribetune.merging.checkpoint import Outline, ShardWriter  # noqa: E402

TINY = REPOSITORY / "models" / "tiny"
TEXT = {
    "vocab_size": 129280, "hidden_size": 1280, "intermediate_size": 6848, "num_hidden_layers": 12,
    "num_attention_heads": 10, "num_key_value_heads": 10, "moe_intermediate_size": 896, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_experts_per_tok": 6, "max_position_embeddings": 8192,
    "mlp_layer_types": ["dense"] + ["sparse"] * 11,
}  # fmt: skip
ENCODER = {
    "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864,
}  # fmt: skip


def make_base(folder: Path) -> None:
    """Write a full-size base with random weights, tensor by tensor, and the embedded model's tokenizer."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copyfile(TINY / name, folder / name)
    processor = json.loads((TINY / "processor_config.json").read_text(encoding="utf-8"))
    processor["image_processor"] |= {"crop_to_patches": True, "size": {"height": 1024, "width": 1024}}
    write_json(folder / "processor_config.json", processor)
    settings = DeepseekOcr2Config(
        text_config=TEXT, vision_config={"sam_config": {}, "encoder_config": ENCODER}, image_token_id=3,
        bos_token_id=0, eos_token_id=1, pad_token_id=2, architectures=["DeepseekOcr2ForConditionalGeneration"],
        dtype="bfloat16",
    )  # fmt: skip
    settings.save_pretrained(folder)
    shapes = {name: tuple(value.shape) for name, value in layouts.skeleton(folder).state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    outlines = [Outline(name, torch.bfloat16, shape) for name, shape in shapes.items()]
    with ShardWriter(folder, outlines, 5_000_000_000) as writer:
        for outline in outlines:
            weight = torch.empty(outline.shape, dtype=torch.bfloat16)
            if "norm" in outline.key and outline.key.endswith("weight"):
                weight.fill_(1.0)
            elif outline.key.endswith("bias"):
                weight.zero_()
            else:
                weight.normal_(0.0, 0.02, generator=generator)
            writer.write(outline.key, weight)
        writer.close()


def make_adapter(family: families.Family, base: Path, folder: Path, scope: str) -> int:
    """Write an adapter with random weights; return how many it has."""
    settings = config.load({"train": {"scope": scope, "dropout": 0.0}})
    wrapped = adapters.attach(family, layouts.skeleton(base), settings.train)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, 0.03, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder))
    return sum(weight.numel() for weight in weights.values())


def make_pages(folder: Path, count: int, prompt: str) -> Path:
    """Draw pages of numbers, and write them as a split."""
    rng = random.Random(2)  # noqa: S311  samples, no secrets
    rows = []
    for number in range(count):
        lines = [f"{rng.randrange(10**30)}" for _ in range(50)]
        image = Image.new("L", (1629, 2304), 255)
        ImageDraw.Draw(image).multiline_text((80, 80), "\n".join(lines), fill=0, font_size=36)
        path = folder / f"page-{number}.png"
        image.save(path)
        said = [{"from": "human", "value": prompt}, {"from": "gpt", "value": "\n".join(lines)}]
        about = {"id": f"page-{number}/p0001", "document": f"page-{number}", "page": 1}
        rows.append({**about, "conversations": said, "images": [str(path)]})
    write_jsonl(folder / "pages.jsonl", rows)
    return folder / "pages.jsonl"


def figures(folder: Path) -> Iterator[str]:
    """Yield the lines that a proof has to say about the merge."""
    proof = json.loads((folder / merging.PROOF_NAME).read_text(encoding="utf-8"))
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
            make_base(work / "unfinished")
            (work / "unfinished").rename(base)
        family = families.family_of(base)
        prompt = families.prompt_of(family, "free_ocr")
        count = make_adapter(family, base, work / "adapter", given.scope)
        records = make_pages(work, given.pages, prompt)
        settings = config.load(
            {
                "base_model": {"name": str(base)},
                "train": {"scope": given.scope, "cpu_threads": given.threads},
                "merge": {"layout": given.layout, "precision": given.precision},
            }
        )
        print(f"adapter: {count / 1e6:.1f} M weights, scope {given.scope}")
        started = time.perf_counter()
        merging.merge(settings, str(base), work / "adapter", work / "merged", [records])
        print(f"{time.perf_counter() - started:.0f} s", *figures(work / "merged"), sep="\n")


if __name__ == "__main__":
    main()
