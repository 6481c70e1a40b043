"""What is decided before a model is loaded: hardware, base model, pages, features to keep, and what it will cost."""

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scribetune.core.config import Config, Train
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file, sha256_json
from scribetune.models import adapters, backends, families, vision_cache
from scribetune.models.examples import Example, SkippedPage, make_examples, read_pages
from scribetune.models.families import unfit
from scribetune.models.families.native import configuration
from scribetune.models.processes import Group
from scribetune.training import memory, preflight, quantized
from scribetune.training.trial import Trial

logger = logging.getLogger(__name__)

_MOST_WORKERS = 8


@dataclass(frozen=True)
class WorkFolders:
    """Where a training keeps what is no result."""

    checkpoints: Path  # checkpoints, kept between interrupted calls
    vision: Path | None = None  # vision features, kept between trainings; None: not on disk
    tensorboard: Path | None = None  # curves; None: none
    run: str = ""  # name of this training for trackers; "": they are told nothing


@dataclass(frozen=True)
class Hardware:
    """What a training runs on."""

    group: Group  # the processes that share it
    backend: backends.BackendChoice  # peft or unsloth, and why
    placement: backends.Placement  # device and number format, and why

    @property
    def on_cpu(self) -> bool:
        """Whether there is no GPU."""
        return self.placement.device == "cpu"

    @property
    def is_peft(self) -> bool:
        """Whether layers and loss are this project's own; unsloth patches them."""
        return self.backend.name == "peft"

    @property
    def workers(self) -> int:
        """Processes that prepare pages: on a CPU they would only take time from the training itself."""
        return 0 if self.on_cpu else min(_MOST_WORKERS, max(1, ((os.cpu_count() or 2) - 1) // self.group.size))


@dataclass(frozen=True)
class BaseModel:
    """The model that is trained, not loaded yet."""

    folder: Path  # where it lies
    family: families.Family
    processor: Any
    digest: str  # hash of its weights


@dataclass(frozen=True)
class TrainingData:
    """The pages of a training."""

    learned: tuple[Example, ...]  # pages to learn from
    validated: tuple[Example, ...]  # pages to validate on
    skipped: tuple[SkippedPage, ...]  # pages of both splits that are too long

    @property
    def examples(self) -> tuple[Example, ...]:
        """Pages to learn from, then those to validate on."""
        return (*self.learned, *self.validated)


@dataclass(frozen=True)
class KeptFeatures:
    """Which vision features are computed once and kept."""

    bytes: int  # their size; 0 where none are kept
    of_front: bool  # whether they are those of the encoder's frozen front alone, see `Family.front`
    why_none: str  # why none are kept; empty where they are
    limits: vision_cache.Limits  # how much may be kept in memory and on disk


@dataclass(frozen=True)
class Prepared:
    """A training that can begin."""

    config: Config
    hardware: Hardware
    base: BaseModel
    data: TrainingData
    features: KeptFeatures  # which vision features are kept
    forecast: preflight.Preflight
    work: WorkFolders
    fingerprint: str  # hash of all that decides about its adapter

    @property
    def settings(self) -> Train:
        """Configuration of the training."""
        return self.config.train

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the training pages."""
        return _steps_per_epoch(self.settings, self.data)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.steps_per_epoch * self.settings.epochs


def prepare(
    group: Group, config: Config, base_path: str, splits: tuple[Path, Path], work: WorkFolders, trial: Trial
) -> Prepared:
    """Choose backend, placement and family, read the splits, and forecast the cost; no model is loaded.

    Raises:
        UserError: See `run.train`.
    """
    settings = config.train
    hardware = _hardware(group, settings)
    folder = families.local_folder(base_path, config.base_model.revision)
    family = families.family_of(folder, config.base_model.family)
    unfit.refuse_quantized(folder, config.base_model.name)
    _ = family.scopes[settings.lora.scope]  # or refused, before anything is read
    prompts = families.prompts_of(family, config.task)
    refuse_foreign_class(hardware, family)
    logger.info("Backend %s: %s", hardware.backend.name, hardware.backend.reason)
    logger.info("Precision %s", hardware.placement.reason)

    processor = families.load_processor(family, folder, config.base_model.mode)
    data = _read(family, processor, splits, tuple(prompts.values()), settings.max_tokens)
    features = _kept_features(hardware, family, folder, data, settings, work.vision)
    # Hashing a large model takes its time, and all read the same disk.
    base = BaseModel(folder, family, processor, group.from_first(lambda: adapters.base_digest(folder)))
    forecast = preflight.check(
        family=family,
        folder=folder,
        settings=settings,
        placement=hardware.placement,
        learned=data.learned,
        steps=_steps_per_epoch(settings, data) * settings.epochs,
        cached_features_bytes=features.bytes,
        features_of_front=features.of_front,
        # All must decide alike.
        device_bytes=min(group.gather(memory.total_bytes(hardware.placement.device))),
        processes=group.size,
        recomputing=trial.recomputing,
    )
    fingerprint = sha256_json(
        {
            "train": settings.decisive(),
            "prompt": next(iter(prompts.values())),
            "mode": config.base_model.mode,
            "base": base.digest,
            "splits": [sha256_file(path) for path in splits],
            "backend": hardware.backend.name,
            "placement": [hardware.placement.device, hardware.placement.precision],
            "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")},
        }
    )
    return Prepared(config, hardware, base, data, features, forecast, work, fingerprint)


def _hardware(group: Group, settings: Train) -> Hardware:
    if group.size == 1:
        backend = backends.choose(settings.machine.backend)
    else:
        backend = backends.BackendChoice("peft", f"{group.size} processes share the work; unsloth is for one")
    if backend.name == "unsloth":
        import unsloth  # noqa: F401  before transformers' models, which it patches on import
    placement = backends.place(settings.machine.precision, settings.machine.cpu_threads)
    quantized.refuse_without_device(settings, placement.device)
    return Hardware(group, backend, placement)


def refuse_foreign_class(hardware: Hardware, family: families.Family) -> None:
    """Refuse a backend that loads classes of transformers alone for a family that has another.

    Raises:
        UserError: It is one.
    """
    if not (hardware.is_peft or family.is_in_transformers):
        raise UserError(
            f"Unsloth loads classes of transformers, which has none for {family.title}; train.machine.backend is",
            value=hardware.backend.name, accepted="peft or auto", todo="set train.machine.backend to auto",
        )  # fmt: skip


def _read(
    family: families.Family, processor: Any, splits: tuple[Path, Path], prompts: Sequence[str], max_tokens: int
) -> TrainingData:
    """Read the pages of both splits; those that are too long are left out, and it is said.

    The first of the prompts is the task's; training pages may have others.

    Raises:
        UserError: There is no page to train on.
    """
    prompt, *others = prompts
    learned, too_long = make_examples(family, processor, read_pages(splits[0], prompt, others), max_tokens)
    validated, too_long_to_validate = make_examples(family, processor, read_pages(splits[1], prompt), max_tokens)
    data = TrainingData(tuple(learned), tuple(validated), (*too_long, *too_long_to_validate))
    _report_skipped(data.skipped, len(data.examples), max_tokens)
    if not learned:
        raise UserError(
            f"There is no page to train on ({len(too_long)} were too long)",
            value=max_tokens if too_long else None,
            accepted="at least one page of the training split within train.max_tokens",
            todo="raise train.max_tokens" if too_long else "add documents",
        )
    return data


def _report_skipped(skipped: Sequence[SkippedPage], kept: int, max_tokens: int) -> None:
    """Say which pages are too long to learn from, and what would take them in."""
    for page in skipped:
        logger.info("Left out: %s has %d tokens", page.id, page.tokens)
    if skipped:
        longest = max(skipped, key=lambda page: page.tokens)
        logger.warning(
            "%d of %d pages are longer than train.max_tokens, %d, and were left out: the shortest of them has %d "
            "tokens, the longest %d (%s). A larger train.max_tokens takes them in and needs more memory",
            len(skipped),
            len(skipped) + kept,
            max_tokens,
            min(page.tokens for page in skipped),
            longest.tokens,
            longest.id,
        )


def _kept_features(
    hardware: Hardware,
    family: families.Family,
    model_folder: Path,
    data: TrainingData,
    settings: Train,
    folder: Path | None,
) -> KeptFeatures:
    """Decide whether vision features are computed once, and of what."""
    machine = settings.machine
    # Each process would hold a copy of its own.
    in_memory = machine.vision_memory_gb * memory.GIGABYTE / hardware.group.size
    limits = vision_cache.Limits(folder, in_memory, machine.vision_disk_gb * memory.GIGABYTE)
    freezes_encoder = family.scopes[settings.lora.scope].freezes_encoder
    of_front = not freezes_encoder and family.front is not None and hardware.is_peft
    needed = _features_bytes(family, model_folder, hardware.placement, data.examples, of_front=of_front)
    why = ""
    if not machine.cache_vision:
        why = "train.machine.cache_vision is off"
    elif settings.augmentation != "none":
        why = "with train.augmentation pages look different in every epoch"
    elif not (freezes_encoder or of_front):
        why = f"scope {settings.lora.scope} trains the encoder"
    elif not vision_cache.fits(needed, limits):
        why = (
            f"they need {needed / memory.GIGABYTE:.1f} GB, more than vision_memory_gb and vision_disk_gb of "
            f"train.machine ({machine.vision_memory_gb:g} and {machine.vision_disk_gb:g})"
        )
    return KeptFeatures(0 if why else needed, of_front, why, limits)


def _features_bytes(
    family: families.Family, folder: Path, placement: backends.Placement, examples: Sequence[Example], *, of_front: bool
) -> int:
    settings = configuration(folder)
    tokens = [example.image_tokens for example in examples]
    if of_front:
        tokens = [family.front_tokens(count) for count in tokens]
    width = family.front_width(settings) if of_front else family.feature_width(settings)
    return vision_cache.size(tokens, width, placement.dtype)


def _steps_per_epoch(settings: Train, data: TrainingData) -> int:
    return math.ceil(len(data.learned) / settings.effective_batch)
