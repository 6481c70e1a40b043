"""How each command of the documentation is run by `make docs-check`, or why it is not.

A command is run as it stands, but for `SUBSTITUTES`: words that stand for something of a user's. What cannot be run in
a small build on any machine is in `DECLARED`, with the reason; of these commands the options are looked up.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from support.documentation import USER_PAGES, Command, command_blocks, command_spans

BUILD = "make --old-file env build"
"""The build that every page is tried in: README's first command, without the environment, which is here."""

NETWORK = "needs a network"

DECLARED = {
    r"make env.*": "tests/unit/test_environment.py runs what it calls",
    r"make test": "it is all tests, which have their own way into every place where tests run",
    r"PIP_EXTRA_INDEX_URL=.*|pip install .*|SCRIBETUNE_ROC_VALIDATOR=.*|uvx .*|git lfs pull": NETWORK,
    r"hf (download|upload)( .*)?|git clone ADDRESS .*": NETWORK,
    r"sudo apt-get .*|pip config set .*|scribetune --install-completion": "changes the machine",
    r"ssh -L .*": "needs a second machine",
    r"make storage-env": "tests/workflow/test_object_storage.py runs with it, where an S3 server is installed",
    r"scribetune track .*": "tests/integration/test_trackers.py runs it, where trackers are installed",
    r"dvc remote modify .*": "needs an account with S3",
    r"(SCRIBETUNE_DATASET_READERS=.*|python -m venv .* && .* install .*)": NETWORK,
    r"git clone \. (planted|next) && .*": "builds the sample corpus twice: the command of a figure",
    r"(snakemake|scribetune build) suspects.*": "reads every training page with a second reader",
    r"snakemake learning_curve .*": "ten trainings",
    r"scribetune build reports/predictions/tuned_train.jsonl": "of the build that the command before it makes",
    r"python measurements/.*": "takes hours, gigabytes or a GPU: the command of a figure",
    r"(SCRIBETUNE_\w+=1 )?pytest tests/(conformance|integration|unit)/.*": "is a test",
    r"make serving-env|scribetune (serve|convert .*--endpoint)( .*)?|(snakemake|scribetune build) parity.*": (
        "tests/integration/test_serving.py runs it, where vLLM is installed"
    ),
    r"scribetune build --profile .*": "tests/workflow/test_slurm.py runs it, where Slurm is installed",
    r"snakemake --config … labels|snakemake --resources gpu=1 labels": "is a mistake, shown as one",
    r"git (clone|pull)|git pull && dvc pull|dvc gc|ssh-keygen -Y": "is the name of a command, without its arguments",
}
"""Pattern of the whole command: why it is not run."""

_OTHER_BUILD = r"--raw |--(?:folder|directory) (?:elsewhere|another-folder)|epochs|task\.prompt"

SUBSTITUTES = {
    r"^make build": BUILD,
    r"/path/to/pdfs": "{folder}/pdfs",
    r"/models/(DeepSeek-OCR-2|GLM-OCR)": "{project}/models/tiny",
    r"\btomorrow\.pdf\b": "{folder}/pdfs/a.pdf",
    r"/data/OmniDocBench/OmniDocBench\.json": "{folder}/truth.jsonl",
    r"\b(REV|v[12])\b": "HEAD",
    r"\bMODEL\b": "models/tiny",
    r"\bREF\b|\bHYP\b": "{folder}/truth.jsonl",
    r"\bDOC/p0001\b": "sample-en-lab-003/p0001",
    r"\bPDF\b": "a.pdf",
    r"dvc exp apply NAME": "dvc exp apply $(dvc exp list --name-only | head -1)",
    r"reports/benchmarks/<name>": "reports/benchmarks/omnidocbench",
    r"s3://bucket/path": "{folder}/storage",
    r"~/\.ssh/id_ed25519": "{folder}/key",
    r"^git clone … && cd … && make env": "git clone --quiet {project} colleague && cd colleague",
    r"\bcompare A B\b": "compare HEAD .",
    r"\.\./(first|second)": "{project}",
    r"\bsaved-reports\b": "{folder}/saved-reports",
    r"^scribetune clean$": "scribetune clean --yes",
    r"^git commit ": "git commit --allow-empty ",
    # The other build of an example is not here; what is asked about it is asked about this one.
    r"^(scribetune (?:summary|verify|review) )--folder elsewhere": r"\1--folder .",
    # A page that is served until Ctrl-C is ended as soon as it says where.
    r"^(scribetune (?:review|demo).*)": r"served \1 --port 0",
    # Another corpus or other settings are planned, not built; so is a full-size model, which is not here.
    rf"^(scribetune build\b.*(?:{_OTHER_BUILD}).*)": r"\1 --dry-run",
    r"^(scribetune build\b.*config/deepseek-ocr-2\.yaml.*)": r"\1 --folder full-size --dry-run",
    r"^(snakemake\b.*epochs.*)": r"\1 --dry-run",
}
"""Pattern within a command: what stands for it here; {folder} holds the files of the check, {project} the build."""

