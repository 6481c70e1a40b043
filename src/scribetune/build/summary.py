"""The closing summary of a build, from the files it left; no data frame needed."""

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, files, layout
from scribetune.core.errors import UserError, counted
from scribetune.dataset import unlabelled
from scribetune.documents.inputs import outcome
from scribetune.evaluation import gate
from scribetune.labels import agreement
from scribetune.record import receipts, remembered
from scribetune.report import public_benchmarks
from scribetune.text import sharegpt
from scribetune.text.visible_text import visible

_ESCAPED = f'"{sharegpt.ESCAPED}": '.encode()


def text(folder: Path) -> str:
    """Return a few lines: documents and pages used and refused, CER and table F1 before and after, where to look.

    Raises:
        UserError: There is no build there.
    """
    documents = folder / "reports" / "documents.csv"
    if not documents.exists():
        raise UserError(
            "No build to sum up", value=str(documents), accepted="the working directory of a build",
            todo=f"build it first: {remembered.command(folder)}; or name the build's folder with --folder",
        )  # fmt: skip
    lines = [
        *_documents(csv_files.read(documents)),
        *_unchecked(folder),
        *_splits(folder),
        *_scores(folder),
        *_benchmarks(folder),
        *_places(folder),
        *_use(folder),
    ]
    lines.append(f"again      {remembered.command(folder)}")
    return "\n".join(["", *lines, ""])


def _documents(rows: list[dict[str, str]]) -> list[str]:
    used = sum(int(row["accepted"]) > 0 for row in rows)
    accepted = sum(int(row["accepted"]) for row in rows)
    refused = sum(int(row["refused"]) for row in rows)
    lines = [f"documents  {used} used, {len(rows) - used} refused", f"pages      {accepted} used, {refused} refused"]
    unused = Counter(outcome(row) for row in rows if int(row["accepted"]) == 0)
    reasons: Counter[str] = Counter()
    for row in rows:
        for part in filter(None, row["reasons"].split("; ")):
            reason, _, count = part.rpartition(" ")
            reasons[reason] += int(count)
    for numbers, of_what in ((unused, "documents"), (reasons, "pages")):
        if numbers:
            shown = ", ".join(f"{name} {count}" for name, count in numbers.most_common())
            lines.append(f"           refused {of_what}: {shown} (reports/documents.csv says which)")
    if sum(reasons[reason] for reason in unlabelled.READABLE) > accepted:
        lines.append(f"advice     {unlabelled.advice(reasons)}")
    return lines


def _unchecked(folder: Path) -> list[str]:
    """Say, once for the whole build, that page images were not read because nothing is installed that could."""
    for path in sorted((folder / layout.MANIFESTS / "labels").glob("*.csv")):
        readers = (row.get("image_reader", "") for row in csv_files.read(path))
        if next(filter(None, readers), "") == agreement.ABSENT:  # one job labels a shard, in one environment
            return [
                "unchecked  labels.agreement: the package rapidocr is not installed, so no label is compared with what "
                "its page image shows (wrong letters of a font, text that is in no text layer).",
                "           What to do: make env, or set labels.agreement: none",
            ]
    return []


def _splits(folder: Path) -> list[str]:
    counts = {}
    escaped = 0
    for name in ("train", "validation", "test"):
        path = folder / "data" / "splits" / f"{name}.jsonl"
        if not path.exists():
            return []
        with path.open("rb") as stream:
            lines = list(stream)
        counts[name] = len(lines)
        escaped += sum(_ESCAPED in line for line in lines)
    told = ["splits     " + ", ".join(f"{name} {count}" for name, count in counts.items()) + " pages"]
    if escaped:
        hold = counted(escaped, "page", "holds", "hold")
        told.append(f"           {hold} <image> as text, written as &lt;image> (docs/training.md)")
    return told


def _scores(folder: Path) -> list[str]:
    path = folder / "reports" / "metrics.json"
    if not path.exists():
        return []
    if _is_stale(folder, "score_predictions", "data/splits/test.jsonl"):
        return ["scores     none of these splits yet: reports/ is of an earlier build"]
    metrics: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    lines = []
    for key, title in (("cer_mean", "CER mean  "), ("cer_median", "CER median"), ("table_f1", "table F1  ")):
        before, after = metrics["base"].get(key), metrics["tuned"].get(key)
        if before is not None and after is not None:
            lines.append(f"{title} base {before:.4f} → tuned {after:.4f}")
    retention = metrics.get("retention")
    if retention:
        before, after = retention["base"]["cer_mean"], retention["tuned"]["cer_mean"]
        lines.append(f"retention  CER mean base {before:.4f} → tuned {after:.4f} (plain-text pages, never trained on)")
    if "gate" in metrics:
        verdict = gate.read(metrics["gate"])
        lines.append(f"verdict    {verdict.words}" + ("" if verdict.promoted else ": " + "; ".join(verdict.why)))
    return lines


def _benchmarks(folder: Path) -> list[str]:
    """Say how public benchmarks went, and what of them was left out; the lineage has those of this build."""
    path = folder / "reports" / "lineage.json"
    by_name = json.loads(path.read_text(encoding="utf-8")).get("benchmarks", {}) if path.exists() else {}
    lines = []
    for name, scores in by_name.items():
        shown = [public_benchmarks.table_column(column) for column in scores["columns"]]
        pairs = [f"{column.heading} {column.base.text} → {column.tuned.text}" for column in shown if column.verdict]
        lines.append(f"benchmark  {name}: " + ", ".join(pairs))
        lines += [f"           {visible(note.text)}" for note in public_benchmarks.notes(scores) if note.serious]
    return lines


_TRAINED = ("train_adapter", "data/splits/train.jsonl")
_PLACES = (
    ("report", "reports/index.html", [("write_report", "data/splits/test.jsonl")]),
    ("adapter", "models/adapter", [_TRAINED]),
    ("merged", "models/merged", [_TRAINED, ("merge_adapter", "models/adapter/adapter_model.safetensors")]),
    ("audit", "reports/lineage.json", [("write_lineage", "data/splits/test.jsonl")]),
)
"""Title, place, and what may tell that it is of an earlier build: a rule that read another version of a file."""


def _places(folder: Path) -> list[str]:
    lines = []
    for title, place, reads in _PLACES:
        if (folder / place).exists():
            note = " (of an earlier build)" if any(_is_stale(folder, rule, path) for rule, path in reads) else ""
            lines.append(f"{title:<10} {place}{note}")
    return lines


def _use(folder: Path) -> list[str]:
    """Say how documents are read with the merged model, where there is one."""
    if not (folder / "models" / "merged" / "merge_proof.json").exists():
        return []
    where = "" if folder.resolve() == Path.cwd() else f" --folder {shlex.quote(str(folder))}"
    return [f"use        scribetune convert FILE -o converted{where} (PDFs, images, folders of them)"]


def _is_stale(folder: Path, rule: str, path: str) -> bool:
    """Tell whether the last job of a rule read another version of a file than the one that is there."""
    receipt = receipts.read(folder).get(rule)
    recorded = receipt.inputs.get(path) if receipt else None
    return bool(recorded) and (folder / path).is_file() and files.sha256_file(folder / path) != recorded
