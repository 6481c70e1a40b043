"""The optimiser steps: TRL's trainer made, run from its beginning or from a checkpoint, and the best adapter kept.

Imported by `training.run` alone, and late: unsloth must be imported before trl and transformers' models.
"""

import contextlib
import functools
import json
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import PrinterCallback, masking_utils
from trl import SFTConfig  # type: ignore[attr-defined]

from scribetune.models import adapters, quick_layers
from scribetune.models.collation import Collator
from scribetune.models.families.native import end_tokens, native
from scribetune.training import compiled, determinism, host_embedding, monitor, sharding, tracking
from scribetune.training.features import Loaded
from scribetune.training.log import TrainingLog
from scribetune.training.page_trainer import BEST, LOG, Computation, PageTrainer, Progress, Schedule, recomputing
from scribetune.training.prepare import Prepared
from scribetune.training.trial import Trial
from scribetune.training.validation import Validator

logger = logging.getLogger(__name__)

_MOST_LOG_ROWS = 500
_PAGES_BETWEEN_VALIDATIONS = 4000
_VALIDATIONS_OF_SHORT_EPOCHS = 20


def fit(prepared: Prepared, loaded: Loaded, resume: Path | None, trial: Trial) -> TrainingLog:
    """Run the training loop, leave the adapter to be kept in the model, and return the log of the whole training."""
    settings, hardware, model = prepared.settings, prepared.hardware, loaded.model
    progress = _progress(prepared, resume)
    in_step = sharding.InStep(model, hardware.group) if prepared.forecast.shards > 1 else None
    micro_batch = prepared.forecast.micro_batch
    if in_step is not None:
        # Nothing is made smaller in the midst of a sharded training, so that all batches are as small as this one.
        log = progress.log
        micro_batch = log.micro_batch = min(log.micro_batch, trial.micro_batch)
        log.memory_events += [event for event in trial.memory_events if event not in log.memory_events]
        trial = replace(trial, micro_batch=micro_batch)
    data, base = prepared.data, prepared.base
    scanned_seed = settings.seed if settings.augmentation == "scan" else None
    collator = Collator(base.family, base.processor, data.examples, loaded.features, scanned_seed)
    schedule = _schedule(prepared)
    # Before the trainer, which sets the model's own marks of the end to the tokenizer's.
    ends = end_tokens(model, base.processor.tokenizer)
    in_step_with = None if in_step is None else (in_step, trial)
    validator = _validator(prepared, collator, schedule, micro_batch, ends, in_step_with)
    curves = prepared.work.tensorboard if settings.tensorboard and hardware.group.is_first else None
    names = prepared.config.report.trackers if hardware.group.is_first and prepared.work.run else ()
    told = tracking.callbacks(names, prepared.work.run)
    if _compiles(prepared):
        compiled.compile_layers(model)
    elif quick_layers.WANTED and hardware.is_peft and not hardware.on_cpu and prepared.forecast.shards == 1:
        quick_layers.quicken(model)  # with a shared base not tried yet
    device = hardware.placement.device
    with monitor.watching(schedule.total, settings.effective_batch, device, curves) as shown:
        if progress.log.finished and resume:
            # Killed after its last step, before the adapter was written.
            adapters.restore(model, resume / adapters.WEIGHTS)
        else:
            made = PageTrainer(
                prepared,
                schedule,
                _computation(prepared, model, trial, sharded=in_step is not None),
                progress,
                validator,
                shown,
                model=model,
                args=_arguments(prepared, loaded, micro_batch),
                data_collator=collator,
                train_dataset=Dataset.from_dict({"index": list(range(len(data.learned)))}),
                processing_class=base.processor,
                callbacks=[monitor.Watch(shown, resume), *told],
            )
            # With tqdm off the trainer would print every log as a bare dictionary instead.
            made.remove_callback(PrinterCallback)
            shown.tell = functools.partial(tracking.tell, made) if told else None
            with _pages_apart():
                made.train(resume_from_checkpoint=str(resume) if resume else None)
    if settings.validation.keep == "best" and progress.best is not None:
        adapters.put(model, progress.best)
        best = progress.log.best
        logger.info("The adapter of step %d is kept", best.step if best else schedule.total)
    return progress.log


@contextlib.contextmanager
def _pages_apart() -> Iterator[None]:
    """Say that a row of a batch is one page.

    transformers looks for several sequences in one row by their positions, and waits for the device to know.
    """
    before = masking_utils.find_packed_sequence_indices
    masking_utils.find_packed_sequence_indices = lambda position_ids: None  # noqa: ARG005
    try:
        yield
    finally:
        masking_utils.find_packed_sequence_indices = before


def _progress(prepared: Prepared, resume: Path | None) -> Progress:
    """Return how far the training is: as far as its checkpoint, or at the beginning."""
    checkpointing = prepared.forecast.checkpointing
    if resume is None:
        return Progress(TrainingLog(prepared.forecast.micro_batch), None, checkpointing)
    log = TrainingLog.from_json(json.loads((resume / LOG).read_text(encoding="utf-8")))
    best = resume / BEST
    return Progress(log, load_file(best) if best.is_file() else None, checkpointing)


