"""Names of reviewers: which can stand in a label's first line, the one to propose, and who has not said theirs yet."""

import re
import subprocess
from pathlib import Path

from scribetune.review.refusals import RefusedError

_NAME = re.compile(r"[^\W_](?:[\w .,'’@()+]|-(?!-)){0,79}")
_UNNAMED = re.compile(r"unnamed-[0-9a-f]{8}")


def is_name(name: str) -> bool:
    """Return whether a name could stand in the first line of a correction."""
    return _NAME.fullmatch(name) is not None and name == name.strip()


def is_unnamed(name: str) -> bool:
    """Return whether this stands for a browser whose reviewer has not decided on a page yet, and was not asked."""
    return _UNNAMED.fullmatch(name) is not None


def check(name: str, *, decides: bool) -> None:
    """Refuse what is no name; a decision needs that of a person.

    Raises:
        RefusedError: It cannot be used.
    """
    if not is_name(name) or (decides and is_unnamed(name)):
        raise RefusedError(
            "A reviewer's name is needed: 1 to 80 letters, digits, blanks or . , ' @ ( ) + -, "
            "beginning with a letter or digit."
        )


def proposed(folder: Path) -> str:
    """Return git's user.name, as it holds in a folder; "" where there is none that could be used."""
    try:
        asked = subprocess.run(
            ["git", "config", "user.name"], cwd=folder, capture_output=True, text=True, timeout=10, check=False  # noqa: S607
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    name = asked.stdout.strip()
    return name if is_name(name) else ""
