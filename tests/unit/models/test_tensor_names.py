"""Weights of another model than config.json describes: refused by the names that their files have, for every family."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from scribetune.core.errors import UserError
from scribetune.models import families
from support import stand_in, tiny_deepseek_ocr, tiny_deepseek_vl2, tiny_grids, tiny_qwen

FOLDERS: dict[str, Callable[[], Path]] = {
    "deepseek_ocr2": stand_in.folder,
    "deepseek_ocr": tiny_deepseek_ocr.folder,
    "deepseek_vl2": tiny_deepseek_vl2.folder,
    **{kind: lambda kind=kind: tiny_grids.folder(kind) for kind in tiny_grids.KINDS},  # type: ignore[misc]
    **{kind: lambda kind=kind: tiny_qwen.folder(kind) for kind in tiny_qwen.KINDS},  # type: ignore[misc]
}


def refused(kind: str, folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> str:
    """Change the tensors of a family's folder, and return the message of loading it."""
    copy = shutil.copytree(FOLDERS[kind](), folder / "model")
    tensors = load_file(copy / "model.safetensors")
    change(tensors)
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError) as error:
        families.FAMILIES[kind].load_model(copy, dtype=torch.float32, device="cpu")
    return str(error.value)


def test_every_family_is_here() -> None:
    assert FOLDERS.keys() == families.FAMILIES.keys()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("deepseek_ocr2", "model.language_model.layers.1.mlp.experts.down_proj"),
        ("deepseek_ocr", "model.vision_model.pre_layrnorm.weight"),
        ("deepseek_ocr", "model.layers.1.mlp.experts.2.up_proj.weight"),
        ("deepseek_vl2", "vision.blocks.1.attn.qkv.weight"),
        ("deepseek_vl2", "view_seperator"),
        ("deepseek_vl2", "language.lm_head.weight"),
        ("deepseek_vl2", "language.model.layers.1.mlp.experts.2.up_proj.weight"),
        ("paddleocr_vl", "mlp_AR.linear_1.weight"),
        ("glm_ocr", "model.language_model.layers.1.mlp.gate_up_proj.weight"),
        ("lighton_ocr", "model.vision_projection.patch_merger.merging_layer.weight"),
        ("qwen2_5_vl", "model.layers.0.self_attn.q_proj.weight"),
        ("qwen3_vl", "model.visual.merger.linear_fc1.weight"),
        ("qwen3_vl_moe", "model.language_model.layers.0.mlp.experts.down_proj"),
    ],
)
def test_a_tensor_of_another_name_is_named_with_the_one_that_is_due(kind: str, name: str, tmp_path: Path) -> None:
    told = refused(kind, tmp_path, lambda tensors: tensors.update({f"{name}_": tensors.pop(name)}))
    assert "lack 1 tensor of" in told and f"'{name}'" in told
    assert f"{name}_" in told.partition("unknown to it are")[2]


def test_a_last_layer_that_is_missing_is_not_taken_from_the_embeddings(tmp_path: Path) -> None:
    told = refused("paddleocr_vl", tmp_path, lambda tensors: tensors.__delitem__("lm_head.weight"))
    assert "lack 1 tensor of" in told and "'lm_head.weight'" in told


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("deepseek_ocr", "model.layers.1.mlp.experts.2.up_proj.weight"),
        ("deepseek_vl2", "language.model.layers.0.self_attn.q_proj.weight"),
        ("glm_ocr", "model.language_model.layers.0.self_attn.q_proj.weight"),
    ],
)
def test_a_tensor_of_another_shape_is_named_with_both_shapes(kind: str, name: str, tmp_path: Path) -> None:
    shape = list(load_file(FOLDERS[kind]() / "model.safetensors")[name].shape)
    told = refused(kind, tmp_path, lambda tensors: tensors.update({name: torch.zeros(2, *shape)}))
    assert f"{name}: {[2, *shape]} instead of {shape}" in told
