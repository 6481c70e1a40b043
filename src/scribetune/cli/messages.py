"""What commands say: mistakes in words, and nothing of other people's that a terminal would obey."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from scribetune.core.disk_space import of_full_disk
from scribetune.core.errors import UserError


@contextmanager
def errors_in_words(status: int = 1) -> Iterator[None]:
    """Show a `UserError`, or that the disk is full, as a message without a traceback; end with an exit status."""
    try:
        yield
    except UserError as error:
        sys.stderr.write(f"{shown(str(error), lines=True)}\n")
        raise typer.Exit(status) from None
    except OSError as error:
        full = of_full_disk(error)
        if full is None:
            raise
        sys.stderr.write(f"{shown(str(full), lines=True)}\n")
        raise typer.Exit(status) from None


def shown(text: str, *, lines: bool = False) -> str:
    """Return text with control signs as escapes: names of files and commits are other people's."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or (lines and sign == "\n") else sign.encode("unicode_escape").decode()
        for sign in text
    )
