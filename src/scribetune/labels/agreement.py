"""Who reads page images to see whether their labels are right, and how far Tesseract agrees, where it is asked.

A text layer can be complete and wrong. OCR of the image shares no code and no mistakes with it. `image_witness` reads
samples by place; Tesseract reads whole pages, whose words are compared as a multiset, since OCR and label may take
columns in another order.
"""

import os
import shutil
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from scribetune.core.errors import UserError
from scribetune.labels import image_models
from scribetune.text import markdown

UNKNOWN = -1.0
"""Agreement of a page that was not read by OCR."""
ABSENT = "absent"
"""Who reads page images where somebody should, and is not installed: nobody."""
NOBODY = ("none", ABSENT)
_DPI = 200
_TIMEOUT_S = 1200
"""Time on the clock, for a hang alone: the worker's limit of processor time counts Tesseract's too."""
_LONGEST_PX = 6000


def reader_of(setting: str) -> str:
    """Return who reads images where `labels.agreement` is `setting`: "rapidocr", "tesseract", "none" or `ABSENT`.

    It stands in the manifest of labels, from which a build's summary says, once, what is not checked.
    """
    if setting != "auto":
        return setting
    return "rapidocr" if image_models.is_installed() else ABSENT


def require(reader: str, languages: str) -> None:
    """Check that what reads images is there.

    Raises:
        UserError: It is not, or lacks a language, or its models are not those that are known.
    """
    if reader == "rapidocr":
        image_models.require()
    elif reader == "tesseract":
        _require_tesseract(languages)


def _require_tesseract(languages: str) -> None:
    """Check that Tesseract and its language data (as it takes them: `eng+chi_sim`) are there.

    Raises:
        UserError: It is not installed, or lacks a language.
    """
    program = shutil.which("tesseract")
    if program is None:
        raise UserError(
            "labels.agreement is tesseract, and no program of that name is installed.",
            todo="install it (Debian: apt-get install tesseract-ocr), or set labels.agreement: none",
        )
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False)  # noqa: S603
    known = set(listed.stdout.split("\n")[1:])
    missing = [language for language in languages.split("+") if language not in known]
    if missing:
        raise UserError(
            f"labels.agreement_languages: Tesseract has no data for {', '.join(missing)}; it has "
            f"{', '.join(sorted(filter(None, known)))}.",
            todo=f"install it (Debian: apt-get install tesseract-ocr-{missing[0].replace('_', '-')})",
        )


@dataclass(frozen=True)
class Reading:
    """What OCR of a page says about its label."""

    agreement: float  # F of the two multisets of words, within 0 and 1; `UNKNOWN` where Tesseract gave up
    seconds: float  # what it cost, on the clock, rendering included


def of_page(page: Any, label: str, languages: str) -> Reading:
    """Read a pymupdf.Page by OCR and compare it with its label."""
    began = time.perf_counter()
    found = _words_in_image(page, languages)
    agreement = UNKNOWN if found is None else words_f(label, found)
    return Reading(agreement, time.perf_counter() - began)


def _words_in_image(page: Any, languages: str) -> str | None:
    zoom = min(_DPI / 72, _LONGEST_PX / max(page.rect.width, page.rect.height, 1))
    import pymupdf

    image = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY).tobytes("png")
    try:
        read = subprocess.run(  # noqa: S603
            ["tesseract", "stdin", "stdout", "-l", languages, "--dpi", str(round(zoom * 72))],  # noqa: S607
            input=image,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            # One thread: there is a worker for every core.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if read.returncode else read.stdout.decode("utf-8", "replace")


def words_f(label: str, reading: str) -> float:
    """Return 2 × words in common / words of both, as multisets; case does not count; 1 where neither has any."""
    ours = Counter(word.lower() for word in markdown.words(label))
    theirs = Counter(word.lower() for word in markdown.words(reading))
    both = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / both if both else 1.0
