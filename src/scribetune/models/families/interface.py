"""What a model family has to say: one interface, so that nothing outside this package knows a family by name.

Cheap facts (prompts, scopes, names) cost nothing to ask; torch and transformers are imported only by the methods that
load or run a model, so that a dry run of the build never pays for them.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from scribetune.core.errors import UserError
from scribetune.models.families.modes import Mode

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

LayoutName = Literal["transformers", "original"]
ScopeName = Literal["attention", "language", "experts", "vision"]
TaskName = Literal[
    "free_ocr", "markdown", "grounding", "ocr", "figure", "describe", "locate", "table", "formula", "chart"
]
TERM = "{term}"
"""Stands for what is looked for (`task.term`) in the prompt of `locate`."""
PLACEHOLDER = "<image>"
"""Stands for the page in a prompt; a chat template's own marks take its place."""


class ImageTokenError(RuntimeError):
    """A page came out of the processor with another number of image tokens than its resolution calls for."""


@dataclass(frozen=True)
class Scope:
    """Which weights get LoRA."""

    target_modules: str  # regular expression that PEFT matches against full module names, from first to last character
    target_parameters: tuple[str, ...]
    """Endings of the names of stacked (3-D) parameters, for PEFT's `target_parameters`."""
    groups: frozenset[str]  # parameter groups that must hold trainable weights; every other group must hold none
    freezes_encoder: bool
    """Whether everything before the language model stays as it is, so that vision features can be computed once."""
    servable_as_lora: bool
    """Whether vLLM applies the adapter beside the base model once it is exported (`scribetune export-adapter`); else it
    must be merged."""


class UnknownScopeError(UserError, KeyError):
    """A LoRA scope that a family does not have; a KeyError too, since a mapping of scopes raises it."""

    def __str__(self) -> str:
        return str(self.args[0])


class Scopes(dict[str, Scope]):
    """A family's LoRA scopes by name; asking for one that it lacks is a message with the reason from `lacking`."""

    def __init__(
        self, title: str, scopes: Mapping[ScopeName, Scope], lacking: Mapping[ScopeName, str] | None = None
    ) -> None:
        super().__init__({str(name): scope for name, scope in scopes.items()})
        self._title = title
        self._lacking: dict[str, str] = {str(name): reason for name, reason in (lacking or {}).items()}

    def __missing__(self, name: str) -> Scope:
        reason = self._lacking.get(name, "no such scope is known")
        raise UnknownScopeError(
            f"{self._title} cannot be trained with this LoRA scope ({reason}); train.lora.scope is",
            value=name,
            accepted=", ".join(self),
            todo="set train.lora.scope to one of these",
        )


@dataclass(frozen=True)
class PageCost:
    """What a page costs in image tokens, computed from its size and the processor's settings alone."""

    tokens: int  # image tokens in the prompt
    tiles: int  # local views beside the global one
    long_side_px: int  # longer side, in pixels, of the page as the model sees it in its finest views


@dataclass(frozen=True)
class EncodedPages:
    """Pages as a model reads them."""

    prompt_ids: tuple[tuple[int, ...], ...]  # for each page the token ids of its prompt, image tokens included
    pixels: Mapping[str, "torch.Tensor"]  # the processor's image tensors, as the family's `vision_features` takes them


