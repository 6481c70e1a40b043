"""Image processor, tokenizer and chat template of a model that sees a page as one grid of tokens.

Imports transformers: only the family's loader may import it. The classes in transformers ask for a processor of videos
too, and that one for torchvision, of which there is no build for every machine that this project runs on.
"""

from collections.abc import Sequence
from typing import Any

from transformers import ProcessorMixin

from scribetune.models.families.interface import PLACEHOLDER


class PageProcessor(ProcessorMixin):
    """What a page and its prompt go through.

    Args:
        image_processor: Pillow image processor of transformers.
        tokenizer: The model's tokenizer.
        chat_template: Jinja text that is put around prompts.
        image_token: Text of the token that stands for a piece of a page.
        patch_px: Side of a patch in pixels.
        merge: Patches along the side of the square that one token stands for.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        image_token: str = "",
        patch_px: int = 0,
        merge: int = 0,
    ) -> None:
        self.image_token = image_token
        self.image_token_id: int = tokenizer.convert_tokens_to_ids(image_token)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)  # type: ignore[no-untyped-call]
        self.patch_px, self.merge = patch_px, merge

    @property
    def token_px(self) -> int:
        """Side, in pixels, of the square that one token stands for."""
        return self.patch_px * self.merge

    def rendered(self, prompt: str) -> str:
        """Return a prompt as the chat template writes it, with one image token.

        Raises:
            ValueError: The prompt has not exactly one `<image>`.
        """
        before, found, after = prompt.partition(PLACEHOLDER)
        if not found or PLACEHOLDER in after:
            raise ValueError(f"a prompt has exactly one {PLACEHOLDER}, found {prompt!r}")
        said = [{"type": "text", "text": part} if part else None for part in (before, after)]
        content = [part for part in (said[0], {"type": "image"}, said[1]) if part]
        text: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            chat_template=self.chat_template,
            add_generation_prompt=True,
            tokenize=False,
        )
        return text

    def prompt_ids(self, prompt: str, image_tokens: int) -> tuple[int, ...]:
        """Return the token ids of a prompt, with so many image tokens in the page's place.

        Raises:
            ValueError: As `rendered`, or the template writes another number of image tokens than one.
        """
        # The template writes all marks itself: a tokenizer that adds its own would write the first one twice.
        ids: Sequence[int] = self.tokenizer(self.rendered(prompt), add_special_tokens=False)["input_ids"]
        if ids.count(self.image_token_id) != 1:
            raise ValueError(f"the chat template writes {ids.count(self.image_token_id)} × {self.image_token}, not one")
        place = ids.index(self.image_token_id)
        return (*ids[:place], *[self.image_token_id] * image_tokens, *ids[place + 1 :])
