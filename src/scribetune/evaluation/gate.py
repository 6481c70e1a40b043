"""The verdict: is the tuned model good enough to take the base's place?

Four checks on the aggregates of reports/metrics.json, with limits from the configuration's section `gate`. The result
is in metrics.json itself, and so in the report and the model card; `snakemake gate` fails where it is "not promoted".
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.core.config import Gate
from scribetune.core.errors import UserError, counted
from scribetune.record.remembered import COMMAND

_ROUNDING = 1e-9
"""Differences of sums in another order: a change that is this close to its limit is at the limit."""
_REDO = f"write reports/metrics.json anew: {COMMAND}"


@dataclass(frozen=True)
class Check:
    """One condition of the promotion; a value is None where it was not measured."""

    name: str
    passed: bool  # also where the pages do not have the quantity (no tables)
    base: float | None
    tuned: float | None
    limit: float  # in the metric's own unit
    why: str  # what was found and what was asked for, in words


@dataclass(frozen=True)
class Verdict:
    """The checks in order; promoted where all of them hold."""

    checks: tuple[Check, ...]

    @property
    def promoted(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def words(self) -> str:
        """Return "promoted" or "not promoted"."""
        return "promoted" if self.promoted else "not promoted"

    @property
    def why(self) -> tuple[str, ...]:
        """Return the reasons: the checks that fail, or all of them where none does."""
        failed = tuple(check.why for check in self.checks if not check.passed)
        return failed or tuple(check.why for check in self.checks)

    def record(self) -> dict[str, Any]:
        """Return the verdict as plain values, as it stands in metrics.json under `gate`."""
        return {"promoted": self.promoted, "why": list(self.why), "checks": [asdict(check) for check in self.checks]}


def judge(metrics: Mapping[str, Mapping[str, Any]], limits: Gate) -> Verdict:
    """Decide from aggregates whether the tuned model is promoted.

    `metrics` are `base`, `tuned` and `change` as `scoring.aggregate` returns them, and `retention` where that was
    scored.
    """
    kept = metrics.get("retention", {})
    return Verdict(
        (
            _cer(metrics, limits),
            _table_f1(metrics, limits),
            _rise(
                "loop_rate", "The share of pages that loop", metrics, "loop_rate", limits.max_loop_rate_rise,
                "no answer was looked at",
            ),
            _rise(
                "retention_cer", "Retention: mean CER on pages outside the domain", kept, "cer_mean",
                limits.max_retention_cer_rise, "no retention pages were scored",
            ),
        )
    )  # fmt: skip


def read(record: object) -> Verdict:
    """Return the verdict of a metrics.json's `gate`.

    Raises:
        UserError: It is no such record.
    """
    what, accepted = "metrics.json holds no verdict of this version", '"gate": {"checks": […]}'
    try:  # whatever it is: what it is not is caught below
        return Verdict(tuple(Check(**check) for check in record["checks"]))  # type: ignore[index]
    except (TypeError, KeyError) as error:
        raise UserError(what, value=record, accepted=accepted, todo=_REDO) from error


def require_promotion(metrics_json: Path) -> Verdict:
    """Return the verdict of a finished build.

    Raises:
        UserError: The tuned model is not promoted, or there is no verdict; the message says why.
    """
    try:
        metrics = json.loads(metrics_json.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError("There are no scores to judge by", value=f"{metrics_json} ({error})", todo=_REDO) from error
    verdict = read(metrics.get("gate") if isinstance(metrics, dict) else None)
    if not verdict.promoted:
        raise UserError(
            "The tuned model is not promoted:\n    " + "\n    ".join(verdict.why),
            todo="look at the pages behind it in reports/index.html; the limits are the section `gate` of the "
            "configuration",
        )
    return verdict


def headline(metrics: Mapping[str, Mapping[str, Any]], verdict: Verdict) -> dict[str, float]:
    """Return the few numbers that metrics.json begins with: flat names, four decimals, for `dvc exp show`.

    Those without a prefix are the tuned model's; a number that was not measured is left out.
    """
    base, tuned, change = (metrics.get(name, {}) for name in ("base", "tuned", "change"))
    kept = metrics.get("retention", {})
    same = ("bleu", "rougeL_char", "table_f1", "teds", "loop_rate", "hallucination_rate")
    wanted = {
        "cer": tuned.get("cer_mean"),
        "cer_base": base.get("cer_mean"),
        "cer_gain_low": change.get("cer_gain_low"),
        "wer": tuned.get("wer_mean"),
        **{name: tuned.get(name) for name in same},
        "retention_cer": kept.get("tuned", {}).get("cer_mean"),
    }
    found = {name: round(float(value), 4) for name, value in wanted.items() if value is not None}
    return {"promoted": int(verdict.promoted), **found}


def _cer(metrics: Mapping[str, Mapping[str, Any]], limits: Gate) -> Check:
    base, tuned, change = metrics["base"].get("cer_mean"), metrics["tuned"].get("cer_mean"), metrics.get("change", {})
    low, high, pages = change.get("cer_gain_low"), change.get("cer_gain_high"), change.get("cer_pages", 0)
    limit = limits.min_cer_gain
    if base is None or tuned is None or low is None or high is None:
        return Check("cer", False, base, tuned, limit, "CER was not measured on both models")
    interval = f"{low:.4f} to {high:.4f}, 95 % interval, {counted(pages, 'page')}"
    found = f"Mean CER went from {base:.4f} to {tuned:.4f} (gain {interval})"
    if pages < limits.min_pages:
        few = f"{found}: too few pages to tell (gate.min_pages {limits.min_pages})"
        return Check("cer", False, base, tuned, limit, few)
    passed = low > limit
    asked = f"the interval {'is' if passed else 'is not'} clear of {limit:g} (gate.min_cer_gain)"
    return Check("cer", passed, base, tuned, limit, f"{found}: {asked}")


def _table_f1(metrics: Mapping[str, Mapping[str, Any]], limits: Gate) -> Check:
    """Compare page by page, since the two means may be over different pages."""
    base, tuned = metrics["base"].get("table_f1"), metrics["tuned"].get("table_f1")
    gain, limit = metrics.get("change", {}).get("table_f1_gain"), limits.max_table_f1_loss
    if gain is None:
        return Check("table_f1", True, base, tuned, limit, "Table F1 was not measured: no page has a table")
    passed = gain >= -limit - _ROUNDING
    word = "rose" if gain > 0 else "fell" if gain < 0 else "changed"
    why = f"Mean table F1 {word} by {abs(gain):.4f}; a fall of {limit:g} is allowed (gate.max_table_f1_loss)"
    return Check("table_f1", passed, base, tuned, limit, why)


def _rise(
    name: str, what: str, metrics: Mapping[str, Mapping[str, Any]], key: str, limit: float, unmeasured: str
) -> Check:
    base, tuned = (metrics.get(model, {}).get(key) for model in ("base", "tuned"))
    if base is None or tuned is None:
        return Check(name, True, base, tuned, limit, f"{what} was not measured: {unmeasured}")
    passed = tuned - base <= limit + _ROUNDING
    found = f"{what} went from {base:.4f} to {tuned:.4f}; a rise of {limit:g} is allowed (gate.max_{name}_rise)"
    return Check(name, passed, base, tuned, limit, found)
