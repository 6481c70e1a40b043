"""Promises about the documentation: what a page names exists, and both READMEs say the same."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from scribetune import cli
from scribetune.core.config import Config

REPOSITORY = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCS = sorted(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/**/*.md"))
TOP = (*READMES, "CONTRIBUTING.md", "CHANGELOG.md")
OTHERS = ("config/README.md", "models/tiny/README.md", "data/corrections/README.md", "pretraining/README.md")
PAGES = (*TOP, *DOCS, *OTHERS)
# The log and the change log speak of what was there then.
PRESENT = tuple(page for page in PAGES if page not in ("docs/log.md", "CHANGELOG.md"))
# Of the other pages, the tables of keys and the model's card are generated: values in them look like commands.
INSTRUCTIONS = tuple(page for page in PRESENT if page not in OTHERS)
WIDTH = 120

# Written by a build, so that a fresh clone has none of them.
OUTPUTS = ("benchmarks/jobs",)
# Words like `report.html` name files, not keys.
FILES = (".py", ".md", ".csv", ".html", ".smk", ".jsonl")

LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(
    r"(?<![\w/.<>~-])(?:scripts|rules|tests|docs|config|envs|benchmarks|measurements|src)/[\w./*-]*[\w*/]"
)
KEY = re.compile(rf"(?<![\w./])({'|'.join(Config.model_fields)})\.([a-z0-9_]+(?:\.[a-z0-9_]+)*)(?![\w/])")
KEY_IN_BRACES = re.compile(r"(?<!\w)([a-z_]+)=\{([a-z0-9_]+):")


def text_of(page: str) -> str:
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[list[str]]:
    """Return the indented and the fenced blocks of a page, line by line; text that continues a list is none."""
    found: list[list[str]] = [[]]
    is_fenced, before = False, ""
    for line in text_of(page).splitlines():
        is_fence = line.startswith("```")
        is_fenced ^= is_fence
        is_indented = line.startswith("    ") and (bool(found[-1]) or not before)
        if not is_fence and (is_fenced or is_indented):
            found[-1].append(line.removeprefix("    "))
        elif found[-1]:
            found.append([])
        before = line
    return [block for block in found if block]


def without_code(page: str) -> str:
    """Return a page without its blocks and code spans."""
    lines = {f"    {line}" for block in blocks(page) for line in block}
    kept = "\n".join(line for line in text_of(page).splitlines() if line not in lines)
    return re.sub(r"`[^`]*`", "", kept)


def code(page: str) -> list[str]:
    """Return the code of a page: its blocks' lines, a continued line as one, and its spans."""
    lines = [line for block in blocks(page) for line in re.sub(r"\\\n\s*", "", "\n".join(block)).splitlines()]
    paragraphs = re.split(r"\n\s*\n|\n(?=[|])", text_of(page))
    return lines + [" ".join(span.split()) for text in paragraphs for span in re.findall(r"`([^`]+)`", text)]


def headings(page: str) -> list[str]:
    lines = {line for block in blocks(page) for line in block}
    return [line for line in text_of(page).splitlines() if re.match(r"#{1,6} ", line) and line not in lines]


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    found: Counter[str] = Counter()
    names = set()
    for heading in headings(page):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading.lstrip("# ")).lower()
        name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def links(page: str) -> Iterator[tuple[str, Path, str]]:
    """Yield the relative links of a page: as written, the file, the anchor."""
    for link in LINK.findall(without_code(page)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (REPOSITORY / page).parent / path if path else REPOSITORY / page, anchor


def test_lines_of_the_readmes_are_short() -> None:
    long = [f"{page}:{number}" for page in READMES
            for number, line in enumerate(text_of(page).splitlines(), 1) if len(line) > WIDTH]  # fmt: skip
    assert not long, f"longer than {WIDTH} characters; shorten a table's cells: {long}"


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file_and_its_heading(page: str) -> None:
    broken = []
    for link, target, anchor in links(page):
        is_broken = not target.exists()
        if anchor and not is_broken:
            is_broken = anchor not in anchors(target.resolve().relative_to(REPOSITORY).as_posix())
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


def test_both_readmes_have_the_same_headings_commands_and_links() -> None:
    def commands(page: str) -> list[str]:
        return [re.sub(r"\s+# .*", "", line) for block in blocks(page) for line in block]

    def targets(page: str) -> Counter[str]:
        return Counter(link for link, _, _ in links(page) if link not in READMES)

    english, chinese = READMES
    assert len(headings(english)) == len(headings(chinese))
    assert commands(english) == commands(chinese)
    assert targets(english) == targets(chinese)


@pytest.mark.parametrize("page", PRESENT)
def test_every_path_in_code_exists(page: str) -> None:
    paths = {path for line in code(page) for path in PATH.findall(line)}
    missing = [path for path in sorted(paths)
               if not path.startswith(OUTPUTS) and not any(REPOSITORY.glob(path.rstrip("/")))]  # fmt: skip
    assert not missing


def lacking_words(line: str, commands: dict[str, click.Command], rules: set[str], targets: set[str]) -> list[str]:
    """Return the commands and options in a line of code that nothing of this repository knows."""
    lacking = []
    for name in re.findall(r"(?<![\w-])make ([a-z][a-z-]*)", line):
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
