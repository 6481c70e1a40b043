"""Old names of configuration keys, which are accepted for one release: `train` in groups, and a key that is gone."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from scribetune.core.errors import UserError

AROUND_A_JOB = True
"""The values reach a job as its settings, by whatever name they were given."""

_REGROUPED: Mapping[str, str] = MappingProxyType(
    {
        "lora": "scope rank alpha dropout",
        "optimization": "optimizer learning_rate schedule warmup_share weight_decay max_gradient_norm "
        "max_skipped_steps",
        "validation": "validate_steps:steps validation_pages:pages validation_tokens:tokens keep patience",
        "checkpoints": "checkpoint_steps:steps checkpoint_minutes:minutes",
        "machine": "backend precision micro_batch gradient_checkpointing quantization compile deterministic "
        "cpu_threads gpus sharding cache_vision vision_memory_gb vision_disk_gb",
    }
)
"""Group of `train` → the keys that were in `train` itself until 2026-11; old:new where the name is another one too."""

OLD_NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        old: (group, new or old)
        for group, names in _REGROUPED.items()
        for old, _, new in (name.partition(":") for name in names.split())
    }
)
"""Old name of a key of `train` → its group and its name there. Accepted for one release."""


def with_new_names(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a configuration with the new names of its keys, and a note on each old one.

    Snakemake merges the user's values into config/config.yaml, so that a new name is always there beside an old one:
    what is said by the old name is the user's, and holds.
    """
    renewed, notes = dict(values), []
    if isinstance(train := values.get("train"), Mapping):
        renewed["train"] = moved = dict(train)
        for old in OLD_NAMES.keys() & train.keys():
            group, new = OLD_NAMES[old]
            there = moved.get(group, {})
            if not isinstance(there, Mapping):
                continue  # refused for what it is
            value = moved.pop(old)
            moved[group] = {**there, new: value}
            unlike = f" ({value} holds, not {there[new]})" if new in there and there[new] != value else ""
            notes.append(f"train.{old} is now train.{group}.{new}{unlike}")
    if renewed.pop("pretraining", None) is not None:
        notes.append("pretraining is no section of the build any more: pretraining/settings.yaml has it")
    base = values.get("base_model")
    if isinstance(base, Mapping) and _CONSENT in base:
        renewed["base_model"] = {key: value for key, value in base.items() if key != _CONSENT}
        notes.append(f"base_model.{_CONSENT} is gone: no supported model needs Python code of its own, and none is run")
    if isinstance(base, Mapping) and base.get("revision") == "null":
        # `snakemake --config` has every value as text.
        renewed["base_model"] = {**renewed["base_model"], "revision": None}
    return renewed, sorted(notes)


_CONSENT = "trust_remote_code"


def refuse_consent_to_any_code(values: Mapping[str, Any]) -> None:
    """Refuse consent to remote code that does not say to which code, as long as the old key is accepted."""
    base = values.get("base_model")
    if not isinstance(base, Mapping) or base.get(_CONSENT) is not True:
        return
    revision = base.get("revision")
    if not re.fullmatch(r"[0-9a-f]{40}", str(revision)):
        raise UserError(
            f"base_model.{_CONSENT} is consent to the code in {base.get('name', 'the base model')}, and held only for "
            "one commit of it, which was read before; base_model.revision is",
            value=revision if revision is not None else "not set",
            accepted="40 hexadecimal digits: the commit of the repository (or the one that the folder was fetched at)",
            todo=f"take base_model.{_CONSENT} out or set it to false: the supported families need no such code",
        )
