"""The prompt: one string per task, used in the training records, in training, in evaluation and in serving."""

from collections.abc import Sequence
from pathlib import Path

from scribetune.core.config import Config
from scribetune.models.families import asked_of, prompt_for, prompts_of


def prompt(config: Config, search: Sequence[Path]) -> str:
    """Return the prompt of the configured task for the configured base model, without loading the model.

    Args:
        config: The configuration (`base_model` and `task` are used).
        search: Roots in which a relative model folder is looked up, in order.

    Raises:
        UserError: The base model is missing or of no supported family, or it has no prompt for the task.
    """
    return prompt_for(config.base_model, config.task.prompt, search, config.task.term)


def prompts(config: Config, search: Sequence[Path]) -> dict[str, str]:
    """Return the prompts of the task and of its mix by name, that of the task first; see `prompt`."""
    family, _ = asked_of(config.base_model, config.task.prompt, search, config.task.term)
    return prompts_of(family, config.task)
