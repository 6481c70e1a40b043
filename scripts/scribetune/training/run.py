"""LoRA fine-tuning through TRL's SFTTrainer: seeded, resumable, and the same bytes on every run of one machine.

Batches are built by the model's own processor; only answers are learned; pages that are too long are left out and
listed. Where the scope leaves the encoder as it is, vision features are computed once and reused in every epoch.
"""

import logging
import math
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from scribetune import adapters, backends, checkpoints, families, vision_cache
from scribetune.collation import Collator, Example, SkippedPage, make_examples, read_pages
from scribetune.config import Config, Train
from scribetune.errors import UserError
from scribetune.families.native import native
from scribetune.files import sha256_file, write_text
from scribetune.processes import ALONE, Group, launch
from scribetune.training import (
    compiled,
    determinism,
    gpus,
    host_embedding,
    memory,
    monitor,
    preflight,
    quantized,
    sharding,
)
from scribetune.training.course import LOG_NAME, Course, log_csv
from scribetune.training.order import LengthBuckets
from scribetune.training.result import TrainingResult
from scribetune.training.trial import AgainError, Trial
from scribetune.training.validation import Validator

if TYPE_CHECKING:
    from scribetune.training.trainer import Schedule

logger = logging.getLogger(__name__)

_MOST_LOG_ROWS = 500
_PAGES_BETWEEN_VALIDATIONS = 4000
_VALIDATIONS_OF_SHORT_EPOCHS = 20
_MOST_WORKERS = 8


@dataclass(frozen=True)
class WorkFolders:
    """Where a training keeps what is no result.

    Attributes:
        checkpoints: Checkpoints, kept between interrupted calls.
        vision: Vision features, kept between trainings; None: not on disk.
        tensorboard: Curves; None: none.
    """

    checkpoints: Path
    vision: Path | None = None
    tensorboard: Path | None = None


