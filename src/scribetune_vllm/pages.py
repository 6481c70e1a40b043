"""Page images in, tensors and the number of their tokens out: what the build's own reader makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL.Image import Image
from transformers import BatchFeature
from vllm.multimodal.inputs import MultiModalFieldConfig
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
)

from scribetune.models.families.deepseek_ocr2 import DeepseekOcr2, numbers_of

FAMILY = DeepseekOcr2()
IMAGE = "image"


class PageInfo(BaseProcessingInfo):
    """What a page costs, by the model folder's processor."""

    def get_hf_processor(self, **kwargs: object) -> Any:
        """Return the processor; on the CPU with the image processor that the build uses there, which needs Pillow."""
        from vllm.platforms import current_platform

        processor = super().get_hf_processor(**kwargs)
        if current_platform.is_cpu() and not type(processor.image_processor).__name__.endswith("Pil"):
            from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import (
                DeepseekOcr2ImageProcessorPil,
            )

            settings = processor.image_processor.to_dict()
            processor.image_processor = DeepseekOcr2ImageProcessorPil(**settings)
        return processor

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Say that images alone are read."""
        return {IMAGE: None}

    def tokens(self, width_px: int, height_px: int) -> int:
        """Return how many image tokens a page of this size costs."""
        return FAMILY.page_cost(self.get_hf_processor(), width_px, height_px).tokens

    def dearest(self) -> tuple[int, int]:
        """Return width and height of a page that costs as many tokens as any."""
        settings = self.get_hf_processor().image_processor
        tile, most = int(settings.tile_size), int(settings.max_patches)
        sizes = [(tile, tile)] + [(tile * columns, tile * (most // columns)) for columns in range(1, most + 1)]
        return max(sizes, key=lambda size: (self.tokens(*size), -size[0] * size[1]))

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Return the tokens of the dearest page."""
        return {IMAGE: self.tokens(*self.dearest())}


class DummyPages(BaseDummyInputsBuilder[PageInfo]):
    """Pages that vLLM measures its memory with."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """Return as many placeholders as there are pages."""
        return str(self.info.get_hf_processor().image_token) * mm_counts.get(IMAGE, 0)

    def get_dummy_mm_data(self, seq_len: int, mm_counts: Mapping[str, int], mm_options: Any) -> Mapping[str, Any]:
        """Return pages that cost the most."""
        width, height = self.info.dearest()
        return {
            IMAGE: self._get_dummy_images(
                width=width, height=height, num_images=mm_counts.get(IMAGE, 0), overrides=(mm_options or {}).get(IMAGE)
            )
        }


class PageProcessor(BaseMultiModalProcessor[PageInfo]):
    """Prepares pages by `DeepseekOcr2.encode`, which checks every count of tokens."""

    def _get_hf_mm_text(self, mm_counts: Mapping[str, int]) -> str:
        return str(self.dummy_inputs.get_dummy_text(mm_counts))

    def _call_hf_processor(self, hf_data: Mapping[str, Any], hf_kwargs: Mapping[str, Any]) -> BatchFeature:
        processor = self.info.get_hf_processor()
        images: Sequence[Image] = hf_data["images"]
        encoded = FAMILY.encode(processor, [image.convert("RGB") for image in images], processor.image_token)
        # As numbers: vLLM joins and casts what it does not know.
        return BatchFeature(numbers_of(encoded.pixels), tensor_type="pt")

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, Any]:
        import torch

        tiles = hf_inputs.get("num_local_patches", torch.empty(0, dtype=torch.long))
        return {
            "pixel_values": MultiModalFieldConfig.batched(IMAGE),
            "pixel_values_local": MultiModalFieldConfig.flat_from_sizes(IMAGE, tiles),
            "num_local_patches": MultiModalFieldConfig.batched(IMAGE, keep_on_cpu=True),
        }

    def _get_prompt_updates(
        self, mm_items: Any, hf_processor_mm_kwargs: Mapping[str, object], out_mm_kwargs: Any
    ) -> Sequence[PromptReplacement]:
        token = int(self.info.get_hf_processor().image_token_id)

        def tokens_of(index: int) -> list[int]:
            size = mm_items[IMAGE].get_image_size(index)
            return [token] * self.info.tokens(size.width, size.height)

        return [PromptReplacement(modality=IMAGE, target=[token], replacement=tokens_of)]
