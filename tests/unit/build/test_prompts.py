"""Base models by name, and the one prompt per task; none of it may load torch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from scribetune.build import prompts
from scribetune.core import package
from scribetune.core.config import BaseModelChoice, Config
from scribetune.core.config_task import Task
from scribetune.core.errors import UserError
from scribetune.models import families

ROOT = Path(__file__).resolve().parents[3]
REVISION = "0123456789abcdef0123456789abcdef01234567"


def weights(length: int) -> bytes:
    """Return a whole safetensors file of one tensor of so many bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [length], "data_offsets": [0, length]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(length)


def config_for(name: str, task: str = "free_ocr", family: str = "auto") -> Config:
    choice = BaseModelChoice.model_validate({"name": name, "revision": REVISION, "family": family})
    return Config(base_model=choice, task=Task.model_validate({"prompt": task}))


def make_model(folder: Path, model_type: str = "deepseek_ocr2", **settings: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, **settings}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights(0))
    (folder / "README.md").write_text("", encoding="utf-8")
    return folder


def test_the_prompts_are_those_of_pre_training() -> None:
    assert prompts.prompt(config_for("models/tiny"), [ROOT]) == "<image>\nFree OCR. "
    markdown = prompts.prompt(config_for("models/tiny", "markdown"), [ROOT])
    assert markdown == "<image>\n<|grounding|>Convert the document to markdown. "


def test_a_prompt_is_written_down_in_one_place() -> None:
    spelled = [
        path.name
        for path in sorted(package.PACKAGE_FOLDER.rglob("*.py"))
        if '"<image>\\nFree OCR. "' in path.read_text(encoding="utf-8")
    ]
    assert spelled == ["deepseek_ocr2.py"]


def test_a_named_family_needs_no_config_file() -> None:
    assert prompts.prompt(config_for("someone/a-model", family="deepseek_ocr2"), [ROOT]) == "<image>\nFree OCR. "


def test_files_of_a_folder_are_listed_and_of_a_hub_id_are_not(tmp_path: Path) -> None:
    make_model(tmp_path / "mine")
    names = [path.name for path in families.base_model_files("mine", [tmp_path])]
    assert names == ["config.json", "model.safetensors"]
    assert families.base_model_files("someone/a-model", [tmp_path]) == []


def test_the_working_directory_comes_before_the_repository(tmp_path: Path) -> None:
    for root in ("here", "there"):
        make_model(tmp_path / root / "models" / "mine")
    (first, _) = families.base_model_files("models/mine", [tmp_path / "here", tmp_path / "there"])
    assert first == tmp_path / "here" / "models" / "mine" / "config.json"


