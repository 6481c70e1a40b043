"""Base models by name, and the one prompt per task; none of it may load torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scribetune import families, prompts
from scribetune.config import BaseModelChoice, Config, Task
from scribetune.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
REVISION = "0123456789abcdef0123456789abcdef01234567"


def config_for(name: str, task: str = "free_ocr", family: str = "auto") -> Config:
    choice = BaseModelChoice.model_validate({"name": name, "revision": REVISION, "family": family})
    return Config(base_model=choice, task=Task.model_validate({"prompt": task}))


def make_model(folder: Path, model_type: str = "deepseek_ocr2") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "README.md").write_text("", encoding="utf-8")
    return folder


def test_the_prompts_are_those_of_pre_training() -> None:
    assert prompts.prompt(config_for("models/tiny"), [ROOT]) == "<image>\nFree OCR. "
    markdown = prompts.prompt(config_for("models/tiny", "markdown"), [ROOT])
    assert markdown == "<image>\n<|grounding|>Convert the document to markdown. "


def test_a_prompt_is_written_down_in_one_place() -> None:
    spelled = [
        path.name
        for path in sorted((ROOT / "scripts").rglob("*.py"))
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


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"no \*.safetensors(?s:.*)convert pickled weights"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


def test_an_unsupported_family_is_refused_with_the_list(tmp_path: Path) -> None:
    make_model(tmp_path / "mine", "resnet")
    with pytest.raises(UserError, match=r"'resnet'(?s:.*)Accepted: deepseek_ocr2 \(DeepSeek-OCR-2\)"):
        families.resolve(BaseModelChoice(name="mine"), [tmp_path])


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_hub_id_without_a_pinned_commit_is_refused(revision: str | None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs base_model.revision(?s:.*)40 hexadecimal digits"):
        families.resolve(BaseModelChoice(name="someone/a-model", revision=revision), [tmp_path])
    assert families.resolve(BaseModelChoice(name="someone/a-model", revision=REVISION), [tmp_path]) == "someone/a-model"


def test_asking_about_a_base_model_loads_no_torch() -> None:
    code = (
        "import sys; from pathlib import Path; from scribetune import families, prompts;"
        "from scribetune.config import BaseModelChoice, Config;"
        f"root = Path({str(ROOT)!r}); families.base_model_files('models/tiny', [root]);"
        "prompts.prompt(Config(base_model=BaseModelChoice(name='models/tiny')), [root]);"
        "sys.exit(bool({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT / "scripts").returncode == 0
