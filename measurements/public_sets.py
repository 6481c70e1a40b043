"""Public sets of PDFs whose content people wrote down: which documents they have, and how far an answer agrees.

Each lies in a subfolder of one folder, as its repository has it (`SETS` says where it comes from). `find` returns what
is there of a set; nothing is fetched. Answers are Markdown by document, page by page, or one text where a reader does
not tell pages apart (`Answer.whole`).

Figures, each within 0 and 1 and greater where it is better:

    facts           olmOCR-bench's facts that hold; left out are those about formulas, and those that nobody wrote down
    table_facts     those about tables among them; `formula_facts`: those about formulas, by LaTeX tokens
    adjacency       F1 of neighbouring cells, mean over documents (pages, where a set has single pages)
    grits           GriTS_Con; `teds`: TEDS; tables found where there is none count against all three
    text            of the whole Markdown, 1 - insertions and deletions / both lengths (NID of opendataloader-bench);
                    of OmniDocBench, 1 - its normalised edit distance
    headings        MHS of opendataloader-bench: headings, and what stands below each, as a tree
    overall         mean over documents of the mean of text, headings and teds, as far as a document has them
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pymupdf
from rapidfuzz import fuzz

from scribetune.evaluation import scoring, truth
from scribetune.metrics import adjacency, grits, olmocr, teds
from scribetune.metrics.markdown import find_tables, table_from_html
from scribetune.metrics.tables import page_tables
from scribetune.text.grids import Table
from support import icdar2013

FIGURES = ("facts", "table_facts", "formula_facts", "adjacency", "grits", "teds", "text", "headings", "overall")
_POINTER = b"version https://git-lfs"
_DELIMITER = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_HEADING_CELL = re.compile(r"(</?)th\b")
_TAG = re.compile(r"</?(?:b|i|sup|sub|strike|overline|underline|strong|em)>")
_DARK = 160
_RULE_PX = 25
_MARGIN = 72


@dataclass(frozen=True)
class Document:
    """A PDF of a set, and whether running headers and footers belong to what its truth says: "keep" or "drop"."""

    name: str
    pdf: Path
    headers: str = "keep"


@dataclass(frozen=True)
class Answer:
    """What a reader made of a document: Markdown of each page, or one text of all of them."""

    pages: Sequence[str] = ()
    whole: bool = False

    @property
    def text(self) -> str:
        """All pages, one after the other."""
        return "\n\n".join(self.pages)


@dataclass(frozen=True)
class Figure:
    """A value, and over how much it was taken: documents, pages, tables or facts."""

    value: float
    counted: int


Figures = Mapping[str, Figure]
Answers = Mapping[str, Answer]


@dataclass(frozen=True)
class PublicSet:
    """Documents with their truth."""

    documents: Sequence[Document]
    # answers by document's name → group ("" is all of the set) → figures; a document without an answer counts as empty
    score: Callable[[Answers], Mapping[str, Figures]]
    # answers of others that lie beside the truth: reader → document → answer
    published: Mapping[str, Answers] = field(default_factory=dict)


class NotThereError(Exception):
    """A set does not lie in the folder, or nothing of it can be used; the message says what was looked for."""


@dataclass(frozen=True)
class Source:
    """Where a set comes from, and how it is read: from its subfolder, with a folder for PDFs made of it."""

    origin: str
    read: Callable[[Path, Path], PublicSet]


def find(name: str, folder: Path, work: Path) -> PublicSet:
    """Read a set from its subfolder; PDFs that have to be made are written to `work`.

    Raises:
        NotThereError: Nothing of it is there.
    """
    found = SETS[name].read(folder / name.partition(" ")[0], work)
    if not found.documents and not found.published:
        raise NotThereError(f"there is no document in {folder / name}")
    return found


def _needed(path: Path) -> Path:
    if not path.exists():
        raise NotThereError(f"there is no {path}")
    return path


def _pdfs(folder: Path) -> list[Path]:
    """Return the PDFs in a folder that are PDFs, not Git LFS's pointers to them."""
    found = sorted(_needed(folder).glob("*.pdf"))
    return [path for path in found if not path.read_bytes().startswith(_POINTER)]


def _mean(values: Iterable[float | None]) -> Figure | None:
    counted = [value for value in values if value is not None]
    return Figure(fmean(counted), len(counted)) if counted else None


def _known(**figures: Figure | None) -> Figures:
    return {name: figure for name, figure in figures.items() if figure is not None}


# --- ICDAR 2013 ---------------------------------------------------------------------------------------------------


