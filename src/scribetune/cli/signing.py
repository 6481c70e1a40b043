"""The command `scribetune sign`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words
from scribetune.cli.options import Folder

LINEAGE = Path("reports/lineage.json")


def sign(
    key: Annotated[
        Path | None, typer.Option(help="SSH key (default: git's user.signingkey, where gpg.format is ssh).")
    ] = None,
    folder: Folder = Path(),
) -> None:
    """Sign reports/lineage.json with an SSH key: reports/lineage.json.sig, which `scribetune verify` checks."""
    from scribetune.audit import signature

    with errors_in_words():
        written = signature.sign(folder / LINEAGE, key)
        found = signature.check(folder / LINEAGE)
        sys.stdout.write(f"written: {written} ({found.detail})\nCommit it to git with dvc.lock.\n")