class Family(ABC):
    """A family of document-reading models."""

    model_type: ClassVar[str]
    """`model_type` in config.json, by which the family is recognised."""
    title: ClassVar[str]
    """Name shown to people."""
    prompts: ClassVar[Mapping[TaskName, str]]
    """The prompt of each task, exactly as pre-training knows it, with one `<image>` in the page's place.

    It is what the records of the splits say. A chat template, where the model has one, is put around it by `encode`."""
    modes: ClassVar[Mapping[str, Mode]] = MappingProxyType({})
    """Ways of cutting a page into views, by the authors' names; none where a page's size alone decides."""
    served_mode: ClassVar[str] = ""
    """The one mode in which vLLM's own class sees pages, where the family has modes."""
    scopes: ClassVar[Scopes]
    """LoRA targets of each scope."""
    guard_exempt_tokens: ClassVar[tuple[str, ...]]
    """Tokens that may repeat under the n-gram guard (table cells); those the tokenizer lacks are ignored."""
    reads_plain_prompts: ClassVar[bool] = False
    """Whether processors and servers take page and prompt as they are; else the folder has a chat template."""
    is_in_transformers: ClassVar[bool] = True
    """Whether transformers alone has the class; else only this package loads what is built."""
    served_architecture: ClassVar[str] = ""
    """Architecture in the authors' own config.json, where vLLM has a class for it beside the native one."""
    served_encoder: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Sizes that are written into that class, as keys of the native `vision_config`; {}: it goes by config.json."""
    served_needs: ClassVar[tuple[str, ...]] = ()
    """Modules that this class imports and vLLM itself does not install."""
    turn: ClassVar[tuple[str, str]] = ("", "")
    """What stands before a page and behind its prompt where neither is a template in the folder nor a bare prompt."""

    def misread(self, settings: Mapping[str, Any]) -> tuple[str, str] | None:  # noqa: ARG002
        """Return what vLLM's class would compute otherwise without a word: as config.json has it, and as it must be.

        None where there is nothing of the kind.
        """
        return None

    @abstractmethod
    def load_model(self, folder: Path, *, dtype: "torch.dtype | None", device: str) -> Any:
        """Load the transformers model from a folder of safetensors for evaluation; dtype None: its config.json's."""

    @abstractmethod
    def load_processor(self, folder: Path) -> Any:
        """Load the processor (image processor and tokenizer) from a local folder."""

    def in_mode(self, processor: Any, mode: Mode) -> Any:
        """Return a processor that cuts pages as a mode of the family says.

        Raises:
            NotImplementedError: The family has no modes.
        """
        raise NotImplementedError(f"{self.title} has no modes")

    def views_of(self, mode: Mode) -> dict[str, Any]:  # noqa: ARG002
        """Return a mode as settings of the image processor of transformers; {} where the family has another."""
        return {}

    @abstractmethod
    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Return what a page of this size costs, without touching its pixels."""

    @abstractmethod
    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Turn page images and the prompt into token ids and pixel tensors with the model's own processor.

        Raises:
            ImageTokenError: The processor made another number of image tokens or views than `page_cost` says.
        """

    @abstractmethod
    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Return how many tokens of an encoded prompt are not image tokens: text, template and marks around the page.

        `encode` makes `text_tokens` + `page_cost(...).tokens` tokens of a prompt.
        """

    @abstractmethod
    def answer_ids(self, processor: Any, text: str) -> tuple[int, ...]:
        """Return the token ids of an answer, without the end token.

        Text that spells one of the tokenizer's control tokens (the image placeholder, begin, end, padding) is read
        as plain text, so that a label can never break a prompt.
        """

    @abstractmethod
    def decode(self, processor: Any, ids: Sequence[int]) -> str:
        """Return the text of generated ids (end token and padding already removed)."""

    @abstractmethod
    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run the encoder and projector: one tensor (image tokens, width) per page.

        The width, and what the columns mean, are the family's own business: `model_inputs` alone reads them. They hold
        all that the language model needs to know of a page, so that they can be kept and used again.
        """

    front: ClassVar[str | None] = None
    """Name of the module that sees the pixels first, where no scope trains it; None: every part may be trained.

    What it makes of a page can be kept even where the rest of the encoder is trained."""

    def front_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run `front` alone: one tensor (front tokens, front width) per page.

        Raises:
            NotImplementedError: The family has no front.
        """
        raise NotImplementedError(f"{self.title} has no front")

    def encoding(self, model: Any) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context in which many pages go through the encoder, without gradients and with weights that stay.

        A family may prepare what makes that quicker, such as recorded graphs; they go with the context.
        """
        return nullcontext()

    def front_pixels(self, features: "torch.Tensor") -> "dict[str, Any]":
        """Return what `vision_features` takes in the place of a page's pixels, of its (front tokens, front width).

        Raises:
            NotImplementedError: The family has no front.
        """
        raise NotImplementedError(f"{self.title} has no front")

    def needless(self, parameter: str, *, of_front: bool) -> bool:
        """Tell whether nothing needs a parameter any more once what the encoder makes of pages is kept.

        Where only what the front makes is kept (`of_front`), that concerns the front alone.
        """
        return self.group_of(parameter) == "vision" and (not of_front or parameter.startswith(f"{self.front}."))

    def front_tokens(self, image_tokens: int) -> int:
        """Return how many rows `front_features` has for a page of so many image tokens."""
        return image_tokens

    def front_width(self, config: Any) -> int:  # noqa: ARG002
        """Return how many numbers `front_features` gives for a row."""
        return 0

    @abstractmethod
    def embed(self, model: Any, input_ids: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
        """Return `inputs_embeds` with features in the places of the image tokens.

        Ids are (batch, length), features (all image tokens of the batch in order, width) as `vision_features` gives
        them. The model may have an adapter around it, here and in `model_inputs`.

        Raises:
            ImageTokenError: The numbers of image tokens and features differ.
        """

    def model_inputs(
        self,
        model: Any,
        input_ids: "torch.Tensor",
        attention_mask: "torch.Tensor",  # noqa: ARG002 (families with positions of their own need it)
        features: "torch.Tensor",
    ) -> "dict[str, torch.Tensor]":
        """Return what the model's forward takes in place of token ids and pixels, beside the attention mask.

        Ids and mask (0 at padding on either side) are (batch, length), features as `embed` takes them. Returned are
        `inputs_embeds`, and `position_ids` (…, batch, length) where a page has other positions than a line of text has.
        Tokens written afterwards go on from the last position in steps of one; `generate` does so.

        Raises:
            ImageTokenError: The numbers of image tokens and features differ.
        """
        return {"inputs_embeds": self.embed(model, input_ids, features)}

    @abstractmethod
    def group_of(self, parameter: str) -> str:
        """Return the group (attention, mlp, experts, vision, other) of a parameter, adapter weights included."""

    def names_on_disk(self, layout: LayoutName) -> LayoutName:
        """Return which of the two sets of names the tensors of a layout have in the files.

        `transformers` are the native class's own names, `original` those of the model's authors. A family whose models
        are published for transformers under their authors' names has these in both layouts: it is what
        `save_pretrained` writes and what other tools expect.
        """
        return layout

    def authors_config(self, settings: Mapping[str, Any], dtype: str) -> dict[str, Any] | None:  # noqa: ARG002
        """Return config.json in the form that the model's authors gave it, for tools that know no other.

        `settings` are all keys of the native configuration, `dtype` is the number format on disk. None: there is no
        such form, or it cannot say what these settings say.
        """
        return None

    def feature_width(self, config: Any) -> int:
        """Return how many numbers `vision_features` gives for an image token."""
        return int(config.get_text_config().hidden_size)


def expected_trainable(family: Family, model: Any, scope: Scope, rank: int) -> dict[str, int]:
    """Compute from a model's shapes how many weights LoRA must train, by group that the scope names layers of.

    A linear layer (in, out) calls for rank × (in + out), a stack of matrices (n, a, b) for n × rank × (a + b). The
    model may have an adapter around it. The model
    may have an adapter around it.
    """
    # By plain name: PEFT wraps a layer in another of the same shape, and the layer itself lies inside as `base_layer`.
    found: dict[str, int] = {}
    layers = re.compile(scope.target_modules)
    for name, module in model.named_modules():
        plain = _plain(name)
        if ".lora_" not in name and layers.fullmatch(plain) and hasattr(module, "in_features"):
            found[f"{plain}.weight"] = rank * (module.in_features + module.out_features)
    for name, weight in model.named_parameters():
        plain = _plain(name)
        if ".lora_" not in name and plain.endswith(tuple(f".{ending}" for ending in scope.target_parameters)):
            stack, rows, columns = weight.shape
            found[plain] = stack * rank * (rows + columns)
    counts: dict[str, int] = {}
    for plain, count in found.items():
        group = family.group_of(plain)
        counts[group] = counts.get(group, 0) + count
    return counts


def _plain(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".base_layer", "")
