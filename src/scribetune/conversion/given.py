"""What a call was given: files, folders and the standard input as documents, each named once; page ranges."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from scribetune.core.errors import UserError
from scribetune.documents.inputs import Document, document_id, find_pdfs, shown_path

STDIN = "-"
_MAX_STDIN_BYTES = 4 * 2**30
_PIECE_BYTES = 2**20
_RANGE = re.compile(r"(\d*)(-?)(\d*)")
_LAST = 10**9


@dataclass(frozen=True)
class PageRanges:
    """Which pages of each document are read: ranges of numbers from 1, both ends included, in rising order."""

    ranges: tuple[tuple[int, int], ...] = ((1, _LAST),)

    @classmethod
    def parse(cls, text: str) -> "PageRanges":
        """Return the ranges that a text such as `3-7,12,20-` names; "" names all pages.

        Raises:
            UserError: It names none.
        """
        if not text.strip():
            return cls()
        found: list[tuple[int, int]] = []
        for part in text.split(","):
            match = _RANGE.fullmatch(part.strip())
            first, dash, last = match.groups() if match else ("", "", "")
            low = int(first or 1)
            high = int(last or _LAST) if dash else low
            if not (first or last) or low < 1 or high < low:
                raise UserError(
                    "--pages names no pages", value=text, accepted="numbers from 1 and ranges of them: 3-7,12,20-",
                    todo="correct it, or leave it out for all pages",
                )  # fmt: skip
            found.append((low, high))
        merged: list[tuple[int, int]] = []
        for low, high in sorted(found):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def of(self, pages: int) -> Iterator[int]:
        """Yield the numbers that a document of so many pages has."""
        for low, high in self.ranges:
            yield from range(low, min(high, pages) + 1)


def documents(given: Sequence[Path], stdin: BinaryIO, scratch: Path) -> list[Document]:
    """Return what was given as documents with names that differ, in the order given.

    A folder stands for all documents below it; `-` for the standard input, which is written to `scratch`.

    Raises:
        UserError: Nothing is there by a name, a folder has no documents, or the standard input is empty.
    """
    found: list[Document] = []
    for path in given:
        if str(path) == STDIN:
            found.append(Document("stdin", _kept(stdin, scratch / "stdin"), "stdin"))
        elif path.is_dir():
            inside = find_pdfs(path)
            if not inside:
                raise UserError(
                    "The folder has no documents", value=str(path), accepted="a folder with PDFs at any depth",
                    todo="name another folder",
                )  # fmt: skip
            found += inside
        elif path.exists():
            name = shown_path(path.name)
            fault = "" if name == path.name else "its name is not UTF-8; rename it"
            found.append(Document(document_id(path.name), path, name, fault))
        else:
            raise UserError(
                "There is no such file or folder", value=str(path), accepted="PDFs, folders of them, or - for stdin",
                todo="correct the path",
            )  # fmt: skip
    return _named_once(found)


def _named_once(found: Sequence[Document]) -> list[Document]:
    """Return documents without those given twice; of several with one name, the later ones get a number."""
    named: dict[str, Document] = {}
    seen: set[Path] = set()
    for document in found:
        place = document.path.absolute()
        if place in seen:
            continue
        seen.add(place)
        name, number = document.id, 1
        while name in named:
            number += 1
            name = f"{document.id}-{number}"
        named[name] = replace(document, id=name)
    return list(named.values())


def _kept(stdin: BinaryIO, target: Path) -> Path:
    size = 0
    with target.open("wb") as stream:
        while piece := stdin.read(_PIECE_BYTES):
            size += len(piece)
            if size > _MAX_STDIN_BYTES:
                raise UserError(
                    "The standard input is too long", value=f"more than {_MAX_STDIN_BYTES / 2**30:.0f} GiB",
                    accepted="one document", todo="write it to a file and name that",
                )  # fmt: skip
            stream.write(piece)
    if not size:
        raise UserError("The standard input is empty", accepted="a PDF", todo="pipe a PDF into it, or name a file")
    return target
