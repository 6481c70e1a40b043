"""Scoring predictions against labels: one row per page, then one set of aggregates per model.

`score_pages` makes the frame behind reports/samples.csv, `aggregate` the content of reports/metrics.json, and
`score_records` the same for one set of predictions from anywhere. Metrics are defined in `scribetune.metrics`.
"""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core import csv_files, files
from scribetune.core.errors import UserError
from scribetune.evaluation import gate
from scribetune.metrics import boxes, loops, olmocr, paired, text_scores
from scribetune.metrics.markdown import formula_exact
from scribetune.metrics.omnidocbench import ground_truth, page_scores
from scribetune.metrics.omnidocbench.page_scores import overall_without_cdm
from scribetune.metrics.tables import page_tables
from scribetune.record.remembered import COMMAND
from scribetune.text import grounding, sharegpt
from scribetune.text.markdown import plain_text

if TYPE_CHECKING:
    import pandas as pd

    from scribetune.evaluation.truth import EvaluationSet

LOGGER = logging.getLogger(__name__)

Records = Sequence[Mapping[str, Any]]
Numbers = dict[str, float]


MODELS = ("base", "tuned")
PAGE_COLUMNS = ("index", "id", "document", "page", "image", "category", "language", "reference_characters")
METRICS = (
    *("cer", "cer_normalised", "wer", "ned", "bleu", "rouge1", "rouge2", "rougeL"),
    *("rouge1_char", "rouge2_char", "rougeL_char", "table_f1", "table_struct_f1", "table_adj_f1", "teds", "teds_s"),
    *("formula_exact", "odb.text_edit", "odb.formula_edit", "odb.table_teds", "odb.reading_order", "hallucination"),
    *("box_f1", "box_iou", "loop", "loop_olmocr", "empty", "truncated", "tokens"),
)
"""Metrics of samples.csv in the order of their columns, each as `<metric>_base` and `<metric>_tuned`."""
SAMPLE_COLUMNS = (*PAGE_COLUMNS, *(f"{metric}_{model}" for metric in METRICS for model in MODELS))

_OF_TABLES = {
    "table_f1": "content_f1", "table_struct_f1": "structure_f1", "table_adj_f1": "adjacency_f1", "teds": "teds",
    "teds_s": "teds_s",
}  # fmt: skip
_OF_STRUCTURE = ("text_edit", "formula_edit", "table_teds", "reading_order")
_TEXT_COLUMNS = frozenset({"id", "document", "image", "category", "language"})
_WHOLE_METRICS = ("loop", "loop_olmocr", "empty", "truncated", "tokens")
_RATES = {"loop": "loop_rate", "loop_olmocr": "loop_olmocr_rate", "empty": "empty_rate", "truncated": "truncated_rate"}
_MEANS = {
    "cer": "cer_mean",
    "cer_normalised": "cer_normalised_mean",
    "wer": "wer_mean",
    "ned": "ned_mean",
    **{name: name for name in METRICS if name.startswith(("rouge", "table_", "teds", "formula_", "odb.", "box_"))},
    "hallucination": "hallucination_rate",
}
_COMPARED = {"cer": True, "wer": True, "bleu": False, "rougeL_char": False, "table_f1": False, "loop": True}
"""Metrics compared page by page in `change`, and whether lower is better."""

REDO = f"run the build again: {COMMAND}"
_REDO_RECORDS = 'give both files one record {"id", "text"} per page, with the same ids'


