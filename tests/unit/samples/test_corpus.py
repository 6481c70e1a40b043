"""Promises of the sample corpus."""

import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import package
from scribetune.core.errors import UserError
from scribetune.samples import corpus as samples
from scribetune.samples.blocks import (
    BulletList,
    DisplayFormula,
    Heading,
    NumberedList,
    Page,
    Paragraph,
    Strong,
    Table,
    inline_plain,
)
from scribetune.samples.compositions import MAX_CHINESE, MAX_LATIN, chinese_characters
from scribetune.samples.expressions import Expression, Fraction, Number, Parentheses, Root, Scripted, Sum, Symbol, row
from scribetune.samples.typesetting import Typesetter

SOURCES = package.PACKAGE_FOLDER.parent
COUNT, SEED, LANGUAGES = 24, 20, ("en", "zh")


@lru_cache(maxsize=1)
def corpus() -> list[tuple[samples.SampleSpec, samples.SampleDocument, bytes]]:
    """Three documents of every kind and language, compiled once for all tests."""
    specs = samples.plan(COUNT, SEED, LANGUAGES)
    with Typesetter() as typesetter:
        documents = [samples.generate(spec) for spec in specs]
        return [
            (spec, document, samples.compile_pdf(document, typesetter))
            for spec, document in zip(specs, documents, strict=True)
        ]


def build_hash(folder: Path, seed: int) -> str:
    """Build eight documents in a process of their own and hash all files with their names."""
    program = (
        "import sys; from pathlib import Path; from scribetune.samples import corpus as samples\n"
        "specs = samples.plan(8, int(sys.argv[2]), ('en', 'zh'))\n"
        "samples.build(specs, Path(sys.argv[1], 'pdf'), Path(sys.argv[1], 'truth'))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(folder), str(seed)], check=True, env={"PYTHONPATH": str(SOURCES)}
    )
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_same_seed_gives_the_same_bytes_in_two_processes_and_another_seed_others(tmp_path: Path) -> None:
    first, second, other = build_hash(tmp_path / "a", 5), build_hash(tmp_path / "b", 5), build_hash(tmp_path / "c", 6)
    assert first == second
    assert first != other


def test_build_writes_a_pdf_and_one_truth_per_page(tmp_path: Path) -> None:
    import pymupdf

    specs = samples.plan(3, 1, ("en",))
    samples.build(specs, tmp_path / "pdf", tmp_path / "truth")
    assert sorted(path.stem for path in (tmp_path / "pdf").iterdir()) == sorted(spec.name for spec in specs)
    for spec in specs:
        with pymupdf.open(tmp_path / "pdf" / f"{spec.name}.pdf") as pdf:
            expected = [f"p{number:04d}.md" for number in range(1, pdf.page_count + 1)]
        assert sorted(path.name for path in (tmp_path / "truth" / spec.name).iterdir()) == expected


def test_names_are_unique_and_as_many_as_asked_for() -> None:
    specs = samples.plan(60, 20, ("en", "zh"))
    assert len({spec.name for spec in specs}) == 60
    assert {(spec.kind, spec.language) for spec in specs} == set(itertools.product(samples.KINDS, samples.LANGUAGES))
    assert samples.plan(10, 20, ("en", "zh")) == specs[:10]


def test_sixty_documents_have_about_a_hundred_pages() -> None:
    pages = sum(len(samples.generate(spec).truths) for spec in samples.plan(60, 20, ("en",)))
    assert 85 <= pages <= 115


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="en, zh"):
        samples.plan(3, 1, ("en", "fr"))


