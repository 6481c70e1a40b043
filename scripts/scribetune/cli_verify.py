"""Commands that act on what was recorded: verify, forget, reproduce."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scribetune.errors import UserError

if TYPE_CHECKING:
    from scribetune.audit.verify import Verification

_MOST_ROWS = 20
NOTHING_TO_VERIFY = 2
"""Exit status of `verify` where no build is recorded."""

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Folder = Annotated[Path, typer.Option(help="Working directory of the build.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(verify)


@contextmanager
def _told_in_words(status: int = 1) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(status) from None


def verify(
    folder: Folder = Path(),
    raw: Annotated[
        Path | None, typer.Option(help="Folder of the input PDFs, where it is not the configured one.")
    ] = None,
    cache: Annotated[bool, typer.Option("--cache", help="Check the objects in DVC's cache too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute every recorded hash again, and name what was altered, is missing, or was recorded by nothing.

    Exit status: 0 all holds, 1 something does not, 2 nothing to verify. With --json: {folder, holds, kinds: {kind:
    {checked, altered, missing, unexplained}}, findings: [{kind, state, path, recorded_by, expected, found, note}],
    notes: [text]}.
    """
    from scribetune.audit import verify as verification

    with _told_in_words(NOTHING_TO_VERIFY):
        result = verification.verify(folder, raw, with_cache=cache)
    if as_json:
        sys.stdout.write(json.dumps(result.as_json(), indent=2, ensure_ascii=False) + "\n")
    elif not result.is_empty:
        sys.stdout.write(_verification_text(result))
    if result.is_empty:
        error = UserError(
            "Nothing to verify: no build is recorded", value=str(folder.resolve()),
            accepted="the working directory of a build (data/manifests, models/, reports/)",
            todo="build first: snakemake --cores 1 --resources gpu=1; or dvc pull; or correct --folder",
        )  # fmt: skip
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(NOTHING_TO_VERIFY)
    if not result.holds:
        raise typer.Exit(1)


def _verification_text(result: "Verification") -> str:
    from scribetune.audit.verify import State

    kinds = result.as_json()["kinds"]
    width = max(map(len, kinds), default=0)
    lines = [f"{'':<{width}}  checked  altered  missing  unexplained"]
    for kind, counts in kinds.items():
        lines.append(
            f"{kind:<{width}}  {counts['checked']:>7}  {counts['altered']:>7}  {counts['missing']:>7}  "
            f"{counts['unexplained']:>11}"
        )
    for kind in kinds:
        for state in State:
            found = [finding for finding in result.findings if finding.kind == kind and finding.state == state]
            if not found:
                continue
            lines += ["", f"{kind}: {len(found)} {state}"]
            for finding in found[:_MOST_ROWS]:
                by = f" (recorded by {finding.recorded_by})" if finding.recorded_by else ""
                lines.append(f"  {_printable(finding.path)}{by}")
                if finding.note:
                    lines.append(f"    {_printable(finding.note)}")
            if len(found) > _MOST_ROWS:
                lines.append(f"  … and {len(found) - _MOST_ROWS} more (--json lists all)")
    lines += ["", *(f"Note: {note}" for note in result.notes)]
    total = sum(result.checked.values())
    verdict = (
        f"All {total} recorded hashes hold" if result.holds else f"{len(result.findings)} finding(s) in {total} hashes"
    )
    return "\n".join([*lines, verdict, ""])


def _printable(text: str) -> str:
    """Return text as one line: a file name may hold control characters that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
