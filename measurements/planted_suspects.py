"""Wrong words and swapped rows planted in labels: how many does `snakemake suspects` find, and how much else?

    git clone . /tmp/planted && cd /tmp/planted && make build       # the sample corpus, with labels as they are
    python measurements/planted_suspects.py /tmp/planted --plant    # writes data/corrections and work/planted.json
    scribetune build suspects --folder /tmp/planted                 # trains on these labels, and looks for them
    python measurements/planted_suspects.py /tmp/planted --score

Each word of a label of the training, validation and test pages is replaced with a probability of 5 %: a number by
another, a word by one of another page. Each two rows of a table that follow each other change places with 5 %. What is
planted counts as found if a suspect place touches it; a suspect place that touches nothing planted is a false one.
`--now` plants in memory, and asks the model of the build, which has learned from labels without mistakes.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, files
from scribetune.review import suspects
from scribetune.text import markdown, sharegpt

SHARE = 0.05
SEED = 21
SPLITS = ("train", "validation", "test")
PLANTED = "work/planted.json"
_WORD = re.compile(r"[^\W_]{2,}")
_ROW = re.compile(r"^\|(?!---).*\|$", re.MULTILINE)


@dataclass(frozen=True)
class Plant:
    """A planted mistake: its page, its kind, and which of the label's words are wrong."""

    page: str
    kind: str
    first: int
    last: int


def planted(page: str, label: str, others: Sequence[str], rng: random.Random) -> tuple[str, list[Plant]]:
    """Return a label with mistakes, and where they are."""
    rows = list(_ROW.finditer(label))
    swapped: list[tuple[int, int]] = []
    at = 1
    while at + 1 < len(rows):
        one, other = rows[at], rows[at + 1]
        if other.start() == one.end() + 1 and one.group() != other.group() and rng.random() < SHARE:
            label = f"{label[: one.start()]}{other.group()}\n{one.group()}{label[other.end() :]}"
            swapped.append((one.start(), other.end()))
            at += 1
        at += 1
    pieces: list[str] = []
    spans: list[tuple[str, int, int]] = []
    end = shift = 0
    waiting = list(swapped)
    for word in _WORD.finditer(label):
        while waiting and waiting[0][1] <= word.start():
            start, stop = waiting.pop(0)
            spans.append(("rows", start + shift, stop + shift))
        in_formula = label.count("$", 0, word.start()) % 2 == 1
        in_rows = bool(waiting) and waiting[0][0] <= word.start()
        if in_formula or in_rows or rng.random() >= SHARE:
            continue
        wrong = _other(word.group(), others, rng)
        pieces += [label[end : word.start()], wrong]
        spans.append(("word", word.start() + shift, word.start() + shift + len(wrong)))
        shift += len(wrong) - len(word.group())
        end = word.end()
    spans += [("rows", start + shift, stop + shift) for start, stop in waiting]
    text = "".join([*pieces, label[end:]])
    return text, [_plant(page, kind, text, start, stop) for kind, start, stop in spans]


def _plant(page: str, kind: str, text: str, start: int, stop: int) -> Plant:
    first = len(markdown.words(text[:start]))
    return Plant(page, kind, first, first + max(1, len(markdown.words(text[start:stop]))) - 1)


def _other(word: str, others: Sequence[str], rng: random.Random) -> str:
    if any(character.isdigit() for character in word):
        at = rng.choice([at for at, character in enumerate(word) if character.isdigit()])
        return word[:at] + rng.choice([d for d in "0123456789" if d != word[at]]) + word[at + 1 :]
    if not word.isascii():  # Chinese has no blanks: two characters of it
        return rng.choice([other for other in others if not other.isascii()])[: len(word)] or word
    return rng.choice([other for other in others if other.isascii() and other.casefold() != word.casefold()])


def plant_all(records: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, str], list[Plant]]:
    """Return page → its label with mistakes, and all that was planted."""
    labels = {str(record["id"]): sharegpt.said(record, "gpt") or "" for _, record in records}
    others = sorted({word for label in labels.values() for word in _WORD.findall(label) if word.isalpha()})
    texts, plants = {}, []
    for page, label in labels.items():
        texts[page], found = planted(page, label, others, random.Random(f"{SEED} {page}"))  # noqa: S311
        plants += found
    return texts, plants


def score(found: Sequence[Mapping[str, Any]], plants: Sequence[Plant]) -> dict[str, Any]:
    """Return recall by kind and in all, precision, and the same of pages."""
    places = {(str(one["id"]), int(one["word"]), len(markdown.words(str(one["label_has"])))) for one in found}
    hit: set[Plant] = set()
    right = 0
    for page, word, count in places:
        touched = [
            plant
            for plant in plants
            if plant.page == page and plant.first - 1 <= word + max(0, count - 1) and word <= plant.last + 1
        ]
        hit.update(touched)
        right += bool(touched)
    kinds, found_kinds = Counter(plant.kind for plant in plants), Counter(plant.kind for plant in hit)
    wrong, listed = {plant.page for plant in plants}, {page for page, _, _ in places}
    return {
        "planted": dict(kinds),
        "found": dict(found_kinds),
        "recall": len(hit) / max(1, len(plants)),
        "precision": right / max(1, len(places)),
        "pages recall": len(wrong & listed) / max(1, len(wrong)),
        "pages precision": len(wrong & listed) / max(1, len(listed)),
    }


def main() -> None:
    """Plant, or score what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plant", action="store_true")
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--now", type=Path, help="folder of predictions <split>.jsonl of a model")
    chosen = parser.parse_args()
    records = [
        (split, record) for split in SPLITS for record in files.read_jsonl(chosen.folder / f"data/splits/{split}.jsonl")
    ]
    if chosen.score:
        plants = [Plant(**row) for row in json.loads((chosen.folder / PLANTED).read_text(encoding="utf-8"))]
        print(json.dumps(score(csv_files.read(chosen.folder / "reports/suspects.csv"), plants), indent=2))
        return
    texts, plants = plant_all(records)
    if chosen.plant:
        for page, text in texts.items():
            files.write_text(chosen.folder / f"data/corrections/{page}.md", f"{text.rstrip()}\n")
        files.write_json(chosen.folder / PLANTED, [asdict(plant) for plant in plants])
        print(f"{len(plants)} mistakes on {len({plant.page for plant in plants})} of {len(texts)} pages")
        return
    predictions = {
        str(row["id"]): str(row["text"]) for split in SPLITS for row in files.read_jsonl(chosen.now / f"{split}.jsonl")
    }
    changed = [
        (split, {**record, **sharegpt.answered("<image>\n", texts[str(record["id"])])}) for split, record in records
    ]
    found = suspects.find(changed, predictions, lambda path: suspects.read_image(chosen.folder / path))
    suspects.write(chosen.now / "suspects.csv", found)
    print(json.dumps(score([asdict(one) for one in found], plants), indent=2))


if __name__ == "__main__":
    main()