def _icdar2013(folder: Path, _: Path) -> PublicSet:
    pdfs = [pdf for pdf in _pdfs(folder) if _structure(pdf).is_file()]

    def score(answers: Answers) -> Mapping[str, Figures]:
        scores = [_icdar_document(pdf, answers.get(pdf.stem, Answer())) for pdf in pdfs if pdf.stem in answers]
        by_document = {
            "adjacency": [one.adjacency_f1 for one in scores],
            "grits": [one.grits_con_f1 for one in scores],
        }
        return {"": _known(**{name: _mean(values) for name, values in by_document.items()})}

    return PublicSet([Document(pdf.stem, pdf) for pdf in pdfs], score)


def _structure(pdf: Path) -> Path:
    return pdf.with_name(f"{pdf.stem}-str.xml")


def _icdar_document(pdf: Path, answer: Answer) -> icdar2013.DocumentScore:
    marked = icdar2013.references(_structure(pdf))
    if answer.whole:  # a document is then one long page
        marked = {1: [table for page in sorted(marked) for table in marked[page]]}
    return icdar2013.score(marked, dict(enumerate(answer.pages, start=1)))


# --- olmOCR-bench -------------------------------------------------------------------------------------------------


def _olmocr(folder: Path, _: Path) -> PublicSet:
    data = _needed(folder / "olmocr" / "bench" / "sample_data")
    found = truth.read(data, "olmocr")
    names = sorted({source.file for source in found.pages.values()})
    documents = [Document(name, data / "pdfs" / name, "drop") for name in names if (data / "pdfs" / name).is_file()]

    def score(answers: Answers) -> Mapping[str, Figures]:
        held: dict[str, list[bool]] = {"facts": [], "table_facts": [], "formula_facts": []}
        for page, facts in found.facts.items():
            source = found.pages[page]
            if source.file not in answers:
                continue
            answer = answers[source.file]
            pages = answer.pages if len(answer.pages) >= source.page else [""] * source.page
            text = answer.text if answer.whole else pages[source.page - 1]
            for fact in facts:
                if found.sources[str(fact["id"])] == "baseline":  # that a page is legible at all, of each PDF
                    continue
                holds = olmocr.holds(fact, text)
                held["formula_facts" if fact["type"] == "math" else "facts"].append(holds)
                if fact["type"] == "table":
                    held["table_facts"].append(holds)
        return {"": _known(**{name: _mean(map(float, results)) for name, results in held.items()})}

    return PublicSet(documents, score)


# --- Markdown of whole documents: READoc, opendataloader-bench ----------------------------------------------------


def _readoc(folder: Path, _: Path) -> PublicSet:
    documents, references = [], {}
    for part in ("arxiv", "github"):
        for pdf in _pdfs(folder / "data" / part / "pdf"):
            reference = folder / "data" / part / "markdown" / f"{pdf.stem}.md"
            if reference.is_file():
                documents.append(Document(f"{part}/{pdf.stem}", pdf))
                references[documents[-1].name] = reference.read_text(encoding="utf-8")
    return PublicSet(documents, lambda answers: _markdown_figures(references, answers, grouped=True))


def _opendataloader_bench(folder: Path, _: Path) -> PublicSet:
    references = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted(_needed(folder / "ground-truth" / "markdown").glob("*.md"))
    }
    documents = [Document(pdf.stem, pdf) for pdf in _pdfs(folder / "pdfs") if pdf.stem in references]
    published = {
        engine.name: {
            path.stem: Answer([path.read_text(encoding="utf-8")], whole=True)
            for path in sorted((engine / "markdown").glob("*.md"))
        }
        for engine in sorted((folder / "prediction").glob("*"))
        if (engine / "markdown").is_dir()
    }
    return PublicSet(documents, lambda answers: _markdown_figures(references, answers), published)


def _markdown_figures(
    references: Mapping[str, str], answers: Answers, *, grouped: bool = False
) -> Mapping[str, Figures]:
    rows: dict[str, dict[str, float | None]] = {}
    for name, reference in references.items():
        if name not in answers:
            continue
        answer = answers[name].text
        tables = page_tables(reference, answer) if find_tables(reference) else None
        measured = {
            "text": text_similarity(reference, answer),
            "headings": heading_similarity(reference, answer),
            "teds": tables.teds if tables else None,
        }
        parts = _mean(measured.values())
        rows[name] = {
            **measured,
            "overall": parts.value if parts else None,
            "grits": tables.content_f1 if tables else None,
            "adjacency": tables.adjacency_f1 if tables else None,
        }
    groups: dict[str, list[str]] = {"": list(rows)}
    for name in rows if grouped else ():
        groups.setdefault(name.split("/")[0], []).append(name)
    figures = ("text", "headings", "teds", "overall", "grits", "adjacency")
    return {
        group: _known(**{figure: _mean(rows[name][figure] for name in names) for figure in figures})
        for group, names in groups.items()
    }


