"""The console script `scribetune`.

building   `scribetune build`
planning   `scribetune why` and `plan`: what would run and why, and what it will take
watching   `scribetune status`: how far a build is, from another shell
recording  `scribetune summary` and `commit`: what the last build came to, and its record for DVC and git
queries    `scribetune whence`, `touched-by` and `log`
checks     `scribetune verify`, `forget` and `reproduce`: they act on what was recorded
signing    `scribetune sign`
comparing  `scribetune compare`: two adapters side by side, as one HTML file
scores     `scribetune score`: scores of anybody's predictions, without a build and without torch
reviewing  `scribetune review`: the page where labels are reviewed
teaching   `scribetune teach`: labels by a teacher model
converting `scribetune convert`: PDFs into Markdown with the tuned model
tracking   `scribetune track`: tells experiment trackers of a build
exporting  `scribetune export-adapter`: the adapter under the names that vLLM applies
quantizing `scribetune quantize`: smaller variants of the merged model, with their scores
demonstrating  `scribetune demo`: the page to try a model
serving    `scribetune serve`: the tuned model behind OpenAI's interface, by vLLM
cleaning   `scribetune clean`: removes results that builds have replaced
generating `scribetune config`: the files that are generated from the configuration model
options    options that commands share: the build's folder, its configuration, `--set`
messages   what commands say: mistakes in words, and nothing of other people's that a terminal would obey
"""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from scribetune.cli import (
    building,
    checks,
    cleaning,
    comparing,
    converting,
    demonstrating,
    exporting,
    generating,
    planning,
    quantizing,
    queries,
    recording,
    reviewing,
    scores,
    serving,
    signing,
    teaching,
    tracking,
    watching,
)

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

_AFTER_A_BUILD = (recording.summary, recording.commit, tracking.track, cleaning.clean)
_PANELS: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "Build": (building.build, planning.plan, planning.why, watching.status, *_AFTER_A_BUILD),
    "Use": (converting.convert, demonstrating.demo, serving.serve, exporting.export_adapter, quantizing.quantize),
    "Labels": (reviewing.review, teaching.teach),
    "Scores": (comparing.compare, scores.score),
    "What made what": (queries.whence, queries.touched_by, queries.log, checks.verify, signing.sign),
    "Withdraw, reproduce": (checks.forget, checks.reproduce),
    "Development": (generating.config,),
}
_HAVE_WORDS_FOR_OTHER_OPTIONS = (building.build,)
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(
            rich_help_panel=_panel,
            context_settings={"ignore_unknown_options": _command in _HAVE_WORDS_FOR_OTHER_OPTIONS},
        )(_command)


def _version(wanted: bool) -> None:
    if wanted:
        import platform

        from scribetune import __version__
        from scribetune.record import provenance

        lock = provenance.lock_in_use()
        sys.stdout.write(
            f"scribetune {__version__}, libraries of envs/{lock.name} "
            f"({provenance.environment_digest(lock)}), Python {platform.python_version()}\n"
        )
        raise typer.Exit


@app.callback()
def _scribetune(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Versions of scribetune and its lock.")
    ] = False,
) -> None:
    """From a folder of PDFs and page images to a document-OCR model fine-tuned for it, with evidence and lineage.

    PDFs and images go into data/raw (without any, samples are made); build ends with a summary and
    reports/index.html.

    Then review labels by eye, ask why something would run again, and what made what.
    """