@dataclass(frozen=True)
class _Setup:
    """What is decided before a model is loaded."""

    config: Config
    group: Group
    choice: backends.BackendChoice
    placement: backends.Placement
    folder: Path
    family: families.Family
    processor: Any
    learned: tuple[Example, ...]
    validated: tuple[Example, ...]
    skipped: tuple[SkippedPage, ...]
    base_digest: str
    features_bytes: int
    features_of_front: bool
    why_not_cached: str

    @property
    def examples(self) -> tuple[Example, ...]:
        """Pages to learn from, then those to validate on."""
        return (*self.learned, *self.validated)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one pass over the training pages."""
        return math.ceil(len(self.learned) / self.config.train.effective_batch)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.steps_per_epoch * self.config.train.epochs


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
    """Fine-tune the base model on the training split.

    An interrupted call goes on from the last whole checkpoint of the same training (same configuration, data, base
    model and versions) and ends with the same adapter as an uninterrupted one. Checkpoints are removed at the end.

    Args:
        config: The configuration (`base_model`, `task` and `train` are used).
        base_path: Folder of the base model, or its hub id.
        train_jsonl: data/splits/train.jsonl.
        validation_jsonl: data/splits/validation.jsonl; may hold no record.
        adapter_folder: Gets adapter_model.safetensors, adapter_config.json and training_log.csv.
        work: Work folders; a path is the one of the checkpoints, without the others.
        processes: Processes that share every effective batch, a GPU for each (without so many, all on the CPU). Their
            number changes the result by nothing but rounding; see `gpus.number_of_processes`.

    Raises:
        UserError: No usable base model, no page short enough, an unsloth backend without CUDA, dropout on experts, a
            training that cannot fit into memory, one whose loss or gradient is no longer a number, or an effective
            batch that the processes cannot share.
        AdapterError: The scope did not get the weights it names, or a checkpoint did not load whole.
    """
    folders = WorkFolders(work) if isinstance(work, Path) else work
    sharding.check_possible(config.train)
    given = (config, base_path, train_jsonl, validation_jsonl, adapter_folder, folders)
    if processes == 1:
        return _train(ALONE, *given)
    gpus.check_divisible(config.train, processes)
    trial = Trial(config.train.machine.micro_batch)
    while True:
        try:
            return launch(processes, _train, *given, trial)
        except AgainError as again:
            trial = again.trial
            logger.warning(
                "%s: all processes start again from the last checkpoint, %s",
                again.why,
                again.how,
            )


def _train(
    group: Group,
    config: Config,
    base_path: str,
    train_jsonl: Path,
    validation_jsonl: Path,
    adapter_folder: Path,
    folders: WorkFolders,
    trial: Trial | None = None,
) -> TrainingResult:
    """Do what `train` says, as one of a group of processes; the first one writes all files."""
    setup = _prepare(group, config, base_path, train_jsonl, validation_jsonl, folders)
    settings, placement = config.train, setup.placement
    trial = trial or Trial(settings.machine.micro_batch)
    found = preflight.check(
        family=setup.family,
        folder=setup.folder,
        settings=settings,
        placement=placement,
        learned=setup.learned,
        steps=setup.steps,
        cached_features_bytes=setup.features_bytes,
        features_of_front=setup.features_of_front,
        # All must decide alike.
        device_bytes=min(group.gather(memory.total_bytes(placement.device))),
        processes=group.size,
        recomputing=trial.recomputing,
    )
    mark = _mark(setup, [train_jsonl, validation_jsonl])
    resume = group.from_first(lambda: _last_checkpoint(folders.checkpoints, mark))

    _seed(settings.seed, placement.device, deterministic=settings.machine.deterministic)
    if found.shards > 1:
        model = sharding.load(setup.family, setup.folder, settings, placement, group)
    else:
        model = backends.load(
            setup.choice, setup.family, setup.folder, settings, placement, checkpointing=found.checkpointing
        )
    trainable = adapters.count_trainable(setup.family, model, settings.lora.scope)
    if settings.machine.quantization == "4bit" and setup.choice.name == "peft":
        quantized.quantize(model)
    features = _features(setup, model, folders.vision)
    # With dropout, processes that draw the same numbers would leave out the same weights.
    _seed(settings.seed + group.rank, placement.device, deterministic=settings.machine.deterministic)
    course = _fit(setup, model, features, folders, resume, mark, found, trial)

    rows = course.table()
    if group.is_first:
        adapters.save(
            model,
            adapter_folder,
            base_name=config.base_model.name,
            base_digest=setup.base_digest,
            revision=config.base_model.revision,
        )
        adapters.check_arrived(model, adapter_folder / adapters.WEIGHTS)
        write_text(adapter_folder / LOG_NAME, log_csv(rows))
        shutil.rmtree(folders.checkpoints, ignore_errors=True)
    losses = [row["loss"] for row in rows if "loss" in row]
    steps = int(rows[-1]["step"])
    kept = course.best if settings.validation.keep == "best" else course.validations[-1] if course.validations else None
    return TrainingResult(
        train_pages=len(setup.learned),
        validation_pages=len(setup.validated),
        skipped=setup.skipped,
        longest_tokens=max(example.tokens for example in setup.learned),
        steps=steps,
        resumed_from=checkpoints.step_of(resume),
        backend=setup.choice.name,
        backend_reason=setup.choice.reason,
        device=placement.device,
        processes=group.size,
        precision=placement.precision,
        precision_reason=placement.reason,
        scope=settings.lora.scope,
        trainable=dict(trainable),
        cached_vision_bytes=setup.features_bytes,
        first_loss=losses[0],
        final_loss=losses[-1],
        validation_loss=kept.loss if kept else None,
        validation_cer=kept.cer if kept else None,
        validations=tuple(course.validations),
        kept_step=kept.step if kept else steps,
        stopped=course.finished,
        skipped_steps=tuple(course.skipped_steps),
        micro_batch=course.micro_batch,
        memory_events=tuple(course.memory_events),
        preflight=found,
    )


def _last_checkpoint(folder: Path, mark: str) -> Path | None:
    """Return the checkpoint to go on from, and remove all others."""
    resume = checkpoints.last_valid(folder, mark)
    checkpoints.clear(folder, resume)
    return resume


def _prepare(
    group: Group, config: Config, base_path: str, train_jsonl: Path, validation_jsonl: Path, folders: WorkFolders
) -> _Setup:
    """Choose backend, placement and family, and read the splits; no model is loaded."""
    settings = config.train
    if group.size == 1:
        choice = backends.choose(settings.machine.backend)
    else:
        choice = backends.BackendChoice("peft", f"{group.size} processes share the work; unsloth is for one")
    if choice.name == "unsloth":
        _patch_first()
    placement = backends.place(settings.machine.precision, settings.machine.cpu_threads)
    quantized.refuse_without_device(settings, placement.device)
    folder = families.local_folder(base_path, config.base_model.revision)
    family = families.family_of(folder, config.base_model.family)
    freezes_encoder = family.scopes[settings.lora.scope].freezes_encoder  # or refused, before anything is read
    prompt = families.prompt_of(family, config.task.prompt)
    logger.info("Backend %s: %s", choice.name, choice.reason)
    logger.info("Precision %s", placement.reason)

    processor = family.load_processor(folder)
    learned, skipped_train = make_examples(family, processor, read_pages(train_jsonl, prompt), settings.max_tokens)
    validated, skipped_validation = make_examples(
        family, processor, read_pages(validation_jsonl, prompt), settings.max_tokens
    )
    _say_skipped([*skipped_train, *skipped_validation], len(learned) + len(validated), settings.max_tokens)
    if not learned:
        raise UserError(
            f"There is no page to train on ({len(skipped_train)} were too long)",
            value=settings.max_tokens if skipped_train else None,
            accepted="at least one page of the training split within train.max_tokens",
            todo="raise train.max_tokens" if skipped_train else "add documents",
        )
    of_front = not freezes_encoder and family.front is not None and choice.name == "peft"
    needed = _features_bytes(family, folder, placement.dtype, [*learned, *validated], of_front=of_front)
    if not settings.machine.cache_vision:
        why = "train.machine.cache_vision is off"
    elif settings.augmentation != "none":
        why = "with train.augmentation pages look different in every epoch"
    elif not (freezes_encoder or of_front):
        why = f"scope {settings.lora.scope} trains the encoder"
    elif not vision_cache.fits(needed, _limits(settings, folders.vision, group)):
        why = (
            f"they need {needed / memory.GIGABYTE:.1f} GB, more than vision_memory_gb and vision_disk_gb of "
            f"train.machine ({settings.machine.vision_memory_gb:g} and {settings.machine.vision_disk_gb:g})"
        )
    else:
        why = ""
    return _Setup(
        config=config,
        group=group,
        choice=choice,
        placement=placement,
        folder=folder,
        family=family,
        processor=processor,
        learned=tuple(learned),
        validated=tuple(validated),
        skipped=(*skipped_train, *skipped_validation),
        # Hashing a large model takes its time, and all read the same disk.
        base_digest=group.from_first(lambda: adapters.base_digest(folder)),
        features_bytes=0 if why else needed,
        features_of_front=of_front,
        why_not_cached=why,
    )


def _limits(settings: Train, folder: Path | None, group: Group) -> vision_cache.Limits:
    # Each process would hold a copy of its own.
    in_memory = settings.machine.vision_memory_gb * memory.GIGABYTE / group.size
    return vision_cache.Limits(folder, in_memory, settings.machine.vision_disk_gb * memory.GIGABYTE)


def _say_skipped(skipped: Sequence[SkippedPage], kept: int, max_tokens: int) -> None:
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


def _features_bytes(
    family: families.Family, folder: Path, dtype: torch.dtype, examples: Sequence[Example], *, of_front: bool
) -> int:
    from transformers import AutoConfig

    settings = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    tokens = [example.image_tokens for example in examples]
    if of_front:
        return vision_cache.size([family.front_tokens(count) for count in tokens], family.front_width(settings), dtype)
    return vision_cache.size(tokens, family.feature_width(settings), dtype)


def _mark(setup: _Setup, splits: Sequence[Path]) -> str:
    """Return the fingerprint of a training: all that decides about its adapter."""
    return checkpoints.fingerprint(
        {
            "train": setup.config.train.decisive(),
            "prompt": families.prompt_of(setup.family, setup.config.task.prompt),
            "base": setup.base_digest,
            "splits": [sha256_file(path) for path in splits],
            "backend": setup.choice.name,
            "placement": [setup.placement.device, setup.placement.precision],
            "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")},
        }
    )


def _patch_first() -> None:
    """Import unsloth before transformers' models: it patches them on import."""
    import unsloth  # noqa: F401


