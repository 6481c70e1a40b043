"""Who reads pages: a model folder in this process, with the build's own generation code."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scribetune import __version__
from scribetune.core.config import Config
from scribetune.core.file_hashes import FileHashes
from scribetune.core.files import sha256_json
from scribetune.metrics.loops import has_loop
from scribetune.models import families
from scribetune.models.families import folders
from scribetune.text import grounding

if TYPE_CHECKING:
    from scribetune.generation.reader import Reader


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
        if self.stop_reason == "loop" or has_loop(grounding.plain(self.text)):
            return "loop", "the text repeats itself"
        if self.stop_reason == "length":
            return "cut", "the text was cut at its greatest length (generate.max_new_tokens)"
        if 0 <= self.mean_probability < least_mean_probability:
            return "unsure", f"the model gave its tokens a probability of {self.mean_probability:.3f} in the mean"
        return "ok", ""


class PageReader(Protocol):
    """Reads page images."""

    made_by: str
    """Digest of all that decides about a text, apart from the page; known before anything is loaded."""

    def open(self) -> int:
        """Make ready to read, which may take long the first time; returns how many pages it wants made together."""
        ...

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        """Yield (place in `images`, reading) as pages come to their end; images are asked for as they are needed."""
        ...


class ModelReader:
    """A model folder, read in this process; it is loaded when the first page is to be read.

    Args:
        config: Of it `task`, `generate`, and precision and threads of `train` are used.
        model: A folder, or a hub id.
        memory: A folder that remembers the hashes of the model's files from one call to the next.
        is_watched: Somebody waits for each page: few at a time, so that the first ones come first.

    Raises:
        UserError: No usable model there, or no prompt for the task.
    """

    def __init__(self, config: Config, model: str, memory: Path, *, is_watched: bool = False) -> None:
        self._config, self._is_watched = config, is_watched
        self._folder = families.local_folder(model, config.base_model.revision)
        family = families.family_of(self._folder, config.base_model.family)
        with FileHashes(memory) as hashes:
            files = {path.name: hashes.sha256(str(path.absolute())) for path in folders.model_files(self._folder)}
        machine = config.train.machine
        self.made_by = sha256_json(
            {
                "files": files,
                "prompt": families.prompt_of(family, config.task.prompt, config.task.term),
                "mode": config.base_model.mode,
                "generate": config.generate.decisive(),
                # As configured: what `auto` comes to is known once torch is loaded, which takes long.
                "machine": [machine.precision, machine.cpu_threads],
                "code": __version__,
                "libraries": {name: version(name) for name in ("torch", "transformers", "tokenizers", "pillow")},
            }
        )[:32]
        self._reader: Reader | None = None

    def open(self) -> int:
        """Load the model, unless it is there."""
        # On a GPU pages share every step: as many as its memory may hold. On a CPU they gain nothing from each other.
        on_gpu = self._loaded().device.startswith("cuda")
        if self._is_watched:
            return 8 if on_gpu else 1
        return 256 if on_gpu else 16

    def _loaded(self) -> "Reader":
        if self._reader is None:
            from scribetune.generation.reader import Reader

            self._reader = Reader(self._config, str(self._folder))
        return self._reader

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        """Yield (place in `images`, reading) as pages come to their end."""
        left, done = iter(images), 0
        for first in left:
            batch = [first, *islice(left, self.open() - 1)]
            for index, reading in _read(self._loaded(), batch):
                yield done + index, reading
            done += len(batch)


def _read(reader: "Reader", images: Iterable[Path]) -> Iterator[tuple[int, Reading]]:
    from scribetune.models.examples import Page

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