def score_page(
    reference: str, hypothesis: str, stop_reason: str | None = None, page: ground_truth.Page | None = None
) -> dict[str, float | None]:
    """Return every metric of one page by the name of its column; None where it does not apply ("not counted").

    docs/metrics.md defines them. Flags (loop, loop_olmocr, empty, truncated) are True or False. `stop_reason` is "eos"
    or "length", None where unknown; without a page's annotations (`page`) the label's blocks are taken for such. Boxes
    are scored where the reference has some; all else is on the text alone.
    """
    placed = _boxes(reference, hypothesis)
    reference, hypothesis = grounding.plain(reference), grounding.plain(hypothesis)
    page = ground_truth.page_from_markdown(reference) if page is None else page
    structure = page_scores.page_scores(page_scores.page_elements(page, hypothesis))
    words, characters = text_scores.rouge(reference, hypothesis), text_scores.rouge_characters(reference, hypothesis)
    tables = page_tables(reference, hypothesis)
    return {
        "cer": text_scores.cer(reference, hypothesis),
        "cer_normalised": text_scores.cer_normalised(reference, hypothesis),
        "wer": text_scores.wer(reference, hypothesis),
        "ned": text_scores.ned(reference, hypothesis) if reference or hypothesis else None,
        "bleu": text_scores.sentence_bleu(reference, hypothesis),
        **asdict(words),
        **{f"{name}_char": value for name, value in asdict(characters).items()},
        **{metric: getattr(tables, field) if tables else None for metric, field in _OF_TABLES.items()},
        "formula_exact": formula_exact(reference, hypothesis),
        **{f"odb.{name}": getattr(structure, name) for name in _OF_STRUCTURE},
        "hallucination": structure.hallucination,
        "box_f1": placed.f1() if placed else None,
        "box_iou": placed.mean_iou() if placed else None,
        # A page full of rules is no failure.
        "loop": loops.has_loop(hypothesis) and not loops.has_loop(reference),
        "loop_olmocr": loops.has_olmocr_loop(hypothesis),
        "empty": loops.is_empty(reference, hypothesis),
        "truncated": None if stop_reason is None else loops.is_truncated(stop_reason),
    }


def _boxes(reference: str, hypothesis: str) -> boxes.BoxScore | None:
    """Return the scores of a page's boxes; None where the reference has none."""
    if not grounding.has_marks(reference):
        return None
    return boxes.score(grounding.read(reference).blocks, grounding.read(hypothesis).blocks)


def reference_text(record: Mapping[str, Any]) -> str:
    """Return the label of a ShareGPT record, without marks and boxes: what "gpt" says.

    Raises:
        UserError: The record has no answer.
    """
    return grounding.plain(reference_answer(record))


def reference_answer(record: Mapping[str, Any]) -> str:
    """Return what "gpt" says in a ShareGPT record, with marks and boxes where it has some.

    Raises:
        UserError: The record has no answer.
    """
    answer = sharegpt.said(record, "gpt")
    if answer is None:
        accepted = "a turn from 'gpt' in 'conversations'"
        raise UserError("A test record has no label", value=record.get("id"), accepted=accepted, todo=REDO)
    return answer


def score_pages(references: Records, base: Records, tuned: Records) -> "pd.DataFrame":
    """Score both models on every test page (ShareGPT records).

    Returns one row per page in the order of `references`, columns `SAMPLE_COLUMNS`; NaN (NA in whole-number columns)
    where a metric is not counted.

    Raises:
        UserError: There are no test pages, or the three do not hold the same page ids, each once.
    """
    import pandas as pd

    by_model = {
        model: _matched(references, records, f"the {model} model's predictions")
        for model, records in (("base", base), ("tuned", tuned))
    }
    rows = []
    for index, record in enumerate(references):
        reference = reference_answer(record)
        images = record.get("images") or [""]
        row: dict[str, Any] = {
            "index": index,
            "id": str(record["id"]),
            "document": str(record.get("document", "")),
            "page": record.get("page"),
            "image": str(images[0]),
            "category": str(record.get("category") or ""),
            "language": str(record.get("language") or ""),
            "reference_characters": len(grounding.plain(reference).strip()),
        }
        for model, predictions in by_model.items():
            prediction = predictions[index]
            scores = score_page(reference, str(prediction["text"]), prediction.get("stop_reason"))
            scores["tokens"] = prediction.get("tokens")
            row |= {f"{metric}_{model}": value for metric, value in scores.items()}
        rows.append(row)
    return _typed(pd.DataFrame(rows, columns=list(SAMPLE_COLUMNS)))


def score_records(
    references: Records, predictions: Records, annotations: Mapping[str, ground_truth.Page] | None = None
) -> "pd.DataFrame":
    """Score anybody's predictions: records `{"id", "text"}` on both sides, further keys are ignored.

    `annotations` are OmniDocBench's by page id, where the references come from them. Returns one row per reference, in
    their order: id, reference_characters and every metric; NaN where not counted.

    Raises:
        UserError: There are no references, or the ids differ or repeat.
    """
    import pandas as pd

    _matched(references, references, "the references", todo=_REDO_RECORDS)
    matched = _matched(references, predictions, "the predictions", todo=_REDO_RECORDS)
    rows = []
    for record, prediction in zip(references, matched, strict=True):
        page_id, reference = str(record["id"]), str(record["text"])
        page = (annotations or {}).get(page_id)
        scores = score_page(reference, str(prediction["text"]), prediction.get("stop_reason"), page)
        length = {"reference_characters": len(grounding.plain(reference).strip())}
        rows.append({"id": page_id, **length, **scores, "tokens": prediction.get("tokens")})
    return _typed(pd.DataFrame(rows, columns=["id", "reference_characters", *METRICS]))


