"""The base model of a build: its files, where it is loaded from, what it is asked, and the memory it takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scribetune.build import prompts
from scribetune.build.refusals import refusals
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.models import families
from scribetune.record import provenance

_UNSEEN_MODEL_MB = 8000
"""Weights of a model that was not looked at yet; those of DeepSeek-OCR-2 are 6,800."""


@dataclass(frozen=True)
class BaseModel:
    """The base model, as configured."""

    config: Config  # the checked configuration
    roots: tuple[Path, ...]  # where a relative folder is looked up, in order

    def files(self, _wildcards: object) -> list[str]:
        """Input function: the files of the base model; none where it comes from the hub."""
        with refusals():
            families.resolve(self.config.base_model, self.roots)
            return relative_paths(families.base_model_files(self.config.base_model.name, self.roots))

    def path(self, _wildcards: object) -> str:
        """Params function: where it is loaded from, a folder or a hub id."""
        with refusals():
            return families.resolve(self.config.base_model, self.roots)

    def prompt(self, _wildcards: object) -> str:
        """Params function: what the model is asked, everywhere; its family decides."""
        with refusals():
            return prompts.prompt(self.config, self.roots)

    def prompts(self, _wildcards: object) -> dict[str, str]:
        """Params function: what the pages of the splits are asked, by name, the prompt of the task first."""
        with refusals():
            return prompts.prompts(self.config, self.roots)

    def memory_mb(self, process_mb: int, *, features: bool = False) -> int:
        """Return the main memory that a job with the base model may need, in MB, for a rule's `mem_mb`.

        On a CPU weights of 16 bits are computed with in 32, and take twice what their files take; on a GPU loading
        passes over them once. A model of the hub may not be there yet: it is taken to be of `_UNSEEN_MODEL_MB`.

        Args:
            process_mb: What the process takes with the embedded model, from measured jobs.
            features: Whether the job keeps vision features of pages, up to `train.machine.vision_memory_gb`. Counted
                with a GPU: what a CPU can be trained on has few pages.
        """
        try:
            files = families.base_model_files(self.config.base_model.name, self.roots)
        except UserError:
            files = []  # refused where it is an input
        weights = sum(path.stat().st_size for path in files if path.suffix == ".safetensors") / 1e6
        has_gpu = provenance.lock_in_use().stem == "gpu"
        kept = self.config.train.machine.vision_memory_gb * 1000 if features and has_gpu else 0.0
        return round(process_mb + 2 * (weights if files else _UNSEEN_MODEL_MB) + kept)


def relative_paths(paths: Iterable[Path]) -> list[str]:
    """Return paths, relative to the working directory where they lie below it: clones then agree on them."""
    here = Path.cwd().resolve()
    resolved = [(path, path.resolve()) for path in paths]
    return [(full.relative_to(here) if full.is_relative_to(here) else given).as_posix() for given, full in resolved]