def text_similarity(reference: str, answer: str) -> float | None:
    """Return 1 - insertions and deletions / both lengths of Markdown whose tables are HTML; None without a reference.

    Each run of white space counts as one blank, a heading cell as any other. This is opendataloader-bench's NID but for
    the latter.
    """
    wanted, found = (" ".join(with_html_tables(text).split()) for text in (reference, answer))
    return fuzz.ratio(wanted, found) / 100 if wanted else None


def heading_similarity(reference: str, answer: str) -> float | None:
    """Return opendataloader-bench's MHS: headings of any level, each with the text up to the next, compared as trees.

    1 - tree edit distance / nodes of the greater tree; renaming costs the normalised edit distance of two texts. None
    where the reference has no heading, 0 where the answer has none.
    """
    wanted, found = _heading_tree(reference), _heading_tree(answer)
    if not _has_heading(wanted):
        return None
    return teds.similarity(wanted, found) if _has_heading(found) else 0.0


def _has_heading(tree: teds.TableTree) -> bool:
    return any(label[0] == "heading" for label in tree.labels)


def _heading_tree(text: str) -> teds.TableTree:
    """Return a document's headings, each with its text below it, below one root."""
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for line in with_html_tables(text).splitlines():
        if match := _HEADING.fullmatch(line):
            sections.append((" ".join(match[1].split()), []))
        else:
            sections[-1][1].extend(line.split())
    labels: list[tuple[object, int, int]] = []
    cells: list[str | None] = []
    leftmost: list[int] = []

    def add(kind: str, content: str | None, leaf: int) -> None:
        labels.append((kind, -1, -1))
        cells.append(content)
        leftmost.append(leaf)

    for heading, words in sections:
        first = len(labels)
        if words:
            add("content", " ".join(words), first)
        if heading is not None:
            add("heading", heading, first)
    add("document", None, 0)
    return teds.TableTree(len(labels), tuple(labels), tuple(cells), tuple(leftmost))


def with_html_tables(text: str) -> str:
    """Return Markdown with its pipe tables as HTML, each on one line, and no cell of any table as a heading."""
    lines, written, number = text.splitlines(), [], 0
    while number < len(lines):
        end = number + 2
        if (
            "|" in lines[number]
            and end <= len(lines)
            and "|" in lines[end - 1]
            and _DELIMITER.fullmatch(lines[end - 1])
        ):
            while end < len(lines) and "|" in lines[end]:
                end += 1
            written += [table.html for table in find_tables("\n".join(lines[number:end]))]
            number = end
        else:
            written.append(lines[number])
            number += 1
    return _HEADING_CELL.sub(r"\1td", "\n".join(written))


# --- OmniDocBench -------------------------------------------------------------------------------------------------


def _omnidocbench_scans(folder: Path, work: Path) -> PublicSet:
    documents, found = _omnidocbench(folder, lambda page, image, _: _scan(image, work / f"{page}.pdf"))
    answered = {page: folder / "demo_data" / "end2end" / f"{page}.md" for page in found.pages}
    texts = {
        page: Answer([path.read_text(encoding="utf-8")], whole=True)
        for page, path in answered.items()
        if path.is_file()
    }
    return PublicSet(documents, lambda answers: _page_figures(found, answers), {"its demo": texts} if texts else {})


def _omnidocbench_typeset(folder: Path, work: Path) -> PublicSet:
    documents, found = _omnidocbench(folder, lambda page, image, row: _page_of_lines(row, image, work / f"{page}.pdf"))

    def score(answers: Answers) -> Mapping[str, Figures]:
        # Tables are pictures there.
        return {"": {name: figure for name, figure in _page_figures(found, answers)[""].items() if name == "text"}}

    return PublicSet(documents, score)


def _omnidocbench(
    folder: Path, made: Callable[[str, Path, Mapping[str, Any]], Path]
) -> tuple[list[Document], truth.EvaluationSet]:
    """Read the annotations, and make a PDF of each page: of its name, its image and its annotations."""
    data = _needed(folder / "demo_data" / "omnidocbench_demo")
    annotations = _needed(data / "OmniDocBench_demo.json")
    found = truth.read(annotations, "omnidocbench")
    rows = {row["page_info"]["image_path"]: row for row in json.loads(annotations.read_text(encoding="utf-8"))}
    sources = [(page, source.file, data / "images" / Path(source.file).name) for page, source in found.pages.items()]
    documents = [Document(page, made(page, image, rows[file])) for page, file, image in sources if image.is_file()]
    return documents, found


