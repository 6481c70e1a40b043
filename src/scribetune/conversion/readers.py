"""Who reads pages: a model folder in this process, with the build's own generation code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scribetune import __version__
from scribetune.core.config import Config
from scribetune.metrics.loops import has_loop


@dataclass(frozen=True)
class Reading:
    """What was read on a page; `failure` says why nothing was, in words."""

    text: str = ""
    stop_reason: str = ""  # see `generation.Prediction`
    tokens: int = 0
    seconds: float = 0.0
    mean_probability: float = -1.0  # -1: not known
    least_probability: float = -1.0
    failure: str = ""

    def status(self, least_mean_probability: float) -> tuple[str, str]:
        """Return the status of its page (see `manifest.PageResult`), and why, in words."""
        if self.failure:
            return "error", self.failure
        if self.stop_reason == "loop" or has_loop(self.text):
            return "loop", "the text repeats itself"
        if self.stop_reason == "length":
            return "cut", "the text was cut at its greatest length (generate.max_new_tokens)"
        if 0 <= self.mean_probability < least_mean_probability:
            return "unsure", f"the model gave its tokens a probability of {self.mean_probability:.3f} in the mean"
        return "ok", ""


class PageReader(Protocol):
    """Reads page images."""

    made_by: str
    """Digest of all that decides about a text, apart from the page."""
    at_once: int
    """How many pages it wants to be given together."""

    def read(self, images: Sequence[Path]) -> Iterator[tuple[int, Reading]]:
        """Yield (place in `images`, reading) as pages come to their end."""
        ...


class ModelReader:
    """A model folder, read in this process.

    Raises:
        UserError: No usable model there, or no prompt for the task.
    """

    def __init__(self, config: Config, model: str) -> None:
        from scribetune.generation.predicting import decisive_digest
        from scribetune.generation.reader import Reader

        self._reader = Reader(config, model)
        self.made_by = decisive_digest(config, self._reader, __version__)[:32]
        # On a GPU pages share every step: as many as its memory may hold. On a CPU they gain nothing from each other.
        self.at_once = 256 if self._reader.device.startswith("cuda") else 16

    def read(self, images: Sequence[Path]) -> Iterator[tuple[int, Reading]]:
        """Yield (place in `images`, reading) as pages come to their end."""
        from scribetune.models.examples import Page

        reader = self._reader
        pages = [Page(str(number), "", number, image, reader.prompt, "") for number, image in enumerate(images)]
        for index, prediction in reader.stream(pages, shows_progress=False):
            confidence = reader.tally.confidence_by_page[prediction.id]
            yield (
                index,
                Reading(
                    prediction.text,
                    prediction.stop_reason,
                    prediction.tokens,
                    round(reader.tally.seconds_by_page[prediction.id], 3),
                    round(confidence.mean, 6),
                    round(confidence.least, 6),
                ),
            )
