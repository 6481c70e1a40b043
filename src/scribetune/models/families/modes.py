"""Modes: the ways in which a family cuts pages into views (`base_model.mode`), by their authors' names and arguments.

A model's folder says its mode in processor_config.json by the three arguments that the authors' own code is called
with, `base_size`, `image_size` and `crop_mode`: whoever loads a tuned model cuts pages as it was trained on.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scribetune.core.errors import UserError
from scribetune.core.files import write_json

AUTO = "auto"
"""The mode that a model's folder says, or its family's own where it says none."""
_FILE = "processor_config.json"


@dataclass(frozen=True)
class Mode:
    """A way of cutting pages into views, by the authors' arguments."""

    base_size: int  # side of the view of the whole page, in pixels
    image_size: int  # side of a tile, in pixels; as `base_size` where there are none
    crop_mode: bool  # whether there are tiles


def require(title: str, modes: Mapping[str, Mode], name: str) -> None:
    """Check that a family has a mode.

    Raises:
        UserError: It has not, or has none at all.
    """
    if name == AUTO or name in modes:
        return
    if not modes:
        raise UserError(
            f"{title} has no modes: a page's size alone decides about its tokens (pages.long_side_px); base_model.mode",
            value=name, accepted=AUTO, todo=f"set base_model.mode to {AUTO}",
        )  # fmt: skip
    raise UserError(
        f"{title} has no such mode; base_model.mode is",
        value=name, accepted=", ".join((AUTO, *modes)), todo="set base_model.mode to one of these",
    )  # fmt: skip


def said_in(folder: Path, modes: Mapping[str, Mode]) -> str | None:
    """Return the name of the mode that a model's folder says, or None.

    Raises:
        UserError: It says one that the family does not know.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    settings = json.loads(path.read_text(encoding="utf-8"))
    said = {key: settings.get(key) for key in ("base_size", "image_size", "crop_mode")}
    if None in said.values():
        return None
    known = next((name for name, mode in modes.items() if asdict(mode) == said), None)
    if known is None:
        raise UserError(
            f"{path} describes views of no known mode", value=json.dumps(said),
            accepted="; ".join(f"{name}: {json.dumps(asdict(mode))}" for name, mode in modes.items()),
            todo="take the three keys out, and set base_model.mode",
        )  # fmt: skip
    return known


def is_unserved(modes: Mapping[str, Mode], served: str, folder: Path) -> bool:
    """Tell whether a model's folder says a mode that vLLM's own class does not know, which is `served` alone."""
    return said_in(folder, modes) not in (None, served)


def write(folder: Path, mode: Mode, views: Mapping[str, object]) -> None:
    """Say a mode in a model's folder, so that `load_processor` follows it from then on; for `views` see `Family`."""
    path = folder / _FILE
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    settings |= asdict(mode)
    if isinstance(settings.get("image_processor"), dict):
        settings["image_processor"] |= views
    write_json(path, settings)
