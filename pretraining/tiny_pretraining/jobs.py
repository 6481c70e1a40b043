"""What the rules of `pretraining/Snakefile` share: the digest of their code, and their log files."""

import hashlib
import logging
from pathlib import Path

PACKAGE = Path(__file__).parent
DRAWING = ("corruption", "drawing", "examples", "fonts", "frequent_words", "text", "tiny_model", "typeset")
"""The files that pages are made with: an edit of the others draws none anew."""


def code_digest(names: tuple[str, ...] = ()) -> str:
    """Return 16 hex digits for files of this package, named without their ending; for all where none is named.

    The repository's profile switches Snakemake's own trigger on code off, so each rule has this among its params. What
    is used of scribetune does not count: `--forcerun` after an edit there.
    """
    found = [path for path in sorted(PACKAGE.iterdir()) if path.is_file() and (not names or path.stem in names)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in found)).hexdigest()[:16]


def start_log(path: str) -> None:
    """Write log records of this process, warnings included, to a rule's log file."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=path, filemode="w", level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.captureWarnings(capture=True)
