"""The pages of the documentation, read: their headings, links, code and commands."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCS = sorted(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/**/*.md"))
TOP = (*READMES, "CONTRIBUTING.md", "CHANGELOG.md")
OTHERS = ("config/README.md", "models/tiny/README.md", "data/corrections/README.md", "pretraining/README.md")
PAGES = (*TOP, *DOCS, *OTHERS)
FOR_CONTRIBUTORS = ("docs/architecture.md", "docs/log.md")
USER_PAGES = (
    *READMES,
    *(page for page in DOCS if page not in FOR_CONTRIBUTORS and not page.startswith("docs/evidence/")),
    "config/README.md",
    "data/corrections/README.md",
)
"""What users read; the others are for contributors."""

PROGRAMS = (
    *("make", "snakemake", "scribetune", "dvc", "git", "python", "pip", "hf", "pytest", "uvx"),
    *("ssh", "ssh-keygen", "cd", "cp", "head", "ls", "mkdir", ".", "sudo", "export"),
)
"""What a command begins with, after variables that are set for it."""

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_VARIABLES = r"(?:[A-Z_]+=\S+ )*"
_COMMAND = re.compile(rf"(?:\$ )?{_VARIABLES}({'|'.join(map(re.escape, PROGRAMS))})(?= |$)")


@dataclass(frozen=True)
class Command:
    """A command as a page has it, without its comment."""

    text: str
    page: str
    is_in_block: bool  # else within a line of text

    def __str__(self) -> str:
        """Return the command with its page."""
        return f"{self.page}: {self.text}"


@dataclass(frozen=True)
class Section:
    """What a section of a page has in it, whatever language it is written in.

    Attributes:
        heading: As it is written.
        level: Of the heading, from 1.
        commands: Lines of its blocks, without their comments.
        links: Relative links.
        spans: Code within lines of text.
        rows: Number of table rows.
    """

    heading: str
    level: int
    commands: list[str]
    links: Counter[str]
    spans: Counter[str]
    rows: int


def text_of(page: str) -> str:
    """Return a page."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[list[str]]:
    """Return the indented and the fenced blocks of a page, line by line; text that continues a list is none."""
    return _blocks(text_of(page))


def _blocks(text: str) -> list[list[str]]:
    found: list[list[str]] = [[]]
    is_fenced, before = False, ""
    for line in text.splitlines():
        is_fence = line.startswith("```")
        is_fenced ^= is_fence
        is_indented = line.startswith("    ") and (bool(found[-1]) or not before)
        if not is_fence and (is_fenced or is_indented):
            found[-1].append(line.removeprefix("    "))
        elif found[-1]:
            found.append([])
        before = line
    return [block for block in found if block]


def joined(block: list[str]) -> list[str]:
    """Return the lines of a block, a continued line as one."""
    return re.sub(r"\\\n\s*", "", "\n".join(block)).splitlines()


def _without_code(text: str) -> str:
    """Return a text without its blocks and code spans."""
    lines = {f"    {line}" for block in _blocks(text) for line in block}
    kept = "\n".join(line for line in text.splitlines() if line not in lines)
    return re.sub(r"`[^`]*`", "", kept)


def spans(page: str) -> list[str]:
    """Return the code spans of a page; a cell of a table is a paragraph of its own."""
    return _spans(text_of(page))


def _spans(text: str) -> list[str]:
    paragraphs = re.split(r"\n\s*\n|\n(?=[|])", text)
    return [" ".join(span.split()) for text in paragraphs for span in re.findall(r"`([^`]+)`", text)]


def code(page: str) -> list[str]:
    """Return the code of a page: its blocks' lines, a continued line as one, and its spans."""
    return [line for block in blocks(page) for line in joined(block)] + spans(page)


def headings(page: str) -> list[str]:
    """Return the headings of a page, with their signs."""
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
    for link in _LINK.findall(_without_code(text_of(page))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (REPOSITORY / page).parent / path if path else REPOSITORY / page, anchor


def sections(page: str) -> list[Section]:
    """Return the sections of a page in order, each without those below it."""
    text = text_of(page)
    found = []
    starts = [text.index(f"{heading}\n") for heading in headings(page)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        heading = part.partition("\n")[0]
        lines = [line for block in _blocks(part) for line in block]
        found.append(
            Section(
                heading=heading,
                level=len(heading) - len(heading.lstrip("#")),
                commands=[_without_comment(line) for line in lines],
                links=Counter(link for link in _LINK.findall(_without_code(part)) if not re.match(r"[a-z]+:", link)),
                spans=Counter(_spans(part)),
                rows=sum(line.startswith("|") for line in part.splitlines()),
            )
        )
    return found


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s+)#(\s.*|$)", "", line).rstrip()


def command_blocks(page: str) -> list[list[Command]]:
    """Return the blocks of a page that are commands.

    In a block that begins with `$ ` what lacks it is output; in another one whose first line is a command, every line
    that is not empty counts, known or not.
    """
    found = []
    for block in blocks(page):
        plain = textwrap.dedent("\n".join(block)).splitlines()  # one in a list lies deeper
        lines = [_without_comment(line) for line in joined(plain)]
        first = next(filter(None, lines), "")
        if first.startswith("$ "):
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif not _COMMAND.match(first):
            continue
        found.append([Command(line, page, is_in_block=True) for line in lines if line])
    return found


def is_command(text: str) -> bool:
    """Return whether a line begins with a program of `PROGRAMS`."""
    return _COMMAND.match(text) is not None


def command_spans(page: str) -> list[Command]:
    """Return the commands within lines of text: spans that begin with a program and have more than one word."""
    if page == "config/README.md":  # values in its table look like commands
        return []
    return [Command(span, page, is_in_block=False) for span in spans(page) if is_command(span) and " " in span]
