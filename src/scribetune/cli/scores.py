"""`scribetune score`: score anybody's predictions, without a build and without torch."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words, shown

if TYPE_CHECKING:
    import pandas as pd

    from scribetune.evaluation.truth import EvaluationSet

_SHOWN = (
    *("pages", "cer_mean", "cer_median", "cer_p90", "cer_corpus", "cer_share_above_1", "wer_mean", "bleu", "rougeL"),
    *("rougeL_char", "tables", "table_f1", "table_struct_f1", "table_adj_f1", "teds", "teds_s", "formulas"),
    *("formula_exact", "odb.text_edit", "odb.formula_edit", "odb.table_teds", "odb.reading_order"),
    *(
        "odb.overall_no_cdm",
        "boxes",
        "box_f1",
        "box_iou",
        "hallucination_rate",
        "loop_rate",
        "empty_rate",
        "truncated_rate",
    ),
)
_COUNTS = ("pages", "tables", "formulas", "boxes", "facts")
_LABELS = {"odb.overall_no_cdm": "odb.overall (no CDM)"}


def score(
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REF",
            help='What is right: JSONL with one {"id", "text"} per page, a build\'s data/splits/test.jsonl, '
            "OmniDocBench's JSON, or olmOCR-bench's JSONL (a file, or the folder of them).",
        ),
    ],
    hypothesis: Annotated[
        Path,
        typer.Argument(
            metavar="HYP",
            help='What was read: JSONL with one {"id", "text"} per page, such as a build\'s '
            "reports/predictions/tuned.jsonl, or a folder of Markdown files.",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: samples (one per page), aggregate.")
    ] = False,
) -> None:
    """Score predictions against references: error rates, tables, formulas, OmniDocBench, loops.

    Needs no build and no torch. Texts are Markdown, also bare HTML or Markdown tables. A metric that does not apply to
    a page is null in its sample. A prediction's "stop_reason" ("eos" or "length") and "tokens" are used where they are.

    Keys of --json:
    samples: id and every metric per page, in the order of REF;
    aggregate: as in reports/metrics.json (docs/metrics.md);
    for olmOCR-bench, samples have id, facts, passed and failed (ids).
    """
    with errors_in_words():
        from scribetune.evaluation import scoring, truth

        wanted = truth.read(reference)
        page_ids = list(wanted.facts) or [str(record["id"]) for record in wanted.records]
        predictions = truth.read_predictions(hypothesis, page_ids)
        if wanted.facts:
            result = scoring.score_facts(wanted, predictions)
        else:
            frame = scoring.score_records(wanted.records, predictions, wanted.annotations)
            aggregate = scoring.aggregate_records(frame, wanted.records, predictions)
            result = {"samples": _samples(frame), "aggregate": aggregate}
        if as_json:
            sys.stdout.write(json.dumps(result, ensure_ascii=False, allow_nan=False, indent=2) + "\n")
        else:
            sys.stdout.write("".join(_lines(result["aggregate"], wanted)))


def _samples(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows as objects; null where a metric is not counted."""
    import pandas as pd

    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


def _lines(aggregate: Mapping[str, float], wanted: "EvaluationSet") -> list[str]:
    by_kind = [key for key in aggregate if key.startswith(("box_f1.", "box_iou."))]
    keys = list(aggregate) if wanted.facts else [key for key in (*_SHOWN, *by_kind) if key in aggregate]
    names = {key: _LABELS.get(key, key) for key in keys}
    width = max(map(len, names.values()), default=0)
    return [f"{shown(names[key]):<{width}}  {aggregate[key]:{'.0f' if key in _COUNTS else '.4f'}}\n" for key in keys]