def score_facts(wanted: "EvaluationSet", predictions: Records) -> dict[str, Any]:
    """Decide olmOCR-bench's facts; a page without a prediction fails all of its own, as there.

    Returns `samples`: id, facts (how many), passed, failed (ids of facts) per page; and `aggregate`: pages, facts, the
    share that passed by type (`olmocr.present` and so on) and by file (`olmocr.file.<name>`), and `olmocr.pass_rate`,
    the mean over files, which is the published score.

    Raises:
        UserError: Page ids repeat in the predictions, or none is of a page of the set.
    """
    texts = {str(record["id"]): grounding.plain(str(record["text"])) for record in predictions}
    if len(texts) != len(predictions):
        raise UserError(
            "Page ids repeat in the predictions", value=_repeated(predictions), accepted="each id once",
            todo="leave one of each out",
        )  # fmt: skip
    if not texts.keys() & wanted.facts.keys():
        raise UserError(
            "No prediction is of a page of the set", value=_some(set(texts)),
            accepted=f"ids like {_some(set(wanted.facts))}", todo="name the predictions after PDF and page",
        )  # fmt: skip
    samples = []
    by_group: dict[str, list[bool]] = {}
    for page_id, facts in wanted.facts.items():
        failed = []
        for fact in facts:
            passed = page_id in texts and olmocr.holds(fact, texts[page_id])
            failed += [] if passed else [str(fact["id"])]
            for group in (f"olmocr.{fact['type']}", f"olmocr.file.{wanted.sources[str(fact['id'])]}"):
                by_group.setdefault(group, []).append(passed)
        samples.append({"id": page_id, "facts": len(facts), "passed": len(facts) - len(failed), "failed": failed})
    shares = {group: sum(results) / len(results) for group, results in sorted(by_group.items())}
    by_file = [share for group, share in shares.items() if group.startswith("olmocr.file.")]
    numbers: dict[str, float] = {
        "pages": len(samples),
        "facts": sum(map(len, wanted.facts.values())),
        "olmocr.pass_rate": sum(by_file) / len(by_file),
        **shares,
    }
    return {"samples": samples, "aggregate": numbers}


def aggregate_records(frame: "pd.DataFrame", references: Records, predictions: Records) -> Numbers:
    """Return the aggregates of `score_records`, with the keys that `aggregate` gives for each model."""
    matched = _matched(references, predictions, "the predictions", todo=_REDO_RECORDS)
    texts = [str(record["text"]) for record in matched]
    return _aggregate(frame[list(METRICS)], [str(record["text"]) for record in references], texts)


def aggregate(frame: "pd.DataFrame", references: Records, base: Records, tuned: Records) -> dict[str, Numbers]:
    """Return the content of reports/metrics.json: finite numbers only.

    `base` and `tuned` hold pages, cer_mean, cer_median, cer_p90, cer_corpus, cer_share_above_1, cer_normalised_mean,
    wer_mean, wer_corpus, ned_mean, bleu (corpus, 0 to 100), rouge1, rouge2, rougeL and their `_char` variants (mean F),
    table_f1, table_struct_f1, table_adj_f1, teds, teds_s, tables (pages counted by them), formula_exact, formulas
    (pages counted by it), odb.text_edit, odb.formula_edit, odb.table_teds, odb.reading_order, odb.overall_no_cdm (0 to
    100, see `runs`), box_f1, box_iou (means over pages), boxes (pages counted by them), box_f1.<kind> and
    box_iou.<kind> (over all boxes of a kind), hallucination_rate, loop_rate, loop_olmocr_rate, empty_rate,
    truncated_rate, tokens (sum). Means run over the pages that are counted.

    `change` compares page by page over the pages counted for both models: for each of cer, wer, bleu (sentence),
    rougeL_char, table_f1 and loop the keys `<metric>_gain` (mean; positive where tuned is better), `_gain_low`,
    `_gain_high` (95 % bootstrap interval), `_relative_gain`, `_wins`, `_ties`, `_losses`, `_p` and `_pages`.

    A key whose value is undefined is left out: table_f1 and its like where no page has a table, formula_exact where
    none has a formula, truncated_rate where no stop reason is known, `_relative_gain` where the base's mean is 0.

    Raises:
        UserError: The records do not hold the same page ids, or not those of the frame.
    """
    ids = [str(record["id"]) for record in references]
    if ids != frame["id"].tolist():
        raise UserError(
            "The scores are of other pages than the test set", value=_some(set(ids) ^ set(frame["id"])), todo=REDO
        )
    texts = [reference_answer(record) for record in references]
    result: dict[str, Numbers] = {}
    for model, records in (("base", base), ("tuned", tuned)):
        matched = _matched(references, records, f"the {model} model's predictions")
        columns = frame[[f"{metric}_{model}" for metric in METRICS]].set_axis(list(METRICS), axis="columns")
        result[model] = _aggregate(columns, texts, [str(record["text"]) for record in matched])
    result["change"] = _change(frame)
    return result


