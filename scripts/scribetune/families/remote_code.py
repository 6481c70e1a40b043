"""Models that come with Python code of their own: known by name, and refused in words. None of it is ever run here.

`base_model.trust_remote_code` is the user's consent to such code, and counts only for one pinned commit of it. The
families that transformers has a class for need no such consent: whatever code lies in their folders is left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from scribetune.errors import UserError


@dataclass(frozen=True)
class Foreign:
    """A model that is known by name, but has no class in transformers.

    Attributes:
        title: Name shown to people.
        environment: The versions that its code was published for.
        advice: What to use instead.
    """

    title: str
    environment: str
    advice: str


FOREIGN: Mapping[str, Foreign] = MappingProxyType(
    {
        "DeepseekOCRForCausalLM": Foreign(
            "DeepSeek-OCR",
            "transformers 4.46.3, tokenizers 0.20.3, torch 2.6.0 and flash-attn 2.7.3",
            "use its successor DeepSeek-OCR-2 (deepseek-community/DeepSeek-OCR-2)",
        ),
        "DeepseekVLV2ForCausalLM": Foreign(
            "DeepSeek-VL2",
            "the package deepseek_vl2 with transformers 4.38.2 and torch 2.0.1; vLLM cannot load a LoRA adapter of it, "
            "so it would have to be merged",
            "use DeepSeek-OCR-2 (deepseek-community/DeepSeek-OCR-2) or a Qwen-VL model",
        ),
        "DeepseekOCR2ForCausalLM": Foreign(
            "DeepSeek-OCR-2 in its original layout",
            "transformers 4.46.3 and torch 2.6.0",
            "use the same weights for the class in transformers (deepseek-community/DeepSeek-OCR-2)",
        ),
    }
)
"""By the class that config.json names in `architectures`."""

_TYPES = MappingProxyType({"deepseek_vl_v2": "DeepseekVLV2ForCausalLM"})  # where `architectures` is missing


def check_consent(name: str, trust: bool, revision: str | None, *, is_pinned: bool) -> None:
    """Refuse consent to remote code that does not say to which code.

    Args:
        name: `base_model.name`.
        trust: `base_model.trust_remote_code`.
        revision: `base_model.revision`.
        is_pinned: Whether the revision is a commit.

    Raises:
        UserError: Consent without a commit.
    """
    if trust and not is_pinned:
        raise UserError(
            f"base_model.trust_remote_code lets the code in {name} run as you, and holds only for one commit of it, "
            "which was read before; base_model.revision is",
            value=revision if revision is not None else "not set",
            accepted="40 hexadecimal digits: the commit of the repository (or the one that the folder was fetched at)",
            todo="set base_model.revision, or base_model.trust_remote_code to false (the supported families need none)",
        )


def refuse(where: str, settings: Mapping[str, object], *, trust: bool, supported: Sequence[str]) -> UserError:
    """Return the error for a model that no family handles.

    Args:
        where: Its folder, as shown.
        settings: Its config.json.
        trust: `base_model.trust_remote_code`.
        supported: The families, as shown.
    """
    found = settings.get("architectures")
    architectures = [str(item) for item in found] if isinstance(found, list) else []
    model_type = settings.get("model_type")
    names = [*architectures, _TYPES.get(str(model_type), "")]
    accepted = ", ".join(supported)
    described = f"{model_type} ({', '.join(architectures)})" if architectures else model_type
    foreign = next((FOREIGN[name] for name in names if name in FOREIGN), None)
    if foreign and not trust:
        return UserError(
            f"{foreign.title} (in {where}) has no class in transformers: its weights come with Python code of their "
            "own, which is not run; its model_type is",
            value=described,
            accepted=accepted,
            todo=f"{foreign.advice}; to run it would take base_model.trust_remote_code: true with base_model.revision, "
            f"and an environment of its own ({foreign.environment})",
        )
    if foreign:
        return UserError(
            f"{foreign.title} (in {where}) cannot be run in this environment, in which transformers is "
            f"{_installed('transformers')}: its code was published for {foreign.environment}; its model_type is",
            value=described,
            accepted=accepted,
            todo=f"{foreign.advice}; an environment for it is not part of this version",
        )
    code = settings.get("auto_map")
    if code:
        return UserError(
            f"The base model in {where} is of no supported family, and the Python code that it brings along is not "
            "run: how it is asked, trained and merged would not be known either; its model_type is",
            value=described,
            accepted=accepted,
            todo="choose another base_model.name",
        )
    return UserError(
        f"The base model in {where} is of no supported family; its model_type is",
        value=described,
        accepted=accepted,
        todo="choose another base_model.name",
    )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
