"""LoRA fine-tuning through TRL's SFTTrainer: seeded, resumable, and the same bytes on every run of one machine.

A training is `prepare` (what is decided before a model is loaded), `features` (the model, and what its encoder makes of
the pages) and `fit` (the optimiser steps); each passes on what it made.
"""

import logging
import shutil
from pathlib import Path

from scribetune.core.config import Config
from scribetune.core.files import write_text
from scribetune.models import adapters
from scribetune.models.processes import ALONE, Group, launch
from scribetune.training import checkpoints, features, gpus, sharding
from scribetune.training import trial as trials
from scribetune.training.log import LOG_NAME, TrainingLog, log_csv
from scribetune.training.prepare import Prepared, WorkFolders, prepare
from scribetune.training.result import TrainingResult
from scribetune.training.trial import AgainError, Trial

logger = logging.getLogger(__name__)


def train(
    config: Config,
    base_path: str,
    train_jsonl: Path,
    validation_jsonl: Path,
    adapter_folder: Path,
    work: WorkFolders | Path,
    *,
    processes: int = 1,
) -> TrainingResult:
    """Fine-tune the base model (a folder or hub id) on the training split; `base_model`, `task` and `train` are used.

    An interrupted call goes on from the last whole checkpoint of the same training (same configuration, data, base
    model and versions) and ends with the same adapter as an uninterrupted one. Checkpoints are removed at the end.

    The adapter's folder gets adapter_model.safetensors, adapter_config.json and training_log.csv; the validation split
    may hold no record. A path as `work` is the folder of the checkpoints, without the others. Processes share every
    effective batch, a GPU for each (without so many, all on the CPU); their number changes the result by nothing but
    rounding.

    Raises:
        UserError: No usable base model, no page short enough, an unsloth backend without CUDA, dropout on experts, a
            training that cannot fit into memory, one whose loss or gradient is no longer a number, or an effective
            batch that the processes cannot share.
        AdapterError: The scope did not get the weights it names, or a checkpoint did not load whole.
    """
    folders = WorkFolders(work) if isinstance(work, Path) else work
    sharding.check_possible(config.train)
    given = (config, base_path, (train_jsonl, validation_jsonl), adapter_folder, folders)
    trial = trials.first(config.train)
    if processes == 1:
        return train_in_group(ALONE, *given, trial)
    gpus.check_divisible(config.train, processes)
    while True:
        try:
            return launch(processes, train_in_group, *given, trial)
        except AgainError as again:
            trial = again.trial
            logger.warning("%s: all processes start again from the last checkpoint, %s", again.why, again.how)


def train_in_group(
    group: Group,
    config: Config,
    base_path: str,
    splits: tuple[Path, Path],
    adapter_folder: Path,
    work: WorkFolders,
    trial: Trial,
) -> TrainingResult:
    """Do what `train` says, as one of a group of processes; the first one writes all files."""
    prepared = prepare(group, config, base_path, splits, work, trial)
    # Only now: unsloth, which `prepare` imports, patches what this needs.
    from scribetune.training import fit

    resume = group.from_first(lambda: _last_checkpoint(work.checkpoints, prepared.fingerprint))
    loaded = features.load(prepared)
    log = fit.fit(prepared, loaded, resume, trial)
    if group.is_first:
        _save(prepared, loaded, log, adapter_folder)
    return _result(prepared, loaded, log, checkpoints.step_of(resume))


def _last_checkpoint(folder: Path, fingerprint: str) -> Path | None:
    """Return the checkpoint to go on from, and remove all others."""
    resume = checkpoints.last_valid(folder, fingerprint)
    checkpoints.clear(folder, resume)
    return resume


def _save(prepared: Prepared, loaded: features.Loaded, log: TrainingLog, folder: Path) -> None:
    """Write the adapter that the model holds and the log, and remove the checkpoints."""
    base_model = prepared.config.base_model
    adapters.save(
        loaded.model, folder, base_name=base_model.name, base_digest=prepared.base.digest, revision=base_model.revision
    )
    adapters.check_arrived(loaded.model, folder / adapters.WEIGHTS)
    write_text(folder / LOG_NAME, log_csv(log.table()))
    shutil.rmtree(prepared.work.checkpoints, ignore_errors=True)


def _result(prepared: Prepared, loaded: features.Loaded, log: TrainingLog, resumed_from: int) -> TrainingResult:
    settings, data, hardware = prepared.settings, prepared.data, prepared.hardware
    rows = log.table()
    losses = [row["loss"] for row in rows if "loss" in row]
    steps = int(rows[-1]["step"])
    kept = log.best if settings.validation.keep == "best" else log.validations[-1] if log.validations else None
    return TrainingResult(
        train_pages=len(data.learned),
        validation_pages=len(data.validated),
        skipped=data.skipped,
        longest_tokens=max(example.tokens for example in data.learned),
        steps=steps,
        resumed_from=resumed_from,
        backend=hardware.backend.name,
        backend_reason=hardware.backend.reason,
        device=hardware.placement.device,
        processes=hardware.group.size,
        precision=hardware.placement.precision,
        precision_reason=hardware.placement.reason,
        scope=settings.lora.scope,
        trainable=dict(loaded.trainable),
        cached_vision_bytes=prepared.features.bytes,
        first_loss=losses[0],
        final_loss=losses[-1],
        validation_loss=kept.loss if kept else None,
        validation_cer=kept.cer if kept else None,
        validations=tuple(log.validations),
        kept_step=kept.step if kept else steps,
        stopped=log.finished,
        skipped_steps=tuple(log.skipped_steps),
        micro_batch=log.micro_batch,
        memory_events=tuple(log.memory_events),
        preflight=prepared.forecast,
    )
