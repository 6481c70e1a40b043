"""Promises about base models that are none: adapters, quantised models and single files are told what to do instead."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES  # type: ignore[attr-defined]

from scribetune.core.config import BaseModelChoice
from scribetune.core.errors import UserError
from scribetune.models import families
from scribetune.models.families import folders


def model(folder: Path, weights: str = "model.safetensors", **settings: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_vl", **settings}), encoding="utf-8")
    (folder / weights).write_bytes((2).to_bytes(8, "little") + b"{}")  # no tensor
    return folder


def adapter(folder: Path, **settings: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "adapter_model.safetensors").touch()
    return folder


def refusal(name: str, root: Path) -> str:
    with pytest.raises(UserError) as error:
        families.resolve(BaseModelChoice(name=name), [root])
    assert "\n  Accepted: " in str(error.value)
    assert "\n  What to do: " in str(error.value)
    return str(error.value)


def test_an_adapter_is_told_to_be_merged_into_the_base_that_it_names(tmp_path: Path) -> None:
    adapter(tmp_path / "mine", base_model_name_or_path="someone/a-base")
    said = refusal("mine", tmp_path)
    assert "a LoRA adapter of someone/a-base, not a whole model: " in said
    assert "M.from_pretrained('someone/a-base'" in said
    assert "merge_and_unload().save_pretrained('NEW')" in said


def test_an_adapter_of_a_build_is_told_of_its_merged_model(tmp_path: Path) -> None:
    adapter(tmp_path / "models" / "adapter")
    model(tmp_path / "models" / "merged")
    said = refusal("models/adapter", tmp_path)
    assert f"set base_model.name to the merged model of its build, {tmp_path / 'models' / 'merged'}" in said
    assert "--directory" in said


def test_an_adapter_beside_a_configuration_is_not_taken_for_a_model(tmp_path: Path) -> None:
    # transformers would load the base that it names.
    (adapter(tmp_path / "mine") / "config.json").write_text('{"model_type": "qwen3_vl"}', encoding="utf-8")
    assert "a LoRA adapter, not a whole model" in refusal("mine", tmp_path)


@pytest.mark.parametrize("method", ["awq", "gptq", "fp8", "bitsandbytes", "compressed-tensors"])
def test_a_quantised_model_is_told_of_its_original(method: str, tmp_path: Path) -> None:
    model(tmp_path / "Model-8B-Instruct-FP8", quantization_config={"quant_method": method})
    said = refusal("Model-8B-Instruct-FP8", tmp_path)
    assert f"weights are quantised ({method})" in said
    assert f"probably {tmp_path / 'Model-8B-Instruct'};" in said
    assert "train.machine.quantization: 4bit" in said


def test_a_language_model_quantised_inside_counts(tmp_path: Path) -> None:
    model(tmp_path / "mine", text_config={"quantization_config": {"quant_method": "awq"}})
    assert "quantised (awq)" in refusal("mine", tmp_path)


def test_gguf_files_and_single_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in ("folder/model.Q4_K_M.gguf", "model.gguf", "model.safetensors"):
        (tmp_path / path).touch()
    assert "quantised (GGUF)" in refusal("folder", tmp_path)
    assert "quantised (GGUF)" in refusal("model.gguf", tmp_path)
    assert "base_model.name is a file" in refusal("model.safetensors", tmp_path)


def test_a_folder_around_the_model_is_told_of_the_one_inside(tmp_path: Path) -> None:
    snapshot = model(tmp_path / "models--someone--a-model" / "snapshots" / "abc")
    assert f"set base_model.name to {snapshot}" in refusal("models--someone--a-model", tmp_path)


def test_a_folder_name_with_a_slip_is_told_of_the_one_that_is_there(tmp_path: Path) -> None:
    model(tmp_path / "models" / "tiny")
    assert "did you mean models/tiny?" in refusal("models/tinny", tmp_path)


def test_a_quantised_model_of_the_hub_is_refused_before_its_weights_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model(tmp_path / "config", quantization_config={"quant_method": "awq"})
    monkeypatch.setattr(folders, "fetch_config", lambda *_: tmp_path / "config")
    choice = BaseModelChoice(name="someone/Model-AWQ", revision="a" * 40)
    with pytest.raises(UserError, match=r"quantised \(awq\)(?s:.*)'someone/Model-AWQ'(?s:.*)probably someone/Model;"):
        families.prompt_for(choice, "free_ocr", [tmp_path / "nothing"])


def test_a_hub_repository_without_a_configuration_is_told_what_that_means(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    def fail(*_: Any, **__: Any) -> str:
        raise EntryNotFoundError("404")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail)
    with pytest.raises(UserError, match=r"no config.json: an adapter, GGUF(?s:.*)merge an adapter into its base"):
        folders.fetch_config("someone/an-adapter", "a" * 40)


def test_a_hub_that_cannot_be_reached_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever starts a build without a network is told at once, not after half a minute of attempts.
    import httpx
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    asked: list[str] = []

    def fail(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(_http, "get_session", lambda: httpx.Client(transport=httpx.MockTransport(fail)))
    with pytest.raises(UserError, match=r"the hub cannot be reached(?s:.*)give its folder as base_model.name"):
        folders.fetch_config("someone/a-model", "a" * 40)
    assert len([url for url in asked if url.endswith("config.json")]) == 1


def test_a_family_says_whether_transformers_alone_has_its_class() -> None:
    """By that its cards show code that works where only transformers is installed."""
    said = {name: family.is_in_transformers for name, family in families.FAMILIES.items()}
    assert said == {name: name in CONFIG_MAPPING_NAMES for name in families.FAMILIES}