STATUS = {
    r"snakemake gate.*|scribetune build gate.*": (0, 1),
}
"""Exit statuses that are an answer, where it is not 0 alone."""


@dataclass(frozen=True)
class Script:
    """Commands of one block, or one command of a text, as they are run: in one shell, until one fails."""

    page: str
    commands: tuple[str, ...]


def declared(text: str) -> str:
    """Return why a command is not run; empty where it is."""
    return next((why for pattern, why in DECLARED.items() if re.fullmatch(pattern, text)), "")


def substituted(text: str) -> str:
    """Return a command with its substitutes, {folder} and {project} in them."""
    text = text.replace("{", "{{").replace("}", "}}")
    for pattern, substitute in SUBSTITUTES.items():
        text = re.sub(pattern, substitute, text)
    return text


@cache
def commands() -> tuple[Command, ...]:
    """Return all commands of the pages for users, those of blocks first."""
    blocks = [command for page in USER_PAGES for block in command_blocks(page) for command in block]
    return (*blocks, *(command for page in USER_PAGES for command in command_spans(page)))


def scripts() -> list[Script]:
    """Return what is run, page by page: every command once, but for blocks, which are run whole or not at all."""
    found: list[Script] = []
    done = {BUILD}
    for page in USER_PAGES:
        for block in command_blocks(page):
            texts = tuple(substituted(command.text) for command in block if not declared(command.text))
            # What a page has changed is built there, though the same words are run elsewhere too.
            if not set(texts) <= done or texts == ("snakemake",):
                found.append(Script(page, texts))
                done.update(texts)
    for page in USER_PAGES:
        for command in command_spans(page):
            text = substituted(command.text)
            # `scribetune touched-by` in a text names the command that a block runs with its arguments.
            is_done = any(f"{other} ".startswith(f"{text} ") for other in done)
            if not declared(command.text) and not is_done:
                found.append(Script(page, (text,)))
                done.add(text)
    return sorted(found, key=lambda script: USER_PAGES.index(script.page))


def statuses(text: str) -> tuple[int, ...]:
    """Return the exit statuses with which a command has done what it says."""
    return next((accepted for pattern, accepted in STATUS.items() if re.fullmatch(pattern, text)), (0,))


def lacking_options(text: str, help_of: Callable[[tuple[str, ...]], str]) -> list[str]:
    """Return the options in a command that its program's help does not name.

    Args:
        text: A command, such as `hf download NAME --revision R`.
        help_of: Gets the words before the first option or name in capitals; returns their `--help`.
    """
    words = [word for word in text.split() if not re.match(r"[A-Z_]+=", word)]
    program = [words[0]]
    program += [word for word in words[1:3] if re.fullmatch(r"[a-z][a-z-]*", word)] if words[0] in _SUBCOMMANDS else []
    options = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    if not options or words[0] not in _WITH_HELP:
        return []
    shown = help_of(tuple(program))
    return [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown)]


_SUBCOMMANDS = ("hf", "pip", "dvc", "scribetune")
_WITH_HELP = (*_SUBCOMMANDS, "snakemake", "pytest")
