"""The settings of pre-training: `pretraining/settings.yaml`, checked. Every key is named there."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scribetune.core.errors import UserError


class Settings(BaseModel):
    """What `pretraining/Snakefile` can be told; immutable, and closed to unknown keys.

    Attributes:
        documents: Typeset documents, in English and Chinese, that a share of the pages comes from.
        steps: Optimiser steps of the whole run.
        batch: Pages per step.
        seconds: Longest training time of one sitting; the next call goes on from there.
        evaluation_pages: Pages of each held-out set.
        evaluation_tokens: Longest answer there.
        seed: Of weights and pages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    documents: int = Field(ge=2)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    seconds: float = Field(gt=0)
    evaluation_pages: int = Field(ge=1)
    evaluation_tokens: int = Field(ge=1)
    seed: int


def load(values: Mapping[str, Any]) -> Settings:
    """Check parsed YAML, with overrides of the command line.

    Raises:
        UserError: A key is missing or unknown, or a value of the wrong type or out of range.
    """
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        findings = [f"{'.'.join(map(str, each['loc']))} = {each['input']!r}: {each['msg']}" for each in error.errors()]
        raise UserError(
            "The settings of pre-training are not valid:\n    " + "\n    ".join(findings),
            accepted=", ".join(Settings.model_fields),
            todo="correct pretraining/settings.yaml, or your --config",
        ) from error
