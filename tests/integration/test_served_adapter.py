"""An adapter for vLLM adds to every weight what the trained one adds, under the weight's original name."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.merging import deltas, served_adapter
from scribetune.merging.layouts import Layouts
from scribetune.models import adapters, families
from scribetune.models.families import native
from support import stand_in

BASE = stand_in.folder()
FAMILY = families.family_of(BASE)


def make_adapter(folder: Path, scope: str, **lora: Any) -> Path:
    settings = config.load({"train": {"lora": {"scope": scope, "dropout": 0.0, "rank": 4}}})
    wrapped = adapters.attach(FAMILY, native.skeleton(BASE), settings.train)
    about = wrapped.peft_config["default"]
    for key, value in lora.items():
        setattr(about, key, value)
    if lora:
        from peft import get_peft_model

        wrapped = get_peft_model(native.skeleton(BASE), about)
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: torch.empty(weight.shape).normal_(generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir(parents=True)
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt", "base_model_sha256": "5" * 64})
    about.save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize(
    ("scope", "lora"),
    [
        ("attention", {}),
        ("language", {"alpha_pattern": {"q_proj": 7}, "rank_pattern": {"v_proj": 3}}),
        ("experts", {}),
        ("experts", {"use_rslora": True}),
    ],
)
def test_it_adds_what_the_trained_adapter_adds(scope: str, lora: dict[str, Any], tmp_path: Path) -> None:
    trained = make_adapter(tmp_path / "trained", scope, **lora)
    done = served_adapter.export(BASE, trained, tmp_path / "served")
    adapter = deltas.outline(native.skeleton(BASE), trained)
    layouts = Layouts(native.skeleton(BASE))
    expected: dict[str, torch.Tensor] = {}
    for name, delta in adapter.deltas.items():
        expected |= layouts.to_original({name: deltas.by_peft(delta, adapter)})
    found = load_file(tmp_path / "served" / adapters.WEIGHTS)
    about = adapters.read_settings(tmp_path / "served")
    assert set(found) == {
        f"base_model.model.{name.removesuffix('.weight')}.lora_{side}.weight" for name in expected for side in "AB"
    }
    assert done.modules == len(expected) and about["r"] == done.rank == 4
    for name, change in expected.items():
        module = f"base_model.model.{name.removesuffix('.weight')}"
        product = found[f"{module}.lora_B.weight"] @ found[f"{module}.lora_A.weight"]
        scaling = about["lora_alpha"] / about["r"]
        torch.testing.assert_close(product * scaling, change, rtol=1e-4, atol=1e-4)
    if scope == "experts":
        assert "base_model.model.model.layers.1.mlp.experts.3.up_proj.lora_B.weight" in found
    assert adapters.metadata(tmp_path / "served")["base_model_sha256"] == "5" * 64


def test_the_same_adapter_gives_the_same_bytes_in_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    trained = make_adapter(tmp_path / "trained", "attention")
    (trained / "lineage.json").write_text("{}", encoding="utf-8")
    kept = []
    for _ in range(2):
        served_adapter.export(BASE, trained, tmp_path / "served")
        kept.append({path.name: path.read_bytes() for path in (tmp_path / "served").iterdir()})
    assert kept[0] == kept[1]
    assert set(kept[0]) == {"README.md", "adapter_config.json", "adapter_model.safetensors", "lineage.json"}
    assert b"--max-lora-rank 4" in kept[0]["README.md"]
    assert json.loads(kept[0]["adapter_config.json"])["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]


def test_an_adapter_of_the_encoder_is_refused_and_nothing_of_others_is_lost(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"of the encoder(?s:.*)vision_tower(?s:.*)merge.layout: original"):
        served_adapter.export(BASE, make_adapter(tmp_path / "vision", "vision"), tmp_path / "served")
    assert not (tmp_path / "served").exists()
    trained = make_adapter(tmp_path / "trained", "attention")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="holds something else"):
        served_adapter.export(BASE, trained, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_command_says_how_to_serve_it(tmp_path: Path) -> None:
    trained = make_adapter(tmp_path / "models" / "adapter", "language")
    assert trained.is_dir()
    base = ["--set", f"base_model.name={BASE}"]
    done = CliRunner().invoke(app, ["export-adapter", *base, "--folder", str(tmp_path), "-o", str(tmp_path / "served")])
    assert done.exit_code == 0, done.output
    assert "21 modules" in done.stdout and "--enable-lora --max-lora-rank 4" in done.stdout
    refused = CliRunner().invoke(app, ["export-adapter", *base, "--folder", str(tmp_path / "none"), "-o", "x"])
    assert refused.exit_code == 1 and "no adapter" in refused.stderr
