"""The console script `scribetune`.

planning   `scribetune why`
queries    `scribetune whence`, `touched-by` and `log`
checks     `scribetune verify`, `forget` and `reproduce`: they act on what was recorded
signing    `scribetune sign`
scores     `scribetune score`: scores of anybody's predictions, without a build and without torch
reviewing  `scribetune review`: the page where labels are reviewed
teaching   `scribetune teach`: labels by a teacher model
cleaning   `scribetune clean`: removes results that builds have replaced
messages   what commands say: mistakes in words, and nothing of other people's that a terminal would obey

`config`, `summary` and `commit` are here.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli import checks, cleaning, planning, queries, reviewing, scores, signing, teaching
from scribetune.cli.messages import errors_in_words

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(queries.whence)
app.command()(queries.touched_by)
app.command()(queries.log)


@app.callback()
def _scribetune() -> None:
    """Tools around the build; `snakemake --cores 1 --resources gpu=1` is the build itself."""


@app.command("config")
def config_command(
    write: Annotated[bool, typer.Option(help="Write the generated files instead of comparing them.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Configuration folder (default: the repository's).")] = None,
) -> None:
    """Compare config.yaml, deepseek-ocr-2.yaml, schema.json and the README's table with the model they come from."""
    from scribetune.build import config_files
    from scribetune.core import files
    from scribetune.core.package import REPOSITORY

    folder = folder or REPOSITORY / "config"
    stale = False
    if config_files.link_is_broken(folder):
        if write:
            config_files.mend_link(folder)
            sys.stdout.write("config.yaml is a link to params.yaml again, with what it said\n")
        else:
            stale = True
            sys.stdout.write("differs: config.yaml is no longer a link to params.yaml, where DVC reads parameters\n")
    for path, text in config_files.rendered(folder, keep_values=True).items():
        if config_files.is_current(path, text):
            continue
        if write:
            files.write_text(path.resolve(), text)  # config.yaml is a link
            sys.stdout.write(f"written: {path}\n")
        else:
            stale = True
            sys.stdout.write(f"differs: {path}\n")
    if stale:
        sys.stdout.write(f"Run `{config_files.REGENERATE}` to write them.\n")
        raise typer.Exit(1)


@app.command()
def summary(
    folder: Annotated[Path, typer.Argument(help="Working directory of a build.")] = Path(),
) -> None:
    """Say in a few lines what the last build used, refused and achieved, and where to look."""
    from scribetune.build import summary as build_summary

    with errors_in_words():
        sys.stdout.write(build_summary.text(folder))


@app.command()
def commit(
    if_ready: Annotated[bool, typer.Option(help="Do nothing, and say why, while the build is not up to date.")] = False,
    stage: Annotated[bool, typer.Option(help="Stage the records for git; otherwise say what is to be staged.")] = True,
) -> None:
    """Record an up-to-date build in dvc.lock and stage its records for git (dvc.lock, .snakemake/, metrics).

    Refuses, with exit status 1, while Snakemake would still run something or a result has no record of what made it.
    Nothing of yours is staged, and nothing is committed: git commit is yours.
    """
    from scribetune.build import dvc_commit

    with errors_in_words():
        for line in dvc_commit.commit(Path(), if_ready=if_ready, stage_records=stage):
            sys.stdout.write(f"{line}\n")


app.command()(planning.why)
app.command()(checks.verify)
app.command()(checks.forget)
app.command()(checks.reproduce)
app.command()(scores.score)
app.command()(signing.sign)
app.command()(teaching.teach)
app.command()(reviewing.review)
app.command()(cleaning.clean)
