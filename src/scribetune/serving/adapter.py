"""Whether an adapter can be served beside its base, or must be merged.

vLLM accepts every adapter, and leaves out without a word what it has no place for: whoever asked for the adapter would
be answered by the base. What it cannot apply is refused here, by the names of the adapter's tensors.
"""

import json
import re
from pathlib import Path

from scribetune.core.errors import UserError
from scribetune.serving import command
from scribetune.serving.environment import Environment

_WEIGHTS = "adapter_model.safetensors"
_SETTINGS = "adapter_config.json"
_NATIVE = re.compile(r"\.language_model\.layers\.\d+\.self_attn\.")
"""Where vLLM's Transformers backend has a layer of the adapter's name. MLPs become others there, fused with routing."""
_ORIGINAL = re.compile(r"^base_model\.model\.model\.layers\.\d+\.")
"""Where its own class has one, by the names of the original layout."""
_OF_NATIVE = "adapters of scope attention, as they were trained"
_OF_ORIGINAL = "adapters of the language model, exported under the original names"


def beside(adapter: Path, base: Path, environment: Environment) -> command.Beside:
    """Return an adapter that vLLM can apply beside its base, with its rank.

    Args:
        adapter: Folder of the adapter.
        base: Folder of the model that it goes beside.
        environment: Where vLLM is.

    Raises:
        UserError: No adapter, one with weights that vLLM has no place for beside this base, or a base beside which
            this environment's vLLM computes none.
    """
    try:
        rank = int(json.loads((adapter / _SETTINGS).read_text(encoding="utf-8"))["r"])
        names = _tensor_names(adapter / _WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            "The adapter cannot be read", value=str(adapter), accepted=f"a folder with {_SETTINGS} and {_WEIGHTS}",
            todo=f"build one, or leave --adapter out ({error})",
        ) from error  # fmt: skip
    is_original = command.has_authors_config(base)
    pattern, accepted = (_ORIGINAL, _OF_ORIGINAL) if is_original else (_NATIVE, _OF_NATIVE)
    left_out = [name for name in names if not pattern.search(name)]
    if left_out:
        raise UserError(
            f"vLLM would apply {len(names) - len(left_out)} of the adapter's {len(names)} tensors beside this base, "
            "and answer as if it were whole",
            value=left_out[0], accepted=accepted, todo="serve the merged model: scribetune serve, without --adapter",
        )  # fmt: skip
    if is_original and environment.device == "cpu":
        raise UserError(
            "vLLM's own class of this base takes kernels for LoRA that run on a GPU alone", value=str(adapter),
            accepted="a base with a native config.json, or an environment made from envs/serving.txt, with a GPU",
            todo="serve the merged model: scribetune serve, without --adapter",
        )  # fmt: skip
    return command.Beside(adapter, rank, () if is_original else tuple(sorted({name.split(".")[-3] for name in names})))


def _tensor_names(path: Path) -> list[str]:
    """Return the names in a safetensors file: a length of 8 bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < 100_000_000:
            raise ValueError(f"{path.name} is no safetensors file")
        header = json.loads(file.read(length))
    return [name for name in header if name != "__metadata__"]
