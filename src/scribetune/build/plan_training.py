"""What a training is refused for before any job runs: what this environment cannot do, and a base it would replace."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from scribetune.core import layout
from scribetune.core.config import Config, Train
from scribetune.core.errors import UserError
from scribetune.models import families


def require_trainable(config: Config, search: Sequence[Path], kind: str) -> None:
    """Check that the configured training can run here, and leaves its own base as it is.

    Args:
        config: The configuration.
        search: Roots in which a relative model folder is looked up, in order.
        kind: Kind of the environment, "cpu" or "gpu".

    Raises:
        UserError: It cannot, or there is no such base model.
    """
    if kind == "cpu" and find_spec("bitsandbytes") is None:
        _refuse_8_and_4_bits(config.train)
    folder = families.resolve(config.base_model, search)
    if Path(folder).resolve() == Path(layout.MERGED).resolve():
        raise UserError(
            "base_model.name is the merged model of this very build, which the build replaces",
            value=config.base_model.name,
            accepted="another folder",
            todo="build in another working directory: "
            f"--directory NEW --config 'base_model={{name: {Path(folder).resolve()}}}'",
        )


def _refuse_8_and_4_bits(settings: Train) -> None:
    for key, value, plain in (
        ("machine.quantization", settings.machine.quantization, "none"),
        ("optimization.optimizer", settings.optimization.optimizer, "adamw"),
    ):
        if value != plain:
            raise UserError(
                f"train.{key} needs a CUDA GPU and bitsandbytes, and this environment is for a CPU; it is",
                value=value,
                accepted=plain,
                todo=f"set train.{key} to {plain}, or run `make env` on a machine with a GPU",
            )
