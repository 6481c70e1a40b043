"""Where things lie: the path grammar of the build, in one place (paths are relative to the working directory)."""

from pathlib import Path

RAW = "data/raw"
SAMPLES = "data/samples"
SAMPLE_TRUTH = "data/samples/truth"
PAGES = "data/pages"
LABELS = "data/labels"
MANIFESTS = "data/manifests"
BLOCKS = "data/manifests/blocks"
SPLITS = "data/splits"
RETENTION = "data/retention"
REPLAY = "data/replay"
BENCHMARKS = "data/benchmarks"
ADAPTER = "models/adapter"
MERGED = "models/merged"
QUANTIZED = "models/quantized"
VARIANT_SCORES = "scores.json"
REPORTS = "reports"
PARITY = "reports/parity.json"
LEARNING_CURVE = "reports/learning_curve.json"
DATASET = "reports/dataset"
PREDICTIONS = "reports/predictions"
BENCHMARK_REPORTS = "reports/benchmarks"
CHECKPOINTS = "work/checkpoints"
VISION = "work/vision"
BENCHMARK_LISTINGS = "work/benchmarks"
TENSORBOARD = "work/tensorboard"
TRACKERS = "work/trackers"
REVIEW = "work/review"
PREDICTION_JOURNALS = "work/predictions"
ALTERED = "work/altered"
REPLACED = "work/replaced"
CACHES = (CHECKPOINTS, VISION, PREDICTION_JOURNALS, ALTERED, REPLACED)
"""Folders that hold something of documents, mixed, and that a build can do without."""
WITHDRAWN = "config/withdrawn.csv"
ANSWERS = "answers"
"""Folder of people's answers to prompts, below that of their corrections: answers/<prompt>/<document>/p0001.md."""


def page_name(page: int) -> str:
    """Return the name of a page: `p0001` for 1 (counted from 1)."""
    return f"p{page:04d}"


def page_image(document: str, page: int) -> Path:
    """Return the path of a page image."""
    return Path(PAGES) / document / f"{page_name(page)}.png"


def page_label(document: str, page: int) -> Path:
    """Return the path of a page's Markdown label."""
    return Path(LABELS) / document / f"{page_name(page)}.md"
