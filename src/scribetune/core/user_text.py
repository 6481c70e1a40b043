"""Texts that people write or save with tools of theirs: corrections, sheets, configurations, JSONL; all read here.

Editors and spreadsheets put a byte-order mark before a text, write UTF-16, or end lines with CR LF. None of that is
content: learned from, it would be.
"""

import codecs
from pathlib import Path

from scribetune.core.errors import UserError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ACCEPTED = "UTF-8, with or without a byte-order mark; UTF-16 with one"


def read(path: Path, *, line_ends: bool = False) -> str:
    r"""Return the text of a file without byte-order mark, its lines ended by `\n`.

    Args:
        path: The file.
        line_ends: Keep the line ends that it has: a cell of a CSV may hold one.

    Raises:
        OSError: It cannot be read.
        UserError: It is no text in an encoding that is accepted.
    """
    text = decode(path.read_bytes(), str(path))
    return text if line_ends else text.replace("\r\n", "\n")


def decode(data: bytes, name: str) -> str:
    """Return the text of a file's bytes without byte-order mark; `name` is the file's, for messages.

    Raises:
        UserError: They are no text in an encoding that is accepted.
    """
    mark, encoding = next((found for found in _MARKS if data.startswith(found[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        start = len(mark) + error.start
        raise UserError(
            f"{name} is not {'UTF-8' if encoding == 'utf-8' else 'UTF-16'} from byte {start} on",
            value=data[start : start + 8],
            accepted=_ACCEPTED,
            todo=f"save it as UTF-8 in your editor; from GBK, for example: iconv -f GBK -t UTF-8 '{name}' > new",
        ) from error
    if "\0" in text:
        before = text[: text.index("\0")]
        raise UserError(
            f"{name} holds a NUL at byte {len(mark) + len(before.encode(encoding))}: it is no text, or UTF-16 unmarked",
            accepted=_ACCEPTED,
            todo=f"save it as UTF-8 in your editor, or: iconv -f UTF-16LE -t UTF-8 '{name}' > new",
        )
    return text.lstrip("\ufeff")
