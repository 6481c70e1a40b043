"""Evaluation sets from files: records of text, OmniDocBench's annotations, olmOCR-bench's facts; and predictions.

`read` tells the three forms of a set apart by their keys, whatever the file is called:

- JSONL of `{"id", "text"}`: one page each; or the records of a build's split, whose text is the model's turn.
- OmniDocBench: a JSON list (or JSONL) of pages with `layout_dets` and `page_info.image_path`. A page's id is the
  name of its image without extension; its text is that of its annotations in reading order.
- olmOCR-bench: JSONL of facts with `pdf`, `page` and `type`; a folder of such files is one set. A page's id is
  `<pdf without .pdf>_pg<page>`.

A record that cannot be used stops `read`, unless a list is given that takes it (`Refused`): a build goes on with the
others, and tells of those.

Predictions are JSONL of `{"id", "text"}`, or a folder of Markdown files, as both benchmarks want them: the id is the
file's path in the folder without extension.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from scribetune.core import files, user_text
from scribetune.core.errors import UserError
from scribetune.evaluation.public.sources import PageSource, truth_files
from scribetune.metrics import olmocr
from scribetune.metrics.omnidocbench import ground_truth
from scribetune.text import sharegpt

Record = Mapping[str, Any]
Kind = Literal["omnidocbench", "olmocr", "pages"]
KINDS: tuple[Kind, ...] = ("omnidocbench", "olmocr", "pages")
FORMS = (
    'JSONL with one {"id", "text"} per page (or a build\'s data/splits/test.jsonl), '
    'OmniDocBench\'s JSON (pages with "layout_dets"), '
    'or olmOCR-bench\'s JSONL (facts with "pdf", "page" and "type")'
)
_PAGE_FILE = re.compile(r"\.(jpe?g|png|pdf|md|mmd)$", re.IGNORECASE)
_NUMBERS = ("max_diffs", "first_n", "last_n", "max_length", "max_repeats")
_REPEAT = re.compile(r"_repeat1$")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NO_UNICODE = "It holds half a character, a lone surrogate (accepted: Unicode text)"
_NO_OBJECT = "It is no JSON object (accepted: one object per page or fact)"


@dataclass(frozen=True)
class Refused:
    """A record of a set that cannot be used: its name, and why, with what is accepted."""

    record: str
    why: str


@dataclass(frozen=True)
class EvaluationSet:
    """Pages with what is true of them."""

    records: tuple[Record, ...] = ()  # `{"id", "text"}` per page; empty for a set of facts
    annotations: Mapping[str, ground_truth.Page] = field(default_factory=dict)  # OmniDocBench's annotations by page id
    facts: Mapping[str, tuple[olmocr.Fact, ...]] = field(default_factory=dict)  # olmOCR-bench's facts by page id
    # for each fact's id the file it comes from, which is its category
    sources: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = "pages"  # which form the set has
    # for each page id where the page can be seen, in the set's order
    pages: Mapping[str, PageSource] = field(default_factory=dict)
    # for each page id of OmniDocBench its attributes by name ("language", …), each with its values
    attributes: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


def read(path: Path, kind: str = "auto", refused: list[Refused] | None = None) -> EvaluationSet:
    """Read an evaluation set: a file in one of the three forms, or a folder with olmOCR-bench's JSONL files.

    `kind` is one of `KINDS`, or "auto": read off the keys of the first record. `refused` takes the records that cannot
    be used, where the others are to be read all the same (the kind is then that of most records); None: such a record
    is an error.

    Raises:
        UserError: It is missing, unreadable, empty or of another form; no record of it can be used.
    """
    parts = truth_files(path) if path.is_dir() else [path]
    if not parts:
        raise _unknown(path, "a folder without *.jsonl")
    rows = [(part.stem, row) for part in parts for row in _rows(part, refused)]
    if not rows:
        raise _unknown(path, "no record" + (f" that can be read ({refused[0].why})" if refused else ""))
    kinds = Counter(_kind_of(row) for _, row in (rows if refused is not None else rows[:1]))
    kinds.pop(None, None)
    found = kinds.most_common(1)[0][0] if kinds else None
    if path.is_dir() and found is None:
        found = "olmocr"
    form = found if kind == "auto" else kind
    if form == "omnidocbench":
        result = _pages([row for _, row in rows], path, refused)
    elif form == "olmocr" or (path.is_dir() and refused is None):
        result = _facts(rows, path, refused)
    elif form == "pages":
        result = _records([row for _, row in rows], path, refused)
    else:
        raise _unknown(path, f"a first record with {', '.join(sorted(rows[0][1])[:8]) or 'no key'}")
    if refused and not result.pages:
        raise UserError(
            f"No record of the evaluation set can be used: {refused[0].record}: {refused[0].why}",
            value=str(path),
            accepted=FORMS,
            todo="correct the file, or name its form (kind) if it was taken for another one",
        )
    return result


def _kind_of(row: Record) -> Kind | None:
    if "layout_dets" in row:
        return "omnidocbench"
    if "pdf" in row and "type" in row:
        return "olmocr"
    return "pages" if "id" in row and ("text" in row or "conversations" in row) else None


def _refuse(refused: list[Refused] | None, record: str, error: UserError) -> None:
    """Keep a record that cannot be used and why, or raise the error where nobody takes it."""
    if refused is None:
        raise error
    refused.append(Refused(record, f"{error.what} (accepted: {error.accepted})"))


def read_predictions(path: Path, pages: Sequence[str]) -> list[Record]:
    """Read predictions, and give them the ids of a set's pages where theirs say the same in other words.

    An id may be a path, and end as an image, a PDF or a Markdown file does.

    Raises:
        UserError: It is missing, unreadable or empty.
    """
    if path.is_dir():
        found = sorted(path.rglob("*.md"))
        records: list[Record] = [
            {"id": part.relative_to(path).with_suffix("").as_posix(), "text": _text(part)} for part in found
        ]
    else:
        records = [_record(row, number, path) for number, row in enumerate(_rows(path), start=1)]
    if not records:
        raise UserError(
            "There are no predictions",
            value=str(path),
            accepted='JSONL with {"id", "text"}, or a folder of *.md',
            todo="write the model's answers there",
        )
    wanted = set(pages)
    return [{**record, "id": _page_id(str(record["id"]), wanted)} for record in records]


def _page_id(name: str, wanted: set[str]) -> str:
    stem = _REPEAT.sub("", _PAGE_FILE.sub("", name))
    return next((each for each in (name, stem, PurePosixPath(stem).name) if each in wanted), name)


def _pages(rows: Sequence[Record], path: Path, refused: list[Refused] | None) -> EvaluationSet:
    infos = [info if isinstance(info := row.get("page_info"), dict) else {} for row in rows]
    names = [str(info.get("image_path") or "") for info in infos]
    named = [(name, row) for name, row in zip(names, rows, strict=True) if name]
    nameless = [number for number, name in enumerate(names, start=1) if not name]
    if nameless:
        error = UserError(
            "Pages have no image path",
            value=f"{path}: pages {nameless[:5]}",
            accepted='"page_info.image_path"',
            todo="give each page the name of its image: predictions are found by it",
        )
        for number in nameless:
            _refuse(refused, f"page {number}", error)
    stems = [_PAGE_FILE.sub("", PurePosixPath(name).name) for name, _ in named]
    twice = {stem for stem, count in Counter(stems).items() if count > 1}
    annotations: dict[str, ground_truth.Page] = {}
    pages: dict[str, PageSource] = {}
    attributes: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for (name, row), stem in zip(named, stems, strict=True):
        page_id = PurePosixPath(name).name if stem in twice else stem
        if page_id in pages:
            error = UserError(
                "Images repeat", value=f"{path}: {sorted(twice)[:5]}", accepted="each image once", todo="leave one out"
            )
            _refuse(refused, name, error)
            continue
        try:
            if refused is not None and not isinstance(row.get("layout_dets"), list):
                raise TypeError  # noqa: TRY301  refused below
            annotations[page_id] = ground_truth.page_from_json(row)
        except (AttributeError, TypeError) as cause:
            error = UserError(
                "A page's annotations cannot be read",
                value=f"{path}: {name}",
                accepted="the form of OmniDocBench's JSON",
                todo="correct layout_dets and extra.relation",
            )
            error.__cause__ = cause
            _refuse(refused, name, error)
            continue
        pages[page_id] = PageSource(name)
        attributes[page_id] = _attributes(row["page_info"])
    records = tuple(
        {"id": page_id, "text": ground_truth.markdown_from_page(page)} for page_id, page in annotations.items()
    )
    return EvaluationSet(
        records=records, annotations=annotations, kind="omnidocbench", pages=pages, attributes=attributes
    )


def _attributes(information: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return a page's attributes; one that is a list has several values, or none."""
    found = information.get("page_attribute")
    found = found if isinstance(found, dict) else {}
    values = {name: each if isinstance(each, list) else [each] for name, each in found.items()}
    return {str(name): tuple(str(value) for value in each if value not in (None, "")) for name, each in values.items()}