def _page_figures(found: truth.EvaluationSet, answers: Answers) -> Mapping[str, Figures]:
    records = [record for record in found.records if record["id"] in answers]
    predictions = [{"id": record["id"], "text": answers[str(record["id"])].text} for record in records]
    frame = scoring.score_records(records, predictions, found.annotations)
    columns = {"text": 1 - frame["odb.text_edit"], "teds": frame["odb.table_teds"], "grits": frame["table_f1"]}
    return {"": _known(**{name: _mean(values.dropna()) for name, values in columns.items()})}


def _page_of_lines(row: Mapping[str, Any], image: Path, target: Path) -> Path:
    """Write a page as a PDF of text: each line into the box that people drew, all else as it is drawn."""
    with pymupdf.open() as pdf, pymupdf.open(image) as picture:
        # Its size as the annotations say it may be the other way round.
        seen, size = picture[0].rect, pymupdf.Pixmap(image)
        scale = 842 / max(size.width, size.height)
        page = pdf.new_page(width=size.width * scale, height=size.height * scale)
        drawn = pymupdf.Matrix(scale, scale)
        pixels = pymupdf.Matrix(size.width / seen.width, size.height / seen.height)
        writer = pymupdf.TextWriter(page.rect)
        for part in _parts(row["layout_dets"]):
            box = pymupdf.Rect(*part["poly"][:2], *part["poly"][4:6])
            text = " ".join(str(part.get("text") or "").split())
            if text:
                _fill(writer, text, box * drawn)
            elif min(box.width, box.height) >= 2:
                crop = picture[0].get_pixmap(matrix=pixels, clip=box * ~pixels)
                page.insert_image(box * drawn, pixmap=crop)
        writer.write_text(page)
        pdf.save(target)
    return target


def _parts(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of all blocks, and the blocks that have none."""
    for block in blocks:
        if block.get("merge_list"):
            yield from _parts(block["merge_list"])
        elif block.get("line_with_spans"):
            yield from block["line_with_spans"]
        elif not block["category_type"].endswith("mask"):
            yield block


def _fill(writer: Any, text: str, box: Any) -> None:
    """Set a line so that it fills its box from left to right, as far as the box is high enough."""
    font = pymupdf.Font("helv" if text.isascii() else "cjk")
    size = min(1.1 * box.height, box.width / max(font.text_length(text, 1), 0.1))
    if size >= 1:
        writer.append((box.x0, box.y1 - 0.22 * box.height), text, font=font, fontsize=size)


def _scan(image: Path, target: Path) -> Path:
    """Write an image as the one page of a PDF: a scan, of which nothing can be read without OCR."""
    pixmap = pymupdf.Pixmap(image)
    scale = 842 / max(pixmap.width, pixmap.height)
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=pixmap.width * scale, height=pixmap.height * scale)
        page.insert_image(page.rect, filename=str(image))
        pdf.save(target)
    return target


# --- PubTabNet ----------------------------------------------------------------------------------------------------


def _pubtabnet(folder: Path, work: Path) -> PublicSet:
    data = _needed(folder / "examples")
    tables: dict[str, Table] = {}
    documents = []
    for line in _needed(data / "PubTabNet_Examples.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        image = data / str(record["filename"])
        if image.is_file():
            tables[image.stem] = table_from_html(_html(record["html"])).with_collapsed_spaces()
            documents.append(Document(image.stem, _typeset(record["html"]["cells"], image, work / f"{image.stem}.pdf")))

    def score(answers: Answers) -> Mapping[str, Figures]:
        rows = [_one_table(table, answers[name].text) for name, table in tables.items() if name in answers]
        return {"": _known(**{figure: _mean(row[figure] for row in rows) for figure in ("adjacency", "grits", "teds")})}

    return PublicSet(documents, score)


def _html(record: Mapping[str, Any]) -> str:
    """Return a table's HTML: its structure's tokens with the cells' in place, without marks such as bold."""
    cells = iter(record["cells"])
    written = ["<table>"]
    for part in record["structure"]["tokens"]:
        if part == "</td>":
            written.append(_TAG.sub("", "".join(next(cells)["tokens"])))
        written.append(part)
    return "".join([*written, "</table>"])


def _one_table(reference: Table, answer: str) -> dict[str, float]:
    """Score the table of a page that is nothing but a table: the best one that was found, its white space collapsed."""
    found = [table.with_collapsed_spaces() for table in find_tables(answer)]
    if not found:
        return dict.fromkeys(("adjacency", "grits", "teds"), 0.0)
    best = max(found, key=lambda table: grits.grits_con(reference, table).f1)
    trees = (f"<html><body>{table.html}</body></html>" for table in (reference, best))
    return {
        "adjacency": adjacency.icdar13(reference, best).f1,
        "grits": grits.grits_con(reference, best).f1,
        "teds": teds.teds(*trees),
    }


def _typeset(cells: Sequence[Mapping[str, Any]], image: Path, target: Path) -> Path:
    """Write a table as a PDF of text and rules: its cells' texts into the boxes that people drew, rules off the image.

    The set has images alone, a pixel of which is a point here.
    """
    pixmap = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.Pixmap(image))
    pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)[:, : pixmap.width]
    boxes = [(cell["tokens"], pymupdf.Rect(cell["bbox"])) for cell in cells if cell.get("bbox")]
    heights = [box.height for tokens, box in boxes if _plain(tokens)]
    line = float(np.percentile(heights, 25)) if heights else 10.0
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=pixmap.width + 2 * _MARGIN, height=pixmap.height + 2 * _MARGIN)
        for y, left, right in _rules(pixels):
            page.draw_line((_MARGIN + left, _MARGIN + y), (_MARGIN + right, _MARGIN + y), width=0.5)
        writer = pymupdf.TextWriter(page.rect)
        for tokens, box in boxes:
            font = pymupdf.Font("hebo" if "<b>" in tokens else "helv")
            _write(writer, font, _plain(tokens), box + (_MARGIN,) * 4, line)
        writer.write_text(page)
        pdf.save(target)
    return target


