"""What came of a build, in plain words: the headline, the verdict beside "promoted", and what to do next."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.core.config import flatten
from scribetune.evaluation.gate import Check, Verdict
from scribetune.report.environment import Wording
from scribetune.report.tables import BeforeAfter, MetricRow, number

_FEW_PAGES = re.compile(r"gate\.min_pages (\d+)")

_TEST_PAGES = (
    "Add documents, or raise splits.test (now {test_share}): the verdict needs {needed} test pages and there are "
    "{test_pages}."
)
_DOCUMENTS = "Add documents: the adapter learned from {train_pages} pages of {train_documents} documents."
_LABELS = "Look at the worst pages first: a wrong label teaches a wrong reading. scribetune review corrects labels."
_TABLES = "Add documents with tables, and look at the labels of the pages whose tables are read worse."
_EPOCHS = "Train for fewer epochs: train.epochs, now {epochs}."
_RATE = "Use a lower learning rate: train.optimization.learning_rate, now {rate}; a third of it is a good next try."
_BASE = "Start from a larger base model: base_model.name, now {base}."


@dataclass(frozen=True)
class Reason:
    """A check of the verdict as it is shown."""

    name: str
    passed: bool
    why: str


@dataclass(frozen=True)
class Outcome:
    """The verdict for people; `steps` say what to do next where the tuned model is not promoted."""

    promoted: bool
    plain: str  # "Better than the base model"
    word: str  # "promoted"
    reasons: tuple[Reason, ...]
    steps: tuple[str, ...]


def outcome(
    verdict: Verdict, metrics: Mapping[str, Mapping[str, float | None]], lineage: Mapping[str, Any], words: Wording
) -> Outcome:
    """Arrange a verdict for people."""
    failed = {check.name: check for check in verdict.checks if not check.passed}
    kinds = [_cer_kind(check, metrics) if name == "cer" else name for name, check in failed.items()]
    values = _values(lineage, failed.get("cer"))
    steps = dict.fromkeys(step for kind in kinds for step in _STEPS.get(kind, ()))
    is_one_epoch = values["epochs"] in ("0", "1")
    return Outcome(
        promoted=verdict.promoted,
        plain=_plain(kinds, words),
        word=words(verdict.words),
        reasons=tuple(Reason(check.name, check.passed, words.found(check.why)) for check in verdict.checks),
        steps=tuple(words(step, **values) for step in steps if not (step == _EPOCHS and is_one_epoch)),
    )


def _cer_kind(check: Check, metrics: Mapping[str, Mapping[str, float | None]]) -> str:
    """Say why the check of CER failed: "unmeasured", "few", "worse" or "unproven"."""
    if check.base is None or check.tuned is None:
        return "unmeasured"
    if _FEW_PAGES.search(check.why):
        return "few"
    high = metrics.get("change", {}).get("cer_gain_high")
    return "worse" if check.tuned > check.base or (high is not None and high < 0) else "unproven"


_STEPS: Mapping[str, Sequence[str]] = {
    "few": (_TEST_PAGES,),
    "unproven": (_DOCUMENTS, _LABELS, _BASE),
    "worse": (_LABELS, _RATE, _EPOCHS, _BASE),
    "table_f1": (_TABLES, _EPOCHS, _BASE),
    "loop_rate": (_EPOCHS, _RATE, _DOCUMENTS),
    "retention_cer": (_EPOCHS, _RATE, _BASE),
}
"""What failed → what to do about it, the cheapest first."""

_PLAIN = {
    "unmeasured": "CER was not measured on both models",
    "few": "Too few test pages to tell",
    "worse": "Worse than the base model",
    "unproven": "Not shown to be better than the base model",
}
_FAULTS = {
    "table_f1": "tables are read worse",
    "loop_rate": "more answers repeat themselves",
    "retention_cer": "pages outside the domain are read worse than before",
}


def _plain(kinds: Sequence[str], words: Wording) -> str:
    if not kinds:
        return words("Better than the base model")
    faults = [words(_FAULTS[kind]) for kind in kinds if kind in _FAULTS]
    of_cer = next((kind for kind in kinds if kind in _PLAIN), None)
    if of_cer is None:
        return words("Better than the base model on the test pages, but {faults}", faults=words(", ").join(faults))
    return words("; ").join([words(_PLAIN[of_cer]), *faults])


def _values(lineage: Mapping[str, Any], cer: Check | None) -> dict[str, str]:
    """Return what the steps name: settings and sizes of this build, "—" where the lineage does not say them."""
    configuration = lineage.get("configuration")
    settings = flatten(configuration) if isinstance(configuration, Mapping) else {}
    rows = {name: [row for row in lineage.get(name, ()) if isinstance(row, Mapping)] for name in ("documents", "pages")}

    def count(name: str, split: str) -> str:
        found = sum(row.get("split") == split for row in rows[name])
        return str(found) if rows[name] else "—"

    def setting(key: str) -> str:
        value = settings.get(key)
        return "—" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    needed = _FEW_PAGES.search(cer.why) if cer is not None else None
    return {
        "epochs": setting("train.epochs"),
        "rate": setting("train.optimization.learning_rate"),
        "test_share": setting("splits.test"),
        "base": setting("base_model.name"),
        "train_pages": count("pages", "train"),
        "train_documents": count("documents", "train"),
        "test_pages": count("pages", "test"),
        "needed": needed.group(1) if needed else "—",
    }


def sentence(headline: Sequence[MetricRow], samples: BeforeAfter, verdict: Verdict | None, words: Wording) -> str:
    """Say the outcome in words; the numbers are in the cards. Forgetting is said where it is more than allowed."""
    parts = [_movement(headline[0], samples, words)]
    kept = next((check for check in verdict.checks if check.name == "retention_cer"), None) if verdict else None
    if kept is not None and not kept.passed:
        parts.append(
            words(
                "Outside the domain it reads worse than before: mean CER on the retention pages rose from {base} to "
                "{tuned}.",
                base=number(kept.base),
                tuned=number(kept.tuned),
            )
        )
    return words(" ").join(parts)


def _movement(cer: MetricRow, samples: BeforeAfter, words: Wording) -> str:
    pages = words.counted(len(samples.rows), "test page")
    if cer.values.base is None or cer.values.tuned is None:
        return words("{pages}; CER was not measured on both models.", pages=pages)
    movement = {
        "better": "Mean CER fell from {base} to {tuned}{relative} on {pages} held out from training: {fared}.",
        "worse": "Mean CER rose from {base} to {tuned}{relative} on {pages} held out from training: {fared}.",
        "same": "Mean CER stayed at {base} on {pages} held out from training: {fared}.",
    }[cer.verdict]
    relative = "" if cer.relative_change is None else f" ({100 * cer.relative_change:+.1f} %)".replace("-", "−")
    fared = words(
        "{better} better, {same} the same, {worse} worse",
        better=samples.better, same=samples.same, worse=samples.worse,
    )  # fmt: skip
    return words(
        movement, base=number(cer.values.base), tuned=number(cer.values.tuned), relative=relative, pages=pages,
        fared=fared,
    )  # fmt: skip
