"""Predictions of whole sets of pages: files in the sets' order, and only what is missing is read after a kill."""

import csv
import io
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from scribetune.core import csv_files, layout
from scribetune.core.config import Config
from scribetune.core.files import sha256_file, sha256_json, write_jsonl, write_text
from scribetune.generation.journal import Answer, Journal
from scribetune.generation.reader import Prediction, Reader
from scribetune.models import families
from scribetune.models.adapters import base_digest
from scribetune.models.examples import Page, read_pages

logger = logging.getLogger(__name__)


def predict(
    config: Config,
    model_path: str,
    sets: Mapping[Path, Path],
    work: Path = Path(layout.PREDICTION_JOURNALS),
    *,
    code: str = "",
) -> None:
    """Read every page of each set and write one record per page, in the set's order; the model is loaded once.

    Answers go to a journal as they come. It is taken up again after an interruption by the same model, settings and
    code, and removed when the predictions are written. `<first prediction>.timings.csv` stays beside it: seconds per
    page are no part of what the build hashes. Nor is `confidence.csv` with how sure the model was of each page's
    tokens: how pages share a device moves its last digits.

    Of the configuration `task`, `generate`, and precision and threads of `train` are used.

    `sets` says for each file of ShareGPT records where the predictions go. `code` is the digest of the code that reads,
    as the rule was given it: answers of other code are not taken up.

    Raises:
        UserError: No usable model there, records that do not carry its prompt, another process at the same work, or no
            memory for a single page.
    """
    reader = Reader(config, model_path)
    # Whatever a training page was asked, it is read as all others are.
    others = tuple(families.prompts_of(reader.family, config.task).values())
    by_set = {
        records: [replace(page, prompt=reader.prompt) for page in read_pages(records, reader.prompt, others)]
        for records in sets
    }
    # All sets in one go: fewer pages are waited for alone.
    pages = [page for pages in by_set.values() for page in pages]
    images = [sha256_file(page.image) for page in pages]
    name = next((target.stem for target in sets.values()), "none")
    path = work / f"{name}-{decisive_digest(config, reader, code)[:16]}.jsonl"
    with Journal(path) as journal:
        _read_missing(reader, pages, images, journal, work / f"{name}.timings.csv")
        found = [_prediction(page, journal.answers[image]) for page, image in zip(pages, images, strict=True)]
        start = 0
        for records, target in sets.items():
            rows = found[start : start + len(by_set[records])]
            start += len(rows)
            write_jsonl(target, [asdict(prediction) for prediction in rows])
            stops = Counter(prediction.stop_reason for prediction in rows)
            counts = ", ".join(f"{reason} {count}" for reason, count in sorted(stops.items()))
            logger.info("%s: %d pages read, stopped by: %s", records, len(rows), counts or "nothing")
            if stops["length"]:
                logger.warning(
                    "%s: the answers to %d of %d pages were cut at generate.max_new_tokens (%d), and what is missing "
                    "from them counts as errors: raise it where labels are that long",
                    records, stops["length"], len(rows), config.generate.max_new_tokens,
                )  # fmt: skip
        sure = {page.id: journal.answers[image] for page, image in zip(pages, images, strict=True)}
        write_text(
            work / f"{name}.confidence.csv",
            csv_files.text_of(
                ("id", "mean", "least"),
                ((id_, f"{one.confidence:.4f}", f"{one.least:.4f}") for id_, one in sorted(sure.items())),
            ),
        )
    # Journals of other settings too: nothing goes on from them, and they hold texts of documents.
    for left in work.glob(f"{name}-{'[0-9a-f]' * 16}.jsonl"):
        left.unlink(missing_ok=True)


def _read_missing(reader: Reader, pages: Sequence[Page], images: Sequence[str], journal: Journal, times: Path) -> None:
    missing: dict[str, Page] = {}
    for page, image in zip(pages, images, strict=True):
        if image not in journal.answers:
            missing.setdefault(image, page)
    if journal.answers:
        logger.info("%d of %d pages were read before", sum(image in journal.answers for image in images), len(pages))
    keys = list(missing)
    rows: list[tuple[str, int, str]] = []
    for index, prediction in reader.stream(list(missing.values())):
        sure = reader.tally.confidence_by_page[prediction.id]
        journal.add(
            Answer(keys[index], prediction.text, prediction.tokens, prediction.stop_reason, sure.mean, sure.least)
        )
        rows.append((prediction.id, prediction.tokens, prediction.stop_reason))
    if rows:
        logger.info("%s", reader.tally)
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(("id", "tokens", "stop_reason", "seconds"))
        writer.writerows((*row, f"{reader.tally.seconds_by_page[row[0]]:.3f}") for row in sorted(rows))
        write_text(times, buffer.getvalue())


def _prediction(page: Page, answer: Answer) -> Prediction:
    return Prediction(
        id=page.id,
        document=page.document,
        page=page.page,
        image=page.image.as_posix(),
        prompt=page.prompt,
        text=answer.text,
        tokens=answer.tokens,
        stop_reason=answer.stop_reason,
    )


def decisive_digest(config: Config, reader: Reader, code: str) -> str:
    """Return the hash of all that decides about an answer, apart from the page: model, prompt, settings, code."""
    settings = config.generate.decisive()
    texts = {path.name: sha256_file(path) for path in sorted(reader.folder.glob("*.json"))}
    return sha256_json(
        {
            "weights": base_digest(reader.folder),
            "texts": texts,
            "prompt": reader.prompt,
            "mode": config.base_model.mode,
            "generate": settings,
            "precision": str(reader.dtype),
            "device": reader.device,
            "threads": config.train.machine.cpu_threads,
            "code": code,
            "libraries": {name: version(name) for name in ("torch", "transformers", "tokenizers", "pillow")},
        }
    )
