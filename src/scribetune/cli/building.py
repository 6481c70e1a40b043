"""The command that builds: `scribetune build`, Snakemake with its flags in the right order."""

import difflib
import os
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words
from scribetune.cli.options import Folder, Settings, nested
from scribetune.core.errors import UserError

_RULE = re.compile(r"^\s*(?:rule|checkpoint|use rule \w+ as)\s+(\w+)", re.MULTILINE)
_PATH = re.compile(r'"([\w./{}-]+[./][\w./{}-]*)"')
_STORED = re.compile(r"s3:/+(.*)")  # as a path, in which two slashes are one
_EXECUTOR = re.compile(r"^executor: *([\w-]+)", re.MULTILINE)
_INSTEAD = {
    "--resources": "--gpus N stands for --resources gpu=N",
    "--config": "--set SECTION.KEY=VALUE stands for --config",
    "-c": "--cores N stands for -c",
}
_TARGETS = (
    "all", "pages", "labels", "splits", "adapter", "merged", "report", "audit", "benchmarks", "gate", "parity",
    "learning_curve",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """What a build is asked for."""

    targets: Sequence[str] = ()
    settings: dict[str, Any] = field(default_factory=dict)  # nested, of --set
    raw: Path | None = None  # folder of documents, relative to the current directory
    directory: Path = Path()
    config_files: Sequence[Path] = ()
    cores: int | None = None
    gpus: int | None = None
    dry_run: bool = False
    replace: Sequence[str] = ()  # names of what may be replaced
    profile: str = ""  # of the workflow: a name in profiles/, or a folder


def build(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help=f"{', '.join(_TARGETS)}, or a file that the build makes. Default: all.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    raw: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder (or s3://…) of your PDFs and images: documents.raw.", show_default=False
        ),
    ] = None,
    directory: Folder = Path(),
    config_files: Annotated[
        list[Path] | None,
        typer.Option("--configfile", metavar="FILE", help="A configuration file; may be given again."),
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Most cores. Default: the profile's, 1.")] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="Most GPUs. Default: the profile's, 1.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would run; run nothing.")] = False,
    replace: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Let this build replace what a message has named; may be given again."),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|DIR",
            help="Where jobs run: slurm, kubernetes, or a folder with config.yaml.",
        ),
    ] = "",
) -> None:
    """Build what is asked for, and what it needs; only what changed runs again.

    Prints the Snakemake command that it runs, which has more flags: snakemake --help. Exit status: Snakemake's.
    """
    with errors_in_words():
        _refuse_other_options(targets or ())
        call = Call(
            targets or (), nested(settings or ()), raw, directory, config_files or (), cores, gpus, dry_run,
            replace or (), profile,
        )  # fmt: skip
        words = arguments(call)
    sys.stderr.write(shlex.join(["snakemake", *words]) + "\n")
    sys.stderr.flush()
    # In the place of this process: Ctrl-C, other signals and the exit status are Snakemake's, without a go-between.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "snakemake", *words])  # noqa: S606  an argument list


def arguments(call: Call) -> list[str]:
    """Return what snakemake is called with: targets first, since --configfile, --resources and --config take all words.

    Raises:
        UserError: An unknown target, or a folder or file that is not there.
    """
    from scribetune.core import package
    from scribetune.record import remembered

    here = Path("Snakefile").is_file() and Path("src", package.PACKAGE).is_dir()
    repository = Path() if here else package.REPOSITORY
    words = [*_checked(call.targets, repository, call.directory)]
    words += [] if here else ["--snakefile", str(repository / "Snakefile")]
    if call.directory.resolve() != Path.cwd():
        words += ["--directory", str(call.directory)]
    words += ["--workflow-profile", _profile(call.profile, repository)] if call.profile else []
    words += ["--cores", str(call.cores)] if call.cores else []
    words += ["--dry-run"] if call.dry_run else []
    words += ["--resources", f"gpu={call.gpus}"] if call.gpus else []
    missing = [str(path) for path in call.config_files if not path.is_file()]
    if missing:
        raise UserError(
            "There is no such configuration file", value=missing[0], accepted="a YAML file, as config/config.yaml",
            todo="correct --configfile; it counts from the current folder",
        )  # fmt: skip
    settings = call.settings
    if call.raw is not None:
        settings = remembered.with_values(settings, {"documents": {"raw": _raw(call.raw, call.directory)}})
    if call.replace:
        settings = remembered.with_values(settings, {"results": {"replace": list(call.replace)}})
    return words + remembered.flags(remembered.Remembered(tuple(map(str, call.config_files)), settings))


