"""From a pre-training run to a model folder: weights without the auxiliary heads, processor, tokenizer and model card.

python -m scribetune.pretraining.export base/carry models/tiny
"""

import argparse
import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune import files
from scribetune.errors import UserError
from scribetune.pretraining.batches import fresh_batches
from scribetune.pretraining.trainer import carried_weights, part_of
from scribetune.tiny_model import MAX_TOKENS, PAGE_PX, Widths, page_processor, random_model, save

logger = logging.getLogger(__name__)

MAX_BYTES = 30_000_000
"""Largest model folder: every version of it stays in the repository's history."""

_SETS = {
    "latin_150": "Latin text, up to 150 characters, other seeds",
    "latin_400": "Latin text, up to 400 characters, other seeds",
    "chinese_150": "Chinese text, up to 150 characters, other seeds",
    "held_out_fonts_latin": "Latin text in fonts never trained with",
    "held_out_fonts_chinese": "Chinese text in fonts never trained with",
    "domain_latin": "Typeset English documents (plain lines)",
    "domain_chinese": "Typeset Chinese documents (plain lines)",
    "other_renderer_latin": "Latin text set by PyMuPDF in fonts never trained with",
    "other_renderer_chinese": "Chinese text set by PyMuPDF in fonts never trained with",
}


