"""Keys of `train` by their own names, whatever group they are in: tests say `learning_rate=1e-3`."""

from typing import Any

from scribetune.core.config import Config, Section, Train


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
