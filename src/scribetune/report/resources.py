"""What differs from run to run of the same build: what its jobs took, and the day of the training.

They are in a page of their own, reports/resources.html. The report shows them where the page lies
beside it and is of the same build.
"""

import base64
import json
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from scribetune.audit.lineage_reader import WEIGHTS
from scribetune.core import files, layout
from scribetune.core.package import package_file
from scribetune.record import resources
from scribetune.report.data import build_id
from scribetune.report.environment import TAGS, Wording, environment
from scribetune.text.language import Words

PAGE = Path(layout.REPORTS) / "resources.html"
HEAD = ("rule", "jobs", "wall time", "processor time", "peak memory", "pages", "pages per second", "device")
_TAG = re.compile(r'<html lang="([\w-]+)">')


def rows(usages: Sequence[resources.RuleUsage], words: Words | None = None) -> tuple[tuple[str, ...], ...]:
    """Return the table as text (in English without `words`): a row for each rule, and the sum."""
    if not usages:
        return ()
    words = words or Wording("en")
    whole = _row(words("all, one after another"), usages, words)
    return (*(_row(usage.rule, [usage], words) for usage in usages), whole)


def _row(name: str, of: Sequence[resources.RuleUsage], words: Words) -> tuple[str, ...]:
    jobs = sum(usage.jobs for usage in of)
    known = [taken for usage in of for taken in usage.measured]
    counted = words("{known} of {jobs}", known=len(known), jobs=jobs) if len(known) < jobs else str(jobs)
    if not known:
        return (name, str(jobs), words(resources.UNKNOWN), "—", "—", "—", "—", "—")
    seconds = sum(taken.seconds for taken in known)
    processor = [taken.cpu_seconds for taken in known if taken.cpu_seconds is not None]
    peaks = [taken.peak_mb for taken in known if taken.peak_mb is not None]
    gpu_peaks = [taken.gpu_peak_mb for taken in known if taken.gpu_peak_mb is not None]
    peak = _megabytes(max(peaks)) if peaks else words("too short to tell")
    if gpu_peaks:
        peak += f", GPU {_megabytes(max(gpu_peaks))}"
    # The pages of several rules are the same pages: they have no sum.
    pages = of[0].pages if len(of) == 1 else None
    rate = "—" if pages is None or seconds <= 0 else _rate(pages / seconds)
    devices = ", ".join(sorted({taken.device for taken in known if taken.device}))
    return (
        name, counted, _duration(seconds, words), _duration(sum(processor), words) if processor else "—", peak,
        "—" if pages is None else str(pages), rate, devices or "—",
    )  # fmt: skip


def _duration(seconds: float, words: Words) -> str:
    if seconds < 60:
        return words("{seconds} s", seconds=f"{seconds:.1f}")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return words("{hours} h {minutes} min", hours=hours, minutes=f"{minutes:02d}")
    return words("{minutes} min {seconds} s", minutes=minutes, seconds=f"{rest:02d}")


def _megabytes(value: float) -> str:
    return f"{value / 1024:.1f} GiB" if value >= 1024 else f"{value:.0f} MiB"


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write_page(folder: Path = Path(), shards: Collection[str] | None = None) -> Path | None:
    """Write reports/resources.html; None where there is no report that could show it.

    Args:
        folder: Working directory of the build.
        shards: The build's shards.
    """
    sources = (folder / layout.REPORTS / "metrics.json", folder / layout.ADAPTER / "lineage.json")
    if not (folder / layout.REPORTS / "index.html").exists() or not all(path.exists() for path in sources):
        return None
    words = _words(folder / layout.REPORTS / "index.html")
    template = package_file("resources.html.j2").read_text(encoding="utf-8")
    page = (
        environment(words, {"page": template})
        .get_template("page")
        .render(
            head=[words(name) for name in HEAD],
            rows=rows(resources.usage_by_rule(folder, shards), words),
            build=build_id(*sources),
            trained=trained_on(folder),
        )
    )
    files.write_text(folder / PAGE, page)
    return folder / PAGE


def _words(report: Path) -> Wording:
    """Return the language of the report, which shows this page's table as its own."""
    with report.open(encoding="utf-8") as stream:
        found = _TAG.search(stream.read(400))
    languages = {tag: language for language, tag in TAGS.items()}
    return Wording(languages.get(found.group(1), "en") if found else "en")


def trained_on(folder: Path) -> str:
    """Return the day on which the adapter was trained (UTC, ISO 8601), as Snakemake recorded it; "" without a record.

    It is in no result: equal builds are equal byte for byte.
    """
    name = base64.b64encode(f"{layout.ADAPTER}/{WEIGHTS}".encode()).decode()
    try:
        ended = float(json.loads((folder / ".snakemake/metadata" / name).read_bytes())["endtime"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return datetime.fromtimestamp(ended, UTC).date().isoformat()
