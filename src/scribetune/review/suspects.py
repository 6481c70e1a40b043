"""Labels that are wrong as far as two readers can tell: the tuned model, and one that knows neither label nor model.

Where the model's text differs from the label, the page image is read by the networks of `labels.image_reading`. A place
is suspect if what the model has there stands on the image rather than what the label has: both texts, with what stands
around them, are looked for in what was read, and the model's fits better. A swapped row is found by what it stands next
to. What the reader cannot find either way speaks against nobody.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from scribetune.core import manifests
from scribetune.labels import image_reading
from scribetune.labels.image_reading import FoundLine
from scribetune.text import grounding, markdown, sharegpt

_AROUND = 8
"""Letters on each side of a difference that are looked for with it."""
_FITS = 0.8
"""Share of what the model has, and what stands around it, that must be found on the image."""
_ENLARGED_PX = 1500
"""Longest side that a page image is enlarged to: the reader knows larger letters than small models are given."""
_SAME_ROW = 0.5


@dataclass(frozen=True)
class Suspect:
    """One place of a label that two readers read otherwise, a row of reports/suspects.csv."""

    id: str  # of the page
    split: str
    label_source: str
    on_page: int  # suspect places of the page
    label_has: str
    model_has: str
    image_has: str  # what the other reader found there
    word: int  # of the label's words, from 0: where the place begins


def of_page(label: str, model: str, seen: str) -> list[tuple[int, str, str, str]]:
    """Return (word, label's text, model's text, image's text) of each suspect place of a page.

    Args:
        label: The page's label.
        model: What the tuned model reads.
        seen: What the other reader reads, line by line.
    """
    ours, theirs = markdown.words(label), markdown.words(model)
    plain, other, image = list(map(_letters, ours)), list(map(_letters, theirs)), _letters(seen)
    found = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, plain, other, autojunk=False).get_opcodes():
        has, reads = "".join(plain[i1:i2]), "".join(other[j1:j2])
        if tag == "equal" or has == reads:
            continue
        # Both with the model's neighbours, so that they differ in nothing else, and in no other mistake of the label.
        before, after = "".join(other[:j1])[-_AROUND:], "".join(other[j2:])[:_AROUND]
        of_label, _ = _best_fit(before + has + after, image)
        of_model, end = _best_fit(before + reads + after, image)
        length = len(before + reads + after)
        if of_model <= (1 - _FITS) * length and of_model < of_label:
            found.append((i1, " ".join(ours[i1:i2]), " ".join(theirs[j1:j2]), image[max(0, end - length) : end]))
    return found


def _best_fit(part: str, whole: str) -> tuple[int, int]:
    """Return by how many edits a part is off where it fits best, and where that ends (Sellers 1980)."""
    import numpy as np

    letters = np.array([ord(letter) for letter in whole], dtype=np.int32)
    places = np.arange(len(whole) + 1, dtype=np.int32)
    row = np.zeros(len(whole) + 1, dtype=np.int32)  # edits of no letter that end at each place
    for letter in part:
        changed = row + 1  # the letter is not there
        changed[1:] = np.minimum(changed[1:], row[:-1] + (letters != ord(letter)))
        row = np.minimum.accumulate(changed - places) + places  # letters of the whole that the part has not
    end = int(row.argmin())
    return int(row[end]), end


def find(
    records: Iterable[tuple[str, Mapping[str, Any]]], predictions: Mapping[str, str], read: Callable[[Path], str]
) -> list[Suspect]:
    """Return the suspect places of labels, those of the page with most of them first.

    Args:
        records: (split, record) of each labelled page.
        predictions: Page id → what the tuned model reads.
        read: Returns what the other reader reads on a page image. Pages on which label and model agree are not read.
    """
    found = []
    for split, record in records:
        label, model = sharegpt.label(record) or "", grounding.plain(predictions.get(str(record["id"]), ""))
        if not model.strip() or _letters(label) == _letters(model):
            continue
        places = of_page(label, model, read(Path(record["images"][0])))
        found += [
            Suspect(str(record["id"]), split, str(record["label_source"]), len(places), has, reads, there, word)
            for word, has, reads, there in places
        ]
    return sorted(found, key=lambda one: (-one.on_page, one.id, one.word))


def read_image(path: Path) -> str:
    """Return what stands on a page image, a line of it at a time, from left to right within a row."""
    from PIL import Image

    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    if max(picture.size) < _ENLARGED_PX:
        scale = _ENLARGED_PX / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return "\n".join(in_rows(image_reading.lines_of(picture)))


def in_rows(lines: Sequence[FoundLine]) -> list[str]:
    """Return rows of text from the top: lines at one height are one row, from left to right."""
    rows: list[list[FoundLine]] = []
    for line in sorted(lines, key=lambda line: line.box[1]):
        top, bottom = line.box[1], line.box[3]
        if rows:
            first = rows[-1][0].box
            shared = min(bottom, first[3]) - max(top, first[1])
            if shared > _SAME_ROW * min(bottom - top, first[3] - first[1]):
                rows[-1].append(line)
                continue
        rows.append([line])
    return [" ".join(line.read.text for line in sorted(row, key=lambda line: line.box[0])) for row in rows]


def write(path: Path, found: Sequence[Suspect]) -> None:
    """Write reports/suspects.csv."""
    manifests.write(path, [asdict(one) for one in found], manifests.columns_of(Suspect))


def _letters(text: str) -> str:
    """Return text as it is compared: letters and digits alone, in one form and case."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum())
