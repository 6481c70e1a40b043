"""Seconds a page of the vision pass on a GPU: the native class's own calls, and SAM without its bias, recorded.

    python measurements/vision_pass.py [--pages 64] [--workers 8 15]

DeepSeek-OCR-2 of full size with random weights (measurements/full_size.py), pages of 1,632 × 2,304 px in bfloat16 (a
global view and six tiles, 1,121 tokens). "encoder" is the device alone, on pixels that are there; "pass" is
`vision_cache.compute` over all pages, images and processor included. The error is that of the features against the
native class in float32, relative, in the mean over numbers; the native class in bfloat16 has one too.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

import full_size  # noqa: E402
import kernels  # noqa: E402
import torch  # noqa: E402  the folders above come first

from scribetune.models import families, vision_cache  # noqa: E402
from scribetune.models.examples import Example, load_image, read_pages  # noqa: E402


def encoder_seconds(family: Any, model: Any, pixels: list[dict[str, Any]]) -> tuple[float, list[torch.Tensor]]:
    """Return seconds a page of the encoder alone, and the features of each page."""
    found: list[torch.Tensor] = []
    times = []
    with torch.no_grad():
        for _ in range(4):
            found = []
            torch.cuda.synchronize()
            began = time.perf_counter()
            for page in pixels:
                found += family.vision_features(model, page)
            torch.cuda.synchronize()
            times.append((time.perf_counter() - began) / len(pixels))
    return statistics.median(times[1:]), found


def pass_seconds(family: Any, model: Any, processor: Any, examples: list[Example], workers: int) -> float:
    """Return seconds a page of a whole vision pass."""
    needed = vision_cache.size([one.image_tokens for one in examples], 1280, torch.bfloat16)
    began = time.perf_counter()
    vision_cache.compute(
        family, model, processor, examples, limits=vision_cache.Limits(None, 64e9, 0), key="k", needed_bytes=needed,
        dtype=torch.bfloat16, workers=workers,
    )  # fmt: skip
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / len(examples)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=64)
    parser.add_argument("--family", choices=("deepseek_ocr2", "deepseek_ocr"), default="deepseek_ocr2")
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 15])
    parser.add_argument("--only", choices=("native", "quick"), nargs="+", default=["native", "quick"])
    parser.add_argument("--profile", action="store_true", help="milliseconds of the encoder's kernels by kind")
    asked = parser.parse_args()
    family = families.FAMILIES[asked.family]
    model, processor = full_size.model_and_processor("cuda", torch.bfloat16, family=asked.family)
    prompt = families.prompt_of(family, "free_ocr")
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    with tempfile.TemporaryDirectory() as made:
        split = Path(made) / "train.jsonl"
        full_size.write_split(split, asked.pages, prompt)
        pages = read_pages(split, prompt)
        examples = []
        for page in pages:
            image = load_image(page.image)
            examples.append(Example(page, (), 0, family.page_cost(processor, *image.size).tokens))
        pixels: list[dict[str, Any]] = []
        for page in pages[:8]:
            encoded = family.encode(processor, [load_image(page.image)], prompt)
            sent = {name: value.cuda().bfloat16() if torch.is_tensor(value) and value.is_floating_point() else value
                    for name, value in encoded.pixels.items()}  # fmt: skip
            pixels.append(sent)
        exact_model = model.float()
        exact_pixels = [{k: v.float() if torch.is_tensor(v) and v.is_floating_point() else v for k, v in one.items()}
                        for one in pixels[:2]]  # fmt: skip
        with torch.no_grad():
            exact = [family.vision_features(exact_model, one)[0] for one in exact_pixels]
        model.bfloat16()
        native = contextlib.nullcontext()
        for name, context in (("native", lambda: native), ("quick", lambda: family.encoding(model))):
            if name not in asked.only:
                continue
            torch.cuda.reset_peak_memory_stats()
            with context():
                seconds, features = encoder_seconds(family, model, pixels)
                again = encoder_seconds(family, model, pixels)[1]
                if asked.profile:
                    with kernels.profiler() as profiled, torch.no_grad():
                        began = time.perf_counter()
                        for page in pixels:
                            family.vision_features(model, page)
                        torch.cuda.synchronize()
                    kernels.say(profiled, time.perf_counter() - began, len(pixels), "page")
            same = all(torch.equal(a, b) for a, b in zip(features, again, strict=True))
            errors = [
                ((a.float() - b).abs().mean() / b.abs().mean()).item() for a, b in zip(features, exact, strict=False)
            ]
            peak = torch.cuda.max_memory_allocated() / 1e9
            print(
                f"{name:8} encoder {seconds:.4f} s/page, error {max(errors):.4f}, twice the same {same}, {peak:.1f} GB"
            )
        real = family.encoding
        for workers in asked.workers:
            for name in asked.only:
                family.encoding = real if name == "quick" else lambda _: contextlib.nullcontext()  # type: ignore[method-assign]
                seconds = pass_seconds(family, model, processor, examples, workers)
                print(f"{name:8} pass {seconds:.4f} s/page, {workers} workers, {len(examples)} pages")


if __name__ == "__main__":
    main()
