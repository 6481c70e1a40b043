"""Evaluation sets from files: records of text, OmniDocBench's annotations, olmOCR-bench's facts; and predictions.

`read` tells the three forms of a set apart by their keys, whatever the file is called:

- JSONL of `{"id", "text"}`: one page each.
- OmniDocBench: a JSON list (or JSONL) of pages with `layout_dets` and `page_info.image_path`. A page's id is the
  name of its image without extension; its text is that of its annotations in reading order.
- olmOCR-bench: JSONL of facts with `pdf`, `page` and `type`; a folder of such files is one set. A page's id is
  `<pdf without .pdf>_pg<page>`.

Predictions are JSONL of `{"id", "text"}`, or a folder of Markdown files, as both benchmarks want them: the id is the
file's path in the folder without extension.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from scribetune import files
from scribetune.errors import UserError
from scribetune.metrics import olmocr
from scribetune.metrics.omnidocbench import ground_truth

Record = Mapping[str, Any]
FORMS = (
    'JSONL with one {"id", "text"} per page, OmniDocBench\'s JSON (pages with "layout_dets"), '
    'or olmOCR-bench\'s JSONL (facts with "pdf", "page" and "type")'
)
_PAGE_FILE = re.compile(r"\.(jpe?g|png|pdf|md|mmd)$", re.IGNORECASE)
_NUMBERS = ("max_diffs", "first_n", "last_n", "max_length", "max_repeats")
_REPEAT = re.compile(r"_repeat1$")


@dataclass(frozen=True)
class EvaluationSet:
    """Pages with what is true of them.

    Attributes:
        records: `{"id", "text"}` per page; empty for a set of facts.
        annotations: OmniDocBench's annotations by page id.
        facts: olmOCR-bench's facts by page id.
        sources: For each fact's id the file it comes from, which is its category.
    """

    records: tuple[Record, ...] = ()
    annotations: Mapping[str, ground_truth.Page] = field(default_factory=dict)
    facts: Mapping[str, tuple[olmocr.Fact, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> EvaluationSet:
    """Read an evaluation set.

    Args:
        path: A file in one of the three forms, or a folder with olmOCR-bench's JSONL files.

    Raises:
        UserError: It is missing, unreadable, empty or of another form.
    """
    if path.is_dir():
        parts = sorted(path.glob("*.jsonl"))
        if not parts:
            raise _unknown(path, "a folder without *.jsonl")
        return _facts([(part.stem, row) for part in parts for row in _rows(part)], path)
    rows = _rows(path)
    if not rows:
        raise _unknown(path, "no record")
    first = rows[0]
    if "layout_dets" in first:
        return _pages(rows, path)
    if "pdf" in first and "type" in first:
        return _facts([(path.stem, row) for row in rows], path)
    if "id" in first and "text" in first:
        return EvaluationSet(records=tuple(_record(row, number, path) for number, row in enumerate(rows, start=1)))
    raise _unknown(path, f"a first record with {', '.join(sorted(first)[:8]) or 'no key'}")


def read_predictions(path: Path, pages: Sequence[str]) -> list[Record]:
    """Read predictions, and give them the ids of a set's pages where theirs say the same in other words.

    An id may be a path, and end as an image, a PDF or a Markdown file does.

    Args:
        path: JSONL of `{"id", "text"}`, or a folder of Markdown files.
        pages: The set's page ids.

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
    for candidate in (name, stem, PurePosixPath(stem).name):
        if candidate in wanted:
            return candidate
    return name


