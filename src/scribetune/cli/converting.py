"""Command that reads documents with the tuned model: `scribetune convert`."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import Concurrency, ConfigFiles, Endpoint, Folder, Model, Settings, nested
from scribetune.core import layout
from scribetune.core.errors import UserError

if TYPE_CHECKING:
    from scribetune.conversion.readers import PageReader
    from scribetune.core.config import Config

GROUNDED = ("grounding", "markdown", "ocr", "locate")
"""Prompts that a model answers with coordinates."""
_INCOMPLETE = 3
"""Exit status where pages or documents have no text; 1 is for mistakes, 2 for wrong options."""


def convert(
    inputs: Annotated[list[Path], typer.Argument(help="PDFs, folders of them, or - for the standard input.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results; a call goes on in it.")],
    model: Model = "",
    endpoint: Endpoint = "",
    concurrency: Concurrency = 8,
    pages: Annotated[str, typer.Option(metavar="RANGES", help="Pages of each document: 3-7,12,20-.")] = "",
    form: Annotated[
        Literal["markdown", "html", "json"], typer.Option("--format", help="Form of the file for each document.")
    ] = "markdown",
    page_marks: Annotated[bool, typer.Option("--page-marks", help="Say in Markdown where pages begin.")] = False,
    tables: Annotated[bool, typer.Option("--tables", help="Write each table as CSV too.")] = False,
    grounding: Annotated[
        bool,
        typer.Option(
            "--grounding", help="Keep the boxes of blocks: in JSON and HTML beside their texts, in Markdown as marks."
        ),
    ] = False,
    keep_images: Annotated[bool, typer.Option("--keep-images", help="Keep the page images that were read.")] = False,
    password_variable: Annotated[
        str, typer.Option(metavar="NAME", help="Variable of the environment with the password of locked PDFs.")
    ] = "",
    least_mean_probability: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Pages that the model is less sure of are marked `unsure`.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that render pages.")] = 1,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
    settings: Settings = None,
) -> None:
    """Read PDFs with the tuned model: Markdown for each page and document, and a row for each page in manifest.csv.

    Stopped at any moment, the same call goes on with the next page. It ends with status 0 where every page has a text,
    and with 3 where some have none; manifest.csv says why, and which texts are to be looked at.
    """
    with errors_in_words():
        from scribetune.conversion import converting, given, manifest
        from scribetune.core import config
        from scribetune.record import remembered

        build = remembered.with_values(remembered.values(folder, config_files or ()), nested(settings or ()))
        loaded = config.load(build)
        if grounding and loaded.task.prompt not in GROUNDED:
            raise UserError(
                "--grounding needs a model that was trained to write coordinates; the build's task.prompt is",
                value=loaded.task.prompt, accepted=", ".join(GROUNDED),
                todo="leave --grounding out, or train with such a prompt",
            )  # fmt: skip
        password = ""
        if password_variable:
            password = os.environ.get(password_variable, "")
            if not password:
                raise UserError(
                    "The environment has no such variable", value=password_variable,
                    accepted="a variable that holds the password", todo=f"export {password_variable}=…",
                )  # fmt: skip
        chosen = require_model(folder, model, endpoint)
        wanted = converting.Wanted(
            output, given.PageRanges.parse(pages), form, page_marks, tables, grounding, keep_images, password,
            converting.LEAST_MEAN_PROBABILITY if least_mean_probability is None else least_mean_probability, workers,
        )  # fmt: skip
        memory = output / manifest.JOURNAL.parent
        make_reader = partial(page_reader, loaded, folder, chosen, endpoint, model, concurrency, memory)
        done = converting.convert(inputs, loaded, wanted, make_reader)
        sys.stdout.write(shown(converting.summary(done, output), lines=True))
        if not done.is_complete:
            raise typer.Exit(_INCOMPLETE)


def require_model(folder: Path, model: str, endpoint: str) -> str:
    """Return the folder of the model that was asked for: the build's merged one unless another is named.

    Raises:
        UserError: The build has none, and neither a model nor an endpoint is named.
    """
    from scribetune.record import remembered

    chosen = model or str(folder / layout.MERGED)
    if not (model or endpoint) and not Path(chosen).is_dir():
        raise UserError(
            "There is no merged model", value=chosen, accepted="a folder with a model",
            todo=f"build one (`{remembered.command(folder, 'merged')}`), or name one by --model or --endpoint",
        )  # fmt: skip
    return chosen


def page_reader(
    loaded: "Config",
    build: Path,
    folder: str,
    endpoint: str,
    model: str,
    concurrency: int,
    memory: Path,
    *,
    is_watched: bool = False,
) -> "PageReader":
    """Return who reads pages, by what was asked for on the command line.

    `memory` is a folder for hashes of files; `is_watched` says that somebody waits for each page, in their order.
    """
    if not endpoint:
        from scribetune.conversion.readers import ModelReader

        return ModelReader(loaded, folder, memory, is_watched=is_watched)
    from scribetune.conversion.endpoint import Asked, EndpointReader, unguarded_tokens
    from scribetune.core import package
    from scribetune.models import families

    family, prompt = families.asked_of(
        loaded.base_model, loaded.task.prompt, [build, package.REPOSITORY], loaded.task.term
    )
    unguarded = unguarded_tokens(Path(folder if not model else build / layout.MERGED), family.guard_exempt_tokens)
    return EndpointReader(endpoint, model, Asked(families.beside_page(prompt), loaded.generate, unguarded), concurrency)