def _profile(name: str, repository: Path) -> str:
    """Return the folder of a workflow profile.

    Raises:
        UserError: There is none, or what it needs is not installed.
    """
    from importlib.util import find_spec

    ours = repository / "profiles"
    folder = Path(name) if (Path(name) / "config.yaml").is_file() else ours / name
    if not (folder / "config.yaml").is_file():
        there = ", ".join(sorted(path.parent.name for path in ours.glob("*/config.yaml")))
        raise UserError(
            "There is no such profile", value=name, accepted=f"{there}, or a folder with a config.yaml of Snakemake's",
            todo="copy profiles/slurm and change it, for a cluster of yours",
        )  # fmt: skip
    found = _EXECUTOR.search((folder / "config.yaml").read_text(encoding="utf-8"))
    name = found[1] if found else "local"
    if name not in ("local", "dryrun") and not find_spec(f"snakemake_executor_plugin_{name.replace('-', '_')}"):
        raise UserError(
            "What starts jobs there is not installed", value=f"executor: {name}",
            accepted=f"the package snakemake-executor-plugin-{name}",
            todo=f"pip install snakemake-executor-plugin-{name}, or another executor in the profile",
        )  # fmt: skip
    return str(folder)


def _refuse_other_options(targets: Sequence[str]) -> None:
    """Say what stands for an option of Snakemake's; click would guess at another one of ours."""
    for word in targets:
        if word.startswith("-"):
            name = re.match(r"--[\w-]+|-\w", word)
            raise UserError(
                "scribetune build has no such option", value=word, accepted="the options in scribetune build --help",
                todo=_INSTEAD.get(name[0] if name else "", "run the snakemake command that scribetune build -n prints, "
                "without --dry-run and with it"),
            )  # fmt: skip


def _raw(raw: Path, directory: Path) -> str:
    """Return the folder of documents as the build is to have it: as given, or from its directory, or absolute.

    Raises:
        UserError: There is no such folder.
    """
    if (found := _STORED.match(str(raw))) and not raw.exists():
        return f"s3://{found[1]}"
    if not raw.is_dir():
        raise UserError(
            "There is no such folder of documents", value=str(raw),
            accepted="a folder with PDFs or images at any depth",
            todo="correct --raw; it counts from the current folder",
        )  # fmt: skip
    if directory.resolve() == Path.cwd():
        return str(raw)
    absolute = Path(os.path.abspath(raw))  # noqa: PTH100  links stay as typed
    top = Path(os.path.abspath(directory))  # noqa: PTH100
    return str(absolute.relative_to(top) if absolute.is_relative_to(top) else absolute)


def _checked(targets: Sequence[str], repository: Path, directory: Path) -> list[str]:
    """Return targets as Snakemake knows them: rules, and files that a rule or an earlier job made."""
    from scribetune.build import reasons
    from scribetune.record import receipts

    if not targets:
        return []
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (repository / "Snakefile", *sorted((repository / "rules").glob("*.smk")))
    )
    rules = set(_RULE.findall(text))
    files = {path for path in _PATH.findall(text) if not path.startswith("..")}
    jobs = list(receipts.read(directory).values())
    is_made = re.compile(_any_of([*files, *(path for job in jobs for path in job.outputs)]))
    found: list[str] = []
    for target in targets:
        if target in rules:
            found.append(target)
        elif (directory / target).is_dir():
            found += reasons.as_outputs(directory, jobs, [target])
        elif is_made.fullmatch(os.path.normpath(target)):
            found.append(target)
        else:
            known = [] if "=" in target else sorted({*_TARGETS, *rules, *files})  # a setting is no target, misspelt
            close = difflib.get_close_matches(target, known, n=1)
            raise UserError(
                "There is no such target", value=target,
                accepted=f"{', '.join(_TARGETS)}, or a file that the build makes, such as reports/index.html",
                todo=f"did you mean {close[0]}?" if close else "settings are given with --set SECTION.KEY=VALUE",
            )  # fmt: skip
    return found


def _any_of(paths: Iterable[str]) -> str:
    """Return an expression for paths in which {…} stands for anything."""
    return "|".join(
        "".join(".+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))
        for path in paths
    )