def _pages(rows: Sequence[Record], path: Path) -> EvaluationSet:
    names = [str((row.get("page_info") or {}).get("image_path") or "") for row in rows]
    nameless = [number for number, name in enumerate(names, start=1) if not name]
    if nameless:
        raise UserError(
            "Pages have no image path",
            value=f"{path}: pages {nameless[:5]}",
            accepted='"page_info.image_path"',
            todo="give each page the name of its image: predictions are found by it",
        )
    stems = [_PAGE_FILE.sub("", PurePosixPath(name).name) for name in names]
    twice = {stem for stem, count in Counter(stems).items() if count > 1}
    annotations = {}
    for name, stem, row in zip(names, stems, rows, strict=True):
        try:
            page = ground_truth.page_from_json(row)
        except (AttributeError, TypeError) as error:
            raise UserError(
                "A page's annotations cannot be read",
                value=f"{path}: {name}",
                accepted="the form of OmniDocBench's JSON",
                todo="correct layout_dets and extra.relation",
            ) from error
        annotations[PurePosixPath(name).name if stem in twice else stem] = page
    if len(annotations) < len(rows):
        raise UserError(
            "Images repeat",
            value=f"{path}: {sorted(twice)[:5]}",
            accepted="each image once",
            todo="leave one out",
        )
    records = tuple(
        {"id": page_id, "text": ground_truth.markdown_from_page(page)} for page_id, page in annotations.items()
    )
    return EvaluationSet(records=records, annotations=annotations)


def _facts(rows: Sequence[tuple[str, Record]], path: Path) -> EvaluationSet:
    by_page: dict[str, list[olmocr.Fact]] = {}
    sources: dict[str, str] = {}
    for source, row in rows:
        kind = row.get("type")
        missing = [key for key in ("id", "pdf", "page") if row.get(key) in (None, "")]
        texts = olmocr.REQUIRED.get(str(kind), ())
        missing += [key for key in texts if not isinstance(row.get(key), str) or not row[key].strip()]
        missing += [key for key in _NUMBERS if not isinstance(row.get(key) or 0, int)]
        if kind == "format" and row.get("format") not in olmocr.FORMATS:
            missing.append("format")
        where = f"{path} ({source}): fact {row.get('id')!r}"
        if kind not in olmocr.TYPES:
            raise UserError(
                "A fact is of an unknown type",
                value=f"{where}, type {kind!r}",
                accepted=", ".join(olmocr.TYPES),
                todo="correct the type, or leave the fact out",
            )
        if missing:
            raise UserError(
                f"A fact lacks {', '.join(missing)}, or has it in another form",
                value=where,
                accepted="the fields of olmOCR-bench",
                todo="complete it, or leave it out",
            )
        if str(row["id"]) in sources:
            raise UserError("Facts have the same id", value=where, accepted="each id once", todo="rename one")
        sources[str(row["id"])] = source
        by_page.setdefault(f"{_PAGE_FILE.sub('', str(row['pdf']))}_pg{row['page']}", []).append(row)
    # As the benchmark does: of a PDF that no baseline fact speaks of, the first page is at least to be legible.
    covered = {str(row["pdf"]) for _, row in rows if row["type"] == "baseline"}
    for pdf in dict.fromkeys(str(row["pdf"]) for _, row in rows):
        if pdf not in covered:
            name = f"{pdf}_baseline"
            fact = {"id": name, "pdf": pdf, "page": 1, "type": "baseline"}
            by_page.setdefault(f"{_PAGE_FILE.sub('', pdf)}_pg1", []).append(fact)
            sources[name] = "baseline"
    return EvaluationSet(facts={page: tuple(facts) for page, facts in by_page.items()}, sources=sources)


def _record(row: Record, number: int, path: Path) -> Record:
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


def _rows(path: Path) -> list[Record]:
    """Read a JSON list of objects, or JSONL."""
    text = _text(path)
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _unreadable(path, str(error)) from error
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise _unknown(path, "a list of something else than objects")
        return value
    try:
        return list(files.read_jsonl(path))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError("There is no such file", value=str(path), accepted=FORMS, todo="correct the path") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"not UTF-8: {error.reason} at byte {error.start}") from error


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(f"The file cannot be read ({why})", value=str(path), accepted=FORMS, todo="correct the file")


def _unknown(path: Path, found: str) -> UserError:
    return UserError(f"This is no evaluation set: {found}", value=str(path), accepted=FORMS, todo="convert the file")
