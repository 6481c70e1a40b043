"""Reading with an adapter on top of its base, without a merged model on the disk."""

from pathlib import Path

from scribetune.core.config import Config
from scribetune.generation.reader import Prediction, Reader
from scribetune.models import adapters
from scribetune.models.examples import read_pages


def read(config: Config, base_path: str, adapter_folder: Path, records: Path) -> list[Prediction]:
    """Read the pages of a file of records; predictions in its order.

    Of the configuration `task`, `generate`, and precision and threads of `train` are used.

    Raises:
        UserError: No usable base model, or an adapter of another one; no memory for a single page.
    """
    reader = Reader(config, base_path)
    reader.model = adapters.load(reader.model, adapter_folder, base_folder=reader.folder)
    return reader.read(read_pages(records, reader.prompt))