def export(carry: Path, target: Path) -> int:
    """Write the model folder.

    Args:
        carry: What a sitting carried out: weights, progress, log, scores.
        target: Where to; files of the same names are replaced.

    Returns:
        Size of the folder in bytes.

    Raises:
        UserError: `carry` is not complete, or the folder would be larger than `MAX_BYTES`.
    """
    stored = _read_json(carry / "progress.json")
    scores = _read_json(carry / "evaluation.json")
    model = random_model(stored["recipe"]["seed"], Widths(**stored["recipe"]["widths"]))
    model.load_state_dict(part_of(carried_weights(carry), "model."))
    processor = page_processor()
    count = sum(weight.numel() for weight in model.parameters())
    save(model, processor, target)
    rows = list(csv.DictReader((carry / "pretraining_log.csv").read_text(encoding="utf-8").splitlines()))
    files.write_text(target / "README.md", card(count, len(processor.tokenizer), stored, scores, rows))
    size = sum(path.stat().st_size for path in target.iterdir())
    if size > MAX_BYTES:
        raise UserError("The model folder is too large", value=size, accepted=f"up to {MAX_BYTES:,} bytes")
    return size


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UserError(
            "A file of the run is missing",
            value=str(path),
            todo="run scribetune.pretraining with --evaluation-pages above 0, and give its folder carry",
        )
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def card(
    parameters: int,
    vocabulary: int,
    stored: Mapping[str, Any],
    scores: Mapping[str, Mapping[str, Any]],
    log: Sequence[Mapping[str, str]],
) -> str:
    """Return the model card; every figure comes from the run's own files.

    Args:
        parameters: Of the model.
        vocabulary: Tokens.
        stored: progress.json.
        scores: evaluation.json.
        log: Rows of pretraining_log.csv.
    """
    progress, recipe = stored["progress"], stored["recipe"]
    widths = Widths(**recipe["widths"])
    devices = ", ".join(sorted({sitting["device"] for sitting in progress["sittings"]}))
    versions = ", ".join(sorted({sitting["torch"] for sitting in progress["sittings"]}))
    sittings = ", ".join(
        f"{sitting['steps']:,} steps in {sitting['seconds']:.0f} s" for sitting in progress["sittings"]
    )
    restart = progress.get("rewarm_from")
    restarted = "" if restart is None else f", their state begun anew at step {restart:,} (another machine)"
    last_rate = float(log[-1]["learning_rate"]) if log else 0.0
    score_rows = "\n".join(
        f"| {_SETS[name]} | {row['pages']} | {row['characters_mean']:.0f} | {row['cer_mean']:.4f} | "
        f"{row['cer_median']:.4f} | {row['exact']} | {row['loops']} |"
        for name, row in ((name, scores[name]) for name in _SETS if name in scores)
    )
    chosen = [log[round(number * (len(log) - 1) / 7)] for number in range(8)] if len(log) >= 8 else list(log)
    log_rows = "\n".join(
        f"| {float(row['step']):.0f} | {float(row['pages']):,.0f} | {float(row['seconds']):.0f} | "
        f"{float(row['lines']):.0f} | {float(row['lm_loss']):.3f} | {float(row['patch_loss']):.3f} | "
        f"{float(row['query_loss']):.3f} |"
        for row in chosen
    )
    return f"""---
library_name: transformers
pipeline_tag: image-text-to-text
license: agpl-3.0
language:
- en
- zh
---
# The embedded base model

A DeepSeek-OCR-2 of the native transformers class (`deepseek_ocr2`) with {parameters:,} parameters, trained from random
weights to read plain text on small pages. It is what the offline default build fine-tunes: Markdown, tables and LaTeX
are what fine-tuning adds. It shares the architecture of DeepSeek-OCR-2, not its weights, and its scores say nothing
about that model.

| | |
|---|---|
| Page | one view of {PAGE_PX}×{PAGE_PX} px, 145 image tokens; text of 22 to 44 px |
| Vision | SAM {widths.sam} wide, {widths.sam_layers} layers (absolute positions only); \
query encoder {widths.hidden} wide, {widths.encoder_layers} layers |
| Language model | {widths.hidden} wide, {widths.decoder_layers} layers, 4 experts (2 per token) + 1 shared, \
first layer dense |
| Vocabulary | {vocabulary:,} tokens: one per character (Latin, digits, signs, Chinese), markup, 256 bytes |
| Longest sequence | {MAX_TOKENS} tokens |
| Weights | bfloat16, safetensors |
| Prompt | `<image>\\nFree OCR. ` (plain text, no chat template) |

## Data

{fresh_batches(progress["step"]) * recipe["batch"]:,} pages made from seed {recipe["seed"]}, half of them seen twice;
no page from the world.
Most are drawn with Pillow in fonts of Debian packages (see `scripts/scribetune/pretraining/fonts.py`): words, invented
words, random strings, numbers, codes, signs and Chinese, as paragraphs, headings, lists, forms and tables, with noise,
blur, shade, rotation and compression. The rest are documents like the sample corpus's, of other seeds, set by Typst.
Everything is transcribed as printed, line for line; the cells of a table row with one blank between them; formulas as
one linear line, such as `g = (R_1 - R_0)/R_0`. The answers of half of the pages (a quarter at first) are shown to the
decoder corrupted: characters replaced, dropped and inserted, lines joined, and Markdown-like marks at the gaps. What it
has to say next stays the printed text: it never learns to write marks, it learns to keep its place among them.

## Training

{progress["step"]:,} steps of {recipe["batch"]} pages in {progress["seconds"]:,.0f} s on {devices} \
(torch {versions}), in {len(progress["sittings"])} sitting(s): {sittings}.
Muon for the layers' matrices and AdamW {tuple(recipe["betas"])} for everything else{restarted},
weight decay {recipe["weight_decay"]}, peak learning rate {recipe["learning_rate"]} after \
{recipe["warmup_steps"]} steps, falling as a cosine over the second half of the plan to {last_rate:.1e} at the last
logged step (the plan may be lengthened between sittings: the run's log has every rate), bfloat16 autocast, gradients
clipped at {recipe["max_gradient_norm"]}. Two
auxiliary heads, dropped since, learned the character at each patch. Pages grew by a line whenever the smoothed loss was
below {recipe["threshold"]}, and at least as fast as from {recipe["first_lines"]} to {recipe["most_lines"]} lines \
between {recipe["rise"][0]:.0%} and {recipe["rise"][1]:.0%} of the plan.

| Step | Pages | Seconds | Lines ≤ | LM loss | Patch loss | Query loss |
|---|---|---|---|---|---|---|
{log_rows}

## Held-out scores

Greedy decoding, weights rounded to bfloat16; character error rate (CER) against the printed text.

| Pages | Number | Characters | CER mean | CER median | Exact | Loops |
|---|---|---|---|---|---|---|
{score_rows}

## Limits

It reads clean or lightly worn pages with text of 22 to 44 px and up to about 400 Latin or 150 Chinese characters, in
the characters of its vocabulary. Handwriting, photographs, smaller text, longer pages and other scripts are beyond it.
Signs that look alike are told apart by context only. It was made by
`python -m scribetune.pretraining` and `python -m scribetune.pretraining.export`.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Export as the command line says."""
    parser = argparse.ArgumentParser(description="Turn a pre-training run into a model folder.")
    parser.add_argument("carry", type=Path, help="folder carry of the run")
    parser.add_argument("target", type=Path, help="model folder, for example models/tiny")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    size = export(options.carry, options.target)
    logger.info("%s: %.1f MB", options.target, size / 1e6)


if __name__ == "__main__":
    main()
