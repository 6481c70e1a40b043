"""Command that makes a smaller variant of the merged model: `scribetune quantize`."""

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder, Settings, nested
from scribetune.core import layout
from scribetune.core.errors import UserError

if TYPE_CHECKING:
    from scribetune.core.config import Config


class Bits(StrEnum):
    """The variants."""

    EIGHT = "8bit"
    FOUR = "4bit"


def quantize(
    variant: Annotated[Bits, typer.Argument(help="How the language model's matrices are kept.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: models/quantized/VARIANT in the build's folder.")
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores/--no-scores", help="Read the test pages with it, beside the full model.")
    ] = True,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
    settings: Settings = None,
) -> None:
    """Make the merged model smaller, and measure what that costs on the test pages.

    The language model's matrices become whole numbers of 8 or 4 bits with scales, as vLLM and compressed-tensors read
    them, rounded to the nearest; everything else stays. No part of a build: it changes nothing of what is there.
    """
    with errors_in_words():
        from scribetune.core import config
        from scribetune.merging import quantized_model
        from scribetune.record import remembered

        loaded = config.load(
            remembered.with_values(remembered.values(folder, config_files or ()), nested(settings or ()))
        )
        merged = folder / layout.MERGED
        if not (merged / quantized_model.PROOF).is_file():
            raise UserError(
                "There is no merged model", value=str(merged), accepted="a build with one",
                todo=f"build it first: {remembered.command(folder, 'merged')}",
            )  # fmt: skip
        target = (output or folder / layout.QUANTIZED / variant.value).resolve()
        quantized_model.write(merged, target, variant.value, int(loaded.merge.shard_gb * 1e9))
        found = _scored(loaded, folder, target) if scores else None
        sys.stdout.write(shown(_finish(target, found), lines=True))


def _scored(loaded: "Config", folder: Path, target: Path) -> dict[str, Any] | None:
    """Read the test pages, and return the aggregates of the full model and the variant; None without predictions."""
    from scribetune import generation
    from scribetune.core.files import sha256_file, write_json
    from scribetune.evaluation import scoring
    from scribetune.merging import quantized_model

    test, tuned = Path(layout.SPLITS) / "test.jsonl", Path(layout.PREDICTIONS) / "tuned.jsonl"
    with contextlib.chdir(folder):  # records name their images from there
        if not (test.is_file() and tuned.is_file()):
            raise UserError(
                "The build has no predictions of the full model to compare with", value=str(tuned),
                accepted="a build up to its report", todo="build it first (target: report), or say --no-scores",
            )  # fmt: skip
        predictions = target / "predictions.jsonl"
        generation.predict(loaded, str(target), {test: predictions}, Path(layout.PREDICTION_JOURNALS))
        pages = scoring.PredictedSet.read(test, tuned, predictions)
        found = scoring.aggregate_set(pages, scoring.score_set(pages))
        # What the report goes by to tell whether these are the scores of its own build.
        made_from = {"pages": sha256_file(test), "predictions": sha256_file(tuned)}
    record = quantized_model.record(target)
    named = {
        "full": found["base"],
        "variant": found["tuned"],
        "change": found["change"],
        "made_from": made_from,
        "weights_bytes": record["weights_bytes"],
        "merged_weights_bytes": record["merged_weights_bytes"],
    }
    write_json(target / layout.VARIANT_SCORES, named)
    return named


def _finish(target: Path, scores: dict[str, Any] | None) -> str:
    from scribetune.core.files import write_text
    from scribetune.merging import quantized_model
    from scribetune.report import variant_card

    record = quantized_model.record(target)
    write_text(target / "README.md", variant_card.text(record, scores))
    return "\n".join(
        [*variant_card.lines(record, scores), f"in {target}: scribetune convert FILE --model {target} -o converted", ""]
    )
