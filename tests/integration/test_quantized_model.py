"""A variant in 8 or 4 bits says what it says: every matrix within half a step, everything else as it was."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.core.files import write_json, write_jsonl
from scribetune.merging import merged_model, quantized_model
from scribetune.merging.checkpoint import Checkpoint
from scribetune.models import families, packed_weights
from scribetune.models.packed_weights import SCHEMES, Scheme, Variant
from support import stand_in

FAMILY = families.family_of(stand_in.folder())


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in in the place of a merged model: what a variant needs of one is its proof."""
    folder = tmp_path_factory.mktemp("merged") / "merged"
    folder.mkdir()
    for path in stand_in.folder().iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    write_json(folder / merged_model.PROOF_NAME, {"merged": {"sha256": {"config.json": "5" * 64}}})
    return folder


@pytest.mark.parametrize("variant", ["8bit", "4bit"])
def test_every_matrix_is_within_half_a_step_and_the_rest_as_it_was(
    variant: Variant, merged: Path, tmp_path: Path
) -> None:
    quantized_model.write(merged, tmp_path / variant, variant, shard_bytes=2_000_000)
    plain, found = (FAMILY.load_model(one, dtype=None, device="cpu") for one in (merged, tmp_path / variant))
    record = json.loads((tmp_path / variant / quantized_model.RECORD).read_text(encoding="utf-8"))
    scheme, changed = SCHEMES[variant], 0
    before, after = dict(plain.state_dict()), dict(found.state_dict())
    assert set(before) == set(after)
    for name, weight in before.items():
        other = after[name]
        assert other.dtype == weight.dtype == torch.bfloat16 and other.shape == weight.shape
        if torch.equal(weight, other):
            continue
        assert FAMILY.group_of(name) in ("attention", "mlp", "experts") and "mlp.gate." not in name
        changed += 1
        for one, two in zip(weight.reshape(-1, weight.shape[-1]), other.reshape(-1, weight.shape[-1]), strict=True):
            groups = one.float().reshape(-1, scheme.group or len(one))
            step = groups.abs().amax(-1, keepdim=True) / (2 ** (scheme.bits - 1) - 1)
            apart = (groups - two.float().reshape(groups.shape)).abs()
            assert bool((apart <= 0.52 * step + 2**-8 * groups.abs()).all())  # the scale itself is in bfloat16
    assert changed > 10 and record["packed"] >= changed
    assert record["weights_bytes"] < record["merged_weights_bytes"]
    entries = Checkpoint(tmp_path / variant).entries
    for one in entries.values():
        assert one.start % one.dtype.itemsize == 0
    with pytest.raises(KeyError):
        entries["model.layers.0.self_attn.q_proj.weight"]
    assert entries["model.layers.0.self_attn.q_proj.weight_packed"].dtype == torch.int32
    settings = json.loads((tmp_path / variant / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    assert settings["quant_method"] == "compressed-tensors" and "lm_head" in settings["ignore"]
    assert set(settings["ignore"]).isdisjoint(name.removesuffix(".weight_packed") for name in entries)


def test_the_same_model_gives_the_same_bytes(merged: Path, tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        quantized_model.write(merged, tmp_path / "4bit", "4bit", shard_bytes=10**9)
        kept.append({path.name: path.read_bytes() for path in (tmp_path / "4bit").iterdir()})
    assert kept[0] == kept[1]
    with safe_open(tmp_path / "4bit" / "model.safetensors", framework="pt") as file:
        shape = file.get_tensor("model.layers.0.self_attn.q_proj.weight_shape")
        assert shape.tolist() == list(
            Checkpoint(merged).entries["model.language_model.layers.0.self_attn.q_proj.weight"].shape
        )


@pytest.mark.parametrize("scheme", [Scheme(4, 32), Scheme(8, None), Scheme(4, None), Scheme(8, 16)])
def test_whole_numbers_come_back_as_they_were(scheme: Scheme) -> None:
    most = 2 ** (scheme.bits - 1) - 1
    whole = torch.randint(-most, most + 1, (7, 96), generator=torch.Generator().manual_seed(scheme.bits))
    whole[:, :: scheme.group or 96] = most  # the largest of each group makes the step
    packed, scale = packed_weights.pack(whole.float() * 0.25, scheme)
    assert packed.dtype == torch.int32 and packed.shape == (7, 96 * scheme.bits // 32)
    assert torch.equal(packed_weights.unpack(packed, scale, (7, 96), scheme.bits), whole.float() * 0.25)
    word = int(packed[0, 0]) & 0xFFFFFFFF
    assert word & (2**scheme.bits - 1) == whole[0, 0].item() + most + 1  # the first number has the lowest bits


def test_a_matrix_of_zeros_and_one_that_does_not_fit() -> None:
    packed, scale = packed_weights.pack(torch.zeros(2, 32), Scheme(4, 32))
    assert not packed_weights.unpack(packed, scale, (2, 32), 4).any()
    assert not Scheme(4, 32).fits(112) and Scheme(8, None).fits(112) and not Scheme(8, None).fits(30)


def test_the_command_scores_the_variant_beside_the_full_model(merged: Path, tmp_path: Path) -> None:
    shutil.copytree(merged, tmp_path / "models" / "merged")
    Image.new("L", (300, 400), 255).save(tmp_path / "page.png")
    prompt = families.prompt_of(FAMILY, "free_ocr")
    said = [{"from": "human", "value": prompt}, {"from": "gpt", "value": "Total 12"}]
    page = {"id": "d/p0001", "document": "d", "page": 1, "conversations": said, "images": ["page.png"]}
    write_jsonl(tmp_path / "data" / "splits" / "test.jsonl", [page])
    settings = ["--set", "generate.max_new_tokens=4", "--folder", str(tmp_path)]
    refused = CliRunner().invoke(app, ["quantize", "4bit", *settings])
    assert refused.exit_code == 1 and "no predictions of the full model" in refused.stderr
    full = {"id": "d/p0001", "text": "Total 12", "stop_reason": "eos", "tokens": 8}
    write_jsonl(tmp_path / "reports" / "predictions" / "tuned.jsonl", [full])
    done = CliRunner().invoke(app, ["quantize", "4bit", *settings])
    assert done.exit_code == 0, done.output
    assert "CER, mean: full 0.0000 → 4bit" in done.stdout and "GB →" in done.stdout
    made = tmp_path / "models" / "quantized" / "4bit"
    scores = json.loads((made / "scores.json").read_text(encoding="utf-8"))
    assert scores["full"]["cer_mean"] == 0 < scores["variant"]["cer_mean"]
    predictions = (tmp_path / "reports" / "predictions" / "tuned.jsonl").read_bytes()
    assert scores["made_from"]["predictions"] == hashlib.sha256(predictions).hexdigest()
    assert scores["weights_bytes"] == sum(path.stat().st_size for path in made.glob("*.safetensors"))
    card = (made / "README.md").read_text(encoding="utf-8")
    assert "| CER, mean | 0.0000 |" in card and card.startswith("---\npipeline_tag: image-text-to-text\n")
