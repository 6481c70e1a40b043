"""Promises about trainings that need bitsandbytes: where it is missing, a message before a weight is loaded."""

import sys
from typing import Any

import pytest

from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.training import quantized


@pytest.mark.parametrize(
    ("train", "key"),
    [
        ({"optimization": {"optimizer": "adamw_8bit"}}, "optimization.optimizer"),
        ({"machine": {"quantization": "4bit"}}, "machine.quantization"),
    ],
)
def test_a_missing_bitsandbytes_is_a_message(train: dict[str, Any], key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bitsandbytes", "bitsandbytes.nn", "bitsandbytes.nn.parametrize"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"train.{key} needs bitsandbytes(?s:.*)envs/gpu.txt"):
        quantized.refuse_without_device(Train.model_validate(train), "cuda")
    with pytest.raises(UserError, match=rf"train.{key} needs a CUDA GPU"):
        quantized.refuse_without_device(Train.model_validate(train), "cpu")
    quantized.refuse_without_device(Train(), "cuda")
