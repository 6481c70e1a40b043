"""What a smaller variant of the merged model says of itself: its size, and its scores beside the full model's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.report.data import Pair
from scribetune.report.tables import MEASURES, Measure, PairedRow, paired_rows, verdict

_SHOWN = (
    ("cer_mean", "CER, mean"), ("cer_median", "CER, median"), ("wer_mean", "WER, mean"), ("table_f1", "Table F1"),
    ("loop_rate", "share of pages that loop"), ("truncated_rate", "share of pages that are cut"),
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A variant as the report shows it: its name, the size of its weights, how its pages fared against the full ones'.

    `change` is None where the scores were not compared page by page; a gain above 0 is the variant's.
    """

    name: str
    weights_gb: float
    change: PairedRow | None


@dataclass(frozen=True)
class VariantRow:
    """One aggregate: the full model's value, and of each variant its own with "better", "worse", "same" or ""."""

    measure: Measure
    full: float | None
    values: tuple[tuple[float | None, str], ...]


@dataclass(frozen=True)
class Variants:
    """The smaller variants beside the full model."""

    full_gb: float
    columns: tuple[Variant, ...]
    rows: tuple[VariantRow, ...]


def side_by_side(found: Sequence[tuple[str, Mapping[str, Any]]]) -> Variants | None:
    """Arrange the scores of variants of one build.

    Args:
        found: Name of each variant and what its scores.json holds.

    Returns:
        The table of the report; None without variants.
    """
    if not found:
        return None
    full = found[0][1]["full"]
    shown = [
        VariantRow(one, full.get(one.key), tuple(_against(one, full, scores["variant"]) for _, scores in found))
        for one in MEASURES
        if one.key in dict(_SHOWN) and full.get(one.key) is not None
    ]
    columns = tuple(
        Variant(name, scores["weights_bytes"] / 1e9, next(iter(paired_rows(scores["change"])), None))
        for name, scores in found
    )
    return Variants(found[0][1]["merged_weights_bytes"] / 1e9, columns, tuple(shown))


def _against(
    measure: Measure, full: Mapping[str, float | None], variant: Mapping[str, float | None]
) -> tuple[float | None, str]:
    value = variant.get(measure.key)
    return value, verdict(Pair(full.get(measure.key), value), measure.better)


def rows(scores: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return (measure, full model, variant) of every measure that both have."""
    full, variant = scores["full"], scores["variant"]
    return [
        (title, f"{full[key]:.4f}", f"{variant[key]:.4f}") for key, title in _SHOWN if key in full and key in variant
    ]


def lines(record: Mapping[str, Any], scores: Mapping[str, Any] | None) -> list[str]:
    """Return a few lines for a terminal."""
    told = [
        f"weights    {record['merged_weights_bytes'] / 1e9:.3f} GB → {record['weights_bytes'] / 1e9:.3f} GB "
        f"({record['packed']} of {record['tensors']} tensors in {record['bits']} bits)"
    ]
    if scores is None:
        return [*told, "scores     not asked for"]
    told += [f"{title}: full {full} → {record['variant']} {variant}" for title, full, variant in rows(scores)]
    change = scores["change"]
    if "cer_gain" in change:
        told.append(
            f"CER page by page: gain {change['cer_gain']:.4f} (95 % interval {change['cer_gain_low']:.4f} to "
            f"{change['cer_gain_high']:.4f}) on {change['cer_pages']:.0f} pages; negative: the variant is worse"
        )
    return told


def text(record: Mapping[str, Any], scores: Mapping[str, Any] | None) -> str:
    """Return the card: a header that the Hub reads, then text for people."""
    group = f"groups of {record['group']} with a scale each" if record["group"] else "a scale for each row"
    parts = [
        "---",
        "pipeline_tag: image-text-to-text",
        "license: other",
        "license_name: of-the-base-model-and-the-documents",
        "base_model_relation: quantized",
        "tags: [document-ocr, scribetune, compressed-tensors]",
        "---",
        "",
        f"# The merged model in {record['bits']} bits",
        "",
        f"The language model's matrices ({record['packed']} of {record['tensors']} tensors) are whole numbers of "
        f"{record['bits']} bits, {group}, rounded to the nearest (compressed-tensors, pack-quantized); encoder, "
        "embeddings, head, norms and routers are the merged model's. "
        f"Weights: {record['weights_bytes'] / 1e9:.3f} GB instead of {record['merged_weights_bytes'] / 1e9:.3f}.",
        "",
        "`scribetune convert FILE --model FOLDER` reads documents with it (and needs the full model's memory: the "
        "matrices are made plain numbers when they are loaded). What it was made of: `quantized.json`, `lineage.json`.",
        "",
    ]
    if scores is None:
        return "\n".join([*parts, "Not scored.", ""])
    parts += ["On the build's test pages:", "", "| measure | full | this variant |", "|---|---|---|"]
    parts += [f"| {title} | {full} | {variant} |" for title, full, variant in rows(scores)]
    return "\n".join([*parts, ""])
