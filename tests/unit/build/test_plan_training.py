"""Promises about trainings that cannot be: they are refused when the plan is made."""

from pathlib import Path

import pytest

from scribetune.build import plan_training
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.package import REPOSITORY

GPU_ONLY = [("machine", "quantization", "4bit", "none"), ("optimization", "optimizer", "adamw_8bit", "adamw")]


def with_base(name: str) -> config.Config:
    return config.load({"base_model": {"name": name}})


@pytest.mark.parametrize(("group", "key", "value", "plain"), GPU_ONLY)
def test_what_needs_bitsandbytes_is_refused_in_an_environment_without_it(
    group: str, key: str, value: str, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_training, "find_spec", lambda _: None)
    asked = config.load({"base_model": {"name": "models/tiny"}, "train": {group: {key: value}}})
    with pytest.raises(UserError, match=rf"train.{group}.{key} needs a CUDA GPU(?s:.*){value}(?s:.*)to {plain}, or"):
        plan_training.require_trainable(asked, [REPOSITORY], "cpu")
    plan_training.require_trainable(asked, [REPOSITORY], "gpu")  # a conda environment has it: the job looks
    monkeypatch.setattr(plan_training, "find_spec", lambda _: object())
    plan_training.require_trainable(asked, [REPOSITORY], "cpu")


def test_the_merged_model_of_the_same_build_is_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("here", "there"):
        merged = tmp_path / name / "models" / "merged"
        merged.mkdir(parents=True)
        (merged / "config.json").write_text('{"model_type": "qwen3_vl"}', encoding="utf-8")
        (merged / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")  # no tensor
    monkeypatch.chdir(tmp_path / "here")
    for name in ("models/merged", str(tmp_path / "here" / "models" / "merged")):
        with pytest.raises(UserError, match=r"merged model of this very build(?s:.*)--directory NEW"):
            plan_training.require_trainable(with_base(name), [Path()], "cpu")
    plan_training.require_trainable(with_base(str(tmp_path / "there" / "models" / "merged")), [Path()], "cpu")