@pytest.mark.parametrize("name", ["models/tinny", "/nowhere/at/all", "./models/none", "justaname"])
def test_a_folder_that_does_not_exist_is_a_message(name: str) -> None:
    with pytest.raises(UserError, match=r"does not exist(?s:.*)Accepted: a folder with config.json(?s:.*)What to do"):
        families.base_model_files(name, [ROOT])


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt"])
def test_pickled_weights_are_refused_with_the_command_that_converts_them(name: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(UserError, match=rf"no \*.safetensors, only pickled weights \({name}\)(?s:.*)save_pretrained"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (make_model(tmp_path / "mine") / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no \*.safetensors(?s:.*)Accepted: a folder with config.json"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_a_shard_that_the_index_names_and_the_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"lacks 1 of the files that its index names \(model-00002-of-00002.safetensors"
    ):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_pointers_of_git_lfs_are_told_from_what_they_stand_for(name: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"only a pointer(?s:.*){name}(?s:.*)git lfs pull"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_an_unsupported_family_is_refused_with_the_list(tmp_path: Path) -> None:
    make_model(tmp_path / "mine", "resnet")
    with pytest.raises(
        UserError,
        match=r"'resnet'(?s:.*)Accepted: deepseek_ocr \(DeepSeek-OCR\), deepseek_ocr2 \(DeepSeek-OCR-2\), d",
    ):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_the_configuration_names_every_family() -> None:
    field = BaseModelChoice.model_fields["family"].annotation
    assert set(get_args(field)) == {"auto", *families.FAMILIES}


def test_nothing_outside_the_families_knows_one_by_name() -> None:
    # The configuration lists them all (tested above).
    source = package.PACKAGE_FOLDER
    exempt = source / "core" / "config.py"
    read = [*sorted(source.rglob("*.py")), *sorted(package.SCRIPTS_FOLDER.glob("*.py"))]
    assert exempt in read
    named = [
        path.relative_to(ROOT).as_posix()
        for path in read
        if path.parent.name != "families"
        and path != exempt
        and any(f'"{model_type}"' in path.read_text(encoding="utf-8") for model_type in families.FAMILIES)
    ]
    assert named == []


def test_a_deepseek_vl2_with_a_compressed_cache_is_refused_in_words_before_any_job(tmp_path: Path) -> None:
    language = {"hidden_size": 2048, "kv_lora_rank": 512, "num_attention_heads": 16}  # as the small size has it
    make_model(tmp_path / "mine", "deepseek_vl_v2", architectures=["DeepseekVLV2ForCausalLM"], language_config=language)
    with pytest.raises(UserError, match=r"compressed cache \(MLA\)(?s:.*)only the tiny size(?s:.*)vl2-tiny"):
        families.resolve(BaseModelChoice(name="mine", revision=REVISION), [tmp_path])


def test_unknown_code_is_not_run(tmp_path: Path) -> None:
    make_model(tmp_path / "mine", "strange", architectures=["Strange"], auto_map={"AutoModel": "modeling.Strange"})
    choice = BaseModelChoice(name="mine", revision=REVISION)
    with pytest.raises(UserError, match=r"Python code that it brings along is not run(?s:.*)strange \(Strange\)"):
        families.resolve(choice, [tmp_path])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local hub cache that holds one repository at one commit, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    snapshot = tmp_path / "hub" / "models--someone--a-model" / "snapshots" / REVISION
    make_model(snapshot)
    return snapshot


def test_a_pinned_commit_in_the_hubs_cache_is_used_without_a_network(hub: Path) -> None:
    assert families.local_folder("someone/a-model", REVISION) == hub
    assert prompts.prompt(config_for("someone/a-model"), [ROOT]) == "<image>\nFree OCR. "


def test_a_model_that_is_not_there_offline_is_a_message(hub: Path) -> None:
    for name, revision in (("someone/another", REVISION), ("someone/a-model", "f" * 40)):
        with pytest.raises(UserError, match=rf"{revision} \(it is not on this machine(?s:.*)give its folder"):
            families.local_folder(name, revision)
    with pytest.raises(UserError, match=r"it is not on this machine"):
        prompts.prompt(config_for("someone/another"), [ROOT])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (weights(4000)[:2000], r"it is 2000 bytes long, and should be 40\d\d"),
        (weights(4000)[:30], "it is no safetensors file"),
        (b"", "it is no safetensors file"),
        (b"<html>not found</html>", "it is no safetensors file"),
        (b"\x02" + bytes(7) + b"[]", "it is no safetensors file"),
        (weights(4000) + b"more", "it is 40.. bytes long, and should be"),
    ],
)
def test_weights_cut_in_half_are_refused_before_any_job(content: bytes, told: str, tmp_path: Path) -> None:
    (make_model(tmp_path / "mine") / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=rf"cut off or damaged: {told}(?s:.*)model.safetensors(?s:.*)fetch the folder"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


@pytest.mark.parametrize("name", ["tokenizer.json", "preprocessor_config.json", "config.json"])
def test_half_a_file_of_the_tokenizer_or_another_is_refused_before_any_job(name: str, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    whole = json.dumps({"model_type": "deepseek_ocr2", "vocabulary": {f"word {n}": n for n in range(200)}}, indent=1)
    large = whole[:-3] + " " * 1_500_000 + whole[-3:]
    for content in (
        b"",
        whole[: len(whole) // 2].encode(),
        whole[:-2].encode(),
        b"\xff" * 9,
        large[:1_400_000].encode(),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"cut off or damaged: it is no (?s:.*){name}(?s:.*)fetch the folder"):
            families.resolve(BaseModelChoice(name="mine"), [tmp_path])
    (folder / name).write_text(large, encoding="utf-8")
    assert families.resolve(BaseModelChoice(name="mine"), [tmp_path]) == str(folder)


def test_half_an_index_of_weights_is_refused_with_its_name(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model.safe', encoding="utf-8")
    with pytest.raises(UserError, match=r"index(?s:.*)cannot be read(?s:.*)model.safetensors.index.json"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_half_a_weight_file_in_the_hubs_cache_is_a_message(hub: Path) -> None:
    (hub / "model.safetensors").write_bytes(weights(4000)[:2000])
    with pytest.raises(UserError, match=rf"{REVISION} \(it is not on this machine, or not whole"):
        families.local_folder("someone/a-model", REVISION)


def test_a_hub_that_cannot_be_reached_is_a_message(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    import huggingface_hub

    def fail(*_: Any, **named: Any) -> str:
        raise httpx.ConnectError("no route") if not named.get("local_files_only") else FileNotFoundError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(UserError, match=r"the hub cannot be reached(?s:.*)check the network"):
        families.local_folder("someone/a-model", REVISION)


def test_half_a_model_in_the_hubs_cache_is_a_message(hub: Path) -> None:
    (hub / "model.safetensors").unlink()
    with pytest.raises(UserError, match=rf"{REVISION} \(it is not on this machine, or not whole(?s:.*)HF_HUB_OFFLINE"):
        families.local_folder("someone/a-model", REVISION)


def test_only_safetensors_and_text_at_the_top_are_fetched_at_the_pinned_commit(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.utils._paths import filter_repo_objects

    asked: dict[str, Any] = {}

    def fetch(name: str, **named: Any) -> str:
        if named.get("local_files_only"):
            raise LocalEntryNotFoundError("not here")
        asked.update(named, name=name)
        return str(hub)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    families.local_folder("someone/a-model", REVISION)
    assert (asked["name"], asked["revision"]) == ("someone/a-model", REVISION)
    offered = ["config.json", "model.safetensors", "pytorch_model.bin", "modeling.py", "chat_template.jinja"]
    offered += ["merges.txt", "onnx/config.json", "old/model.safetensors", "model.pt"]
    kept = filter_repo_objects(
        offered, allow_patterns=asked["allow_patterns"], ignore_patterns=asked["ignore_patterns"]
    )
    assert list(kept) == ["config.json", "model.safetensors", "chat_template.jinja", "merges.txt"]


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_hub_id_without_a_pinned_commit_is_refused(revision: str | None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs base_model.revision(?s:.*)40 hexadecimal digits"):
        families.resolve(BaseModelChoice(name="someone/a-model", revision=revision), [tmp_path])
    assert families.resolve(BaseModelChoice(name="someone/a-model", revision=REVISION), [tmp_path]) == "someone/a-model"


def test_asking_about_a_base_model_loads_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from scribetune.build import prompts;"
        "from scribetune.models import families;"
        "from scribetune.core.config import BaseModelChoice, Config;"
        f"root = Path({str(ROOT)!r}); families.base_model_files('models/tiny', [root]);"
        "prompts.prompt(Config(base_model=BaseModelChoice(name='models/tiny')), [root]);"
        "sys.exit(bool({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=package.PACKAGE_FOLDER.parent).returncode == 0
