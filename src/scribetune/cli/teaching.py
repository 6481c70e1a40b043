"""Command for labels by a teacher model: `scribetune teach`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder, called_again
from scribetune.core.errors import counted


def teach(
    model: Annotated[str, typer.Argument(help="The teacher: folder of a model, a hub id, or rapidocr.")],
    reasons: Annotated[
        list[str] | None,
        typer.Option("--reason", help="Pages refused for this; may be given again. Default: all that can be read."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many pages.")] = None,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
) -> None:
    """Label scans and other refused pages with a model, or rapidocr; labels of people are never overwritten.

    Its answers go to data/corrections, each with a first line that names the model. The next build takes them up, and
    shows `teacher` as their source in manifests, model card and lineage. A test set labelled by a teacher measures
    agreement with the teacher: let people correct those pages.

    `scribetune teach rapidocr` needs no model: two readers read each line, rapidocr's and Tesseract (where it is not
    installed, rapidocr's twice), and a page is used where they agree on enough of its lines (selection.min_agreement).
    The others wait for you in `scribetune review`.
    """
    with errors_in_words():
        from scribetune.core import config
        from scribetune.record import remembered
        from scribetune.review import teacher

        settings = config.load(remembered.values(folder, config_files or ()))
        done = teacher.teach(settings, model, tuple(reasons or teacher.READABLE), limit, folder)
        sys.stdout.write(
            f"{counted(done.written, 'label')} written, {counted(done.by_people, 'page')} labelled by people left, "
            f"{counted(done.unfinished, 'unfinished answer')} and {counted(done.empty, 'empty one')} without a label\n"
        )
        if done.lines:
            sys.stdout.write(
                f"Both readers agree on {done.agreed} of {counted(done.lines, 'line')}; below selection.min_agreement "
                f"({settings.selection.min_agreement:g}): {counted(done.below, 'page')}, for you (scribetune review)\n"
            )
        if done.written:
            again = remembered.command(folder, build=called_again(folder, config_files, None))
            sys.stdout.write(f"What takes the labels up: {shown(again)}\n")