def _facts(rows: Sequence[tuple[str, Record]], path: Path, refused: list[Refused] | None) -> EvaluationSet:
    by_page: dict[str, list[olmocr.Fact]] = {}
    sources: dict[str, str] = {}
    pages: dict[str, PageSource] = {}
    kept: list[Record] = []
    for source, row in rows:
        error = _problem_of_fact(row, f"{path} ({source}): fact {row.get('id')!r}", sources)
        if error is not None:
            _refuse(refused, f"{source}: fact {row.get('id')!r}", error)
            continue
        sources[str(row["id"])] = source
        page_id = f"{_PAGE_FILE.sub('', str(row['pdf']))}_pg{row['page']}"
        by_page.setdefault(page_id, []).append(row)
        pages.setdefault(page_id, PageSource(str(row["pdf"]), _number_of(row)))
        kept.append(row)
    # As the benchmark does: of a PDF that no baseline fact speaks of, the first page is at least to be legible.
    covered = {str(row["pdf"]) for row in kept if row["type"] == "baseline"}
    for pdf in dict.fromkeys(str(row["pdf"]) for row in kept):
        if pdf not in covered:
            fact = {"id": f"{pdf}_baseline", "pdf": pdf, "page": 1, "type": "baseline"}
            page_id = f"{_PAGE_FILE.sub('', pdf)}_pg1"
            by_page.setdefault(page_id, []).append(fact)
            pages.setdefault(page_id, PageSource(pdf, 1))
            sources[f"{pdf}_baseline"] = "baseline"
    return EvaluationSet(
        facts={page: tuple(facts) for page, facts in by_page.items()}, sources=sources, kind="olmocr", pages=pages
    )