def test_planning_imports_neither_typst_nor_pymupdf() -> None:
    program = (
        "import sys; from scribetune.samples import corpus as samples; samples.plan(60, 20, ('en', 'zh'))\n"
        "assert not {'typst', 'pymupdf', 'torch', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(SOURCES)})


def test_every_page_is_where_its_truth_says() -> None:
    import pymupdf

    for spec, document, data in corpus():
        with pymupdf.open(stream=data, filetype="pdf") as pdf:
            assert pdf.page_count == len(document.truths), spec.name
            for page, blocks in zip(pdf, document.pages, strict=True):
                title = blocks.blocks[0]
                assert isinstance(title, Heading)
                assert squeezed(title.text) in squeezed(page.get_text()), spec.name


def test_no_document_of_other_seeds_overflows() -> None:
    with Typesetter() as typesetter:
        for seed in (1, 2, 3):
            for spec in samples.plan(40, seed, LANGUAGES):
                samples.compile_pdf(samples.generate(spec), typesetter)


def test_an_overflowing_page_is_an_error() -> None:
    document = samples.generate(samples.plan(1, 1, ("en",))[0])
    with Typesetter() as typesetter, pytest.raises(RuntimeError, match="overflows"):
        crowded = samples.SampleDocument(document.source + "\n#pagebreak()\nmore", document.pages, document.truths)
        samples.compile_pdf(crowded, typesetter)


def test_every_formula_is_in_the_tagged_pdf_with_its_latex() -> None:
    total = 0
    for spec, document, data in corpus():
        expected = [latex for page in document.pages for latex in page_formulas(page)]
        assert formula_alternatives(data) == sorted(expected), spec.name
        total += len(expected)
    assert total >= COUNT // 2


def test_no_page_is_longer_than_the_small_model_reads() -> None:
    for spec, document, _ in corpus():
        for truth in document.truths:
            assert len(truth) <= MAX_LATIN, spec.name
            assert chinese_characters(truth) <= MAX_CHINESE, spec.name


def test_text_is_22_to_44_px_high_on_a_768_px_page() -> None:
    import pymupdf

    for spec, _, data in corpus():
        with pymupdf.open(stream=data, filetype="pdf") as pdf:
            for page in pdf:
                scale = 768 / max(page.rect.width, page.rect.height)
                spans = [
                    span
                    for block in page.get_text("dict")["blocks"]
                    for line in block.get("lines", [])
                    for span in line["spans"]
                    if "Math" not in span["font"]  # scripts of formulas are smaller
                ]
                heights = [span["size"] * scale for span in spans]
                assert 22 <= min(heights) <= 44, spec.name
                assert max(heights) <= 52, spec.name  # headings


def test_chinese_text_is_extracted_exactly() -> None:
    import pymupdf

    found = 0
    for spec, document, data in corpus():
        if spec.language != "zh":
            continue
        with pymupdf.open(stream=data, filetype="pdf") as pdf:
            for page, blocks in zip(pdf, document.pages, strict=True):
                text = squeezed(page.get_text())
                for piece in plain_pieces(blocks):
                    assert squeezed(piece) in text, (spec.name, piece)
                    found += 1
    assert found > 50


def test_documents_are_no_near_duplicates() -> None:
    texts = [("".join(document.truths), spec) for spec, document, _ in corpus()]
    texts += [("".join(samples.generate(spec).truths), spec) for spec in samples.plan(120, 99, LANGUAGES)]
    shingles = [{text[start : start + 8] for start in range(len(text) - 7)} for text, _ in texts]
    for (first, a), (second, b) in itertools.combinations(zip(shingles, texts, strict=True), 2):
        if a[1].kind == b[1].kind and a[1].language == b[1].language:
            assert len(first & second) / len(first | second) < 0.6, (a[1].name, b[1].name)


def test_kinds_hold_what_they_are_made_of() -> None:
    for spec, document, _ in corpus():
        blocks = [block for page in document.pages for block in page.blocks]
        kinds = {type(block) for block in blocks}
        needed: dict[str, set[type]] = {
            "financial": {Heading, Paragraph, Table, DisplayFormula},
            "invoice": {Heading, Paragraph, Table},
            "lab": {Heading, Paragraph, Table, DisplayFormula},
            "memo": {Heading, Paragraph},
        }
        if spec.kind == "financial" and len(document.pages) == 1:
            assert DisplayFormula in kinds
        assert needed[spec.kind] <= kinds, spec.name
        if spec.kind == "memo":
            assert kinds & {BulletList, NumberedList}


def test_blocks_are_written_as_markdown() -> None:
    formula = row(Symbol("x"), "=", Fraction(row(Number("1"), "+", Symbol("alpha")), Number("2")))
    page = Page(
        (
            Heading(2, "A_b"),
            Paragraph(("One ", Strong("two"), ", ", formula, ".")),
            BulletList((("a",), ("b",))),
            NumberedList((("c",), ("d",))),
            Table(("K", "V|W"), (("k", "1"),), (False, True)),
            DisplayFormula(formula),
        )
    )
    latex = r"x = \frac{1 + \alpha}{2}"
    assert page.markdown() == (
        f"## A_b\n\nOne **two**, ${latex}$.\n\n- a\n- b\n\n1. c\n2. d\n\n"
        f"| K | V\\|W |\n|---|---|\n| k | 1 |\n\n$${latex}$$\n"
    )
    assert inline_plain(("One ", Strong("two"), ", ", formula, ".")) == "One two, x = (1 + α)/2."


def test_no_character_of_a_text_is_taken_for_typst_markup() -> None:
    import pymupdf

    odd = r'#let x = 1 $a$ *b* _c_ "q" \ ` @ref <l> [y] {z} // ~ -- 1. = /* ...'
    style_source = samples.generate(samples.plan(1, 1, ("en",))[0]).source.split("#heading")[0]
    page = Page((Paragraph((odd,)), BulletList(((odd,),)), Table((odd, "B"), (("1", odd),), (False, False))))
    with Typesetter() as typesetter:
        data = typesetter.pdf(style_source + page.typst())
    with pymupdf.open(stream=data, filetype="pdf") as pdf:
        text = squeezed("".join(one.get_text() for one in pdf))
    assert text.count(squeezed(odd)) >= 2  # in the table it may be broken into narrow lines elsewhere
    assert "ref" in text


def test_a_glyph_that_no_font_has_is_an_error() -> None:
    with Typesetter() as typesetter, pytest.raises(RuntimeError):
        typesetter.pdf('#set document(date: none)\n#set text(font: "No Such Font")\nx')
    with Typesetter() as typesetter, pytest.raises(RuntimeError, match="compile"):
        typesetter.pdf("#let x = ")


def test_rows_of_a_table_have_as_many_cells_as_its_header() -> None:
    with pytest.raises(ValueError, match="expected 2 cells"):
        Table(("a", "b"), (("1",),), (False, False))


@pytest.mark.parametrize(
    ("expression", "latex"),
    [
        (Scripted(Symbol("x"), Symbol("i"), Number("2")), "x_i^2"),
        (Scripted(Symbol("x"), row(Symbol("t"), "-", Number("1"))), "x_{t - 1}"),
        (Sum(Symbol("i"), Number("1"), Symbol("n"), Symbol("a")), r"\sum_{i=1}^{n} a"),
        (Root(Fraction(Symbol("L"), Symbol("g"))), r"\sqrt{\frac{L}{g}}"),
        (Parentheses(Fraction(Number("1"), Number("2")), tall=True), r"\left( \frac{1}{2} \right)"),
        (row(Number("7.3%"), "≈", Symbol("varepsilon"), "/", Symbol("k")), r"7.3\% \approx \varepsilon/k"),
    ],
)
def test_expressions_give_the_latex_one_would_write_and_typst_that_compiles(expression: Expression, latex: str) -> None:
    assert expression.latex() == latex
    source = f"#set document(date: none)\n{DisplayFormula(expression).typst()}"
    with Typesetter() as typesetter:
        assert formula_alternatives(typesetter.pdf(source)) == [latex]


def test_what_is_no_symbol_number_or_operator_is_refused() -> None:
    with pytest.raises(ValueError, match="symbol"):
        Symbol("ab")
    with pytest.raises(ValueError, match="number"):
        Number("1,000")
    with pytest.raises(ValueError, match="operator"):
        row(Symbol("a"), "%", Symbol("b"))


def squeezed(text: str) -> str:
    """Remove white space: line breaks on the page are no part of the text."""
    return "".join(text.split())


def plain_pieces(page: Page) -> Iterator[str]:
    """Give the text of a page's blocks, formulas aside."""
    for block in page.blocks:
        if isinstance(block, Heading):
            yield block.text
        elif isinstance(block, Paragraph) and all(isinstance(run, str) for run in block.runs):
            yield inline_plain(block.runs)
        elif isinstance(block, BulletList | NumberedList):
            yield from ("".join(str(run) for run in item) for item in block.items)
        elif isinstance(block, Table):
            yield from itertools.chain(block.header, *block.rows)


def page_formulas(page: Page) -> Iterator[str]:
    """Give the LaTeX of a page's formulas, in lines and on their own."""
    for block in page.blocks:
        if isinstance(block, DisplayFormula):
            yield block.expression.latex()
        elif isinstance(block, Paragraph):
            yield from (run.latex() for run in block.runs if isinstance(run, Expression))


def formula_alternatives(data: bytes) -> list[str]:
    """Read the /Alt of every /Formula element by walking all objects of the PDF."""
    import pymupdf

    with pymupdf.open(stream=data, filetype="pdf") as pdf:
        elements = [xref for xref in range(1, pdf.xref_length()) if pdf.xref_get_key(xref, "S")[1] == "/Formula"]
        return sorted(str(alternative(pdf, xref)) for xref in elements)


def alternative(pdf: Any, xref: int) -> str:
    """Return the /Alt of one object; it must be a string."""
    kind, value = pdf.xref_get_key(xref, "Alt")
    assert kind == "string"
    return str(value)
