"""What families with a native transformers class have in common."""

import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.models import packed_weights
from scribetune.models.families import authors_config, deepseek_vl2_config, tensor_names
from scribetune.models.families.interface import Family, ImageTokenError

if TYPE_CHECKING:
    import torch


class NativeFamily(Family):
    """A family whose class is part of transformers: nothing in the model's folder is ever executed."""

    guard_exempt_tokens: ClassVar[tuple[str, ...]] = ("<td>", "</td>")
    encoder: ClassVar[tuple[str, ...]]
    """Parts of the names of the encoder's parameters, projector included."""

    def load_model(self, folder: Path, *, dtype: "torch.dtype | None", device: str) -> Any:
        """Load the native class; see `Family.load_model`.

        Raises:
            UserError: The weights lack tensors, or have them in other shapes.
        """
        from transformers import AutoModelForImageTextToText
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

        quiet()
        placed: dict[str, Any] = {
            "dtype": "auto" if dtype is None else dtype,
            "device_map": None if device == "cpu" else device,
        }
        bits = packed_weights.bits_of(packed_weights.settings_of(folder))
        if bits is not None:
            settings = configuration(folder)
            native_class: Any = MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING[type(settings)]
            state = packed_weights.plain(folder, bits)
            return native_class.from_pretrained(None, config=settings, state_dict=state, **placed).eval()
        try:
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                folder,
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                config=configuration(folder),
                **placed,
            )
        except RuntimeError:
            tensor_names.refuse_unlike(folder, skeleton(folder))
            raise
        model, told = loaded
        if told["missing_keys"]:
            tensor_names.refuse_unlike(folder, skeleton(folder))
            tensor_names.refuse_missing(folder, sorted(told["missing_keys"]), sorted(told["unexpected_keys"]))
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

    def embed(self, model: Any, input_ids: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
        """Scatter features over the image tokens' embeddings; see `Family.embed`."""
        base = native(model)
        return scatter(base.get_input_embeddings()(input_ids), input_ids == base.config.image_token_id, features)

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
    """Return the native configuration of a model in a local folder, also where its config.json is the authors'."""
    from transformers import AutoConfig

    settings = _authors_settings(folder)
    if settings is not None:
        made = authors_config.to_native(settings)
        return AutoConfig.for_model(made.pop("model_type"), **made)
    found = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if _has_own_head(folder):
        # Where the language model's settings lie beside all others, its defaults would overrule what the file says.
        found.tie_word_embeddings = found.get_text_config().tie_word_embeddings = False
    if packed_weights.bits_of(packed_weights.settings_of(folder)) is not None:
        del found.quantization_config  # the matrices are plain numbers once they are loaded
    return found


def _has_own_head(folder: Path) -> bool:
    """Tell whether config.json says that the last layer is another tensor than the embeddings."""
    settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = settings.get("text_config")
    within = isinstance(text, dict) and text.get("tie_word_embeddings")
    return settings.get("tie_word_embeddings") is False and not within


def _authors_settings(folder: Path) -> dict[str, Any] | None:
    """Return a config.json that is in the authors' form, else None; a class of this project is made known on the way.

    transformers' own classes for loading know it from then on, also by a native config.json.
    """
    settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    named = authors_config.native_type(settings)
    kind = named or settings.get("model_type")
    if kind == authors_config.FIRST_NATIVE_TYPE:
        from scribetune.models.families import deepseek_ocr_model

        deepseek_ocr_model.register()
    elif kind == deepseek_vl2_config.NATIVE_TYPE:
        from scribetune.models.families import deepseek_vl2_model

        deepseek_vl2_model.register()
    return settings if named else None


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


def end_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the control tokens that end an answer: the tokenizer's end token, then others of generation_config.json.

    An answer in training ends with the first; a model as it was published may write another one, such as the mark of
    the next turn. Servers stop at all of them.
    """
    own = getattr(native(model).generation_config, "eos_token_id", None)
    named = own if isinstance(own, list) else [own]
    control = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return tuple(dict.fromkeys((tokenizer.eos_token_id, *(number for number in named if number in control))))


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
