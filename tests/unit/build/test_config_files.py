"""Promises about the generated configuration files: values are the user's, keys and comments are the model's."""

from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from typer.testing import CliRunner

from scribetune import cli
from scribetune.build import config_files
from scribetune.core.package import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in config_files.rendered(tmp_path).items():
        path.write_text(text, encoding="utf-8")
    return tmp_path


def config(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, ["config", "--folder", str(folder), *options])
    return result.exit_code, result.output


def test_what_dvc_exp_run_writes_is_not_called_stale(folder: Path) -> None:
    path = folder / "config.yaml"
    with modify_yaml(path) as values:
        values["train"]["optimization"]["learning_rate"] = 1e-4
    text = path.read_text(encoding="utf-8")
    assert "learning_rate: 0.0001" in text
    assert "# Peak learning rate." in text
    assert config(folder) == (0, "")


def test_a_missing_key_or_comment_is_stale_and_writing_keeps_the_values(folder: Path) -> None:
    path = folder / "config.yaml"
    text = path.read_text(encoding="utf-8").replace("learning_rate: 0.0015", "learning_rate: 0.001")
    path.write_text(text, encoding="utf-8")
    assert config(folder) == (0, "")
    for damaged in (text.replace("  # Peak learning rate.", "  # Speed."), text.replace("  epochs: 3\n", "")):
        path.write_text(damaged, encoding="utf-8")
        status, said = config(folder)
        assert status == 1
        assert "config.yaml" in said
        assert config(folder, "--write")[0] == 0
        assert path.read_text(encoding="utf-8") == text


def test_a_file_with_old_names_is_stale_and_writing_keeps_the_values_under_the_new_ones(folder: Path) -> None:
    path = folder / "config.yaml"
    text = path.read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    values["train"].pop("optimization")
    path.write_text(yaml.safe_dump(values | {"train": values["train"] | {"learning_rate": 0.001}}), encoding="utf-8")
    assert config(folder)[0] == 1
    assert config(folder, "--write")[0] == 0
    assert path.read_text(encoding="utf-8") == text.replace("learning_rate: 0.0015", "learning_rate: 0.001")


def test_a_link_cut_by_an_editor_is_named_and_mended(folder: Path) -> None:
    repository = folder / "repository"
    (repository / "config").mkdir(parents=True)
    for path, text in config_files.rendered(repository / "config").items():
        path.write_text(text, encoding="utf-8")
    link = repository / "config" / "config.yaml"
    (repository / "params.yaml").write_bytes(link.read_bytes())
    edited = link.read_text(encoding="utf-8").replace("learning_rate: 0.0015", "learning_rate: 0.001")
    link.write_text(edited, encoding="utf-8")
    status, said = config(repository / "config")
    assert status == 1
    assert "no longer a link to params.yaml" in said
    assert config(repository / "config", "--write")[0] == 0
    assert link.is_symlink()
    assert (repository / "params.yaml").read_text(encoding="utf-8") == edited
    assert config(repository / "config") == (0, "")


def test_params_yaml_is_the_configuration_under_the_name_that_dvc_looks_for() -> None:
    link = REPOSITORY / "params.yaml"
    assert link.samefile(REPOSITORY / "config" / "config.yaml")
    assert not link.is_symlink()  # DVC follows no link in earlier revisions
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    known = set(yaml.safe_load(link.read_text(encoding="utf-8")))
    assert all(set(stage.get("do", stage)["params"]) <= known for stage in stages.values())
