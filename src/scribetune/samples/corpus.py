"""The sample corpus: seeded small-format documents, compiled to PDF, with the Markdown they were made from.

It stands in while a user has no PDFs of their own, and label extraction is tested against its truth. `plan` is cheap:
it is called whenever the Snakefile is read, so neither Typst nor PyMuPDF is imported for it.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.core.errors import UserError

if TYPE_CHECKING:
    from scribetune.samples.blocks import Page
    from scribetune.samples.typesetting import Typesetter

logger = logging.getLogger(__name__)

KINDS = ("financial", "invoice", "lab", "memo")
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class SampleSpec:
    """One document of the sample corpus, before it is made."""

    name: str  # file name without its ending, unique in the corpus
    kind: str  # one of `KINDS`
    language: str  # one of `LANGUAGES`
    seed: int  # the corpus's seed
    index: int  # counted from 1
    design: int = 0  # number of its house style, counted from 1; 0: a look of its own


@dataclass(frozen=True)
class SampleDocument:
    """A composed document."""

    source: str  # Typst source
    pages: "tuple[Page, ...]"  # blocks by page
    truths: tuple[str, ...]  # Markdown by page


def plan(count: int, seed: int, languages: Sequence[str], designs: int = 0) -> list[SampleSpec]:
    """Name the documents of a corpus; languages, kinds and designs take turns.

    A document depends on its own index alone: a larger corpus begins with the smaller one's documents. There are so
    many `designs` (house styles) per language; 0: every document has a look of its own.

    Raises:
        UserError: `languages` is empty or holds an unknown one.
    """
    if not languages or not set(languages) <= set(LANGUAGES):
        raise UserError(
            "Unknown languages of the sample corpus",
            value=list(languages),
            accepted=f"one or more of {', '.join(LANGUAGES)}",
            todo="correct samples.languages",
        )
    specs = []
    for number in range(count):
        language = languages[number % len(languages)]
        kind = KINDS[number // len(languages) % len(KINDS)]
        design = number // len(languages) // len(KINDS) % designs + 1 if designs else 0
        specs.append(SampleSpec(f"sample-{language}-{kind}-{number + 1:03d}", kind, language, seed, number + 1, design))
    return specs


def generate(spec: SampleSpec) -> SampleDocument:
    """Compose a document from its seed; the same specification always gives the same document.

    Raises:
        DoesNotFitError: See `Composer.document`.
    """
    from scribetune.samples.compositions import Composer
    from scribetune.samples.sample_formulas import HouseRandom
    from scribetune.samples.typesetting import house_style, source

    # A string seed is hashed by its content (SHA-512), so documents are independent of each other and of the process.
    seed = f"{spec.seed}/{spec.language}/{spec.kind}/{spec.index}"
    if spec.design:
        house = HouseRandom(seed)
        house.house = f"{spec.seed}/{spec.design}"
        composer = Composer(spec.language, house, house_style(spec.seed, spec.language, spec.design))
    else:
        composer = Composer(spec.language, random.Random(seed))  # noqa: S311
    pages = composer.document(spec.kind)
    return SampleDocument(source(pages, composer.style), pages, tuple(page.markdown() for page in pages))


def compile_pdf(document: SampleDocument, typesetter: "Typesetter") -> bytes:
    """Compile a document to a tagged PDF, the same bytes on every run; each page is where its truth says.

    Raises:
        RuntimeError: It does not compile, or has another number of pages than truths.
    """
    import pymupdf

    data = typesetter.pdf(document.source)
    with pymupdf.open(stream=data, filetype="pdf") as pdf:
        if pdf.page_count != len(document.truths):
            raise RuntimeError(f"a sample page overflows: {pdf.page_count} pages instead of {len(document.truths)}")
    return data


def build(specs: Sequence[SampleSpec], pdf_folder: Path, truth_folder: Path) -> None:
    """Write `<pdf_folder>/<name>.pdf` and `<truth_folder>/<name>/p0001.md` for every document, atomically.

    Raises:
        RuntimeError: See `compile_pdf`.
        OSError: A file cannot be written.
    """
    from scribetune.samples.typesetting import Typesetter

    pages = 0
    with Typesetter() as typesetter:
        for spec in specs:
            document = generate(spec)
            try:
                data = compile_pdf(document, typesetter)
            except RuntimeError as error:
                raise RuntimeError(f"{spec.name} (seed {spec.seed}): {error}") from error
            for number, truth in enumerate(document.truths, start=1):
                files.write_text(truth_folder / spec.name / f"p{number:04d}.md", truth)
            files.write_bytes(pdf_folder / f"{spec.name}.pdf", data)
            pages += len(document.truths)
    logger.info("%d sample documents with %d pages in %s", len(specs), pages, pdf_folder)
