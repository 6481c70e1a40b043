"""Texts that pages in the browser and their servers show, read off their sources: what a catalogue must translate."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_STRING = r'"((?:[^"\\]|\\.)*)"'


def of_python(path: Path, calls: frozenset[str]) -> Iterator[str]:
    """Yield the texts given to what people are told with, by name or as they stand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        for given in node.args[:2] if called in calls else []:
            text = named.get(given.id) if isinstance(given, ast.Name) else getattr(given, "value", None)
            if isinstance(text, str):
                yield text


def of_script(text: str) -> Iterator[str]:
    """Yield the texts given to `t`, and those of the tables that it is asked with values of."""
    for call in re.findall(r"\bt\((?:[^()\"]|\"(?:[^\"\\]|\\.)*\")*", text):
        yield from re.findall(_STRING, call)
    for table in re.findall(r"^const [A-Z]+ = [\[{](.*?)[\]}];$", text, re.DOTALL | re.MULTILINE):
        yield from re.findall(_STRING, table)
    yield from re.findall(rf"^const [A-Z]+ = {_STRING};", text, re.MULTILINE)


def of_template(text: str) -> Iterator[str]:
    """Yield the texts given to `t` in a template."""
    for pair in re.findall(r"""\bt\((?:"([^"]*)"|'([^']*)')""", text):
        yield from filter(None, pair)


def shown(sources: Iterable[Path], calls: frozenset[str], script: Path, template: Path) -> set[str]:
    """Return everything that a page and its server show to people, in English.

    `calls` are the functions and classes of the sources that are given texts.
    """
    texts = {text for path in sources for text in of_python(path, calls)}
    texts |= set(of_script(script.read_text(encoding="utf-8")))
    return texts | set(of_template(template.read_text(encoding="utf-8")))
