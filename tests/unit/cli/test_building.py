"""Promises about `scribetune build`: one Snakemake command, printed and run, whatever the order of its flags."""

import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from snakemake.cli import parse_config
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.cli.options import nested
from scribetune.core import config, files, package
from scribetune.core.errors import UserError
from scribetune.core.yaml_files import read_values
from scribetune.record import receipts, remembered
from scribetune.record.receipts import Receipt
from scribetune.record.remembered import Remembered

SNAKEFILE = str(package.REPOSITORY / "Snakefile")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What took the place of the process: its arguments, once something did."""
    words: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _program, arguments: words.extend(arguments))
    return words


def called(ran: list[str], *arguments: str) -> list[str]:
    """Call `scribetune build` and return the arguments of snakemake: as run, and as printed."""
    done = CliRunner().invoke(app, ["build", *arguments])
    assert done.exit_code == 0, done.output
    assert ran[:4] == [sys.executable, "-P", "-m", "snakemake"]
    assert shlex.split(done.stderr) == ["snakemake", *ran[4:]]
    return ran[4:]


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["build", *arguments])
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), "no traceback"
    return done.stderr


def test_targets_come_first_and_flags_that_take_every_word_last(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(package.REPOSITORY)
    words = called(
        ran, "--gpus", "2", "--set", "train.epochs=5", "--configfile", "params.yaml", "-n", "labels", "--cores", "8",
        "--set", "train.lora.rank=8", "splits",
    )  # fmt: skip
    assert words == [
        "labels", "splits", "--cores", "8", "--dry-run", "--resources", "gpu=2", "--configfile", "params.yaml",
        "--config", "train={epochs: 5, lora: {rank: 8}}",
    ]  # fmt: skip


def test_without_flags_it_is_snakemake_alone(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package.REPOSITORY)
    assert called(ran) == []


def test_elsewhere_it_names_the_workflow(ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert called(ran, "--dry-run") == ["--snakefile", SNAKEFILE, "--dry-run"]


@pytest.mark.parametrize(
    ("raw", "directory", "wanted"),
    [
        ("pdfs", ".", "pdfs"),  # as given
        ("pdfs", "mine", "{here}/pdfs"),
        ("mine/pdfs", "mine", "pdfs"),  # the folder can be moved with its PDFs
        ("{here}/pdfs", "mine", "{here}/pdfs"),
    ],
)
def test_raw_counts_from_where_it_is_typed(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: str, directory: str, wanted: str
) -> None:
    for folder in ("pdfs", "mine/pdfs"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    words = called(ran, "--raw", raw.format(here=tmp_path), "--directory", directory)
    assert words[-2:] == ["--config", f"documents={{raw: {wanted.format(here=tmp_path)}}}"]
    assert ("--directory" in words) == (directory != ".")


def test_raw_may_be_a_place_in_object_storage(ran: list[str]) -> None:
    """As a path it has one slash less."""
    words = called(ran, "--raw", "s3://bucket/reports/2024")
    assert parse_config(words[words.index("--config") + 1 :]) == {"documents": {"raw": "s3://bucket/reports/2024"}}


def test_consent_to_replace_is_passed_on_by_name(ran: list[str]) -> None:
    words = called(ran, "--replace", "corpus", "--replace", "base model", "--set", "report.title='Two words: and more'")
    assert parse_config(words[words.index("--config") + 1 :]) == {
        "report": {"title": "Two words: and more"},
        "results": {"replace": ["corpus", "base model"]},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("labls",), "did you mean labels?"),
        (("reports/indx.html",), "did you mean reports/index.html?"),
        (("train.epochs=5",), "--set SECTION.KEY=VALUE"),
        (("labels", "--resources", "gpu=1"), "--gpus N stands for --resources gpu=N"),
        (("--config", "a=b", "labels"), "--set SECTION.KEY=VALUE stands for --config"),
        (("--keep-going",), "run the snakemake command that scribetune build -n prints"),
        (("--set", "trian.epochs=5"), "did you mean train?"),
        (("--set", "epochs=5"), "SECTION.KEY=VALUE"),
        (("--set", "samples.languages=[en"), "The value of samples.languages cannot be read"),
        (("--set", "train.lora=8", "--set", "train.lora.rank=8"), "Two settings cannot both hold"),
        (("--set", "train.lora.rank=8", "--set", "train.lora=8"), "Two settings cannot both hold"),
        (("--raw", "nosuch"), "There is no such folder of documents: 'nosuch'"),
        (("--configfile", "nosuch.yaml"), "There is no such configuration file: 'nosuch.yaml'"),
    ],
)
def test_a_mistake_is_told_in_words_before_anything_runs(ran: list[str], arguments: tuple[str, ...], said: str) -> None:
    assert said in refused(*arguments)
    assert ran == []


def test_what_the_build_makes_is_a_target_and_a_folder_stands_for_it(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ("models/adapter/adapter_config.json", "models/adapter/lineage.json")
    done = Receipt("train_adapter", {}, {}, dict.fromkeys(made, "0"), {}, "c", "e", receipts.NO_REPAIRS)
    files.write_json(tmp_path / receipts.FOLDER / "train_adapter.json", asdict(done))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models/adapter").mkdir(parents=True)
    words = called(ran, "reports/index.html", "data/manifests/labels/000-of-001.csv", "models/adapter")
    assert words[:4] == [
        "reports/index.html", "data/manifests/labels/000-of-001.csv", "models/adapter/adapter_config.json",
        "models/adapter/lineage.json",
    ]  # fmt: skip
    (tmp_path / "notes").mkdir()
    assert "No job is known to have made anything in this folder" in refused("notes")


def test_settings_are_nested_and_are_texts_as_snakemake_has_them() -> None:
    asked = nested(["train.lora.rank=8", "train.epochs=5", "samples.languages=[en, zh]", "train.rank=4"])
    assert asked == {
        "train": {"lora": {"rank": "8"}, "epochs": "5", "rank": "4"},
        "samples": {"languages": ["en", "zh"]},
    }
    for wrong in ("rank=8", "train..rank=8", "train.lora.rank"):
        with pytest.raises(UserError, match=r"SECTION\.KEY=VALUE"):
            nested([wrong])


@pytest.mark.parametrize(
    "built_with",
    [
        {"train": {"lora": {"rank": 8}, "optimization": {"learning_rate": 1e-4}, "tensorboard": False}},
        {"documents": {"raw": "/p/Ünïcode, with: signs #1"}, "base_model": {"revision": None}},
        {"samples": {"languages": ["zh"]}, "report": {"title": "'quoted' {and} \"more\""}},
        {"evaluation": {"benchmarks": [{"name": "mine", "truth": "t.json", "images": "i"}]}},
    ],
)
def test_the_command_in_messages_builds_with_the_same_configuration(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built_with: dict[str, Any]
) -> None:
    """From a message to the terminal, through this command to Snakemake's own parser: nothing is lost on the way."""
    remembered.write(Remembered(("mine.yaml",), built_with), tmp_path / "build")
    files.write_text(tmp_path / "build/mine.yaml", "train: {epochs: 2}\n")
    monkeypatch.chdir(tmp_path)
    printed = shlex.split(remembered.command(Path("build")))
    assert printed[:2] == ["scribetune", "build"]
    words = called(ran, *printed[2:])
    given = words[words.index("--configfile") + 1 : words.index("--config")]
    assert given == ["build/mine.yaml"]
    values = remembered.with_values(read_values(Path(given[0])), parse_config(words[words.index("--config") + 1 :]))
    wanted = remembered.with_values({"train": {"epochs": 2}}, built_with)
    assert config.load(values) == config.load(wanted)


def test_a_profile_of_ours_is_called_by_its_name_and_one_of_yours_by_its_folder(
    ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = str(package.REPOSITORY / "profiles" / "default")
    assert called(ran, "--profile", "default")[-2:] == ["--workflow-profile", ours]
    ran.clear()
    files.write_text(tmp_path / "mine/config.yaml", "executor: local\njobs: 3\n")
    assert called(ran, "--profile", "mine")[-2:] == ["--workflow-profile", "mine"]


def test_a_profile_that_is_not_there_or_whose_executor_is_not_is_refused(tmp_path: Path) -> None:
    assert "default, kubernetes, slurm" in refused("--profile", "slrum")
    files.write_text(tmp_path / "config.yaml", "executor: of-tomorrow\n")
    told = refused("--profile", str(tmp_path))
    assert "pip install" in told
    assert "snakemake-executor-plugin-of-tomorrow" in told
