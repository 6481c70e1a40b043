"""Promises about DVC: it and Snakemake agree, whichever ran last, and nothing stale is ever recorded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from build import REPOSITORY, SMALL

pytestmark = pytest.mark.slow


def run(folder: Path, *command: str, fails: bool = False) -> str:
    """Run a program of this environment in a clone, on the clone's own package."""
    environment = os.environ | {"PYTHONPATH": str(folder / "scripts"), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
    output = result.stdout + result.stderr
    assert (result.returncode != 0) == fails, output
    return output


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the repository as it lies here, set to a small build."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so there is nothing to clone")
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / "data" / "raw").mkdir(parents=True, exist_ok=True)
    change_config(folder, yaml.safe_load(SMALL))
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", "commit", "-qm", "clone")
    run(folder, "snakemake", "--cores", "1", "--resources", "gpu=1")
    return folder


def change_config(folder: Path, values: dict[str, dict[str, object]]) -> None:
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section, keys in values.items():
        config[section].update(keys)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_dvc_and_snakemake_agree_whichever_ran_last(clone: Path) -> None:
    assert "up to date with this build" in run(clone, "scribetune", "commit")
    assert "Data and pipelines are up to date" in run(clone, "dvc", "status")
    assert "Data and pipelines are up to date" in run(clone, "dvc", "repro")
    assert run(clone, "scribetune", "commit") == ""

    # A changed key: nothing stale is recorded; DVC runs the stages that read it, and both are content again.
    change_config(clone, {"train": {"learning_rate": 0.0005}})
    assert "Snakemake would still run something" in run(clone, "scribetune", "commit", fails=True)
    assert "left as it is" in run(clone, "scribetune", "commit", "--if-ready")
    output = run(clone, "dvc", "repro")
    assert "Running stage 'train'" in output
    assert "Running stage 'report'" in output
    assert "Running stage 'data'" not in output
    assert "Nothing to be done" in run(clone, "snakemake", "--cores", "1", "--resources", "gpu=1")
    assert "Data and pipelines are up to date" in run(clone, "dvc", "status")


def test_metrics_plots_and_artifacts_are_declared(clone: Path) -> None:
    stages = yaml.safe_load((clone / "dvc.yaml").read_text(encoding="utf-8"))
    assert list(stages["stages"]) == ["data", "train", "report"]
    assert set(stages["artifacts"]) == {"adapter", "merged"}
    assert "cer_mean" in run(clone, "dvc", "metrics", "show")
    for stage in stages["stages"].values():
        for out in stage["outs"]:
            assert next(iter(out.values()))["persist"] is True
