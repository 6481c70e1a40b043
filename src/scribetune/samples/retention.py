"""Plain-text pages outside the user's domain: the retention set, never trained on, and pages that trainings replay.

Pages are set by the project's own page generator: lines of shuffled words and numbers, transcribed line by line. The
retention set shows what was forgotten; those that a training takes into its batches (`train.replay`) are against it.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.samples import phrases
from scribetune.samples.blocks import Lines, Page
from scribetune.samples.typesetting import Style, Typesetter, choose_style, fits, source, text_width_em

_MOST_LINES = 9


@dataclass(frozen=True)
class RetentionPage:
    """One page of the retention set."""

    id: str  # `retention-en-001/p0001`
    style: Style  # its look, and its language
    lines: tuple[str, ...]  # what it says


def make_pages(count: int, seed: int, languages: Sequence[str], kind: str = "retention") -> list[RetentionPage]:
    """Compose the pages, the languages in turn; the same arguments give the same pages, another kind other ones."""
    made = []
    for index in range(count):
        language = languages[index % len(languages)]
        rng = random.Random(f"{kind}:{seed}:{language}:{index}")  # noqa: S311  reproducible, not secret
        style = choose_style(rng, language)
        name = f"{kind}-{language}-{index + 1:03d}/p0001"
        made.append(RetentionPage(name, style, _lines(rng, style, _words(language))))
    return made


def _words(language: str) -> list[str]:
    texts = [text for group in phrases.load(language).slots.values() for text in group if "{" not in text]
    if language == "zh":
        return sorted({text for text in texts if re.fullmatch(r"[\u4e00-\u9fff]{2,5}", text)})
    return sorted({word for text in texts for word in re.findall(r"[A-Za-z]{3,}", text)})


def _lines(rng: random.Random, style: Style, words: Sequence[str]) -> tuple[str, ...]:
    glue = "" if style.language == "zh" else " "
    lines: list[str] = []
    while len(lines) < _MOST_LINES:
        line = ""
        for _ in range(rng.randint(2, 6)):
            word = f"{rng.randint(10, 99999):,}" if rng.random() < 0.15 else rng.choice(words)
            longer = f"{line}{glue}{word}" if line else word
            if text_width_em(longer, style) * style.size > style.line_length:
                break
            line = longer
        if not fits((Lines((*lines, line)),), style):
            break
        lines.append(line)
    return tuple(lines)


def build(pages: Sequence[RetentionPage], prompt: str, long_side_px: int, image_folder: Path, records: Path) -> None:
    """Render the pages and write their ShareGPT records, like those of the test split."""
    import pymupdf

    from scribetune.documents import page_images

    rows: list[dict[str, Any]] = []
    with Typesetter() as typesetter:
        for page in pages:
            pdf = pymupdf.open(stream=typesetter.pdf(source([Page((Lines(page.lines),))], page.style)), filetype="pdf")
            png = page_images.png(page_images.of_page(pdf[0], long_side_px, "auto"))
            document = page.id.partition("/")[0]
            image = image_folder / f"{document}.png"
            text = "\n".join(page.lines)
            files.write_bytes(image, png)
            rows.append(
                {
                    "id": page.id,
                    "document": document,
                    "page": 1,
                    "image_sha256": files.sha256_bytes(png),
                    "label_sha256": files.sha256_bytes(text.encode()),
                    "label_source": "generated",
                    "category": document.partition("-")[0],
                    "language": page.style.language,
                    "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": text}],
                    "images": [image.as_posix()],
                }
            )
    files.write_jsonl(records, rows)
