"""Pages whose label is the truth: the sample corpus, documents of the zoo, ICDAR 2013 where it is there."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from zoo.documents import shared_out, table_document, text_document
from zoo.scores import table_score, text_score
from zoo.styles import TABLES, TEXTS

from scribetune.core.config import Config
from scribetune.documents import rendering
from scribetune.labels import shard, witnesses
from scribetune.labels.doubts import Finding
from scribetune.labels.reader import LabelSettings, label_document
from scribetune.samples import corpus
from scribetune.samples.typesetting import Typesetter

Row = dict[str, Any]


@dataclass(frozen=True)
class ReadPage:
    """A page as the build reads it: the rows of both manifests joined, and what its witnesses were asked."""

    source: str
    path: Path
    row: Row
    text: str
    asked: tuple[Any, ...]  # the label as it was compared, words, boxes left out
    has_latex: bool


def read(path: Path, source: str, image_reader: str = "none") -> Iterator[ReadPage]:
    """Read a PDF with the default configuration, one page after the other; what is refused is left out.

    Page images are read by nobody, unless it is said by whom.
    """
    config = Config()
    most, limit_s = config.selection, 60.0
    limits = rendering.LayerLimits(most.max_unmapped_share, most.max_invisible_share, most.max_hidden_share)
    images, own = config.documents, config.labels
    drawing = rendering.RenderSettings(
        config.pages.long_side_px, config.pages.color, limit_s, "", images.memory_mb, images.max_megapixels,
        images.max_pages, limits,
    )  # fmt: skip
    labelling = LabelSettings(
        own.headers_footers, own.tables, own.formulas, own.tags, limit_s, "", agreement=image_reader
    )
    calls: list[tuple[tuple[Any, ...], bool]] = []
    original = witnesses.of_page

    def noted(*arguments: Any, has_latex: bool = False) -> tuple[Finding, ...]:
        calls.append((arguments, has_latex))
        return original(*arguments, has_latex=has_latex)

    with tempfile.TemporaryDirectory() as folder, _inside(folder), mock.patch.object(witnesses, "of_page", noted):
        drawn = rendering.render_document("d", str(path), path.name, "", "", drawing)
        document = next(drawn)
        rows = {row.page: rendering.judge(row, limits) for row in drawn}
        told = [vars(row) for row in rows.values()]
        labelled = label_document(
            "d", str(path), "", labelling, shard.usable_pages(document.status, told), shard.pages_with_unseen(told)
        )
        for step in labelled:
            if isinstance(step, str):
                continue
            row = {**vars(rows[step.row.page]), **vars(step.row)}
            row |= {"status_page": rows[step.row.page].status, "status_label": step.row.status}
            text = Path(step.row.label).read_text(encoding="utf-8") if step.row.label else ""
            arguments, has_latex = calls[-1] if calls else (("", (), ()), False)
            calls.clear()
            yield ReadPage(source, path, row, text, arguments, has_latex)


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def good(folder: Path, count: int, seed: int) -> Iterator[ReadPage]:
    """Yield about so many pages whose label is the truth; their PDFs are written into the folder."""
    with Typesetter() as typesetter:
        for spec in corpus.plan(count // 5, seed, corpus.LANGUAGES):
            document = corpus.generate(spec)
            path = folder / f"{spec.name}.pdf"
            path.write_bytes(corpus.compile_pdf(document, typesetter))
            for page in read(path, "sample"):
                if page.text == document.truths[page.row["page"] - 1]:
                    yield page
        for style, number in shared_out(TEXTS, count // 3):
            made = text_document(typesetter, style, number, seed)
            path = folder / f"text-{TEXTS.index(style):02}-{number:03}.pdf"
            path.write_bytes(made.pdf)
            for page in read(path, "zoo, texts"):
                if text_score(made.blocks, page.text).ordered == 1:
                    yield page
        for style, number in shared_out(TABLES, count // 3):
            table = table_document(typesetter, style, number, seed)
            path = folder / f"table-{TABLES.index(style):02}-{number:03}.pdf"
            path.write_bytes(table.pdf)
            pages = list(read(path, "zoo, tables"))
            if table_score(table.tables, {page.row["page"]: page.text for page in pages}).exact == 1:
                yield from pages