def _plain(tokens: Sequence[str]) -> str:
    return " ".join(_TAG.sub("", "".join(tokens)).split())


def _write(writer: Any, font: Any, text: str, box: Any, line: float) -> None:
    """Set a text into its box, on as many lines as the box is high."""
    words = text.split()
    if not words:
        return
    count = max(1, min(round(box.height / line), len(words)))
    size = 0.8 * box.height / count
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if len(lines) < count and font.text_length(longer, size) > box.width * 1.02:
            lines.append(word)
        else:
            lines[-1] = longer
    widest = max(font.text_length(one, size) for one in lines)
    size *= min(1.0, max(box.width, 1.0) / widest) if widest else 1.0
    for number, one in enumerate(lines):
        at = (box.x0, box.y0 + (number + 0.8) * box.height / len(lines))
        writer.append(at, one, font=font, fontsize=max(size, 3))


def _rules(pixels: "np.ndarray[Any, np.dtype[np.uint8]]") -> list[tuple[float, int, int]]:
    """Return the horizontal rules on an image, which no letter is as long as: y, left and right end."""
    found: list[tuple[float, int, int]] = []
    before: list[tuple[int, int]] = []
    for y, row in enumerate(pixels < _DARK):
        turns = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
        runs = [(int(left), int(right)) for left, right in zip(turns[::2], turns[1::2], strict=True)]
        runs = [run for run in runs if run[1] - run[0] >= _RULE_PX]
        found += [(y + 0.5, *run) for run in runs if not any(run[0] < old[1] and old[0] < run[1] for old in before)]
        before = runs
    return found


_OMNIDOCBENCH = "git clone https://github.com/pichiu/OmniDocBench; its demo_data/{omnidocbench_demo,end2end}"
SETS: Mapping[str, Source] = {
    "icdar2013": Source("the reports of the ICDAR 2013 table competition: *.pdf with *-str.xml", _icdar2013),
    "olmocr": Source("git clone https://github.com/allenai/olmocr; its olmocr/bench/sample_data", _olmocr),
    "READoc": Source("git clone https://github.com/icip-cas/READoc; its data/{arxiv,github}/{pdf,markdown}", _readoc),
    "opendataloader-bench": Source(
        "git clone https://github.com/opendataloader-project/opendataloader-bench, then git lfs pull: pdfs, "
        "ground-truth/markdown, prediction/*/markdown",
        _opendataloader_bench,
    ),
    "OmniDocBench": Source(_OMNIDOCBENCH, _omnidocbench_scans),
    "OmniDocBench typeset": Source(_OMNIDOCBENCH, _omnidocbench_typeset),
    "PubTabNet": Source("git clone https://github.com/ibm-aur-nlp/PubTabNet; its examples", _pubtabnet),
}
"""Sets by the name of their subfolder, up to the first blank."""
