"""Promises about the generated configuration files: values are the user's, keys and comments are the model's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.serialize import modify_yaml
from typer.testing import CliRunner

from scribetune import cli
from scribetune.build import config_files
from scribetune.core.config import Config, keys
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


@pytest.mark.parametrize(
    ("text", "where"),
    [("train:\n  epochs: 3\n lora: 1\n", "line 3, column 2"), ("train:\n\tepochs: 3\n", "line 2, column 1")],
)
def test_a_slip_in_the_file_is_named_by_its_line(text: str, where: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=rf"config.yaml, {where}: this is not YAML(?s:.*)never by tabs"):
        config_files.require_readable(path)
    path.write_text("train:\n  epochs: 3\n", encoding="utf-8")
    config_files.require_readable(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train:\n  epochs: 3\n  rank: 4\n  epochs: 5\n", "line 4: epochs is given twice, first in line 2"),
        ("train: {epochs: 3}\n# later\n'train': {rank: 4}\n", "line 3: train is given twice, first in line 1"),
    ],
)
def test_a_key_given_twice_is_refused_with_both_lines(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=message):
        config_files.require_readable(REPOSITORY / "config" / "config.yaml", path)
    # What is inherited may be said anew, and one key may be in two sections.
    path.write_text("a: &all {raw: x, color: y}\nb: {<<: *all, raw: z}\n", encoding="utf-8")
    config_files.require_readable(path)


def test_the_table_has_four_cells_in_every_row_and_says_what_is_accepted() -> None:
    readme = (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")
    rows = readme.partition("<!-- keys: generated")[2].partition("<!-- end of keys -->")[0].strip().splitlines()[1:]
    assert len(rows) == 2 + sum(1 for _ in keys())
    for row in rows:
        assert len(re.split(r"(?<!\\)\|", row)) == 6, row
        assert "<" not in row, f"a browser takes it for HTML: {row}"
    assert any(row.startswith("| `merge.layout` | `transformers` | transformers or original | ") for row in rows)


def test_the_configuration_says_at_each_key_what_is_accepted() -> None:
    text = " ".join(line.strip(" #") for line in (REPOSITORY / "params.yaml").read_text(encoding="utf-8").splitlines())
    assert "Passes over the training pages. Accepted: integer from 1 to 1000. epochs: 3" in text
    assert "Peak learning rate. Accepted: number above 0, up to 1. (preset; the default is 0.0002)" in text


def test_every_number_has_a_least_and_a_greatest_value_in_the_schema() -> None:
    def unbounded(place: str, node: Any) -> Iterator[str]:
        if isinstance(node, list):
            for number, item in enumerate(node):
                yield from unbounded(f"{place}[{number}]", item)
        if isinstance(node, dict):
            is_number = node.get("type") in ("integer", "number")
            limits = {name.lower().removeprefix("exclusive") for name in node}
            if is_number and not {"minimum", "maximum"} <= limits:
                yield place
            for name, item in node.items():
                yield from unbounded(f"{place}.{name}", item)

    assert not list(unbounded("", Config.model_json_schema()))


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
