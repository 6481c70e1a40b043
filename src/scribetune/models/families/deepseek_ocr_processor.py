"""Tokenizer and views of DeepSeek-OCR. Imports transformers: only the family's loader may import it."""

from typing import Any

from transformers import ProcessorMixin

IMAGE_TOKEN = "<image>"  # noqa: S105 (a token of text)


class Processor(ProcessorMixin):
    """A tokenizer, and how pages are cut into views (`deepseek_ocr.Views`)."""

    def __init__(self, tokenizer: Any = None, views: Any = None) -> None:
        self.image_token = IMAGE_TOKEN
        self.image_token_id: int = tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        super().__init__(tokenizer)  # type: ignore[no-untyped-call]
        self.views = views
