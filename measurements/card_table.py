"""The table "your card, your folder" of docs/training.md: minutes and memory of a training, by forecast.

    python measurements/card_table.py

DeepSeek-OCR-2 at full size (no weight is needed), pages of 1,732 tokens, three epochs, eight pages a step. For each
card and scope weights are in 16 bits where that fits by forecast, else in 4 bits, with as many pages at a time as fit
(`train.machine.micro_batch: auto`). Minutes contain the pass for vision features, and no validation.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "measurements")]

import full_size  # noqa: E402
import torch  # noqa: E402  the folders above come first

from scribetune.core.config import Config, Train  # noqa: E402
from scribetune.core.errors import UserError  # noqa: E402
from scribetune.models.backends import Placement  # noqa: E402
from scribetune.models.examples import Example, Page  # noqa: E402
from scribetune.models.families import family_of  # noqa: E402
from scribetune.training import preflight  # noqa: E402

EPOCHS, EFFECTIVE_BATCH = 3, 8
IMAGE_TOKENS = 1121
PAGE = Page("a/p0001", "a", 1, Path("a.png"), "<image>", "x")


@dataclass(frozen=True)
class Card:
    """A GPU: its memory in 10⁹ bytes, and what torch calls one of that size."""

    gigabytes: int
    name: str


CARDS = (Card(16, "16 GB"), Card(24, "24 GB"), Card(48, "48 GB"), Card(80, "NVIDIA H100"), Card(141, "NVIDIA H200"))
FOLDERS = (100, 1_000, 10_000)
SCOPES = ("attention", "experts", "vision")


def settings(scope: str, **machine: object) -> Train:
    """Return the configuration's defaults with one scope."""
    given: Mapping[str, object] = {
        "train": {
            "lora": {"scope": scope, "rank": 16, "dropout": 0.0},
            "epochs": EPOCHS,
            "effective_batch": EFFECTIVE_BATCH,
            "machine": machine,
        }
    }
    return Config.model_validate(given).train


def forecast(base: Path, card: Card, scope: str, pages: int) -> tuple[str, preflight.Preflight] | None:
    """Return how many bits a weight has where the training fits the card, and its forecast; None where it fits not."""
    learned = [
        Example(PAGE, tuple(range(full_size.ANSWER_TOKENS)), IMAGE_TOKENS + full_size.ANSWER_TOKENS, IMAGE_TOKENS)
    ]
    for quantization, bits in (("none", "16 bits"), ("4bit", "4 bits")):
        try:
            with mock.patch.object(torch.cuda, "get_device_name", lambda *_: card.name):
                found = preflight.check(
                    family=family_of(base), folder=base, settings=settings(scope, quantization=quantization),
                    placement=Placement("cuda", torch.bfloat16, "a card"), learned=learned * pages,
                    steps=EPOCHS * pages // EFFECTIVE_BATCH, cached_features_bytes=1,
                    device_bytes=card.gigabytes * 10**9, features_of_front=scope == "vision",
                )  # fmt: skip
        except UserError:
            continue
        if found.memory.total <= found.device_bytes:
            return bits, found
    return None


def minutes_of(seconds: float) -> str:
    """Return minutes for people."""
    return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:,.0f} min"


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    logging.disable(logging.WARNING)
    print(f"| card | scope | how | GB | {' | '.join(f'{pages:,} pages' for pages in FOLDERS)} |")
    print("|---" * (4 + len(FOLDERS)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        full_size.configuration().save_pretrained(base)
        for card in CARDS:
            for scope in SCOPES:
                found = [forecast(base, card, scope, pages) for pages in FOLDERS]
                if found[0] is None:
                    print(f"| {card.gigabytes} GB | {scope} | does not fit |" + " |" * (1 + len(FOLDERS)))
                    continue
                bits, one = found[0]
                minutes = " | ".join(f"{minutes_of(each[1].estimated_seconds)}" for each in found if each)
                how = f"{bits}, {one.micro_batch} at a time" + ", activations computed again" * one.checkpointing
                print(
                    f"| {card.gigabytes} GB | {scope} | {how} | {one.memory.total / 1e9:.1f} | {minutes} |", flush=True
                )


if __name__ == "__main__":
    main()
