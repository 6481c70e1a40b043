"""How long work takes: rates of this folder's own past jobs where there are any, else figures of docs/benchmarks.md.

A job takes `start_s`, and `page_s` for each of its pages. Both are processor seconds on a CPU; where a rule has a GPU,
they are seconds of that GPU. Of a folder's own jobs of unlike size both are fitted (least squares); of jobs of one size
the start is taken from the documentation's, at most half of what they took.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scribetune.core.config import Config
from scribetune.record import resources
from scribetune.record.resources import Job

Device = Literal["cpu", "gpu"]
ON_GPU = ("train_adapter", "predict_base", "predict_tuned", "predict_benchmark_base", "predict_benchmark_tuned",
          "merge_adapter", "read_by_vllm")  # fmt: skip
"""Rules that take a GPU where there is one."""
_UNLIKE = 1.5
"""Jobs are of unlike size where the largest has so many times the pages of the smallest."""


@dataclass(frozen=True)
class Rate:
    """What a job of a rule takes, in seconds of `device`, and where that is from."""

    start_s: float
    page_s: float
    device: Device
    source: str

    def seconds(self, jobs: int, pages: int) -> float:
        """Return what jobs with so many pages in all take."""
        return self.start_s * jobs + self.page_s * pages


_SNAKEMAKE_S = 1.0
"""Each job has a process of Snakemake's that reads the workflow, which no measurement of the job includes."""
# Seconds of a start, and of a page, on one core: docs/benchmarks.md, and the jobs of its default build.
_START_S, _MODEL_START_S = _SNAKEMAKE_S + 1.0, _SNAKEMAKE_S + 7.0
_CPU_PAGE_S: Mapping[str, float] = {
    "make_samples": 0.03,  # documents of typst (evidence/build.md)
    "render_pages": 0.04,  # 25 to 28 pages/s
    "label_pages": 0.41,  # 1,257 pages of 497 real PDFs: 568 s with their images, page images read too
    "place_blocks": 0.14,  # docs/grounding.md
    "select_pages": 0.002,
    "split_documents": 0.0005,
    "prepare_benchmark": 0.04,
    "train_adapter": 0.42,  # the embedded model: 414 steps in 174 s
    "predict_base": 0.86,  # the embedded model: 70 pages a minute
    "predict_tuned": 0.86,
    "predict_benchmark_base": 0.86,
    "predict_benchmark_tuned": 0.86,
    "score_predictions": 0.02,  # 7 ms a page and model, and the comparison of both
    "score_benchmark": 0.04,  # 1,651 pages in 66 s
    "write_report": 0.02,  # 10,000 pages in 194 s
    "write_lineage": 0.0001,
    "write_crate": 0.0001,
}
_SAMPLE_PAGE_S: Mapping[str, float] = {"render_pages": 0.02, "label_pages": 0.12}
"""Pages of the sample corpus, whose labels are read from tags: the default build's 174 pages."""
# One H200, full-size DeepSeek-OCR-2, bfloat16. A start loads the model, and may compile before a training.
_GPU_START_S: Mapping[str, float] = {"train_adapter": 90.0, "merge_adapter": 60.0}
_GPU_MODEL_START_S = 30.0
_GPU_PAGE_S: Mapping[str, float] = {
    "train_adapter": 0.037,  # batch 8, three epochs, vision pass included
    "predict_base": 0.254,  # 3.94 pages/s, 64 at once
    "predict_tuned": 0.254,
    "predict_benchmark_base": 0.254,
    "predict_benchmark_tuned": 0.254,
}
_GPU_VISION_PAGE_S = 0.09
"""Training with scope `vision`, batch 8, three epochs, SAM's output computed once."""


def documented(rule: str, device: Device, config: Config, *, is_sample: bool = False) -> Rate:
    """Return the rate of a rule as docs/benchmarks.md has it; a rule that it does not name takes its start alone.

    `is_sample`: the documents are those of the sample corpus.
    """
    if device == "gpu" and rule in ON_GPU:
        page_s = _GPU_PAGE_S.get(rule, 0.0)
        if rule == "train_adapter" and config.train.lora.scope == "vision":
            page_s = _GPU_VISION_PAGE_S
        return Rate(_GPU_START_S.get(rule, _GPU_MODEL_START_S), page_s, "gpu", "docs")
    start = _MODEL_START_S if rule in ON_GPU else _START_S
    page_s = (_SAMPLE_PAGE_S if is_sample else {}).get(rule, _CPU_PAGE_S.get(rule, 0.0))
    return Rate(start, page_s, "cpu", "docs")


def measured(folder: Path, device: Device, config: Config) -> dict[str, Rate]:
    """Return {rule: rate} of the jobs that ran in a folder, on such a device.

    Args:
        folder: Working directory of the build.
        device: What rules with a model will run on: what they took on another one says nothing.
        config: The build's configuration.
    """
    rates = {}
    for rule, jobs in resources.pages_and_times(folder).items():
        wanted: Device = device if rule in ON_GPU else "cpu"
        points = [(pages, seconds) for pages, taken in jobs if (seconds := _seconds(taken, wanted)) is not None]
        if points:
            rates[rule] = _fitted(points, documented(rule, device, config), wanted)
    return rates


def _seconds(taken: Job, device: Device) -> float | None:
    """Return what a job took of a device: processor time, or wall time with a GPU; None where it ran on another one."""
    is_on_cpu = taken.device == resources.CPU
    if is_on_cpu != (device == "cpu"):
        return None
    return (taken.cpu_seconds or taken.seconds) + _SNAKEMAKE_S if is_on_cpu else taken.seconds


def _fitted(points: Sequence[tuple[int, float]], known: Rate, device: Device) -> Rate:
    """Return the rate of jobs, (pages, seconds) each."""
    source = f"{len(points)} job{'s' * (len(points) > 1)} here"
    count, pages = len(points), sum(point[0] for point in points)
    seconds = sum(point[1] for point in points)
    mean_s = seconds / count
    if not pages:
        return Rate(mean_s, 0.0, device, source)
    sizes = [point[0] for point in points]
    if max(sizes) >= _UNLIKE * max(1, min(sizes)):
        mean_pages = pages / count
        spread = sum((size - mean_pages) ** 2 for size in sizes)
        slope = sum((size - mean_pages) * (took - mean_s) for size, took in points) / spread
        start = mean_s - slope * mean_pages
        if slope > 0 and start >= 0:
            return Rate(start, slope, device, source)
    start = min(known.start_s, mean_s / 2)
    return Rate(start, (seconds - start * count) / pages, device, source)
