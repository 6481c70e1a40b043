"""Pages per second of reading: transformers' `generate` page by page, against this project's reader on the same pages.

    python measurements/generation.py --full-size --pages 64 --new-tokens 611           # on a GPU; 1,121 + 611 tokens
    python measurements/generation.py --model models/tiny --pages 24 --new-tokens 200   # on a CPU, a trained model

Random weights never end an answer, so each page gets a length of its own, drawn with a seed (log-normal, mean
`--new-tokens`), which is the most tokens that either side may write for it; a trained model may end before. Both sides
start from page images, use the same n-gram guard and greedy decoding, and are warmed up with one page; recording CUDA
graphs counts as time.

"Same text" in bfloat16 cannot be expected of random weights: their scores lie so close together that another order of
summation changes the most probable token every few dozen tokens. For every page that differs, the scores of both tokens
at the first difference are computed once more, and how far they lie apart is printed beside the format's own spacing.
With --precision float32, or with a trained model, texts should be the same.
"""

import argparse
import math
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

import full_size  # noqa: E402
import torch  # noqa: E402  the folders above come first
import transformers  # noqa: E402
from PIL import Image, ImageDraw, ImageFont  # noqa: E402
from transformers import LogitsProcessorList  # noqa: E402

from scribetune.core import config  # noqa: E402
from scribetune.generation import Prediction, Reader, StopReason  # noqa: E402
from scribetune.generation.decoding import Decoder  # noqa: E402
from scribetune.generation.feed import Feed  # noqa: E402
from scribetune.models import backends, families  # noqa: E402
from scribetune.models.examples import Page, load_image  # noqa: E402


class Recorder(Reader):
    """A reader that keeps the token ids it wrote."""

    ids: dict[str, list[int]]

    def _prediction(self, page: Page, ids: Sequence[int], stopped: StopReason) -> Prediction:
        self.ids[page.id] = list(ids)
        return super()._prediction(page, ids, stopped)


def draw_pages(folder: Path, count: int, prompt: str, long_side_px: int, seed: int) -> list[Page]:
    """Draw pages with seeded lines of words."""
    rng = random.Random(seed)  # noqa: S311  repeatable, not secret
    font = ImageFont.load_default(size=long_side_px / 40)
    pages = []
    for number in range(count):
        image = Image.new("L", (round(long_side_px / 2**0.5), long_side_px), 255)
        pen = ImageDraw.Draw(image)
        for line in range(rng.randrange(4, 12)):
            text = " ".join(rng.choices(full_size.WORDS, k=rng.randrange(2, 5)))
            pen.text((long_side_px / 30, long_side_px / 30 * (1.5 * line + 1)), text, fill=0, font=font)
        path = folder / f"{number}.png"
        image.save(path, compress_level=1)
        pages.append(Page(f"{number:05d}/p0001", f"{number:05d}", 1, path, prompt, ""))
    return pages


def answer_lengths(count: int, mean: int, seed: int) -> list[int]:
    """Draw the lengths of answers, in tokens: log-normal with a spread of 0.5, as pages of text and tables have it."""
    rng = random.Random(seed)  # noqa: S311  repeatable, not secret
    spread = 0.5
    found = [rng.lognormvariate(math.log(mean) - spread**2 / 2, spread) for _ in range(count)]
    return [max(8, min(4 * mean, round(length))) for length in found]


def read_alone(reader: Reader, page: Page, limit: int) -> list[int]:
    """Return the tokens that transformers' own `generate` writes for one page."""
    encoded = reader.family.encode(reader.processor, [load_image(page.image)], reader.prompt)
    ids = torch.tensor(encoded.prompt_ids, device=reader.device)
    mask = torch.ones_like(ids)
    guard = reader.guard(ids.shape[1])
    with torch.inference_mode():
        features = torch.cat(reader.family.vision_features(reader.model, encoded.pixels))
        output = reader.model.generate(
            input_ids=ids,
            **reader.family.model_inputs(reader.model, ids, mask, features),
            attention_mask=mask,
            max_new_tokens=limit,
            do_sample=False,
            logits_processor=LogitsProcessorList([guard] if guard else []),
        )
    row: list[int] = output[0, ids.shape[1] :].tolist()
    return row


