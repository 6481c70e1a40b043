"""Fonts for pre-training: chosen from Debian packages, cut down to the vocabulary, with a list of what each can draw.

    apt-get install fonts-dejavu-core fonts-dejavu-extra fonts-liberation fonts-freefont-ttf fonts-crosextra-carlito \
        fonts-crosextra-caladea fonts-linuxlibertine fonts-lmodern fonts-urw-base35 fonts-roboto-unhinted \
        fonts-open-sans fonts-lato fonts-inconsolata fonts-ebgaramond fonts-cantarell fonts-noto-cjk \
        fonts-wqy-microhei fonts-wqy-zenhei fonts-arphic-ukai fonts-arphic-uming
    pip install fonttools
    python -m tiny_pretraining.fonts --out fonts

The folder (about 3 MB) is what `tiny_pretraining --fonts` reads; it needs Pillow alone there.
"""

import argparse
import json
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scribetune.core import files
from scribetune.core.errors import UserError
from tiny_pretraining.tiny_model import characters

logger = logging.getLogger(__name__)

CATALOGUE = "fonts.json"
Script = Literal["latin", "han"]

_ROOTS = (Path("/usr/share/fonts"), Path("/usr/share/texmf/fonts"))
_LATIN = (
    "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSansCondensed.ttf",
    "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSans-Italic.ttf",
    "LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf", "LiberationSerif-Italic.ttf",
    "LiberationMono-Regular.ttf", "LiberationSansNarrow-Regular.ttf", "FreeSerif.ttf", "FreeMono.ttf",
    "Caladea-Regular.ttf",
    "LinLibertine_R.otf", "LinLibertine_RB.otf", "LinLibertine_RI.otf", "LinBiolinum_R.otf",
    "lmroman10-regular.otf", "lmroman10-bold.otf", "lmroman10-italic.otf", "lmsans10-regular.otf",
    "NimbusSans-Regular.otf", "C059-Roman.otf", "URWBookman-Light.otf", "URWGothic-Book.otf",
    "Roboto-Regular.ttf", "Roboto-Bold.ttf", "OpenSans-Regular.ttf", "OpenSans-Semibold.ttf", "Lato-Regular.ttf",
    "EBGaramond12-Regular.otf", "Cantarell-Regular.otf",
)  # fmt: skip
_LATIN_HELD_OUT = ("Carlito-Regular.ttf", "P052-Roman.otf", "Inconsolata.otf")
# Number of the face inside a collection; 2 is simplified Chinese in Noto's.
_HAN = (
    ("NotoSansCJK-Regular.ttc", 2), ("NotoSansCJK-Bold.ttc", 2), ("NotoSerifCJK-Regular.ttc", 2), ("uming.ttc", 0),
    ("ukai.ttc", 0), ("wqy-microhei.ttc", 0),
)  # fmt: skip
_HAN_HELD_OUT = (("wqy-zenhei.ttc", 0),)


@dataclass(frozen=True)
class Font:
    """A font that pages are drawn with.

    Attributes:
        path: Of the file.
        script: What it is for.
        held_out: Whether it is kept for evaluation.
        characters: What it can draw, of the vocabulary.
    """

    path: Path
    script: Script
    held_out: bool
    characters: frozenset[str]


def read(folder: Path) -> tuple[Font, ...]:
    """Read a folder made by `prepare`, in a fixed order.

    Raises:
        UserError: There is no catalogue, or not at least one font of each script to train with.
    """
    path = folder / CATALOGUE
    if not path.is_file():
        raise UserError(
            "There is no catalogue of fonts",
            value=str(path),
            accepted="a folder made by `python -m tiny_pretraining.fonts --out DIR`",
            todo="make it, and name it with --fonts",
        )
    rows = json.loads(path.read_text(encoding="utf-8"))
    fonts = tuple(
        Font(folder / row["file"], row["script"], row["held_out"], frozenset(row["characters"])) for row in rows
    )
    for script in ("latin", "han"):
        if not any(font.script == script and not font.held_out for font in fonts):
            raise UserError(f"No {script} font to train with", value=str(path), todo="prepare the fonts again")
    return fonts


def prepare(target: Path, roots: Sequence[Path] = _ROOTS) -> tuple[Font, ...]:
    """Find the fonts, cut them down to the vocabulary with pyftsubset, and write the catalogue.

    Raises:
        UserError: A font or pyftsubset is missing.
        subprocess.CalledProcessError: pyftsubset fails.
    """
    from scribetune.samples.typesetting import cjk_font

    program = shutil.which("pyftsubset")
    if program is None:
        raise UserError("pyftsubset is not installed", todo="pip install fonttools")
    found = {path.name: path for root in reversed(roots) for path in sorted(root.rglob("*")) if path.is_file()}
    wanted: list[tuple[str, int, Script, bool]] = [
        *((name, 0, "latin", False) for name in _LATIN),
        *((name, 0, "latin", True) for name in _LATIN_HELD_OUT),
        *((name, face, "han", False) for name, face in _HAN),
        *((name, face, "han", True) for name, face in _HAN_HELD_OUT),
    ]
    missing = [name for name, *_ in wanted if name not in found]
    if missing:
        raise UserError("Fonts are missing", value=missing, todo="install the packages named in this module")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        droid = Path(temporary) / "DroidSansFallback.ttf"
        droid.write_bytes(cjk_font())
        sources = [
            *((found[name], face, script, held) for name, face, script, held in wanted),
            (droid, 0, "han", False),
        ]
        for source, face, script, held_out in sources:
            path = target / f"{source.stem}{'.otf' if source.suffix == '.otf' else '.ttf'}"
            _subset(program, source, face, path)
            drawn = _coverage(path)
            rows.append({"file": path.name, "script": script, "held_out": held_out, "characters": "".join(drawn)})
    files.write_json(target / CATALOGUE, rows)
    return read(target)


def _subset(program: str, source: Path, face: int, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as text:
        text.write("".join(characters()))
        text.flush()
        subprocess.run(  # noqa: S603  (a fixed program with our own arguments)
            [
                program,
                str(source),
                f"--font-number={face}",
                f"--text-file={text.name}",
                "--layout-features=",  # ligatures and alternates would be glyphs of no single character
                "--notdef-outline",
                "--name-IDs=0,1,2,4,6,13",
                "--legacy-kern",
                f"--output-file={target}",
            ],
            check=True,
        )


def _coverage(path: Path) -> list[str]:
    import pymupdf

    known = set(pymupdf.Font(fontfile=str(path)).valid_codepoints())
    return [character for character in characters() if ord(character) in known]


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Prepare the fonts that pre-training pages are drawn with.")
    parser.add_argument("--out", type=Path, required=True, help="where to write them")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    fonts = prepare(options.out)
    logger.info("%d fonts, %.1f MB", len(fonts), sum(font.path.stat().st_size for font in fonts) / 1e6)


if __name__ == "__main__":
    main()
