"""Promises about the documentation: what a page names exists, and both READMEs say the same."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from scribetune import cli
from scribetune.core.config import Config
from support import documentation, documented_commands
from support.documentation import DOCS, OTHERS, PAGES, READMES, REPOSITORY, USER_PAGES, code, headings, links, text_of

# The log and the change log speak of what was there then.
PRESENT = tuple(page for page in PAGES if page not in ("docs/log.md", "CHANGELOG.md"))
# Of the other pages, the tables of keys and the model's card are generated: values in them look like commands.
INSTRUCTIONS = tuple(page for page in PRESENT if page not in OTHERS)
WIDTH = 120

# Written by a build, so that a fresh clone has none of them.
OUTPUTS = ("benchmarks/jobs",)
OF_SNAKEMAKE = "Error: Directory cannot be locked."
# Words like `report.html` name files, not keys.
FILES = (".py", ".md", ".csv", ".html", ".smk", ".jsonl")

PATH = re.compile(
    r"(?<![\w/.<>~-])(?:scripts|rules|tests|docs|config|envs|benchmarks|measurements|src)/[\w./*-]*[\w*/]"
)
KEY = re.compile(rf"(?<![\w./])({'|'.join(Config.model_fields)})\.([a-z0-9_]+(?:\.[a-z0-9_]+)*)(?![\w/])")
KEY_IN_BRACES = re.compile(r"(?<!\w)([a-z_]+)=\{([a-z0-9_]+):")


def test_lines_of_the_readmes_are_short() -> None:
    long = [f"{page}:{number}" for page in READMES
            for number, line in enumerate(text_of(page).splitlines(), 1) if len(line) > WIDTH]  # fmt: skip
    assert not long, f"longer than {WIDTH} characters; shorten a table's cells: {long}"


def test_no_page_has_both_sides_of_a_merge() -> None:
    assert not [page for page in PAGES if re.search(r"^(?:<<<<<<<|>>>>>>>)", text_of(page), re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file_and_its_heading(page: str) -> None:
    broken = []
    for link, target, anchor in links(page):
        is_broken = not target.exists()
        if anchor and not is_broken:
            is_broken = anchor not in documentation.anchors(target.resolve().relative_to(REPOSITORY).as_posix())
        broken += [link] if is_broken else []
    assert not broken


def test_every_page_is_in_the_index_of_its_folder() -> None:
    missing = []
    for page in map(Path, DOCS):
        index = page.parent / "README.md"
        if page == index:
            index = page.parent.parent / "README.md"
        targets = {target.resolve() for _, target, _ in links(index.as_posix())}
        missing += [] if (REPOSITORY / page).resolve() in targets else [f"{page} is not in {index}"]
    assert not missing


def test_the_index_is_linked_where_readers_begin() -> None:
    for page in (*READMES, "CONTRIBUTING.md"):
        assert "docs/README.md" in [link for link, _, _ in links(page)], page
    assert next(links("CONTRIBUTING.md"))[0] == "docs/architecture.md"


def test_both_readmes_say_the_same_section_by_section() -> None:
    english, chinese = (documentation.sections(page) for page in READMES)
    assert [section.level for section in english] == [section.level for section in chinese]
    for ours, theirs in zip(english, chinese, strict=True):
        assert ours.commands == theirs.commands, ours.heading
        assert ours.links - Counter(READMES) == theirs.links - Counter(READMES), ours.heading
        assert ours.spans == theirs.spans, ours.heading
        assert ours.rows == theirs.rows, ours.heading
    assert READMES[1] in english[0].links
    assert READMES[0] in chinese[0].links


@pytest.mark.parametrize("page", PRESENT)
def test_every_path_in_code_exists(page: str) -> None:
    paths = {path for line in code(page) for path in PATH.findall(line)}
    missing = [path for path in sorted(paths)
               if not path.startswith(OUTPUTS) and not any(REPOSITORY.glob(path.rstrip("/")))]  # fmt: skip
    assert not missing


def lacking_words(line: str, commands: dict[str, click.Command], rules: set[str], targets: set[str]) -> list[str]:
    """Return the commands and options in a line of code that nothing of this repository knows."""
    lacking = []
    for name in re.findall(r"(?<![\w-])(?<!git )make ([a-z][a-z-]*)", line):  # apt-get install git make …
        lacking += [] if name in targets else [f"make {name}"]
    for name in re.findall(r"\bsnakemake ([a-z][a-z_]*)", line):
        lacking += [] if name in rules else [f"snakemake {name}"]
    for name, rest in re.findall(r"(?<![\w/.])scribetune ([a-z][a-z-]*)([^#|;]*)", line):
        if name not in commands:
            lacking.append(f"scribetune {name}")
            continue
        options = {option for parameter in commands[name].params for option in parameter.opts}
        wanted = re.findall(r"(?<!\S)--[a-z-]+", rest)
        lacking += [f"scribetune {name} {option}" for option in wanted if option not in options]
    for script, rest in re.findall(r"\bpython (\w+/\w+\.py)([^#]*)", line):
        source = text_of(script) if (REPOSITORY / script).is_file() else ""
        lacking += [f"{script} {option}" for option in re.findall(r"--[a-z-]+", rest)
                    if option != "--help" and f'"{option}"' not in source]  # fmt: skip
    return lacking


@pytest.mark.parametrize("page", INSTRUCTIONS)
def test_every_command_and_option_exists(page: str) -> None:
    application: Any = typer.main.get_command(cli.app)
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of("Makefile"), re.MULTILINE))
    files = [REPOSITORY / "Snakefile", *REPOSITORY.glob("rules/*.smk"), *REPOSITORY.glob("pretraining/Snakefile")]
    rulebook = "\n".join(path.read_text(encoding="utf-8") for path in files)
    rules = set(re.findall(r"^(?:rule|use rule \w+ as) (\w+)", rulebook, re.MULTILINE))
    lacking = [word for line in code(page) for word in lacking_words(line, application.commands, rules, targets)]
    assert not lacking


def has_key(dotted: str) -> bool:
    """Return whether the configuration has a key, given with its sections."""
    model: Any = Config
    for name in dotted.split("."):
        if name not in getattr(model, "model_fields", {}):
            return False
        model = model.model_fields[name].annotation
    return True


@pytest.mark.parametrize("page", INSTRUCTIONS)
def test_every_configuration_key_in_code_exists(page: str) -> None:
    named = {f"{section}.{key}" for line in code(page) for section, key in KEY.findall(line)}
    named |= {f"{section}.{key}" for line in code(page) for section, key in KEY_IN_BRACES.findall(line)}
    missing = [key for key in sorted(named) if not has_key(key) and Path(key).suffix not in FILES]
    assert not missing, "config/README.md lists all keys"


def test_every_command_of_a_users_page_is_run_or_declared() -> None:
    unknown = [command for command in documented_commands.commands() if not documentation.is_command(command.text)]
    assert not unknown, "make docs-check cannot tell whether this is a command: a program for support/documentation.py?"


def test_nothing_is_declared_or_replaced_that_no_page_has() -> None:
    texts = [command.text for command in documented_commands.commands()]
    whole = [*documented_commands.DECLARED, *documented_commands.STATUS]
    stale = [pattern for pattern in whole if not any(re.fullmatch(pattern, text) for text in texts)]
    stale += [part for part in documented_commands.SUBSTITUTES if not any(re.search(part, text) for text in texts)]
    assert not stale


def test_every_message_of_the_faq_is_one_that_is_given() -> None:
    sources = [*REPOSITORY.glob("src/**/*.py"), REPOSITORY / "envs" / "install"]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    # A string in two literals, one below the other, is one message.
    given = re.sub(r"""["']\s*\n?\s*f?["']""", "", texts)
    messages = [heading.removeprefix("### ").strip("`") for heading in headings("docs/faq.md") if heading[:4] == "### "]
    assert OF_SNAKEMAKE in messages
    unknown = [message for message in messages for part in message.split("…")
               if message != OF_SNAKEMAKE and part.strip() not in given]  # fmt: skip
    assert not unknown, "no code says so any more"


def test_pages_for_users_leave_out_the_log_of_experiments_and_what_they_do_not_have() -> None:
    index = "docs/README.md"
    found = [page for page in USER_PAGES if page != index for link, _, _ in links(page) if "log.md" in link]
    found += [page for page in USER_PAGES if "../shared" in text_of(page)]
    assert not found