def _schedule(prepared: Prepared) -> Schedule:
    settings = prepared.settings
    # Many short epochs: not every one. Long epochs: several times in one.
    apart = max(prepared.steps_per_epoch, math.ceil(prepared.steps / _VALIDATIONS_OF_SHORT_EPOCHS))
    apart = min(apart, max(1, _PAGES_BETWEEN_VALIDATIONS // settings.effective_batch))
    return Schedule(
        total=prepared.steps,
        row=max(1, prepared.steps // _MOST_LOG_ROWS),
        validation=settings.validation.steps or apart,
        checkpoint=settings.checkpoints.steps,
        checkpoint_s=settings.checkpoints.minutes * 60,
    )


def _validator(
    prepared: Prepared,
    collator: Collator,
    schedule: Schedule,
    micro_batch: int,
    ends: Sequence[int],
    sharded: tuple[sharding.InStep, Trial] | None,
) -> Validator | None:
    """Return what measures the model, and say on how many pages; None without validation pages."""
    if not prepared.data.validated:
        return None
    settings = prepared.settings.validation
    validator = Validator(
        prepared.base.family,
        prepared.base.processor,
        prepared.data.validated,
        collator,
        ends=ends,
        offset=len(prepared.data.learned),
        read_pages=settings.pages,
        read_tokens=settings.tokens,
        batch=micro_batch,
        seed=prepared.settings.seed,
        group=prepared.hardware.group,
        sharded=sharded,
    )
    logger.info(
        "Validation every %d steps: loss of %d pages, CER of %d, up to %d tokens of each",
        schedule.validation,
        validator.loss_pages,
        len(validator.page_ids),
        settings.tokens,
    )
    if sharded is not None and validator.page_ids:
        logger.info(
            "To read pages the base is gathered once for every token or draft of several: where validations take "
            "too long, lower train.validation.pages or train.validation.tokens"
        )
    return validator


def _compiles(prepared: Prepared) -> bool:
    """Tell whether layers are compiled: where configured, or where the training is long enough for it to pay."""
    settings, hardware = prepared.settings, prepared.hardware
    if not hardware.is_peft or settings.machine.quantization != "none":
        return False
    if settings.machine.compile != "auto":
        return settings.machine.compile
    if prepared.forecast.shards > 1:
        return False  # not measured yet
    passes = len(prepared.data.learned) * settings.epochs // prepared.forecast.micro_batch
    return not hardware.on_cpu and passes >= compiled.WORTH_PASSES


def _computation(prepared: Prepared, model: Any, trial: Trial, *, sharded: bool) -> Computation:
    hardware = prepared.hardware
    table = None
    # Where the device's memory is short: where activations are not kept either.
    if hardware.is_peft and not hardware.on_cpu and prepared.forecast.checkpointing:
        table = host_embedding.move_to_host(native(model))
    strict = prepared.settings.machine.deterministic and not hardware.on_cpu and trial.strict
    return Computation(
        trial=trial if sharded else None,
        host_embedding=table,
        strictness=determinism.Strictness(strict),
        autocast=torch.bfloat16 if _own_autocast(prepared) else None,
    )


def _own_autocast(prepared: Prepared) -> bool:
    """Tell whether the forward pass sets its number format itself; unsloth expects Trainer to do it."""
    return prepared.hardware.placement.precision == "bfloat16" and prepared.hardware.is_peft


def _arguments(prepared: Prepared, loaded: Loaded, micro_batch: int) -> SFTConfig:
    """Return Trainer's own arguments."""
    settings, hardware, checkpointing = prepared.settings, prepared.hardware, prepared.forecast.checkpointing
    optimization, on_cpu, group = settings.optimization, hardware.on_cpu, hardware.group
    in_memory = loaded.features is not None and loaded.features.in_memory
    # The fused one can be told on the device to leave a step out; see `PageTrainer._get_grad_norm`.
    plain = "adamw_torch" if on_cpu else "adamw_torch_fused"
    arguments = SFTConfig(
        output_dir=str(prepared.work.checkpoints),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=micro_batch,
        # Rounded up: a micro batch that was halved need not divide the pages of a process.
        gradient_accumulation_steps=math.ceil(settings.effective_batch / group.size / micro_batch),
        learning_rate=optimization.learning_rate,
        lr_scheduler_type=optimization.schedule,
        # Rounded down: the first warm-up step has rate 0, and a training of one step must not be spent on it.
        warmup_steps=math.floor(prepared.steps * optimization.warmup_share),
        weight_decay=optimization.weight_decay,
        max_grad_norm=optimization.max_gradient_norm,
        optim="adamw_8bit" if optimization.optimizer == "adamw_8bit" else plain,
        bf16=hardware.placement.precision == "bfloat16" and not _own_autocast(prepared),
        use_cpu=on_cpu,
        gradient_checkpointing=checkpointing,
        gradient_checkpointing_kwargs=recomputing(settings) if checkpointing else None,
        # Rows, validations and checkpoints are PageTrainer's: Trainer would lose what lies between two
        # rows of the log when a training is resumed, and wait for the device in every step.
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        loss_type="nll",
        seed=settings.seed + group.rank,
        data_seed=settings.seed,
        # The gradients are exchanged by PageTrainer.
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
        # Pixels are prepared, and features read from disk, in workers where a GPU would wait for them.
        dataloader_num_workers=0 if in_memory else hardware.workers,
        dataloader_pin_memory=not on_cpu,
        accelerator_config={"non_blocking": not on_cpu},  # else the host waits for the device once for every batch
        label_names=["labels"],
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",
        disable_tqdm=True,
        push_to_hub=False,
    )
    # Newer versions of torch have another name for this, which accelerate does not know yet.
    warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated", category=FutureWarning)
    if group.size == 1 and not on_cpu:
        # Trainer would spread every batch over all GPUs that it sees; other jobs may have been given them.
        arguments._n_gpu = 1
    return arguments
