"""From a pre-training run to a model folder: weights without the auxiliary heads, processor, tokenizer and model card.

python -m tiny_pretraining.export base/carry models/tiny
"""

import argparse
import csv
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.core.errors import UserError
from tiny_pretraining.batches import fresh_batches
from tiny_pretraining.tiny_model import MAX_TOKENS, PAGE_PX, Widths, page_processor, random_model, save
from tiny_pretraining.trainer import carried_weights, part_of

logger = logging.getLogger(__name__)

CARD = Path(__file__).with_name("model_card.md")
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
            todo="run tiny_pretraining with --evaluation-pages above 0, and give its folder carry",
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
    sittings = progress["sittings"]
    restart = progress.get("rewarm_from")
    chosen = [log[round(number * (len(log) - 1) / 7)] for number in range(8)] if len(log) >= 8 else log
    return CARD.read_text(encoding="utf-8").format(
        **recipe | {"betas": tuple(recipe["betas"]), "widths": Widths(**recipe["widths"])},
        parameters=parameters,
        vocabulary=vocabulary,
        page_px=PAGE_PX,
        max_tokens=MAX_TOKENS,
        pages=fresh_batches(progress["step"]) * recipe["batch"],
        step=progress["step"],
        seconds=progress["seconds"],
        devices=", ".join(sorted({sitting["device"] for sitting in sittings})),
        versions=", ".join(sorted({sitting["torch"] for sitting in sittings})),
        sitting_count=len(sittings),
        sittings=", ".join(f"{sitting['steps']:,} steps in {sitting['seconds']:.0f} s" for sitting in sittings),
        restarted="" if restart is None else f", their state begun anew at step {restart:,} (another machine)",
        last_rate=float(log[-1]["learning_rate"]) if log else 0.0,
        log_rows="\n".join(_log_row({name: float(value) for name, value in row.items()}) for row in chosen),
        score_rows="\n".join(_score_row(_SETS[name], scores[name]) for name in _SETS if name in scores),
    )


def _log_row(row: Mapping[str, float]) -> str:
    losses = " | ".join(f"{row[name]:.3f}" for name in ("lm_loss", "patch_loss", "query_loss"))
    return f"| {row['step']:.0f} | {row['pages']:,.0f} | {row['seconds']:.0f} | {row['lines']:.0f} | {losses} |"


def _score_row(name: str, row: Mapping[str, Any]) -> str:
    rates = f"{row['cer_mean']:.4f} | {row['cer_median']:.4f}"
    return f"| {name} | {row['pages']} | {row['characters_mean']:.0f} | {rates} | {row['exact']} | {row['loops']} |"


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
