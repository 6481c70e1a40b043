"""How well a pre-trained model reads: pages of seeds, fonts and renderers that training never saw, greedy decoding."""

import copy
import logging
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scribetune.metrics.loops import has_loop
from scribetune.metrics.text_scores import cer
from tiny_pretraining.batches import Batch, Prompt, collate, model_pixels
from tiny_pretraining.drawing import Limits, draw_page
from tiny_pretraining.examples import Example
from tiny_pretraining.fonts import Font
from tiny_pretraining.typeset import draw_entry, entries

logger = logging.getLogger(__name__)

EVALUATION_SEED = 990_000
"""Far from every training seed."""
MAX_NEW_TOKENS = 560
_WORST = 4


@dataclass(frozen=True)
class Reading:
    """A page and what the model wrote; `ended` is whether it stopped by itself."""

    reference: str
    hypothesis: str
    ended: bool


def sets(fonts: Sequence[Font], pack: Path, pages: int) -> Iterator[tuple[str, list[Example]]]:
    """Yield each evaluation set: its name, and up to `pages` pages.

    latin_150, latin_400, chinese_150: other seeds, up to that many characters; held_out_*: fonts never trained with;
    domain_*: typeset documents of another seed, clean; other_renderer_*: set by PyMuPDF in held-out fonts, clean.
    """
    drawn: Mapping[str, tuple[Limits, int, bool]] = {
        "latin_150": (Limits(lines=6, characters=150, chinese=0.0), 150, False),
        "latin_400": (Limits(lines=16, characters=400, chinese=0.0), 400, False),
        "chinese_150": (Limits(lines=12, characters=340, chinese=1.0), 150, False),
        "held_out_fonts_latin": (Limits(lines=14, characters=400, chinese=0.0), 400, True),
        "held_out_fonts_chinese": (Limits(lines=12, characters=340, chinese=1.0), 150, True),
    }
    for number, (name, (limits, longest, held_out)) in enumerate(drawn.items()):
        found: list[Example] = []
        index = 0
        while len(found) < pages:
            sample = draw_page(EVALUATION_SEED + number, index, fonts, limits, held_out=held_out)
            index += 1
            if len(sample.text) <= longest:
                found.append(sample)
        yield name, found
    for part in ("domain", "other"):
        chosen = entries(pack, part)
        for language in ("latin", "chinese"):
            kept = [
                entry
                for entry in chosen
                if any(ord(c) >= 0x4E00 for c in "".join(entry.lines)) == (language == "chinese")
            ][:pages]
            rng = random.Random(EVALUATION_SEED)  # noqa: S311 (nothing is left to it: the pages are clean)
            name = f"{'domain' if part == 'domain' else 'other_renderer'}_{language}"
            yield name, [draw_entry(entry, rng, 0.0) for entry in kept]


def rounded(model: Any) -> Any:
    """Return a copy of the model with its weights rounded to bfloat16, as they are published."""
    # Built anew: a deep copy would take the auxiliary heads' hooks along, and the learner with them.
    result = type(model)(copy.deepcopy(model.config))
    result.load_state_dict({name: value.bfloat16().float() for name, value in model.state_dict().items()})
    result.generation_config = copy.deepcopy(model.generation_config)
    return result.to(next(model.parameters()).device).eval()


def read(model: Any, prompt: Prompt, samples: Sequence[Example], batch: int, max_new_tokens: int) -> list[Reading]:
    """Read pages with greedy decoding.

    Args:
        model: In evaluation mode.
        prompt: What it is asked.
        samples: The pages.
        batch: Pages at once.
        max_new_tokens: Longest answer.
    """
    device = next(model.parameters()).device
    readings: list[Reading] = []
    for start in range(0, len(samples), batch):
        part = samples[start : start + batch]
        pages: Batch = collate(part, prompt).to(device)
        ids = torch.tensor([prompt.ids] * len(part), device=device)
        # As in training: routed experts want bfloat16 on a GPU.
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
        with torch.inference_mode(), autocast:
            output = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                pixel_values=model_pixels(pages),
                num_local_patches=[0] * len(part),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=prompt.end,
                pad_token_id=prompt.pad,
            )
        for sample, row in zip(part, output[:, ids.shape[1] :].tolist(), strict=True):
            ended = prompt.end in row
            written = row[: row.index(prompt.end)] if ended else row
            readings.append(Reading(sample.text, prompt.tokenizer.decode(written, skip_special_tokens=True), ended))
    return readings


def score(readings: Sequence[Reading]) -> dict[str, Any]:
    """Return mean, median and 90th percentile of the CER, exact pages, loops, pages cut off, and the worst pages."""
    rates = [cer(reading.reference, reading.hypothesis) for reading in readings]
    worst = sorted(range(len(readings)), key=lambda index: -rates[index])[:_WORST]
    return {
        "pages": len(readings),
        "characters_mean": round(statistics.fmean(len(reading.reference) for reading in readings), 1),
        "cer_mean": round(statistics.fmean(rates), 5),
        "cer_median": round(statistics.median(rates), 5),
        "cer_p90": round(sorted(rates)[int(0.9 * (len(rates) - 1))], 5),
        "exact": sum(rate == 0 for rate in rates),
        "loops": sum(has_loop(reading.hypothesis) for reading in readings),
        "cut_off": sum(not reading.ended for reading in readings),
        "worst": [
            {"cer": round(rates[i], 4), "reference": readings[i].reference, "hypothesis": readings[i].hypothesis}
            for i in worst
        ],
    }


def evaluate(
    model: Any, prompt: Prompt, fonts: Sequence[Font], pack: Path, *, pages: int, tokens: int, batch: int = 128
) -> dict[str, dict[str, Any]]:
    """Score the model, rounded to bfloat16, on every evaluation set.

    Args:
        model: In training precision; left as it is.
        prompt: What it is asked.
        fonts: All fonts.
        pack: Typeset pages.
        pages: Of each set, at most.
        tokens: Longest answer, at most.
        batch: Pages at once.

    Returns:
        Set → scores; see `score`.
    """
    published = rounded(model)
    result = {}
    for name, samples in sets(fonts, pack, pages):
        # Half as much again as there is to read: what is longer is a loop, and it counts as cut off.
        longest = max(len(sample.text) for sample in samples)
        limit = min(tokens, longest + longest // 2 + 16)
        result[name] = score(read(published, prompt, samples, batch, limit))
        shown = {key: value for key, value in result[name].items() if key != "worst"}
        logger.info("%s: %s", name, shown)
    return result
