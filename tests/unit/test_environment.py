"""Promises about `make env`: which Python it takes, what it says, and what the locks hold."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

import scribetune
from scribetune.core import package

# A Python that makes an environment of stand-ins: they note how they were called, and pip can be told to be offline.
PYTHON = """#!/usr/bin/env bash
case "$1" in
    -c) echo "{version}" ;;
    -m)
        [ -z "${{NO_VENV:-}}" ] || {{ echo "ensurepip is not available"; exit 1; }}
        mkdir -p "$3/bin"
        printf 'version = %s.4\ncommand = %s -m venv %s\n' "{version}" "$0" "$PWD/$3" >"$3/pyvenv.cfg"
        cp "$0" "$3/bin/python"
        printf '%s\n' '#!/usr/bin/env bash' 'echo "pip $*" >>"{calls}"' \
            '[ "$1" != install ] || [ -z "${{OFFLINE:-}}" ] || {{ echo "Failure in name resolution"; exit 1; }}' \
            '[ "$1" != config ] || cat "{settings}"' >"$3/bin/pip"
        printf '%s\n' '#!/usr/bin/env bash' 'echo "uv $*" >>"{calls}"' \
            '[ -z "${{UV_SAYS:-}}" ] || {{ echo "$UV_SAYS"; exit 2; }}' >"$3/bin/uv"
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
            [self.folder / "envs" / "install", ".venv", "cpu", *python],
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


def test_another_implementation_is_refused_before_anything_is_made(project: Project) -> None:
    done = project.install(project.python("3.11 (PyPy)"))
    assert done.returncode == 1
    assert "is 3.11 (PyPy)." in done.stderr
    assert not project.venv.exists()


def test_a_python_that_is_not_there_is_named(project: Project) -> None:
    done = project.install(Path("/nowhere/python3.12"))
    assert done.returncode == 1
    assert "/nowhere/python3.12 is nothing that answers." in done.stderr


def test_a_python_of_pyenv_is_found_where_no_command_fits(project: Project) -> None:
    there = project.folder / ".pyenv" / "versions" / "3.12.1" / "bin" / "python"
    there.parent.mkdir(parents=True)
    shutil.copy(project.python("3.12"), there)
    tools = project.folder / "tools"
    tools.mkdir()
    for name in ("python3.11", "python3.12", "python3.13", "python3"):  # as pyenv leaves them: they only fail
        (tools / name).write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    done = project.install(HOME=str(project.folder), PATH=f"{tools}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "Python 3.12" in done.stdout


@pytest.mark.parametrize("kind", ["cpu", "dev"])
def test_every_package_of_a_lock_takes_the_first_release_of_every_python(kind: str) -> None:
    """Debian 12 has 3.11.2, which one package that asks for 3.11.5 would refuse after minutes."""
    lines = (package.REPOSITORY / "envs" / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    pins = {re.split(r"\[|==", line)[0] for line in lines}
    wanted = {
        each.name.lower().replace("_", "-").replace(".", "-"): each.metadata["Requires-Python"] or ""
        for each in metadata.distributions()
    }
    assert len(pins & wanted.keys()) > len(pins) * 0.9
    for release in ("3.11.0", "3.12.0", "3.13.0"):
        assert [name for name in pins & wanted.keys() if release not in SpecifierSet(wanted[name])] == []


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


@pytest.mark.parametrize("change", ["renamed", "copied"])
def test_an_environment_of_another_folder_is_made_anew(project: Project, change: str) -> None:
    # Its commands start the Python of the folder that it was made in.
    project.install(project.python("3.12"))
    other = project.folder.with_name(f"{project.folder.name}-{change}")
    if change == "renamed":
        project.folder.rename(other)
    else:
        shutil.copytree(project.folder, other)
    done = subprocess.run(
        [other / "envs" / "install", ".venv", "cpu", other / "python3.12"],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert f"was made for Python 3.12, in {project.venv}: it is made anew" in done.stdout
    assert f"-m venv {other / '.venv'}" in (other / ".venv" / "pyvenv.cfg").read_text(encoding="utf-8")


def test_a_python_without_its_venv_module_is_told_the_package(project: Project) -> None:
    done = project.install(project.python("3.11"), NO_VENV="1")
    assert done.returncode == 1
    assert "apt-get install python3.11-venv" in done.stderr


@pytest.mark.parametrize(
    ("said", "is_offline"),
    [
        ("error: Failed to fetch: `https://…`\n  Caused by: dns error: failed to lookup address information", True),
        (
            "error: Request failed after 3 retries\n  Caused by: tcp connect error: Connection refused (os error 111)",
            True,
        ),
        ("error: Failed to fetch\n  Caused by: operation timed out", True),
        ("error: No solution found when resolving dependencies", False),
    ],
)
def test_a_network_that_goes_away_while_packages_come_is_told_from_other_errors(
    project: Project, said: str, *, is_offline: bool
) -> None:
    done = project.install(project.python("3.12"), UV_SAYS=said)
    assert done.returncode == 1
    assert said in done.stderr
    assert ("this machine is offline" in done.stderr) is is_offline
    assert not (project.venv / "scribetune-environment").exists()
    assert project.install().returncode == 0  # and goes on with what is there


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


@pytest.mark.parametrize("kind", ["cpu", "gpu", "dev", "serving-cpu", "serving"])
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


def test_a_start_of_snakemake_loads_no_pandas_and_numpy_for_the_slurm_executor() -> None:
    """It takes half a second and 80 MB, at every start and so in every job of a build that uses no Slurm."""
    program = (
        "import sys, snakemake.cli; print('pandas' in sys.modules, 'numpy' in sys.modules);"
        "from snakemake_executor_plugin_slurm import efficiency_report as report;"
        "print(report.parse_reqmem('2G'), report.np.inf)"
    )
    command = [sys.executable, "-c", f"import scribetune_slurm.late_pandas; {program}"]
    paths = os.pathsep.join(filter(None, [str(package.REPOSITORY / "src"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": paths})
    assert done.stdout.split() == ["False", "False", "2048.0", "inf"], done.stdout + done.stderr


def test_every_start_of_an_environment_imports_what_it_has_to(project: Project) -> None:
    packages = project.venv / "lib" / "python3.11" / "site-packages"
    python = project.python("3.11")
    project.install(python)
    packages.mkdir(parents=True)
    (project.venv / "scribetune-environment").unlink()
    assert project.install(python).returncode == 0
    text = (packages / "scribetune_slurm_late_pandas.pth").read_text(encoding="utf-8")
    assert text == "import scribetune_slurm.late_pandas\n"
