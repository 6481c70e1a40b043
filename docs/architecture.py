"""Draws docs/architecture.svg, and the table of rooms in docs/architecture.md: `python docs/architecture.py`.

Floors are the layers of the import contract in pyproject.toml, boxes are rooms with their modules, and a line between
two boxes is at least one import. A test compares both files with what this would write.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from textwrap import wrap

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "src" / "scribetune"
PICTURE = REPOSITORY / "docs" / "architecture.svg"
PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: python docs/architecture.py -->", "<!-- end of rooms -->"

_WIDTH, _GAP, _LINE, _TITLE = 1180, 14, 14, 20
_CHARACTER = 6.3
_STYLE = """
text { font: 11px sans-serif; fill: #24292f } .room { font-weight: bold; font-size: 13px }
rect { fill: #f6f8fa; stroke: #57606a } path { fill: none; stroke: #8c959f; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } rect { fill: #161b22; stroke: #8b949e } }
"""


def floors() -> list[list[str]]:
    """Return the rooms of each layer, the highest first."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def modules(room: str) -> list[str]:
    """Return the modules of a room, those of a room in it as "tables/…"; sorted."""
    folder = PACKAGE / room
    found = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.py")]
    return sorted(name for name in found if not name.endswith("__init__"))


def meaning(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def imports() -> Iterator[tuple[str, str]]:
    """Yield (room, room it imports)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                parts = name.split(".")
                if len(parts) > 1 and parts[0] == "scribetune" and (PACKAGE / parts[1]).is_dir() and parts[1] != room:
                    yield room, parts[1]


def picture() -> str:
    """Return the SVG."""
    drawn: list[str] = []
    places: dict[str, tuple[float, float, float]] = {}
    top = 10.0
    for rooms in floors():
        width = (_WIDTH - _GAP * (len(rooms) - 1)) / len(rooms)
        texts = {room: _words(room, width) for room in rooms}
        height = _TITLE + 8 + _LINE * max(map(len, texts.values()))
        for number, room in enumerate(rooms):
            left = 10 + number * (width + _GAP)
            places[room] = (left + width / 2, top, top + height)
            drawn.append(f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" rx="6"/>')
            drawn.append(f'<text class="room" x="{left + 8:.0f}" y="{top + 16:.0f}">{escape(room)}</text>')
            for line, text in enumerate(texts[room]):
                y = top + _TITLE + 12 + _LINE * line
                drawn.append(f'<text x="{left + 8:.0f}" y="{y:.0f}">{escape(text)}</text>')
        top += height + 2 * _GAP
    lines = [_arrow(places, above, below) for above, below in sorted(set(imports())) if {above, below} <= places.keys()]
    size = f'width="{_WIDTH + 20}" height="{top:.0f}" viewBox="0 0 {_WIDTH + 20} {top:.0f}"'
    body = "\n".join([*lines, *drawn])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<title>Rooms; imports run downwards</title>'
    return f"{head}\n<style>{_STYLE}</style>\n{body}\n</svg>\n"


def _words(room: str, width: float) -> list[str]:
    return wrap(", ".join(modules(room)), int((width - 16) / _CHARACTER), break_on_hyphens=False)


def _arrow(places: Mapping[str, tuple[float, float, float]], above: str, below: str) -> str:
    x, _, y = places[above]
    to_x, to_y, _ = places[below]
    return f'<path d="M{x:.0f} {y:.0f} C{x:.0f} {y + 30:.0f} {to_x:.0f} {to_y - 30:.0f} {to_x:.0f} {to_y:.0f}"/>'


def table() -> str:
    """Return the rooms, highest floor first, a line each."""
    lines = ["| room | what is in it |", "|---|---|"]
    lines += [f"| `{room}/` | {meaning(room)} |" for rooms in floors() for room in rooms]
    return "\n".join(lines)


def page() -> str:
    """Return docs/architecture.md with the table of today."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