def gap(reader: Reader, page: Page, alone: Sequence[int], ours: Sequence[int]) -> tuple[int, float, float]:
    """Return (place of the first difference, how far both tokens' scores lie apart there, the score's spacing)."""
    pairs = zip(alone, ours, strict=False)
    place = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(alone), len(ours)))
    if place == min(len(alone), len(ours)):
        return place, math.inf, 0.0
    encoded = reader.family.encode(reader.processor, [load_image(page.image)], reader.prompt)
    ids = torch.tensor([[*encoded.prompt_ids[0], *alone[:place]]], device=reader.device)
    with torch.inference_mode():
        features = torch.cat(reader.family.vision_features(reader.model, encoded.pixels))
        inputs = reader.family.model_inputs(reader.model, ids, torch.ones_like(ids), features)
        scores = reader.model(**inputs, logits_to_keep=1).logits[0, -1]
    one, other = float(scores[alone[place]]), float(scores[ours[place]])
    spacing = 2.0 ** math.floor(math.log2(max(abs(one), 1e-9))) * torch.finfo(scores.dtype).eps
    return place, abs(one - other), spacing


class Measurement:
    """Seconds, seconds of processor time (what counts on a shared CPU) and peak memory of a block."""

    seconds = processor_seconds = 0.0
    peak = ""

    def __enter__(self) -> "Measurement":
        self._cuda = torch.cuda.is_available()
        if self._cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self._began, self._processor_began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        if self._cuda:
            torch.cuda.synchronize()
            self.peak = f"{torch.cuda.max_memory_allocated() / 1e9:.1f} GB on the GPU"
        else:
            kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            self.peak = f"{kilobytes / 1e6:.2f} GB of the process so far"
        self.seconds = time.perf_counter() - self._began
        self.processor_seconds = time.process_time() - self._processor_began

    def say(self, what: str, pages: int, tokens: int) -> None:
        """Print a line."""
        rate = f"{pages / self.seconds:.3f} pages/s, {tokens / self.seconds:.0f} tokens/s"
        print(
            f"{what}: {pages} pages, {tokens} tokens in {self.seconds:.1f} s: {rate}; "
            f"{self.processor_seconds:.1f} s of processor time; peak {self.peak}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", type=Path, help="folder of a model")
    which.add_argument("--full-size", action="store_true", help="DeepSeek-OCR-2 of full size, random weights")
    parser.add_argument("--family", choices=("deepseek_ocr2", "deepseek_ocr"), default="deepseek_ocr2")
    parser.add_argument("--pages", type=int, default=32)
    parser.add_argument("--alone-pages", type=int, help="read only so many pages one at a time (default: all)")
    parser.add_argument("--new-tokens", type=int, default=611, help="mean length of the answers")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto")
    parser.add_argument("--batch", default="auto", help="pages at once, or auto")
    parser.add_argument("--step", choices=("graphs", "eager", "compiled"), default="graphs", help="on a GPU")
    parser.add_argument("--in-batches", action="store_true", help="also: batch after batch, no place taken by the next")
    parser.add_argument("--stages", action="store_true", help="seconds of encoder, prompts, steps: each is waited for")
    parser.add_argument("--long-side-px", type=int, help="default: 2304 at full size, else 768")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    placement = backends.place(given.precision, given.threads)
    longest = max(answer_lengths(given.pages, given.new_tokens, given.seed))
    batch = given.batch if given.batch == "auto" else int(given.batch)
    settings = config.load({"generate": {"max_new_tokens": longest, "batch": batch}})
    if given.full_size:
        family = families.FAMILIES[given.family]
        model, processor = full_size.model_and_processor(placement.device, placement.dtype, given.seed, given.family)
    else:
        family = families.family_of(given.model)
        processor = family.load_processor(given.model)
        model = family.load_model(given.model, dtype=placement.dtype, device=placement.device)
    weights = sum(weight.numel() for weight in model.parameters()) / 1e6
    print(f"{family.title}, {weights:.0f} M weights, {placement.reason}; torch {torch.__version__}, "
          f"transformers {transformers.__version__}")  # fmt: skip
    reader = Recorder.around(settings, family, processor, model, placement.device)
    reader.ids, reader.step_mode = {}, given.step
    stages = Stages() if given.stages else None
    with tempfile.TemporaryDirectory() as folder:
        side = given.long_side_px or (2304 if given.full_size else 768)
        pages = draw_pages(Path(folder), given.pages, reader.prompt, side, given.seed)
        limits = answer_lengths(given.pages, given.new_tokens, given.seed)
        print(f"{len(pages)} pages of {side} px, {reader.image_tokens(pages[0])} image tokens")
        print(f"answers of up to {min(limits)}–{max(limits)} tokens, mean {statistics.mean(limits):.0f}", flush=True)
        compare(
            reader,
            pages,
            limits,
            len(pages) if given.alone_pages is None else given.alone_pages,
            in_batches=given.in_batches,
        )
    if stages:
        stages.say()


