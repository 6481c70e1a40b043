"""The model: vLLM's Transformers backend, with the build's encoder and names of tensors."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from vllm.model_executor.models.transformers import TransformersMultiModalMoEForCausalLM
from vllm.model_executor.models.utils import AutoWeightsLoader
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.platforms import current_platform

from scribetune_vllm.pages import FAMILY, DummyPages, PageInfo, PageProcessor

_NATIVE = ("model.language_model.", "model.vision_tower.", "model.multi_modal_projector.", "model.view_separator")


@MULTIMODAL_REGISTRY.register_processor(PageProcessor, info=PageInfo, dummy_inputs=DummyPages)
class ServedDeepseekOcr2(TransformersMultiModalMoEForCausalLM):
    """DeepSeek-OCR-2's native class within vLLM."""

    hf_to_vllm_mapper: Any

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        """Build the layers; beside an adapter, on a CPU, with the experts that it has without one.

        Where LoRA is on, vLLM takes experts that compute it too, in Triton, which a CPU has not. Adapters that go
        beside a base of this class have none of experts (`--lora-target-modules` leaves these out).
        """
        with _without_lora(vllm_config) if current_platform.is_cpu() else contextlib.nullcontext():
            super().__init__(vllm_config=vllm_config, prefix=prefix)

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """Return what stands in a prompt for a page."""
        if modality.startswith("image"):
            return "<image>"
        raise ValueError("Only images are read")

    def _patch_config(self) -> None:
        """Say that the weights of the chosen experts are used as they are.

        The native class does not divide them by their sum, and its configuration has no key for it: vLLM would.
        """
        super()._patch_config()
        if getattr(self.text_config, "norm_topk_prob", None) is None:
            self.text_config.norm_topk_prob = False

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load tensors under the native class's names as they are, under the original ones by vLLM's mapping.

        vLLM would rename native names once more, and find no place for them.
        """
        ahead, remaining = [], iter(weights)
        for named in remaining:
            ahead.append(named)
            if named[0] != "lm_head.weight":  # both layouts have one of this name
                break
        mapper = self.hf_to_vllm_mapper
        if ahead and ahead[-1][0].startswith(_NATIVE):
            # Kept: names of an adapter's tensors are looked up by it too.
            mapper = self.hf_to_vllm_mapper = dataclasses.replace(mapper, orig_to_new_renaming=[])
        loader = AutoWeightsLoader(self)
        loaded: set[str] = loader.load_weights(itertools.chain(ahead, remaining), mapper=mapper)
        return loaded

    def embed_multimodal(self, **kwargs: Any) -> list[torch.Tensor]:
        """Return the image tokens' embeddings, (tokens, hidden size) for each page.

        On the CPU page by page, as the build's reader does: how pages share a product moves its last digits.
        """
        views = kwargs.get("pixel_values")
        if views is None:
            return []
        counts = kwargs["num_local_patches"].flatten().tolist()
        local = kwargs.get("pixel_values_local")
        tiles = torch.split(local, counts) if local is not None else [None] * len(counts)
        pages = []
        for view, count, of_page in zip(views, counts, tiles, strict=True):
            pixels = {"pixel_values": view.unsqueeze(0), "num_local_patches": torch.tensor([count])}
            if of_page is not None and count:
                pixels["pixel_values_local"] = of_page
            pages += FAMILY.vision_features(self, pixels)
        return pages


@contextlib.contextmanager
def _without_lora(vllm_config: Any) -> Iterator[None]:
    kept, vllm_config.lora_config = vllm_config.lora_config, None
    try:
        yield
    finally:
        vllm_config.lora_config = kept