def _number_of(row: Record) -> int:
    """Return a fact's page; 0, which no PDF has, where it is no number."""
    return int(row["page"]) if str(row["page"]).isdecimal() else 0


def _problem_of_fact(row: Record, where: str, sources: Mapping[str, str]) -> UserError | None:
    """Return why a fact cannot be decided, or None."""
    kind = row.get("type")
    missing = [key for key in ("id", "pdf", "page") if row.get(key) in (None, "")]
    texts = olmocr.REQUIRED.get(str(kind), ())
    missing += [key for key in texts if not isinstance(row.get(key), str) or not row[key].strip()]
    missing += [key for key in _NUMBERS if not isinstance(row.get(key) or 0, int)]
    if kind == "format" and str(row.get("format")) not in olmocr.FORMATS:
        missing.append("format")
    if not isinstance(kind, str) or kind not in olmocr.TYPES:
        return UserError(
            "A fact is of an unknown type", value=f"{where}, type {kind!r}", accepted=", ".join(olmocr.TYPES),
            todo="correct the type, or leave the fact out",
        )  # fmt: skip
    if missing:
        what = f"A fact lacks {', '.join(missing)}, or has it in another form"
        accepted, todo = "the fields of olmOCR-bench", "complete it, or leave it out"
        return UserError(what, value=where, accepted=accepted, todo=todo)
    if str(row["id"]) in sources:
        return UserError("Facts have the same id", value=where, accepted="each id once", todo="rename one")
    return None


