"""merged = base + adapter: for every scope, layout and number format; and nothing that only looks so."""

import copy
import functools
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file

from scribetune.core import config, package
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file, write_json, write_jsonl
from scribetune.merging import checkpoint, deltas, merged_model, proof, streaming
from scribetune.merging.checkpoint import Checkpoint, ShardWriter
from scribetune.merging.layouts import Layouts, ModelFiles
from scribetune.merging.proof import MergeError
from scribetune.models import adapters, families
from scribetune.models.families import authors_config, native
from support import stand_in
from tiny_pretraining import tiny_model

TINY = stand_in.folder()
FAMILY = families.family_of(TINY)
PROMPT = families.prompt_of(FAMILY, "free_ocr")
DAMAGED = "model.language_model.layers.0.self_attn.q_proj"


@functools.cache
def _skeleton() -> Any:
    return native.skeleton(TINY)


def skeleton() -> Any:
    """The stand-in on the meta device; a copy, since wrapping changes it."""
    return copy.deepcopy(_skeleton())


@pytest.fixture(autouse=True)
def one_page(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits on one page are enough where the test is about something else."""
    if "logits" not in request.node.name and "proof_says" not in request.node.name:
        monkeypatch.setattr(proof, "SAMPLE_PAGES", 1)


@pytest.fixture
def without_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the comparison of logits, the slow part, where the test is about files."""
    found = {"adapter_moves_by_rms": 0.0, "on_disk_differs_by_rms": 0.0}
    monkeypatch.setattr(proof, "check_logits", lambda *_, **__: found)


def settings(scope: str = "attention", **merge: Any) -> config.Config:
    return config.load(
        {
            "base_model": {"name": "models/tiny"},
            "train": {"lora": {"scope": scope, "dropout": 0.0, "rank": 4}},
            "merge": merge,
        }
    )


def make_adapter(folder: Path, scope: str = "attention", size: float = 0.05, **lora: Any) -> Path:
    """An adapter whose every tensor is random and not zero; made without loading a model."""
    wrapped = adapters.attach(FAMILY, skeleton(), settings(scope).train)
    if lora:
        from peft import get_peft_model

        about = wrapped.peft_config["default"]
        for key, value in lora.items():
            setattr(about, key, value)
        wrapped = get_peft_model(skeleton(), about)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, size, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in base in the original layout, written by transformers itself."""
    folder = tmp_path_factory.mktemp("original")
    model = FAMILY.load_model(TINY, dtype=None, device="cpu")
    model._weight_conversions = None  # else transformers reverses only what loading the native names happened to use
    model.save_pretrained(folder, max_shard_size="2MB")
    for path in TINY.iterdir():
        if path.suffix == ".json":
            shutil.copyfile(path, folder / path.name)
    return folder


def merge(adapter: Path, target: Path, base: Path = TINY, records: tuple[Path, ...] = (), **given: Any) -> Any:
    merged_model.merge(settings(**given), str(base), adapter, target, records)
    return json.loads((target / merged_model.PROOF_NAME).read_text(encoding="utf-8"))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """Native tensors of a merged model, through transformers' own loader."""
    return dict(FAMILY.load_model(folder, dtype=None, device="cpu").state_dict())


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return set(one) == set(other) and all(torch.equal(one[key], other[key]) for key in one)


def merged_by_peft(adapter: Path, dtype: torch.dtype, base: Path = TINY) -> dict[str, torch.Tensor]:
    from peft import PeftModel

    model = FAMILY.load_model(base, dtype=torch.float32, device="cpu")
    return dict(PeftModel.from_pretrained(model, adapter).merge_and_unload().to(dtype).state_dict())


@pytest.mark.parametrize(
    ("scope", "layout", "precision"),
    [
        ("attention", "transformers", "base"),
        ("language", "original", "base"),
        ("experts", "original", "float32"),
        ("vision", "transformers", "base"),
        ("vision", "original", "base"),
    ],
)
def test_the_merged_model_is_what_peft_merges_in_float32_rounded_once(
    scope: str, layout: str, precision: str, tmp_path: Path
) -> None:
    adapter = make_adapter(tmp_path / "adapter", scope)
    found = merge(adapter, tmp_path / "merged", scope=scope, layout=layout, precision=precision, shard_gb=0.002)
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    expected, merged = merged_by_peft(adapter, dtype), weights_of(tmp_path / "merged")
    assert set(merged) == set(expected)
    adapted = set(found["tensors"]["changed"])
    for name, weight in merged.items():
        assert weight.dtype == dtype
        if name in adapted:
            spacing = torch.finfo(dtype).eps  # another order of additions may round the other way
            torch.testing.assert_close(weight, expected[name], rtol=spacing, atol=1e-6)
        else:
            assert torch.equal(weight, expected[name])
    assert len(list((tmp_path / "merged").glob("*.safetensors"))) > 1
    assert all(path.stat().st_size <= 2_000_000 for path in (tmp_path / "merged").glob("*.safetensors"))


def test_the_proof_says_what_was_compared(adapter: Path, tmp_path: Path) -> None:
    found = merge(adapter, tmp_path / "merged", layout="original")
    assert found["base"]["layout"] == "transformers" and found["merged"]["layout"] == "original"
    assert found["merged"]["configuration"] == "native"  # the stand-in's encoder is not the released one
    tensors = found["tensors"]
    for finding in ("missing", "unexpected", "reshaped", "reformatted", "unknown_to_the_model", "tied"):
        assert tensors[finding] == []
    assert tensors["total"] == tensors["unchanged"] + len(tensors["changed"])
    assert len(tensors["changed"]) == 12
    for change in tensors["changed"].values():
        assert change["relative"] == pytest.approx(change["delta_norm"] / change["base_norm"])
        assert change["survived"] == pytest.approx(1.0, abs=0.02)
        assert 0 < change["rounding"] < 0.1 and 0.5 < change["moved"] <= 1.0
        assert change["experts_moved"] is None
    logits = found["logits"]
    assert logits["sample_pages"] == 3 and logits["vocabulary"] == 1472
    assert logits["on_disk_differs_by_rms"] <= logits["allowed_rms"] < logits["adapter_moves_by_rms"]
    files = {path.name: sha256_file(path) for path in (tmp_path / "merged").iterdir()}
    del files[merged_model.PROOF_NAME]
    assert found["merged"]["sha256"] == files
    assert found["base"]["sha256"]["model.safetensors"] == sha256_file(TINY / "model.safetensors")
    assert found["adapter"]["sha256"] == {
        name: sha256_file(adapter / name) for name in (adapters.WEIGHTS, adapters.CONFIG)
    }
    assert set(found["versions"]) == {"peft", "python", "safetensors", "torch", "transformers"}


@pytest.mark.usefixtures("without_logits")
def test_the_round_trip_between_the_layouts_is_exact(adapter: Path, original: Path, tmp_path: Path) -> None:
    names = {}
    for base, label in ((TINY, "native"), (original, "original")):
        for layout in ("transformers", "original"):
            target = tmp_path / f"{label}-{layout}"
            merge(adapter, target, base=base, layout=layout)
            names[label, layout] = Checkpoint(target)
    reference = weights_of(tmp_path / "native-transformers")
    for label, layout in names:
        assert equal(weights_of(tmp_path / f"{label}-{layout}"), reference), (label, layout)
    keys = {which: set(found.entries) for which, found in names.items()}
    assert keys["native", "transformers"] == keys["original", "transformers"] == set(Checkpoint(TINY).entries)
    assert keys["native", "original"] == keys["original", "original"] == set(Checkpoint(original).entries)
    assert "model.layers.1.mlp.experts.3.gate_proj.weight" in keys["native", "original"]
    assert "model.sam_model.blocks.0.attn.qkv.weight" in keys["native", "original"]
    assert "model.view_seperator" in keys["native", "original"]


def test_the_original_layout_has_the_authors_configuration_and_is_read_back_without_their_code(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = native.configuration(TINY).to_dict()["vision_config"]
    encoder = about["encoder_config"] | {"rope_theta": about["encoder_config"]["rope_parameters"]["rope_theta"]}
    for name, had in (("_SAM", about["sam_config"]), ("_ENCODER", encoder)):  # the stand-in's encoder as if released
        wanted = {key: had[key] for key in getattr(authors_config, name)}
        monkeypatch.setattr(authors_config, name, wanted)
    found = merge(adapter, tmp_path / "merged", layout="original")
    assert found["merged"]["configuration"] == "authors"
    assert found["logits"]["on_disk_differs_by_rms"] <= found["logits"]["allowed_rms"]
    settings = json.loads((tmp_path / "merged" / "config.json").read_text(encoding="utf-8"))
    assert settings["architectures"] == ["DeepseekOCR2ForCausalLM"] and settings["torch_dtype"] == "bfloat16"
    # What was merged is a base like any other, and comes back in the native form.
    back = merge(adapter, tmp_path / "back", base=tmp_path / "merged", precision="float32")
    assert (back["base"]["layout"], back["merged"]["configuration"]) == ("original", "native")
    settings = json.loads((tmp_path / "back" / "config.json").read_text(encoding="utf-8"))
    assert (settings["model_type"], settings["dtype"]) == ("deepseek_ocr2", "float32")
    assert set(Checkpoint(tmp_path / "back").entries) == set(Checkpoint(TINY).entries)


@pytest.mark.usefixtures("without_logits")
def test_a_base_with_names_of_both_layouts_is_read(adapter: Path, tmp_path: Path) -> None:
    model = FAMILY.load_model(TINY, dtype=None, device="cpu")
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    model.save_pretrained(base)  # transformers reverses only the renamings that loading used
    files = ModelFiles(Checkpoint(base), Layouts(native.skeleton(base)))
    assert files.layout is None
    merge(adapter, tmp_path / "mixed", base=base, layout="original")
    merge(adapter, tmp_path / "merged", layout="original")
    name = checkpoint.SINGLE
    assert sha256_file(tmp_path / "mixed" / name) == sha256_file(tmp_path / "merged" / name)


@pytest.mark.usefixtures("without_logits")
def test_base_adapter_and_merged_model_load_where_this_package_is_not(adapter: Path, tmp_path: Path) -> None:
    merge(adapter, tmp_path / "native", precision="float32")
    merge(adapter, tmp_path / "original", precision="float32", layout="original")
    program = """
import sys, torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText as Model, AutoProcessor
base, adapter, *merged = sys.argv[1:]
ids = torch.arange(5, 30).reshape(1, -1)
plain = Model.from_pretrained(base, dtype=torch.float32).eval()
tuned = PeftModel.from_pretrained(plain, adapter).eval()
expected = tuned(input_ids=ids).logits
for folder in merged:
    model, info = Model.from_pretrained(folder, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    assert model.dtype == torch.float32
    torch.testing.assert_close(model.eval()(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)
    assert AutoProcessor.from_pretrained(folder).tokenizer.eos_token
assert not any(name.split(".")[0] == "scribetune" for name in sys.modules)
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    folders = [TINY, adapter, tmp_path / "native", tmp_path / "original"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, folders)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("without_logits")
def test_every_file_of_the_base_comes_along_but_no_weights(adapter: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    (base / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    for name in ("pytorch_model.bin", "README.md", ".gitattributes"):
        (base / name).write_text("x", encoding="utf-8")
    merge(adapter, tmp_path / "merged", base=base, precision="float32")
    found = {path.name for path in (tmp_path / "merged").iterdir()}
    assert found == {
        "chat_template.jinja", "config.json", "generation_config.json", "merge_proof.json", "model.safetensors",
        "processor_config.json", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    own, copied = (json.loads((one / "config.json").read_text(encoding="utf-8")) for one in (base, tmp_path / "merged"))
    assert (own.pop("dtype"), copied.pop("dtype")) == ("bfloat16", "float32") and own == copied
    for name in found - {"config.json", "generation_config.json", "merge_proof.json", "model.safetensors"}:
        assert (tmp_path / "merged" / name).read_bytes() == (base / name).read_bytes()


@pytest.mark.usefixtures("without_logits")
def test_a_merged_model_decodes_greedily_and_has_room_for_a_long_page(adapter: Path, tmp_path: Path) -> None:
    from transformers import GenerationConfig

    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    about = json.loads((base / "generation_config.json").read_text(encoding="utf-8"))
    write_json(
        base / "generation_config.json", {**about, "do_sample": True, "temperature": 0.6, "repetition_penalty": 1.05}
    )
    merge(adapter, tmp_path / "merged", base=base)
    found = json.loads((tmp_path / "merged" / "generation_config.json").read_text(encoding="utf-8"))
    assert found == {**about, "do_sample": False, "max_new_tokens": 4096}  # the stand-in has 4,096 positions
    GenerationConfig.from_pretrained(tmp_path / "merged").save_pretrained(tmp_path / "again")  # refuses what is at odds
    (base / "generation_config.json").unlink()
    merge(adapter, tmp_path / "other", base=base)
    found = json.loads((tmp_path / "other" / "generation_config.json").read_text(encoding="utf-8"))
    assert found == {"do_sample": False, "max_new_tokens": 4096}


def test_logits_are_compared_on_pages_of_the_first_split_that_has_any(adapter: Path, tmp_path: Path) -> None:
    rows = []
    for number in range(4):
        image = Image.new("L", (543, 768), 255)
        ImageDraw.Draw(image).text((40, 40), f"page {number}", fill=0, font_size=40)
        image.save(tmp_path / f"{number}.png")
        said = [{"from": "human", "value": PROMPT}, {"from": "gpt", "value": f"page {number}"}]
        page = {"id": f"d/p{number:04d}", "document": "d", "page": number, "conversations": said}
        rows.append({**page, "images": [str(tmp_path / f"{number}.png")]})
    empty, test = tmp_path / "validation.jsonl", tmp_path / "test.jsonl"
    write_jsonl(empty, [])
    write_jsonl(test, rows)
    found = merge(adapter, tmp_path / "merged", records=(empty, test))["logits"]
    assert [page["id"] for page in found["pages"]] == ["d/p0000", "d/p0001", "d/p0002"]
    assert found["positions"] == 3 * (len(FAMILY.answer_ids(FAMILY.load_processor(TINY), "page 0")) + 1)


@pytest.mark.parametrize("scope", ["language", "vision"])
def test_scaling_by_rslora_and_patterns_is_pefts(scope: str, tmp_path: Path) -> None:
    patterns: dict[str, Any] = {"alpha_pattern": {"q_proj": 7}, "rank_pattern": {"v_proj": 3}}
    adapter = make_adapter(tmp_path, scope, use_rslora=True, **({} if scope == "vision" else patterns))
    found = deltas.outline(skeleton(), adapter)
    scalings = {name.rsplit(".", 2)[-2]: delta.scaling for name, delta in found.deltas.items() if "layers.0" in name}
    assert scalings["k_proj"] == pytest.approx(32 / math.sqrt(4))
    if scope == "language":
        assert scalings["q_proj"] == pytest.approx(7 / math.sqrt(4))
        assert scalings["v_proj"] == pytest.approx(32 / math.sqrt(3))
    base = ModelFiles(Checkpoint(TINY), Layouts(skeleton()))
    expected = merged_by_peft(adapter, torch.float32)
    for name, delta in found.deltas.items():
        merged, change = deltas.add(base.read(name), delta, found, torch.float32, "cpu")
        torch.testing.assert_close(merged, expected[name], rtol=1e-5, atol=1e-5)
        assert change.delta_norm == pytest.approx(
            float(torch.linalg.vector_norm(deltas.by_peft(delta, found))), rel=1e-4
        )


def zero(weights: dict[str, torch.Tensor], name: str) -> None:
    weights[name].zero_()


def not_a_number(weights: dict[str, torch.Tensor], name: str) -> None:
    weights[name][0, 0] = torch.nan


def leave_out(weights: dict[str, torch.Tensor], name: str) -> None:
    del weights[name]


def reshape(weights: dict[str, torch.Tensor], name: str) -> None:
    weights[name] = weights[name][:-1].contiguous()


def add_one(weights: dict[str, torch.Tensor], name: str) -> None:
    weights[name.replace("q_proj", "rotary_emb")] = weights[name].clone()


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (zero, rf"leaves 1 of the 12 tensors it adapts as they were(?s:.*){DAMAGED}.weight"),
        (not_a_number, rf"not finite(?s:.*){DAMAGED}.lora_B.weight"),
        (leave_out, rf"are missing(?s:.*){DAMAGED}.lora_B.weight"),
        (reshape, rf"have another shape(?s:.*){DAMAGED}.lora_B.weight: \(127, 4\) instead of \(128, 4\)"),
        (add_one, r"do not call for them|no model.language_model.layers.0.self_attn.rotary_emb"),
    ],
)
def test_a_tampered_adapter_is_refused_with_the_tensors_name(
    tamper: Callable[[dict[str, torch.Tensor], str], None], message: str, adapter: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(adapter, damaged)
    weights = load_file(damaged / adapters.WEIGHTS)
    tamper(weights, f"base_model.model.{DAMAGED}.lora_B.weight")
    save_file(weights, damaged / adapters.WEIGHTS)
    with pytest.raises(UserError, match=message):
        merged_model.merge(settings(), str(TINY), damaged, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_both_halves_of_a_module_missing_are_noticed(adapter: Path, tmp_path: Path) -> None:
    shutil.copytree(adapter, tmp_path / "damaged")
    weights = load_file(adapter / adapters.WEIGHTS)
    for half in ("A", "B"):
        del weights[f"base_model.model.{DAMAGED}.lora_{half}.weight"]
    save_file(weights, tmp_path / "damaged" / adapters.WEIGHTS)
    with pytest.raises(UserError, match=rf"2 of 24 tensors are missing(?s:.*){DAMAGED}"):
        deltas.outline(skeleton(), tmp_path / "damaged")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("bias", "all"),
        ("lora_bias", True),
        ("modules_to_save", ["lm_head"]),
        ("init_lora_weights", "pissa"),
        ("trainable_token_indices", [1]),
        ("peft_type", "LOHA"),
    ],
)
def test_adapters_that_are_not_a_sum_are_refused_by_the_setting(
    key: str, value: object, adapter: Path, tmp_path: Path
) -> None:
    shutil.copytree(adapter, tmp_path / "other")
    about = json.loads((adapter / adapters.CONFIG).read_text(encoding="utf-8"))
    write_json(tmp_path / "other" / adapters.CONFIG, {**about, key: value})
    with pytest.raises(UserError, match=rf"cannot be merged(?s:.*){key}"):
        deltas.outline(skeleton(), tmp_path / "other")


def test_damaged_adapter_files_are_told_in_words(adapter: Path, tmp_path: Path) -> None:
    for name, message in ((adapters.WEIGHTS, "weights cannot be read"), (adapters.CONFIG, "settings cannot be read")):
        shutil.copytree(adapter, tmp_path / name)
        (tmp_path / name / name).write_bytes(b"{")
        with pytest.raises(UserError, match=message):
            deltas.outline(skeleton(), tmp_path / name)


def test_a_quantised_or_incomplete_base_is_refused(adapter: Path, tmp_path: Path) -> None:
    weights = load_file(TINY / "model.safetensors")
    damaged = f"{DAMAGED}.weight"
    for label, message in (("quantised", r"uint8.*(?s:.*)16-bit model"), ("incomplete", "lacks 1 of its")):
        base = tmp_path / label
        shutil.copytree(TINY, base)
        changed = dict(weights)
        if label == "quantised":
            changed[damaged] = changed[damaged].to(torch.uint8)
        else:
            del changed[damaged]
        save_file(changed, base / "model.safetensors", {"format": "pt"})
        with pytest.raises(UserError, match=message):
            merged_model.merge(settings(), str(base), adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_tied_weights_are_kept_and_an_adapter_on_them_is_refused(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    about = json.loads((base / "config.json").read_text(encoding="utf-8"))
    about["tie_word_embeddings"] = about["text_config"]["tie_word_embeddings"] = True
    write_json(base / "config.json", about)
    weights = load_file(base / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    found = merge(make_adapter(tmp_path / "adapter"), tmp_path / "merged", base=base)
    assert found["tensors"]["tied"] == ["lm_head.weight"]
    assert set(Checkpoint(tmp_path / "merged").entries) == set(weights)
    adapter = make_adapter(tmp_path / "head", target_modules=["lm_head"])
    with pytest.raises(UserError, match=r"in two places(?s:.*)lm_head.weight"):
        merged_model.merge(settings(), str(base), adapter, tmp_path / "other")


@pytest.mark.usefixtures("without_logits")
def test_a_tensor_that_the_model_does_not_know_is_kept(adapter: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(TINY, base)
    extra = {"model.old.inv_freq": torch.arange(6), **load_file(TINY / "model.safetensors")}
    save_file(extra, base / "model.safetensors", {"format": "pt"})
    for layout in ("transformers", "original"):
        found = merge(adapter, tmp_path / layout, base=base, layout=layout, precision="float32")
        assert found["tensors"]["unknown_to_the_model"] == ["model.old.inv_freq"]
        kept = Checkpoint(tmp_path / layout).read("model.old.inv_freq")
        assert kept.dtype == torch.int64 and torch.equal(kept, torch.arange(6))


def spoil(name: str) -> Callable[[Any, Path], None]:
    """Return what makes a step of the merge go wrong in silence."""

    def wrong_sum(patch: Any, _: Path) -> None:
        real = deltas.add

        def add(weight: torch.Tensor, delta: Any, *rest: Any) -> Any:
            merged, change = real(weight, delta, *rest)
            return (merged + (merged - weight), change) if delta.parameter.startswith(DAMAGED) else (merged, change)

        patch.setattr(deltas, "add", add)

    def wrong_copy(patch: Any, _: Path) -> None:
        real = ShardWriter.write

        def write(self: ShardWriter, key: str, tensor: torch.Tensor) -> None:
            real(self, key, tensor + 1 if key == "model.language_model.norm.weight" else tensor)

        patch.setattr(ShardWriter, "write", write)

    def wrong_model(patch: Any, target: Path) -> None:
        real = proof.check_tensors

        def check(*given: Any) -> Any:
            found = real(*given)
            path = target.with_name(f".{target.name}.new") / "model.safetensors"
            weights = load_file(path)
            save_file({**weights, "lm_head.weight": weights["lm_head.weight"] * 1.2}, path, {"format": "pt"})
            return found

        patch.setattr(proof, "check_tensors", check)

    def wrong_tokenizer(patch: Any, target: Path) -> None:
        real = proof.check_tensors

        def check(*given: Any) -> Any:
            path = target.with_name(f".{target.name}.new") / "processor_config.json"
            about = json.loads(path.read_text(encoding="utf-8"))
            about["image_processor"]["image_mean"] = [0.4, 0.5, 0.5]
            write_json(path, about)
            return real(*given)

        patch.setattr(proof, "check_tensors", check)

    return {"sum": wrong_sum, "copy": wrong_copy, "model": wrong_model, "processor": wrong_tokenizer}[name]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("sum", rf"{DAMAGED}.weight is not base \+ adapter"),
        ("copy", "changed model.language_model.norm.weight, which the adapter does not adapt"),
        ("model", r"logits differ from base \+ adapter by"),
        ("processor", "processor makes other inputs"),
    ],
)
def test_a_failed_proof_leaves_no_merged_model(
    what: str, message: str, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "models" / "merged"
    spoil(what)(monkeypatch, target)
    with pytest.raises(MergeError, match=message):
        merged_model.merge(settings(), str(TINY), adapter, target)
    assert list(target.parent.iterdir()) == []


def test_an_adapter_that_rounding_swallows_is_not_merged(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", size=1e-7)
    with pytest.raises(MergeError, match=r"lost in rounding; merge.precision float32"):
        merged_model.merge(settings(), str(TINY), adapter, tmp_path / "merged")


def test_a_sum_that_overflows_is_refused_by_name(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", size=1e20)
    with pytest.raises(UserError, match=rf"not finite in bfloat16.*{DAMAGED.rsplit('.', 2)[0]}"):
        merged_model.merge(settings(), str(TINY), adapter, tmp_path / "merged")


@pytest.mark.usefixtures("without_logits")
def test_a_failing_merge_keeps_the_proved_model_and_removes_an_unproved_one(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "merged"
    merge(adapter, target)
    before = {path.name: sha256_file(path) for path in target.iterdir()}

    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(streaming, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        merged_model.merge(settings(), str(TINY), adapter, target)
    assert {path.name: sha256_file(path) for path in target.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["merged"]
    (target / merged_model.PROOF_NAME).unlink()  # as Snakemake does before it runs the job again
    with pytest.raises(KeyboardInterrupt):
        merged_model.merge(settings(), str(TINY), adapter, target)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_logits")
def test_a_killed_merge_leaves_no_model_and_the_next_one_starts_clean(adapter: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / "merged"
    program = """
import os, sys
from pathlib import Path
from scribetune.core import config
from scribetune.merging import merged_model
from scribetune.merging.checkpoint import ShardWriter
real, count = ShardWriter.write, [0]
def write(self, key, tensor):
    real(self, key, tensor)
    count[0] += 1
    if count[0] == 60:
        os.kill(os.getpid(), 9)
ShardWriter.write = write
base, adapter, target = sys.argv[1:]
merged_model.merge(config.load({"merge": {"shard_gb": 0.001}}), base, Path(adapter), Path(target))
"""
    done = subprocess.run([sys.executable, "-c", program, str(TINY), str(adapter), str(target)], check=False,
                          env={**os.environ, "PYTHONPATH": str(package.PACKAGE_FOLDER.parent)})  # fmt: skip
    assert done.returncode == -9
    assert [path.name for path in target.parent.iterdir()] == [".merged.new"]
    merge(adapter, target)
    merge(adapter, tmp_path / "again")
    assert [path.name for path in target.parent.iterdir()] == ["merged"]
    for path in target.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_too_little_disk_space_is_told_before_any_work(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=50_000_000))
    with pytest.raises(UserError, match=r"takes 0.05 GB; free (?s:.*)'0.05 GB'(?s:.*)free some space"):
        merged_model.merge(settings(), str(TINY), adapter, tmp_path / "merged")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_logits")
def test_a_linked_folder_stays_a_link_and_foreign_files_are_not_removed(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "disk" / "merged").mkdir(parents=True)
    (tmp_path / "merged").symlink_to(tmp_path / "disk" / "merged")
    merge(adapter, tmp_path / "merged")
    assert (tmp_path / "merged").is_symlink() and (tmp_path / "disk" / "merged" / "config.json").is_file()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UserError, match="holds something else"):
        merged_model.merge(settings(), str(TINY), adapter, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


@pytest.mark.usefixtures("without_logits")
def test_an_adapter_of_another_base_is_refused_before_any_work(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    weights = load_file(adapter / adapters.WEIGHTS)
    save_file(weights, adapter / adapters.WEIGHTS, {"format": "pt", "base_model_sha256": adapters.base_digest(TINY)})
    tiny_model.make(tmp_path / "other", seed=7)
    with pytest.raises(UserError, match="trained on other weights"):
        merged_model.merge(settings(), str(tmp_path / "other"), adapter, tmp_path / "merged")
    merge(adapter, tmp_path / "merged")
