"""What git says of the repository that a build lies in; the git on PATH is the user's."""

import subprocess
from pathlib import Path

from scribetune.core.errors import UserError


def run(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder.

    Raises:
        OSError: git is not installed, or there is no such folder.
    """
    return subprocess.run(  # noqa: S603  an argument list, no shell
        ["git", *arguments], cwd=folder, input=given, capture_output=True, check=False  # noqa: S607
    )  # fmt: skip


def output(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Return what git prints.

    Raises:
        UserError: It fails.
    """
    done = run(folder, *arguments, given=given)
    if done.returncode != 0:
        raise UserError(
            f"git {arguments[0]} failed", value=done.stderr.decode("utf-8", "replace").strip(),
            accepted="a git repository in order", todo="see what git fsck says",
        )  # fmt: skip
    return done.stdout


def text(folder: Path, *arguments: str) -> str:
    """Return what git prints, without white space at its ends; "" where it fails or is not installed."""
    try:
        done = run(folder, *arguments)
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


def why_no_repository(folder: Path) -> str:
    """Return why there is no history to search, "" where there is one.

    Raises:
        UserError: `folder` is none.
    """
    if not folder.is_dir():
        what = "Not a folder" if folder.exists() else "No such folder"
        raise UserError(what, value=str(folder), accepted="the folder of a build", todo="correct --folder")
    try:
        asked = run(folder, "rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        return "git is not installed"
    if asked.returncode == 0 and asked.stdout.strip() == b"true":
        return ""
    reason = (asked.stderr.decode("utf-8", "replace").strip().splitlines() or ["no working tree"])[0]
    return f"{folder.resolve()} is no git repository ({reason})"


def commit_of(folder: Path, revision: str) -> str:
    """Return the hash of the commit that a revision means: a tag, a branch, a hash, HEAD~2.

    Raises:
        UserError: Not a git repository, or no such revision.
    """
    refused = why_no_repository(folder)
    if refused:
        raise UserError(
            "A revision can only be read in a git repository", value=revision, accepted="the working tree (no --rev)",
            todo=f"leave --rev out ({refused})",
        )  # fmt: skip
    found = text(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not found:
        raise UserError(
            "No such revision", value=revision, accepted="a tag, a branch or a commit of this repository",
            todo="see git log --oneline and git tag; scribetune log lists those with an adapter",
        )  # fmt: skip
    return found
