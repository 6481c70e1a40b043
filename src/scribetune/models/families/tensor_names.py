"""Weights that are not those of the model that config.json describes: refused by the names of their tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core.errors import UserError, counted

_SHOWN = 3
_ACCEPTED = "weights and config.json of the same model"
_TODO = "fetch the model again, as one whole folder"


def refuse_missing(folder: Path, missing: Sequence[str], unknown: Sequence[str]) -> None:
    """Refuse weights that lack tensors: the library would go on with random numbers for them.

    Raises:
        UserError: Something is missing; what is `unknown` to the model is named beside it.
    """
    if missing:
        beside = f"; unknown to it are {', '.join(unknown[:_SHOWN])}" if unknown else ""
        lacking = counted(len(missing), "tensor")
        raise UserError(
            f"The weights in {folder} lack {lacking} of the model that config.json describes{beside}",
            value=", ".join(missing[:_SHOWN]), accepted=_ACCEPTED, todo=_TODO,
        )  # fmt: skip


def refuse_unlike(folder: Path, skeleton: Any) -> None:
    """Refuse weights with other names or shapes than the model's; to be asked once loading them has failed.

    One expert's tensor that is missing, or any of another shape, stops the library without a name: several of a file
    are one tensor of the model.

    Args:
        folder: Of the weights.
        skeleton: The model without weights.

    Raises:
        UserError: They are other ones.
    """
    there = _shapes_in(folder)
    due = max(_ways_of_writing(skeleton), key=lambda names: len(names.keys() & there.keys()))
    refuse_missing(folder, [name for name in due if name not in there], [name for name in there if name not in due])
    reshaped = [name for name in due if there[name] != due[name]]
    if reshaped:
        first = reshaped[0]
        raise UserError(
            f"{folder} has {counted(len(reshaped), 'tensor')} of another shape than its config.json calls for",
            value=f"{first}: {list(there[first])} instead of {list(due[first])}", accepted=_ACCEPTED, todo=_TODO,
        )  # fmt: skip


def _shapes_in(folder: Path) -> dict[str, tuple[int, ...]]:
    from safetensors import safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            found |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  not a dict
    return found


def _ways_of_writing(skeleton: Any) -> list[Mapping[str, tuple[int, ...]]]:
    """Return names and shapes of all tensors that a file needs: under the class's own names, and its authors'."""
    from transformers.core_model_loading import revert_weight_conversion

    tied = getattr(skeleton, "all_tied_weights_keys", None) or {}
    natives = {name: value for name, value in skeleton.state_dict().items() if name not in tied}
    originals = revert_weight_conversion(skeleton, natives)
    return [{name: tuple(_single(value).shape) for name, value in names.items()} for names in (natives, originals)]


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value