class Stages:
    """Seconds within the parts of reading, the device waited for after each, and steps by how many rows they had."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.steps: dict[int, tuple[int, float]] = {}
        for part, name in ((Feed, "prepare"), (Decoder, "prefill"), (Decoder, "advance")):
            setattr(part, name, self._timed(getattr(part, name), name))

    def _timed(self, own: Any, name: str) -> Any:
        def timed(this: Any, *arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            found = own(this, *arguments, **named)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            taken = time.perf_counter() - began
            self.seconds[name] = self.seconds.get(name, 0.0) + taken
            if name == "advance":
                rows = max(1, 2 ** math.ceil(math.log2(arguments[0])))
                steps, seconds = self.steps.get(rows, (0, 0.0))
                self.steps[rows] = (steps + arguments[1], seconds + taken)
            return found

        return timed

    def say(self) -> None:
        """Print it."""
        print("seconds in " + ", ".join(f"{name} {taken:.1f}" for name, taken in self.seconds.items()))
        for rows, (steps, seconds) in sorted(self.steps.items()):
            print(f"  up to {rows} rows: {steps} steps, {seconds:.1f} s, {seconds / steps * 1e3:.1f} ms each")


def compare(reader: Recorder, pages: Sequence[Page], limits: Sequence[int], alone: int, *, in_batches: bool) -> None:
    """Read the pages both ways and print rates, memory and whether the texts are the same."""
    expected: list[list[int]] = []
    if alone:
        read_alone(reader, pages[0], 8)
        with Measurement() as one_at_a_time:
            expected = [read_alone(reader, page, limit) for page, limit in zip(pages[:alone], limits, strict=False)]
        one_at_a_time.say("generate, one page at a time", alone, sum(map(len, expected)))
    dict(reader.stream(pages[:1], [8]))
    with Measurement() as together:
        found = dict(reader.stream(pages, limits))
    ids = dict(reader.ids)
    together.say("this project's reader", len(found), sum(map(len, ids.values())))
    print(f"  {reader.tally}")
    if in_batches:
        rows = reader.tally.rows
        order = sorted(range(len(pages)), key=lambda index: -pages[index].image.stat().st_size)
        steps = 0
        with Measurement() as batches:
            for start in range(0, len(order), rows):
                part = order[start : start + rows]
                dict(reader.stream([pages[index] for index in part], [limits[index] for index in part]))
                steps += reader.tally.steps
        batches.say(
            f"batches of {rows}, finished rows taken out, {steps} steps", len(pages), sum(map(len, reader.ids.values()))
        )
    if not alone:
        return
    pace = (len(found) / together.seconds) / (alone / one_at_a_time.seconds)
    same = [ids[page.id] == row for page, row in zip(pages, expected, strict=False)]
    print(f"{pace:.1f} times the pages/s; same text: {sum(same)} of {len(same)} pages")
    for page, row in zip(pages, expected, strict=False):
        if ids[page.id] != row:
            place, apart, spacing = gap(reader, page, row, ids[page.id])
            print(f"  {page.id}: differs from token {place} of {len(row)} on; there both scores lie {apart:.3g} apart, "
                  f"neighbouring numbers of the format {spacing:.3g}")  # fmt: skip


if __name__ == "__main__":
    main()
