"""What families with a native transformers class have in common."""

import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.models.families.interface import Family, ImageTokenError

if TYPE_CHECKING:
    import torch


class NativeFamily(Family):
    """A family whose class is part of transformers: nothing in the model's folder is ever executed."""

    guard_exempt_tokens: ClassVar[tuple[str, ...]] = ("<td>", "</td>")
    encoder: ClassVar[tuple[str, ...]]
    """Parts of the names of the encoder's parameters, projector included."""

    def load_model(self, folder: Path, *, dtype: "torch.dtype | None", device: str) -> Any:
        """Load the native class; see `Family.load_model`."""
        from transformers import AutoModelForImageTextToText

        quiet()
        model = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype="auto" if dtype is None else dtype,
            device_map=None if device == "cpu" else device,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
        )
        return model.eval()

    @abstractmethod
    def control_tokens(self, processor: Any) -> Sequence[str]:
        """Return the tokens that must never come out of an answer's text."""

    def answer_ids(self, processor: Any, text: str) -> tuple[int, ...]:
        """Tokenize an answer; see `Family.answer_ids`."""
        tokenizer = processor.tokenizer
        control = self.control_tokens(processor)
        # A control token's text is cut after its first character; no tokenizer joins ids across separate calls.
        pieces = re.split("(" + "|".join(re.escape(token) for token in dict.fromkeys(control)) + ")", text)
        ids: list[int] = []
        for piece in pieces:
            for part in (piece[:1], piece[1:]) if piece in control else (piece,):
                if part:
                    # Not verbose: pages that are too long are counted and named by whoever leaves them out.
                    ids.extend(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"])
        return tuple(ids)

    def decode(self, processor: Any, ids: Sequence[int]) -> str:
        """Decode with every token kept (table cells may be tokens of their own); see `Family.decode`."""
        text: str = processor.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text

    def group_of(self, parameter: str) -> str:
        """Group a parameter by its name; see `Family.group_of`."""
        if any(part in parameter for part in self.encoder):
            return "vision"
        if ".mlp.experts." in parameter:
            return "experts"
        if ".self_attn." in parameter:
            return "attention"
        return "mlp" if ".mlp." in parameter else "other"


def quiet() -> None:
    """Switch off the library's own bars for reading and writing weights: they fill logs with control characters."""
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def configuration(folder: Path) -> Any:
    """Return the configuration of a model in a local folder."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def skeleton(folder: Path, dtype: "torch.dtype | None" = None) -> Any:
    """Return a folder's model without its weights (on the meta device): shapes and names cost no memory."""
    import torch
    from transformers import AutoModelForImageTextToText

    wanted = {} if dtype is None else {"dtype": dtype}
    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(configuration(folder), trust_remote_code=False, **wanted)


def native(model: Any) -> Any:
    """Return the native model inside an adapter, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def scatter(embedded: "torch.Tensor", places: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
    """Return `embedded` (batch, length, width) with `features` (places, width) where `places` (batch, length) is true.

    Raises:
        ImageTokenError: The numbers of places and features differ. (On a GPU a RuntimeError, whenever it gets there:
            to look at the number now would stop it in every step.)
    """
    import torch

    message = "image tokens and vision features differ in number"
    if places.device.type == "cpu":
        if int(places.sum()) != len(features):
            raise ImageTokenError(f"{message}: {int(places.sum())} and {len(features)}.")
    else:
        torch._assert_async(places.sum() == len(features), message)
    # By rank, not by `masked_scatter`: its gradient waits for the device to count the places.
    rank = (places.reshape(-1).cumsum(0) - 1).clamp(min=0).view(places.shape)
    return torch.where(places.unsqueeze(-1), features.to(embedded.device, embedded.dtype)[rank], embedded)