def _aggregate(frame: "pd.DataFrame", references: Sequence[str], hypotheses: Sequence[str]) -> Numbers:
    """Aggregate one model; `frame` has one column per metric and one row per page."""
    placed = [score for score in map(_boxes, references, hypotheses) if score is not None]
    references, hypotheses = [grounding.plain(text) for text in references], [grounding.plain(t) for t in hypotheses]
    cer = frame["cer"]
    bleu = text_scores.corpus_bleu(references, hypotheses)
    LOGGER.info("BLEU %.2f: %s", bleu.score, "; ".join(bleu.signatures))
    numbers: dict[str, float] = {
        "pages": len(frame),
        "cer_median": float(cer.median()),
        "cer_p90": float(cer.quantile(0.9)),
        "cer_share_above_1": float((cer > 1).mean()),
        "cer_corpus": text_scores.pooled_rate(map(text_scores.character_edits, references, hypotheses)),
        "wer_corpus": text_scores.pooled_rate(map(text_scores.word_edits, references, hypotheses)),
        "bleu": bleu.score,
        "tables": int(frame["table_f1"].count()),
        "formulas": int(frame["formula_exact"].count()),
    }
    for metric, key in (_MEANS | _RATES).items():
        counted = frame[metric].dropna()
        if len(counted):
            numbers[key] = float(counted.mean())
    if {"odb.text_edit", "odb.table_teds"} <= numbers.keys():
        numbers["odb.overall_no_cdm"] = overall_without_cdm(numbers["odb.text_edit"], numbers["odb.table_teds"])
    numbers |= _of_boxes(placed)
    if frame["tokens"].count():
        numbers["tokens"] = int(frame["tokens"].sum())
    return {key: value for key, value in numbers.items() if math.isfinite(value)}


def _of_boxes(placed: Sequence[boxes.BoxScore]) -> dict[str, float]:
    """Return pages with boxes, and by kind of block F1 and mean IoU of all their boxes; {} where no page has any."""
    if not placed:
        return {}
    total = sum(placed, boxes.BoxScore())
    numbers: dict[str, float] = {"boxes": len(placed)}
    for kind in total.kinds:
        for name, value in (("f1", total.f1(kind)), ("iou", total.mean_iou(kind))):
            if value is not None:
                numbers[f"box_{name}.{kind}"] = value
    return numbers


def compared(frame: "pd.DataFrame", metrics: Mapping[str, bool]) -> Iterator[tuple[str, paired.PairedStatistics]]:
    """Compare both models page by page, metric by metric; one that no page has for both is left out.

    `frame` has a row per page, with `<metric>_base` and `<metric>_tuned`; `metrics` is metric → whether lower is
    better. Gains are positive where tuned is better.
    """
    for metric, lower_is_better in metrics.items():
        both = frame[[f"{metric}_{model}" for model in MODELS]].dropna().astype("float64")
        if not both.empty:
            base, tuned = (both[f"{metric}_{model}"].tolist() for model in MODELS)
            yield metric, paired.compare(base, tuned, lower_is_better=lower_is_better)


def _change(frame: "pd.DataFrame") -> Numbers:
    same = ("pages", "gain_low", "gain_high", "relative_gain", "wins", "ties", "losses")
    keys = {**dict(zip(same, same, strict=True)), "gain": "mean_gain", "p": "p_value"}
    numbers: dict[str, float | None] = {
        f"{metric}_{key}": getattr(found, field)
        for metric, found in compared(frame, _COMPARED)
        for key, field in keys.items()
    }
    return {key: value for key, value in numbers.items() if value is not None and math.isfinite(value)}


def write_samples(frame: "pd.DataFrame", path: Path) -> None:
    """Write reports/samples.csv atomically: floats in their shortest exact form, flags 0 or 1, "" if not counted."""
    files.write_text(path, csv_files.text_of_frame(frame))


