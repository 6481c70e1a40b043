"""The page of what a build's jobs took: reports/resources.html.

The report shows its figures where the page lies beside it and is of the same build.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from scribetune.core import files, layout
from scribetune.core.package import package_file
from scribetune.record import resources
from scribetune.report.data import build_id

PAGE = Path(layout.REPORTS) / "resources.html"
HEAD = ("rule", "jobs", "wall time", "processor time", "peak memory", "pages", "pages per second", "device")


def rows(usages: Sequence[resources.RuleUsage]) -> tuple[tuple[str, ...], ...]:
    """Return the table as text: a row for each rule, and the sum."""
    if not usages:
        return ()
    return (*(_row(usage.rule, [usage]) for usage in usages), _row("all, one after another", usages))


def _row(name: str, of: Sequence[resources.RuleUsage]) -> tuple[str, ...]:
    jobs = sum(usage.jobs for usage in of)
    known = [taken for usage in of for taken in usage.measured]
    counted = f"{len(known)} of {jobs}" if len(known) < jobs else str(jobs)
    if not known:
        return (name, str(jobs), resources.UNKNOWN, "—", "—", "—", "—", "—")
    seconds = sum(taken.seconds for taken in known)
    processor = [taken.cpu_seconds for taken in known if taken.cpu_seconds is not None]
    peaks = [taken.peak_mb for taken in known if taken.peak_mb is not None]
    gpu_peaks = [taken.gpu_peak_mb for taken in known if taken.gpu_peak_mb is not None]
    peak = _megabytes(max(peaks)) if peaks else "too short to tell"
    if gpu_peaks:
        peak += f", GPU {_megabytes(max(gpu_peaks))}"
    # The pages of several rules are the same pages: they have no sum.
    pages = of[0].pages if len(of) == 1 else None
    rate = "—" if pages is None or seconds <= 0 else _rate(pages / seconds)
    devices = ", ".join(sorted({taken.device for taken in known if taken.device}))
    return (
        name, counted, _duration(seconds), _duration(sum(processor)) if processor else "—", peak,
        "—" if pages is None else str(pages), rate, devices or "—",
    )  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


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
    import jinja2

    template = package_file("resources.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": template}), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    page = environment.get_template("page").render(
        head=HEAD,
        rows=rows(resources.usage_by_rule(folder, shards)),
        build=build_id(*sources),
        unknown=resources.UNKNOWN,
    )
    files.write_text(folder / PAGE, page)
    return folder / PAGE
