"""Runs the commands of the documentation: `make docs-check`.

A small build is made once, in a temporary folder: ten sample documents and a scan, one epoch, with git and DVC. Each
page's commands then run in a copy of it, block by block, as tests/support/documented_commands.py says. Exit status 1
where one fails; its output is shown.

    make docs-check ARGS="docs/dvc.md README.md"     # these pages alone
    make docs-check ARGS=--list                      # every command, and what becomes of it
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import groupby
from pathlib import Path

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "tests"), str(REPOSITORY / "src")]

from scribetune.samples import corpus  # noqa: E402
from support import clone, documented_commands  # noqa: E402
from support.documented_commands import Script  # noqa: E402

SECONDS = 600
SMALLER = {"epochs: 3": "epochs: 1", "count: 12": "count: 2"}
"""What params.yaml says instead: epochs, retention pages."""
NAMES = (
    *("sample-en-invoice-002", "sample-en-lab-003", "contracts/sample-en-financial-001", "a", "b"),
    *("letters/c", "letters/d", "e", "f", "g"),
)
"""The build's PDFs, by the names that the pages have in examples."""

PRELUDE = """\
set -euo pipefail
export BROWSER=true GIT_PAGER=cat
served() {
    local said page
    said=$(mktemp)
    "$@" >"$said" 2>&1 &
    page=$!
    until grep -q http://127.0.0.1 "$said"; do kill -0 $page || { cat "$said"; return 1; }; sleep 0.2; done
    cat "$said"
    kill $page
    wait $page || true
}
"""


def make_documents(folder: Path, raw: Path) -> None:
    """Write a user's PDFs, one of them a scan, to `raw`, and the same to pdfs/ below `folder`."""
    made = folder / "made"
    corpus.build(corpus.plan(len(NAMES), 20, ["en"], 1), made, folder / "truth")
    for source, name in zip(sorted(made.glob("*.pdf")), NAMES, strict=True):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, raw / f"{name}.pdf")
    with pymupdf.open(raw / "e.pdf") as pdf, pymupdf.open() as scan:
        pdf[0].get_pixmap().save(folder / "one.png")  # the page of truth.jsonl
        page = scan.new_page(width=pdf[0].rect.width, height=pdf[0].rect.height)
        page.insert_image(page.rect, pixmap=pdf[0].get_pixmap(dpi=200))
        scan.save(raw / "scan.pdf")
    shutil.copytree(raw, folder / "pdfs")


def make_build(folder: Path) -> Path:
    """Make the finished build that pages are tried in copies of, and what else commands name; return its folder."""
    project = folder / "scribetune"
    clone.copy_code(project, without=("dvc.lock", ".snakemake/"))
    make_documents(folder, project / "data/raw")
    for old, new in SMALLER.items():
        clone.edit(project / "params.yaml", old, new)
    (project / ".venv").symlink_to(sys.prefix)
    (project / "mine.yaml").write_text("train: {epochs: 1}\n", encoding="utf-8")
    (folder / "truth.jsonl").write_text('{"id": "one", "text": "# One page"}\n', encoding="utf-8")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True, stdin=subprocess.DEVNULL
    )
    public = (folder / "key.pub").read_text(encoding="utf-8")
    (project / "allowed_signers").write_text(f"ada@example.org {public}", encoding="utf-8")
    git = ("git", "-C", str(project))
    for words in (
        ("init", "-q", "--initial-branch=main"),
        ("config", "user.name", "Ada"),
        ("config", "user.email", "ada@example.org"),
        ("config", "gpg.format", "ssh"),
        ("config", "user.signingkey", str(folder / "key")),
        ("add", "-A"),
        ("commit", "-qm", "The repository"),
    ):
        clone.run(project, *git, *words)
    clone.run(project, "dvc", "remote", "add", "--local", "--default", "first", str(folder / "storage"))
    said = clone.run(project, *shlex.split(documented_commands.BUILD))
    clone.run(project, *git, "add", "-A")
    clone.run(project, *git, "commit", "-qm", "The build")
    shutil.copytree(project / "reports", folder / "saved-reports")
    sys.stdout.write(said[said.rfind("\n\n") :])
    return project


