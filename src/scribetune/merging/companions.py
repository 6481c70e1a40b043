"""The files beside a merged model's weights: configuration, generation settings, processor and tokenizer."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, Literal

import torch

from scribetune.core.files import write_json
from scribetune.merging.checkpoint import dtype_name, file_errors_explained
from scribetune.models.families import Family, authors_config, native
from scribetune.models.families.interface import LayoutName

logger = logging.getLogger(__name__)

Form = Literal["native", "authors"]
"""Whose config.json it is: the native class's of transformers, or the authors', which vLLM's own class reads."""

CONFIG, GENERATION = "config.json", "generation_config.json"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx")
_MADE_HERE = ("README.md", CONFIG, GENERATION, "merge_proof.json")
_MOST_NEW_TOKENS = 8192
_NOT_OF_THE_BUILD = (
    *("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"),
    *("repetition_penalty", "no_repeat_ngram_size"),
)
"""Settings of drawing, and of penalties that the build's own reader does not know: a server would take them up."""


def write(
    family: Family,
    base: Path,
    merged: Path,
    *,
    layout: LayoutName,
    stored: torch.dtype,
    dtype: torch.dtype | None,
) -> Form:
    """Write all that a merged model's folder holds beside its weights; return the form of its config.json.

    Processor, tokenizer and chat template are the base's as they are. `layout` are the names of the tensors, `stored`
    is their coarsest number format, `dtype` the one that was asked for (None: the base's).

    Raises:
        UserError: A file cannot be read or written.
    """
    for path in sorted(base.iterdir()):
        weights = path.suffix in _WEIGHTS or path.name.endswith(".index.json")
        if path.is_file() and not weights and not path.name.startswith(".") and path.name not in _MADE_HERE:
            with file_errors_explained(path):
                shutil.copyfile(path, merged / path.name)
    with file_errors_explained(base / CONFIG):
        form = _write_config(family, base, merged, layout=layout, stored=stored, dtype=dtype)
        _write_generation_settings(base, merged)
    return form


def _write_config(
    family: Family, base: Path, merged: Path, *, layout: LayoutName, stored: torch.dtype, dtype: torch.dtype | None
) -> Form:
    """Write config.json in the form that goes with the names of the tensors.

    Where the number format is another than the base's, it says so: loaders that ask for none take it from there.
    """
    settings: dict[str, Any] = json.loads((base / CONFIG).read_text(encoding="utf-8"))
    from_authors = authors_config.native_type(settings) is not None
    if layout == "original" and family.names_on_disk("transformers") != "original":
        made = family.authors_config(native.configuration(base).to_dict(), dtype_name(stored))
        if made is not None:
            write_json(merged / CONFIG, made)
            return "authors"
        logger.info(
            "The names of the tensors are the authors', but config.json stays the native class's: the authors' form, "
            "and vLLM's own class, know no other encoder than that of the released model"
        )
    if from_authors:
        settings = authors_config.to_native(settings)
    elif dtype is None:
        shutil.copyfile(base / CONFIG, merged / CONFIG)
        return "native"
    if not {"dtype", "torch_dtype"} & set(settings):
        settings["dtype"] = None
    write_json(merged / CONFIG, _reformatted(settings, dtype_name(stored), top=True))
    return "native"


def _write_generation_settings(base: Path, merged: Path) -> None:
    """Write generation_config.json: the base's marks of begin and end, greedy decoding, and room for a long page.

    The most tokens are those of the longest answer that the family is meant for: vLLM gives nobody more than this file
    has. (A smaller number in the base's file is one of its training.) There is no `temperature`: transformers would not
    save a model with both that and `do_sample: false`. Whoever asks a server says temperature 0.
    """
    path = base / GENERATION
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for key in _NOT_OF_THE_BUILD:
        settings.pop(key, None)
    positions = native.configuration(base).get_text_config().max_position_embeddings
    settings |= {"do_sample": False, "max_new_tokens": min(_MOST_NEW_TOKENS, int(positions))}
    write_json(merged / GENERATION, settings)


def _reformatted(settings: dict[str, Any], name: str, *, top: bool = False) -> dict[str, Any]:
    """Name another number format wherever a configuration, or one inside it, names one."""
    return {
        key: _reformatted(value, name)
        if isinstance(value, dict)
        else name
        if key in ("dtype", "torch_dtype") and (value is not None or top)
        else value
        for key, value in settings.items()
    }
