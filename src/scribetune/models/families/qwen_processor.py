"""The part of the Qwen processors that pages need. Imports transformers: only a family's loader may import it.

The classes in transformers insist on a processor for videos, and that one on torchvision, of which there is no build
for every machine that this project runs on.
"""

from collections.abc import Mapping
from typing import Any

from transformers import ProcessorMixin

IMAGE_TOKEN = "<|image_pad|>"  # noqa: S105 (a token of text)


class PageProcessor(ProcessorMixin):
    """Image processor, tokenizer and chat template; one image token becomes as many as its page has token squares."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: str | None = None) -> None:
        self.image_token = IMAGE_TOKEN
        self.image_token_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)  # type: ignore[no-untyped-call]

    def replace_image_token(self, image_inputs: Mapping[str, Any], image_idx: int, **_: Any) -> str:
        """Return the image tokens of one page: its patches, divided by the patches of a token."""
        patches = int(image_inputs["image_grid_thw"][image_idx].prod())
        return self.image_token * (patches // int(self.image_processor.merge_size) ** 2)