def write_metrics(path: Path, aggregates: Mapping[str, Mapping[str, Any]], verdict: gate.Verdict) -> None:
    """Write reports/metrics.json atomically: headline first, since DVC's columns stand in the order of the file."""
    # Groups and what is in them are in alphabetical order; json.dumps(sort_keys=True) would sort the headline too.
    groups = {group: dict(sorted(aggregates[group].items())) for group in sorted(aggregates)}
    content = {**gate.headline(aggregates, verdict), "gate": verdict.record(), **groups}
    files.write_text(path, json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def _typed(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Give columns their types: text, whole numbers that may be missing, floats."""
    ends = ("", *(f"_{model}" for model in MODELS))
    whole = {"index", "page", "reference_characters"} | {f"{name}{end}" for name in _WHOLE_METRICS for end in ends}
    return frame.astype(
        {name: "str" if name in _TEXT_COLUMNS else "Int64" if name in whole else "float64" for name in frame.columns}
    )


def _matched(references: Records, predictions: Records, what: str, *, todo: str = REDO) -> list[Mapping[str, Any]]:
    """Return the predictions in the order of the references.

    Raises:
        UserError: There is nothing to score, or ids differ or repeat.
    """
    if not references:
        todo = "check the test split" if todo == REDO else todo
        raise UserError("There are no pages to score", accepted="at least one reference", todo=todo)
    for name, records in (("the references", references), (what, predictions)):
        nameless = [number for number, record in enumerate(records, start=1) if "id" not in record]
        if nameless:
            raise UserError(
                f"Records of {name} have no id", value=_some(nameless), accepted='"id" in every record', todo=todo
            )
    wanted = [str(record["id"]) for record in references]
    found = {str(record["id"]): record for record in predictions}
    for name, ids, records in (("the references", set(wanted), references), (what, set(found), predictions)):
        if len(ids) != len(records):
            raise UserError(f"Page ids repeat in {name}", value=_repeated(records), accepted="each id once", todo=todo)
    lacking, others = set(wanted) - set(found), set(found) - set(wanted)
    for name, ids in ((f"{what} lack", lacking), (f"{what} have others than", others)):
        if ids:
            raise UserError(f"{name[0].upper()}{name[1:]} the pages to score", value=_some(ids), todo=todo)
    ordered = [found[page_id] for page_id in wanted]
    silent = [page_id for page_id in wanted if not isinstance(found[page_id].get("text"), str)]
    if silent:
        raise UserError(
            f"Records of {what} have no text", value=_some(silent), accepted='"text" in every record', todo=todo
        )
    return ordered


def _repeated(records: Records) -> str:
    counts = Counter(str(record["id"]) for record in records)
    return _some({page_id for page_id, count in counts.items() if count > 1})


def _some(values: Sequence[object] | set[str]) -> str:
    """Name up to five of the values and say how many more there are."""
    names = sorted(map(str, values))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@dataclass(frozen=True)
class PredictedSet:
    """A set of pages with what both models read on them: ShareGPT records and two lists of prediction records."""

    references: Records
    base: Records
    tuned: Records

    @classmethod
    def read(cls, references: Path, base: Path, tuned: Path) -> "PredictedSet":
        """Read the three JSONL files."""
        return cls(files.read_jsonl(references), files.read_jsonl(base), files.read_jsonl(tuned))

    def plain(self) -> "PredictedSet":
        """Return the set with every text reduced to what is read (`markdown.plain_text`).

        Pages that show forgetting are scored so: that the tuned model writes Markdown where the base model writes lines
        is what it was tuned for; a character that it no longer reads is what it forgot.
        """
        references = [
            {
                **record,
                sharegpt.ESCAPED: 0,
                **sharegpt.answered(sharegpt.said(record, "human") or "", plain_text(reference_text(record))),
            }
            for record in self.references
        ]
        models = (self.base, self.tuned)
        return PredictedSet(
            references,
            *(
                [{**record, "text": plain_text(grounding.plain(record["text"]))} for record in records]
                for records in models
            ),
        )


def score_set(pages: PredictedSet) -> "pd.DataFrame":
    """Score both models page by page; see `score_pages`."""
    return score_pages(pages.references, pages.base, pages.tuned)


def aggregate_set(pages: PredictedSet, frame: "pd.DataFrame") -> dict[str, Numbers]:
    """Aggregate what `score_set` returned; see `aggregate`."""
    return aggregate(frame, pages.references, pages.base, pages.tuned)