def run(script: Script, folder: Path, project: Path) -> tuple[bool, str]:
    """Run the commands of a block in a copy of the build; return whether all were right, and what they printed."""
    lines = [PRELUDE]
    for text in (command.format(folder=folder, project=project) for command in script.commands):
        accepted = " || ".join(f"[ $? -eq {status} ]" for status in documented_commands.statuses(text) if status)
        lines += [f"printf '%s\\n' {shlex.quote('$ ' + text)}", f"{text} || {accepted}" if accepted else text]
    try:
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)], cwd=project, env=clone.environment(project), timeout=SECONDS, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        said = expired.stdout or ""
        said = said.decode(errors="replace") if isinstance(said, bytes) else said
        return False, f"{said}\nnot done after {SECONDS} seconds\n"
    return done.returncode == 0, done.stdout


def check_page(scripts: Sequence[Script], folder: Path, build: Path) -> int:
    """Run the blocks of one page in a copy of the build; return how many failed."""
    place = folder / scripts[0].page.replace("/", "-")
    project = place / build.name
    shutil.copytree(build, project, symlinks=True)
    failed = 0
    for script in scripts:
        started = time.monotonic()
        is_right, output = run(script, folder, project)
        failed += not is_right
        said = f"{'ok    ' if is_right else 'FAILED'} {time.monotonic() - started:4.0f} s  {script.page}: "
        said += "\n                  ".join(script.commands).format(folder="…", project="…") + "\n"
        sys.stdout.write(said if is_right else said + output)
        sys.stdout.flush()
    shutil.rmtree(place)
    return failed


@cache
def help_of(program: tuple[str, ...]) -> str:
    """Return what a program says of its options."""
    done = subprocess.run(
        [*program, "--help"], capture_output=True, text=True, check=False, env=clone.environment(REPOSITORY)
    )
    return done.stdout + done.stderr


def check_declared() -> int:
    """Look up the options of commands that are not run; return how many commands have unknown ones."""
    failed = 0
    for command in documented_commands.commands():
        if documented_commands.declared(command.text):
            lacking = documented_commands.lacking_options(command.text, help_of)
            failed += bool(lacking)
            sys.stdout.write(f"FAILED {command}: no option {', '.join(lacking)}\n" if lacking else "")
    return failed


def list_commands() -> None:
    """Print every command with what becomes of it."""
    for command in sorted(documented_commands.commands(), key=str):
        sys.stdout.write(f"{command}\n    {documented_commands.declared(command.text) or 'is run'}\n")


def main() -> int:
    """Run all, or what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", nargs="*", help="such as docs/dvc.md (default: all)")
    parser.add_argument("--list", action="store_true", help="print every command, and run none")
    parser.add_argument("--at-once", type=int, default=min(2, os.cpu_count() or 1), help="pages tried side by side")
    asked = parser.parse_args()
    if asked.list:
        list_commands()
        return 0
    scripts = [script for script in documented_commands.scripts() if not asked.pages or script.page in asked.pages]
    by_page = [list(of_page) for _, of_page in groupby(scripts, key=lambda script: script.page)]
    started = time.monotonic()
    failed = check_declared()
    with tempfile.TemporaryDirectory(prefix="docs-check-") as name, ThreadPoolExecutor(asked.at_once) as pool:
        folder = Path(name)
        build = make_build(folder)
        sys.stdout.write(f"{time.monotonic() - started:10.0f} s  the build that they are tried in\n")
        failed += sum(pool.map(lambda of_page: check_page(of_page, folder, build), by_page))
    ran = sum(len(script.commands) for script in scripts)
    sys.stdout.write(f"{ran} commands run in {time.monotonic() - started:.0f} s, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
