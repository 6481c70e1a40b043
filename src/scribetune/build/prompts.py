"""The prompt: one string per task, used in the training records, in training, in evaluation and in serving."""

from collections.abc import Sequence
from pathlib import Path

from scribetune.core.config import Config
from scribetune.models.families import prompt_for


def prompt(config: Config, search: Sequence[Path]) -> str:
    """Return the prompt of the configured task for the configured base model, without loading the model.

    Args:
        config: The configuration (`base_model` and `task` are used).
        search: Roots in which a relative model folder is looked up, in order.

    Raises:
        UserError: The base model is missing or of no supported family, or it has no prompt for the task.
    """
    return prompt_for(config.base_model, config.task.prompt, search)
