"""Keys of `train` by their own names, whatever group they are in: tests say `learning_rate=1e-3`."""

from pathlib import Path
from typing import Any

from scribetune.core import config
from scribetune.core.config import Config, Train
from scribetune.core.config_section import Section


def grouped(**keys: Any) -> dict[str, Any]:
    """Return `train` as in a configuration file; a key that two groups have is given as `checkpoints_steps`."""
    places = {}
    for name, field in Train.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Section):
            for key in group.model_fields:
                places[f"{name}_{key}"] = places[key] = (name, key)
    found: dict[str, Any] = {}
    for key, value in keys.items():
        if key in Train.model_fields:
            found[key] = value
        else:
            group_name, name = places[key]
            found.setdefault(group_name, {})[name] = value
    return found


def diverging(config: Config) -> Config:
    """Return a configuration with steps so long that the loss is no number, which no configuration file may ask for."""
    rates = {"learning_rate": 1e30, "warmup_share": 0.0, "max_gradient_norm": 1e30}
    train = config.train.model_copy(update={"optimization": config.train.optimization.model_copy(update=rates)})
    return config.model_copy(update={"train": train})


def quick_training(base: Path, layout: str, **train: Any) -> config.Config:
    """Return the configuration of a short training of a small model in the folder `base`, its merge and reading."""
    settings = {
        "backend": "peft",
        "learning_rate": 1e-2,
        "epochs": 1,
        "effective_batch": 2,
        "micro_batch": 2,
        "gradient_checkpointing": False,
        "dropout": 0.0,
        "rank": 4,
        "alpha": 8,
        **train,
    }
    return config.load(
        {
            "base_model": {"name": str(base)},
            "train": grouped(**settings),
            "merge": {"precision": "float32", "layout": layout},
            "generate": {"max_new_tokens": 8, "batch": 2},
        }
    )
