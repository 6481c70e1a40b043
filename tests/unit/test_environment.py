"""Promises about `make env`: which Python it takes, what it says, and what the locks hold."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import scribetune
from scribetune.core import package

# A Python that makes an environment of stand-ins: they note how they were called, and pip can be told to be offline.
PYTHON = """#!/usr/bin/env bash
case "$1" in
    -c) echo "{version}" ;;
    -m)
        mkdir -p "$3/bin"
        echo "version = {version}.4" >"$3/pyvenv.cfg"
        cp "$0" "$3/bin/python"
        printf '%s\n' '#!/usr/bin/env bash' 'echo "pip $*" >>"{calls}"' \
            '[ "$1" != install ] || [ -z "${{OFFLINE:-}}" ] || {{ echo "Failure in name resolution"; exit 1; }}' \
            '[ "$1" != config ] || cat "{settings}"' >"$3/bin/pip"
        printf '%s\n' '#!/usr/bin/env bash' 'echo "uv $*" >>"{calls}"' >"$3/bin/uv"
        chmod +x "$3/bin/pip" "$3/bin/uv"
        ;;
esac
"""


class Project:
    """A copy of what `make env` reads, with Pythons that install nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.settings = folder / "pip-settings"
        self.settings.write_text("", encoding="utf-8")
        self.venv = folder / ".venv"
        shutil.copytree(package.REPOSITORY / "envs", folder / "envs")
        shutil.copy(package.REPOSITORY / "pyproject.toml", folder)

    def python(self, version: str) -> Path:
        path = self.folder / f"python{version}"
        text = PYTHON.format(version=version, calls=self.calls, settings=self.settings)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def install(self, *python: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / "envs" / "install", self.venv, "cpu", *python],
            check=False,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=30,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_another_python_is_refused_before_anything_is_made(project: Project, version: str) -> None:
    done = project.install(project.python(version))
    assert done.returncode == 1
    assert f"python{version} is {version}" in done.stderr
    assert "3.11, 3.12, 3.13" in done.stderr
    assert "What to do" in done.stderr
    assert not project.venv.exists()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python_is_taken(project: Project, version: str) -> None:
    done = project.install(project.python(version))
    assert done.returncode == 0, done.stderr
    assert f"Python {version}" in done.stdout
    assert len(re.findall(r"^environment: +\d+ s  ", done.stdout, flags=re.MULTILINE)) >= 4
    assert (project.venv / "scribetune-environment").read_text(encoding="utf-8").startswith("cpu ")


def test_an_environment_stays_until_another_python_is_asked_for(project: Project) -> None:
    project.install(project.python("3.12"))
    assert "up to date" in project.install().stdout
    assert "up to date" in project.install(project.python("3.12")).stdout
    mark = project.venv / "mark"
    mark.touch()
    done = project.install(project.python("3.13"))
    assert "was made for Python 3.12" in done.stdout
    assert not mark.exists()
    assert "3.13" in (project.venv / "pyvenv.cfg").read_text(encoding="utf-8")


def test_a_system_upgrade_behind_the_environment_makes_it_anew(project: Project) -> None:
    project.install(project.python("3.11"))
    shutil.copy(project.python("3.13"), project.venv / "bin" / "python")
    done = project.install(project.python("3.13"))
    assert "was made for Python 3.11, which is gone" in done.stdout
    assert done.returncode == 0


def test_being_offline_is_said(project: Project) -> None:
    done = project.install(project.python("3.12"), OFFLINE="1")
    assert done.returncode == 1
    assert "offline" in done.stderr
    assert "What to do" in done.stderr
    assert not (project.venv / "scribetune-environment").exists()


def test_mirrors_that_pip_knows_are_passed_on(project: Project) -> None:
    project.settings.write_text(
        "global.extra-index-url='file:///one file:///two'\nglobal.find-links='/wheels'\nglobal.index-url='file:///main'\n",
        encoding="utf-8",
    )
    project.install(project.python("3.12"))
    install = next(line for line in project.calls.read_text(encoding="utf-8").split("\n") if "-r envs/cpu.txt" in line)
    assert "--default-index file:///main --index file:///one --index file:///two --find-links /wheels" in install


@pytest.mark.parametrize("kind", ["cpu", "gpu", "dev"])
def test_a_lock_holds_pins_for_every_python_and_no_address(kind: str) -> None:
    lines = (package.REPOSITORY / "envs" / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[\w.]+ +# via [^;:]+", line)]
    assert not odd
    names = [line.partition("==")[0] for line in lines]
    assert len(names) == len(set(names))


def test_the_version_is_one() -> None:
    project = tomllib.loads((package.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((package.REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert project["version"] == scribetune.__version__ == citation["version"]
    assert project["license"] == citation["license"]