def _seed(seed: int, device: str, *, deterministic: bool) -> None:
    """Seed Python, NumPy and torch."""
    from transformers import set_seed

    set_seed(seed)
    determinism.ask(device, wanted=deterministic)


def _workers(placement: backends.Placement, group: Group) -> int:
    """Return how many processes prepare pages: on a CPU they would only take time from the training itself."""
    return 0 if placement.device == "cpu" else min(_MOST_WORKERS, max(1, ((os.cpu_count() or 2) - 1) // group.size))


def _features(setup: _Setup, model: Any, folder: Path | None) -> vision_cache.FeatureStore | None:
    """Get vision features where they can be kept; say why where they cannot."""
    if setup.why_not_cached:
        logger.info("Vision features are computed in every step: %s", setup.why_not_cached)
        return None
    model.eval()
    store = vision_cache.compute(
        setup.family,
        model,
        setup.processor,
        setup.examples,
        limits=_limits(setup.config.train, folder, setup.group),
        key=vision_cache.model_key(
            setup.folder,
            setup.base_digest,
            setup.placement.dtype,
            setup.placement.device,
            of_front=setup.features_of_front,
        ),
        needed_bytes=setup.features_bytes,
        dtype=setup.placement.dtype,
        workers=_workers(setup.placement, setup.group),
        group=setup.group,
        of_front=setup.features_of_front,
    )
    freed = _let_go(setup, model)
    logger.info(
        "%s of %d pages, computed once: %.1f MB in %s; %d were computed now, %d were there; %.2f GB of weights that "
        "nothing needs any more were let go",
        f"What {setup.family.front} makes" if setup.features_of_front else "Vision features",
        len(setup.examples),
        store.bytes / 1e6,
        "memory" if store.in_memory else folder,
        store.computed,
        len(setup.examples) - store.computed,
        freed / 1e9,
    )
    return store


def _let_go(setup: _Setup, model: Any) -> int:
    """Empty the weights of the encoder, or of its front, whose output is kept; return their bytes.

    The adapter alone is saved at the end, and validation reads pages by the same features.
    """
    freed = 0
    for name, weight in native(model).named_parameters():
        if setup.family.needless(name, of_front=setup.features_of_front):
            freed += weight.numel() * weight.element_size()
            weight.data = weight.new_empty(0)
    memory.release()
    return freed


def _schedule(setup: _Setup) -> "Schedule":
    from scribetune.training.trainer import Schedule

    settings = setup.config.train
    # Many short epochs: not every one. Long epochs: several times in one.
    apart = max(setup.steps_per_epoch, math.ceil(setup.steps / _VALIDATIONS_OF_SHORT_EPOCHS))
    apart = min(apart, max(1, _PAGES_BETWEEN_VALIDATIONS // settings.effective_batch))
    return Schedule(
        total=setup.steps,
        row=max(1, setup.steps // _MOST_LOG_ROWS),
        validation=settings.validation.steps or apart,
        checkpoint=settings.checkpoints.steps,
        checkpoint_s=settings.checkpoints.minutes * 60,
    )


def _fit(
    setup: _Setup,
    model: Any,
    features: vision_cache.FeatureStore | None,
    folders: WorkFolders,
    resume: Path | None,
    mark: str,
    found: preflight.Preflight,
    trial: Trial,
) -> Course:
    """Run the training loop, leave the adapter to be kept in the model, and return the course."""
    from scribetune.training import trainer

    settings = setup.config.train
    course, best = trainer.course_of(resume) if resume else (Course(settings.machine.micro_batch), None)
    in_step = sharding.InStep(model, setup.group) if found.shards > 1 else None
    micro_batch = settings.machine.micro_batch
    if in_step is not None:
        # Nothing is made smaller in the midst of a sharded training, so that all batches are as small as this one.
        micro_batch = course.micro_batch = min(course.micro_batch, trial.micro_batch)
        course.memory_events += [event for event in trial.memory_events if event not in course.memory_events]
        trial = replace(trial, micro_batch=micro_batch)
    seed = settings.seed if settings.augmentation == "scan" else None
    collator = Collator(setup.family, setup.processor, setup.examples, features, seed)
    schedule = _schedule(setup)
    validator = None
    if setup.validated:
        validator = Validator(
            setup.family,
            setup.processor,
            setup.validated,
            collator,
            offset=len(setup.learned),
            read_pages=settings.validation.pages,
            read_tokens=settings.validation.tokens,
            batch=micro_batch,
            seed=settings.seed,
            group=setup.group,
            sharded=None if in_step is None else (in_step, trial),
        )
        logger.info(
            "Validation every %d steps: loss of %d pages, CER of %d, up to %d tokens of each",
            schedule.validation,
            validator.loss_pages,
            len(validator.page_ids),
            settings.validation.tokens,
        )
        if in_step is not None and validator.page_ids:
            logger.info(
                "To read pages the base is gathered once for every token or draft of several: where validations take "
                "too long, lower train.validation.pages or train.validation.tokens"
            )
    curves = folders.tensorboard if settings.tensorboard and setup.group.is_first else None
    device = setup.placement.device
    if _compiles(setup, found):
        compiled.compile_layers(model)
    with monitor.watching(schedule.total, settings.effective_batch, device, curves) as shown:
        equipment = trainer.Equipment(
            group=setup.group,
            family=setup.family,
            settings=settings,
            micro_batch=micro_batch,
            schedule=schedule,
            trial=trial if in_step is not None else None,
            order=LengthBuckets([page.tokens for page in setup.learned], settings.effective_batch, settings.seed),
            page_ids=[example.page.id for example in setup.examples],
            targets=[len(example.answer_ids) + 1 for example in setup.learned],
            pad=int(setup.processor.tokenizer.pad_token_id),
            own_loss=setup.choice.name == "peft",
            checkpointing=found.checkpointing,
            host_embedding=_host_embedding(setup, model, found),
            precision=setup.placement.dtype,
            strictness=determinism.Strictness(settings.machine.deterministic and device != "cpu" and trial.strict),
            autocast=torch.bfloat16 if _own_autocast(setup) else None,
            validator=validator,
            course=course,
            best=best,
            monitor=shown,
            folder=folders.checkpoints,
            mark=mark,
        )
        if course.finished and resume:
            # Killed after its last step, before the adapter was written.
            trainer.restore(model, resume / adapters.WEIGHTS)
        else:
            _run(setup, model, collator, equipment, resume, in_memory=features is not None and features.in_memory)
    if settings.validation.keep == "best" and equipment.best is not None:
        trainer.put(model, equipment.best)
        logger.info("The adapter of step %d is kept", course.best.step if course.best else schedule.total)
    return course


def _own_autocast(setup: _Setup) -> bool:
    """Tell whether the forward pass sets its number format itself; unsloth expects Trainer to do it."""
    return setup.placement.precision == "bfloat16" and setup.choice.name == "peft"


def _host_embedding(setup: _Setup, model: Any, found: preflight.Preflight) -> host_embedding.HostEmbedding | None:
    """Move the embedding table to main memory where the device's is short: where activations are not kept either."""
    if setup.choice.name != "peft" or setup.placement.device == "cpu" or not found.checkpointing:
        return None
    return host_embedding.move_to_host(native(model))


def _optimizer(settings: Train, device: str) -> str:
    """Return transformers' name of the optimiser."""
    if settings.optimization.optimizer == "adamw_8bit":
        return "adamw_8bit"
    # The fused one can be told on the device to leave a step out; see `PageTrainer._get_grad_norm`.
    return "adamw_torch" if device == "cpu" else "adamw_torch_fused"


def _compiles(setup: _Setup, found: preflight.Preflight) -> bool:
    """Tell whether layers are compiled: where configured, or where the training is long enough for it to pay."""
    if setup.choice.name != "peft" or setup.config.train.machine.quantization != "none":
        return False
    if setup.config.train.machine.compile != "auto":
        return setup.config.train.machine.compile
    if found.shards > 1:
        return False  # not measured yet
    passes = len(setup.learned) * setup.config.train.epochs // setup.config.train.machine.micro_batch
    return setup.placement.device != "cpu" and passes >= compiled.WORTH_PASSES


def _run(
    setup: _Setup, model: Any, collator: Collator, equipment: Any, resume: Path | None, *, in_memory: bool
) -> None:
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig  # type: ignore[attr-defined]

    from scribetune.training.trainer import PageTrainer, Watch, recomputing

    settings, placement, total = setup.config.train, setup.placement, setup.steps
    on_cpu = placement.device == "cpu"
    arguments = SFTConfig(
        output_dir=str(equipment.folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=equipment.micro_batch,
        # Rounded up: a micro batch that was halved need not divide the pages of a process.
        gradient_accumulation_steps=math.ceil(settings.effective_batch / setup.group.size / equipment.micro_batch),
        learning_rate=settings.optimization.learning_rate,
        lr_scheduler_type=settings.optimization.schedule,
        # Rounded down: the first warm-up step has rate 0, and a training of one step must not be spent on it.
        warmup_steps=math.floor(total * settings.optimization.warmup_share),
        weight_decay=settings.optimization.weight_decay,
        max_grad_norm=settings.optimization.max_gradient_norm,
        optim=_optimizer(settings, placement.device),
        bf16=placement.precision == "bfloat16" and not _own_autocast(setup),
        use_cpu=on_cpu,
        gradient_checkpointing=equipment.checkpointing,
        gradient_checkpointing_kwargs=recomputing(settings) if equipment.checkpointing else None,
        # The whole course (rows, validations, checkpoints) is PageTrainer's: Trainer would lose what lies between two
        # rows of the log when a training is resumed, and wait for the device in every step.
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        loss_type="nll",
        seed=settings.seed + setup.group.rank,
        data_seed=settings.seed,
        # The gradients are exchanged by PageTrainer.
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,
        # Pixels are prepared, and features read from disk, in workers where a GPU would wait for them.
        dataloader_num_workers=0 if in_memory else _workers(placement, setup.group),
        dataloader_pin_memory=not on_cpu,
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
    if setup.group.size == 1 and not on_cpu:
        # Trainer would spread every batch over all GPUs that it sees; other jobs may have been given them.
        arguments._n_gpu = 1
    made = PageTrainer(
        equipment,
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=Dataset.from_dict({"index": list(range(len(setup.learned)))}),
        processing_class=setup.processor,
        callbacks=[Watch(equipment.monitor, resume)],
    )
    # With tqdm off the trainer would print every log as a bare dictionary instead.
    made.remove_callback(PrinterCallback)
    made.train(resume_from_checkpoint=str(resume) if resume else None)
