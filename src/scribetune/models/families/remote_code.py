"""Models that no family handles: refused in words. Python code that a model brings along is never run here.

The families that transformers, or this project, has a class for need no such code: whatever lies in their folders is
left alone.
"""

from collections.abc import Mapping, Sequence

from scribetune.core.errors import UserError


def refuse(where: str, settings: Mapping[str, object], supported: Sequence[str]) -> UserError:
    """Return the error for a model that no family handles: its folder, its config.json, and the families as shown."""
    found = settings.get("architectures")
    architectures = [str(item) for item in found] if isinstance(found, list) else []
    model_type = settings.get("model_type")
    what = f"The base model in {where} is of no supported family"
    if settings.get("auto_map"):
        what += (
            ", and the Python code that it brings along is not run: how it is asked, trained and merged would not be "
            "known either"
        )
    return UserError(
        f"{what}; its model_type is",
        value=f"{model_type} ({', '.join(architectures)})" if architectures else model_type,
        accepted=", ".join(supported),
        todo="choose another base_model.name",
    )
