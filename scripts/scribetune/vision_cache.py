"""Vision features computed once per page and reused in every epoch, where the scope leaves the encoder as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from scribetune import progress
from scribetune.collation import Example, load_image
from scribetune.families import Family


@dataclass(frozen=True)
class VisionCache:
    """Features and prompts by example, in main memory.

    Attributes:
        features: For each example a tensor (image tokens, hidden size) in the model's number format.
        prompt_ids: For each example the token ids of its prompt as the processor made it.
    """

    features: tuple[torch.Tensor, ...]
    prompt_ids: tuple[tuple[int, ...], ...]

    @property
    def bytes(self) -> int:
        """Size of all features."""
        return sum(feature.numel() * feature.element_size() for feature in self.features)


def compute(family: Family, model: Any, processor: Any, examples: Sequence[Example], batch: int) -> VisionCache:
    """Run the encoder once over all examples.

    Args:
        family: The model's family.
        model: The model, in evaluation mode (dropout would be frozen into the features).
        processor: Its processor.
        examples: The pages.
        batch: Pages per pass.
    """
    features: list[torch.Tensor] = []
    prompts: list[tuple[int, ...]] = []
    with progress.bar("Reading pages", len(examples), "pages") as advance, torch.no_grad():
        for start in range(0, len(examples), batch):
            part = examples[start : start + batch]
            encoded = family.encode(
                processor, [load_image(example.page.image) for example in part], part[0].page.prompt
            )
            prompts.extend(encoded.prompt_ids)
            features.extend(feature.cpu() for feature in family.vision_features(model, encoded.pixels))
            advance(len(part))
    return VisionCache(tuple(features), tuple(prompts))
