"""What is given as a base model and is none: an adapter, a quantised model, a single file. Told what to do instead."""

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from scribetune.core import layout
from scribetune.core.errors import UserError

AROUND_A_JOB = True
"""It words refusals: what is loaded does not depend on it."""

ACCEPTED = "a folder with config.json and *.safetensors, or a hub id (owner/name) with a revision"

_QUANTIZED_NAME = re.compile(
    r"[-_.](awq|gptq|gguf|fp8|nvfp4|mxfp4|bnb|nf4|int[48]|[48]bit|w\d+a\d+|q\d).*$", re.IGNORECASE
)


def refuse_other_content(folder: Path, shown: str) -> None:
    """Refuse a folder that holds something else than a model's own weights.

    Raises:
        UserError: It holds an adapter, GGUF files, or the model in a folder further down.
    """
    if (folder / "adapter_config.json").is_file():
        raise _adapter(folder, shown)
    if (folder / "config.json").is_file():
        return
    if any(folder.glob("*.gguf")):
        raise _quantized("GGUF", shown)
    inside = sorted(path.parent for path in (*folder.glob("*/config.json"), *folder.glob("snapshots/*/config.json")))
    if inside:
        raise UserError(
            "The base model has no config.json, but a folder in it has",
            value=shown,
            accepted=ACCEPTED,
            todo=f"set base_model.name to {inside[-1]}",
        )


def refuse_quantized(folder: Path, shown: str) -> None:
    """Refuse a model whose weights were quantised: the adapter is merged into plain numbers, and these lack them.

    Raises:
        UserError: Its config.json says so.
    """
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    inner = settings.get("text_config")
    for held in (settings, inner if isinstance(inner, dict) else {}):
        found = held.get("quantization_config") or held.get("compression_config")
        if isinstance(found, dict):
            raise _quantized(str(found.get("quant_method") or "quantization_config"), shown)


def near(path: Path, search: Sequence[Path]) -> str:
    """Return the folder that was probably meant by one that is not there, for a message; "" where none is alike."""
    for parent in dict.fromkeys((root / path).parent for root in search):
        names = [entry.name for entry in parent.iterdir() if entry.is_dir()] if parent.is_dir() else []
        if close := difflib.get_close_matches(path.name, names, n=1):
            return f"; did you mean {path.parent / close[0]}?"
    return ""


def single_file(path: Path) -> UserError:
    """Return the error for a file that was given in the place of a folder."""
    if path.suffix.lower() == ".gguf":
        return _quantized("GGUF", str(path))
    return UserError(
        "base_model.name is a file; a base model is a folder",
        value=str(path),
        accepted=ACCEPTED,
        todo="set base_model.name to the folder that holds the whole model",
    )


def _adapter(folder: Path, shown: str) -> UserError:
    try:
        base = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        base = None
    merged = folder.parent / Path(layout.MERGED).name
    if (merged / "config.json").is_file():
        first = f"set base_model.name to the merged model of its build, {merged.resolve()}"
    else:
        first = (
            'merge it first: python -c "from transformers import AutoModelForImageTextToText as M; from peft import '
            f"PeftModel as P; P.from_pretrained(M.from_pretrained('{base or 'BASE'}', dtype='auto'), '{folder}')"
            ".merge_and_unload().save_pretrained('NEW')\", copy the base's tokenizer and processor files to NEW, and "
            "set base_model.name to NEW"
        )
    return UserError(
        f"base_model.name is a LoRA adapter{f' of {base}' if base else ''}, not a whole model",
        value=shown,
        accepted=ACCEPTED,
        todo=f"{first} (in a build with a --directory of its own, so that both adapters stay)",
    )


def _quantized(method: str, shown: str) -> UserError:
    name = shown.partition(" at ")[0]
    original = _QUANTIZED_NAME.sub("", name)
    guess = f", probably {original}" if original != name and not name.endswith(".gguf") else ""
    return UserError(
        f"The base model's weights are quantised ({method}), and an adapter can be merged into plain numbers alone",
        value=shown,
        accepted="the model in bfloat16, float16 or float32, as safetensors",
        todo=f"set base_model.name to the model that it was made from{guess}; train.machine.quantization: 4bit "
        "saves memory while it is trained",
    )
