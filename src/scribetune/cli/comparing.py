"""`scribetune compare`: two adapters side by side, as one HTML file."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import Folder


class PageLanguage(StrEnum):
    """The language of a page for people; auto: that of most letters of the labels."""

    AUTO = "auto"
    EN = "en"
    ZH = "zh"


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="The one to compare with: a git revision, a build's folder, or a copy of its reports."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one.")],
    folder: Folder = Path(),
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Default: reports/compare.html in the folder.")
    ] = None,
    language: Annotated[PageLanguage, typer.Option("--language", help="Language of the page.")] = PageLanguage.AUTO,
) -> None:
    """Write a page that sets two adapters side by side: settings, data, scores, the pages that changed most.

    Scores are compared page by page on the test pages that both share: the same page with the same label.

    Example: scribetune compare v1 .
    """
    with errors_in_words():
        from scribetune.audit import recorded
        from scribetune.core import files, layout
        from scribetune.report import comparison, resources

        sides = []
        for letter, name in (("A", a), ("B", b)):
            found = recorded.find(folder, name)
            trained = resources.trained_on(found.folder) if found.folder is not None else ""
            sides.append(comparison.side(letter, found, trained))
        path = output or folder / layout.REPORTS / "compare.html"
        files.write_text(path, comparison.render(sides[0], sides[1], language.value))
        sys.stdout.write(f"{shown(str(path))}\n")