def _records(rows: Sequence[Record], path: Path, refused: list[Refused] | None) -> EvaluationSet:
    records: list[Record] = []
    pages: dict[str, PageSource] = {}
    for number, row in enumerate(rows, start=1):
        try:
            record = _record(row, number, path)
            if refused is not None and str(record["id"]) in pages:
                raise UserError("Page ids repeat", value=str(record["id"]), accepted="each id once")  # noqa: TRY301
        except UserError as error:
            _refuse(refused, f"record {number}", error)
            continue
        records.append(record)
        file, page = str(record.get("pdf") or record.get("image") or ""), record.get("page")
        is_pdf = bool(record.get("pdf"))
        pages[str(record["id"])] = PageSource(file, (page if isinstance(page, int) else 1) if is_pdf else 0)
    return EvaluationSet(records=tuple(records), kind="pages", pages=pages)


def _record(row: Record, number: int, path: Path) -> Record:
    if "text" not in row and row.get("conversations"):
        row = {**row, "text": sharegpt.said(row, "gpt")}
    missing = [key for key in ("id", "text") if key not in row]
    if missing or not isinstance(row["text"], str):
        what = f"without {' and '.join(missing)}" if missing else "whose text is no text"
        raise UserError(
            f"There is a record {what}",
            value=f"{path}, record {number}",
            accepted='{"id": "…", "text": "…"}',
            todo="correct the record",
        )
    if not isinstance(row.get("tokens", 0), int | None) or not isinstance(row.get("stop_reason", ""), str | None):
        raise UserError(
            "There is a record whose tokens or stop_reason are of another form",
            value=f"{path}, record {number}",
            accepted='"tokens": a whole number, "stop_reason": "eos" or "length", or neither',
            todo="correct the record",
        )
    return row


def _rows(path: Path, refused: list[Refused] | None = None) -> list[Record]:
    """Read a JSON list of objects, or JSONL; what is no object is refused by itself where `refused` takes it."""
    text = _text(path)
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unreadable(path, str(error)) from error
        if refused is not None and isinstance(value, list):
            return _good_rows(path, text, [(f"record {number}", row) for number, row in enumerate(value, 1)], refused)
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise _unknown(path, "a list of something else than objects")
        return value
    if refused is not None:
        return _good_lines(path, text, refused)
    try:
        return list(files.parse_jsonl(text, path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def _good_lines(path: Path, text: str, refused: list[Refused]) -> list[Record]:
    lines = [(f"line {number}", line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return _good_rows(path, text, [(name, _parsed(line)) for name, line in lines], refused)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _good_rows(path: Path, text: str, rows: Sequence[tuple[str, Any]], refused: list[Refused]) -> list[Record]:
    """Return the rows that are objects and whose text can be written to a file again."""
    may_break = _SURROGATE.search(text) is not None
    kept: list[Record] = []
    for name, row in rows:
        if not isinstance(row, dict):
            refused.append(Refused(f"{path.name}: {name}", _NO_OBJECT))
        elif may_break and _SURROGATE.search(json.dumps(row)) and not _is_unicode(row):
            refused.append(Refused(f"{path.name}: {name}", _NO_UNICODE))
        else:
            kept.append(row)
    return kept


def _is_unicode(row: Record) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(path: Path) -> str:
    try:
        return user_text.read(path)
    except FileNotFoundError as error:
        raise UserError("There is no such file", value=str(path), accepted=FORMS, todo="correct the path") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(f"The file cannot be read ({why})", value=str(path), accepted=FORMS, todo="correct the file")


def _unknown(path: Path, found: str) -> UserError:
    return UserError(f"This is no evaluation set: {found}", value=str(path), accepted=FORMS, todo="convert the file")
