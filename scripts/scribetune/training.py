"""LoRA fine-tuning through TRL's SFTTrainer: seeded, resumable, and the same bytes on every run of one machine.

Batches are built by the model's own processor; only answers are learned; pages that are too long are left out and
listed. Where the scope leaves the encoder as it is, vision features are computed once and reused in every epoch.
"""

import csv
import io
import logging
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scribetune import adapters, backends, checkpoints, families, progress, vision_cache
from scribetune.collation import Collator, Example, SkippedPage, make_examples, read_pages
from scribetune.config import Config
from scribetune.errors import UserError
from scribetune.files import sha256_file, write_text

logger = logging.getLogger(__name__)

LOG_NAME = "training_log.csv"
LOG_COLUMNS = (
    "step",
    "epoch",
    "loss",
    "learning_rate",
    "validation_loss",
    "gradient_norm",
    "token_accuracy",
    "validation_token_accuracy",
)
_LOGGED = dict(
    zip(
        ("loss", "learning_rate", "eval_loss", "grad_norm", "mean_token_accuracy", "eval_mean_token_accuracy"),
        LOG_COLUMNS[2:],
        strict=True,
    )
)
_MOST_LOG_ROWS = 500


@dataclass(frozen=True)
class TrainingResult:
    """What a training did.

    Attributes:
        train_pages: Pages learned from.
        validation_pages: Pages that the validation loss was measured on.
        skipped: Pages longer than `train.max_tokens`, of both splits.
        longest_tokens: Longest sequence learned from.
        steps: Optimiser steps.
        resumed_from: Step of the checkpoint that the training went on from; 0 for a fresh start.
        backend: peft or unsloth.
        backend_reason: Why.
        device: cpu or cuda.
        precision: Number format of the base weights.
        precision_reason: Why.
        scope: LoRA scope.
        trainable: Trainable parameters by group.
        cached_vision_bytes: Size of the vision features kept in memory; 0 where they were not cached.
        first_loss: First training loss logged.
        final_loss: Last training loss logged.
        validation_loss: Validation loss after the last epoch; None without validation pages.
    """

    train_pages: int
    validation_pages: int
    skipped: tuple[SkippedPage, ...]
    longest_tokens: int
    steps: int
    resumed_from: int
    backend: str
    backend_reason: str
    device: str
    precision: str
    precision_reason: str
    scope: str
    trainable: Mapping[str, int]
    cached_vision_bytes: int
    first_loss: float
    final_loss: float
    validation_loss: float | None


def train(
    config: Config,
    base_path: str,
    train_jsonl: Path,
    validation_jsonl: Path,
    adapter_folder: Path,
    checkpoint_folder: Path,
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
        checkpoint_folder: Work folder for checkpoints, kept between interrupted calls.

    Raises:
        UserError: No usable base model, no page short enough, an unsloth backend without CUDA, dropout on experts, or
            a loss that is no longer a number.
        AdapterError: The scope did not get the weights it names, or a checkpoint did not load whole.
    """
    settings = config.train
    choice = backends.choose(settings.backend)
    if choice.name == "unsloth":
        _patch_first()
    placement = backends.place(settings.precision, settings.cpu_threads)
    folder = families.local_folder(base_path, config.base_model.revision)
    family = families.family_of(folder, config.base_model.family)
    freezes_encoder = family.scopes[settings.scope].freezes_encoder  # or refused, before anything is loaded
    prompt = families.prompt_of(family, config.task.prompt)
    logger.info("Backend %s: %s", choice.name, choice.reason)
    logger.info("Precision %s", placement.reason)

    processor = family.load_processor(folder)
    learned, skipped_train = make_examples(family, processor, read_pages(train_jsonl, prompt), settings.max_tokens)
    validated, skipped_validation = make_examples(
        family, processor, read_pages(validation_jsonl, prompt), settings.max_tokens
    )
    skipped = (*skipped_train, *skipped_validation)
    for page in skipped:
        logger.warning("Left out: %s has %d tokens, train.max_tokens is %d", page.id, page.tokens, settings.max_tokens)
    if not learned:
        raise UserError(
            f"There is no page to train on ({len(skipped_train)} were too long)",
            value=settings.max_tokens if skipped_train else None,
            accepted="at least one page of the training split within train.max_tokens",
            todo="raise train.max_tokens" if skipped_train else "add documents",
        )

    mark = checkpoints.fingerprint(
        {
            "train": settings.model_dump(mode="json"),
            "prompt": prompt,
            "base": adapters.base_digest(folder),
            "splits": [sha256_file(train_jsonl), sha256_file(validation_jsonl)],
            "backend": choice.name,
            "placement": [placement.device, placement.precision],
            "versions": {name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")},
        }
    )
    resume = checkpoints.last_valid(checkpoint_folder, mark)
    if resume is None and checkpoint_folder.is_dir():
        shutil.rmtree(checkpoint_folder)

    _seed(settings.seed, placement.device)
    model = backends.load(choice, family, folder, settings, placement)
    trainable = adapters.count_trainable(family, model, settings.scope)
    total = sum(trainable.values())
    logger.info(
        "Scope %s: %s trainable parameters (%s)",
        settings.scope,
        f"{total:,}",
        ", ".join(f"{group} {count:,}" for group, count in trainable.items()),
    )

    examples = [*learned, *validated]
    cache = None
    if settings.cache_vision and freezes_encoder:
        model.eval()
        cache = vision_cache.compute(family, model, processor, examples, settings.micro_batch)
        logger.info("Vision features of %d pages computed once: %.1f MB", len(examples), cache.bytes / 1e6)
    else:
        why = "train.cache_vision is off" if not settings.cache_vision else f"scope {settings.scope} trains the encoder"
        logger.info("Vision features are computed in every step: %s", why)

    _seed(settings.seed, placement.device)
    history, steps = _fit(
        config=config,
        family=family,
        model=model,
        processor=processor,
        examples=examples,
        learned=len(learned),
        cache=cache,
        placement=placement,
        checkpoint_folder=checkpoint_folder,
        resume=resume,
        mark=mark,
    )

    adapters.save(
        model,
        adapter_folder,
        base_name=config.base_model.name,
        base_folder=folder,
        revision=config.base_model.revision,
    )
    adapters.check_arrived(model, adapter_folder / adapters.WEIGHTS)
    rows = _log_rows(history)
    write_text(adapter_folder / LOG_NAME, _csv(rows))
    if checkpoint_folder.is_dir():
        shutil.rmtree(checkpoint_folder)
    losses = [row["loss"] for row in rows if "loss" in row]
    validation = [row["validation_loss"] for row in rows if "validation_loss" in row]
    return TrainingResult(
        train_pages=len(learned),
        validation_pages=len(validated),
        skipped=skipped,
        longest_tokens=max(example.tokens for example in learned),
        steps=steps,
        resumed_from=int(resume.name.rpartition("-")[2]) if resume else 0,
        backend=choice.name,
        backend_reason=choice.reason,
        device=placement.device,
        precision=placement.precision,
        precision_reason=placement.reason,
        scope=settings.scope,
        trainable=trainable,
        cached_vision_bytes=cache.bytes if cache else 0,
        first_loss=losses[0],
        final_loss=losses[-1],
        validation_loss=validation[-1] if validation else None,
    )


def _patch_first() -> None:
    """Import unsloth before transformers' models: it patches them on import."""
    import unsloth  # noqa: F401


def _seed(seed: int, device: str) -> None:
    """Seed Python, NumPy and torch; on a GPU also ask for deterministic kernels where there are any."""
    import torch
    from transformers import set_seed

    set_seed(seed)
    if device != "cpu":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)


def _fit(
    *,
    config: Config,
    family: families.Family,
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    learned: int,
    cache: vision_cache.VisionCache | None,
    placement: backends.Placement,
    checkpoint_folder: Path,
    resume: Path | None,
    mark: str,
) -> tuple[list[dict[str, Any]], int]:
    """Run the training loop; return the trainer's log and the number of optimiser steps."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig  # type: ignore[attr-defined]

    settings = config.train
    accumulation = settings.effective_batch // settings.micro_batch
    steps_per_epoch = math.ceil(math.ceil(learned / settings.micro_batch) / accumulation)
    total = steps_per_epoch * settings.epochs
    on_cpu = placement.device == "cpu"
    arguments = SFTConfig(
        output_dir=str(checkpoint_folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.micro_batch,
        per_device_eval_batch_size=settings.micro_batch,
        gradient_accumulation_steps=accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        # Rounded down: the first warm-up step has rate 0, and a training of one step must not be spent on it.
        warmup_steps=math.floor(total * settings.warmup_share),
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_gradient_norm,
        optim="adamw_torch",
        bf16=placement.precision == "bfloat16",
        use_cpu=on_cpu,
        gradient_checkpointing=settings.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if settings.gradient_checkpointing else None,
        # By steps, not "epoch": then an epoch is validated before its last checkpoint is written, and going on from
        # that checkpoint misses neither the figure nor the random numbers that validation draws.
        eval_strategy="steps" if len(examples) > learned else "no",
        eval_steps=steps_per_epoch,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=max(1, total // _MOST_LOG_ROWS),
        logging_first_step=True,
        # Otherwise a loss that is not a number would be replaced by an average, and never seen.
        logging_nan_inf_filter=False,
        seed=settings.seed,
        data_seed=settings.seed,
        # Pixels are prepared in workers where a GPU would wait for them; cached features need none.
        dataloader_num_workers=0 if on_cpu or cache is not None else min(8, max(1, (os.cpu_count() or 2) - 1)),
        dataloader_pin_memory=not on_cpu,
        label_names=["labels"],
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        report_to="none",
        disable_tqdm=True,
        push_to_hub=False,
    )
    rows = Dataset.from_dict({"index": list(range(len(examples)))})
    with progress.bar("Training", total, "steps") as advance:
        trainer = _make_trainer(
            family,
            model=model,
            args=arguments,
            data_collator=Collator(family, processor, examples, cache),
            train_dataset=rows.select(range(learned)),
            eval_dataset=rows.select(range(learned, len(examples))) if len(examples) > learned else None,
            processing_class=processor,
            callbacks=[_watch(settings.learning_rate, resume, mark, advance)],
        )
        # With tqdm off the trainer would print every log as a bare dictionary instead.
        trainer.remove_callback(PrinterCallback)
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return list(trainer.state.log_history), int(trainer.state.global_step)


def _make_trainer(family: families.Family, **arguments: Any) -> Any:
    """Make an SFTTrainer that puts cached vision features in the places of the image tokens."""
    from trl import SFTTrainer  # type: ignore[attr-defined]

    class FeatureTrainer(SFTTrainer):
        def compute_loss(self, model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
            inputs, unwrapped = dict(inputs), self.accelerator.unwrap_model(model)
            if "image_features" in inputs:
                ids, features = inputs.pop("input_ids"), inputs.pop("image_features")
                inputs |= family.model_inputs(unwrapped, ids, inputs["attention_mask"], features)
            else:
                inputs |= family.pixel_inputs(unwrapped, inputs["input_ids"])
            return super().compute_loss(model, inputs, *rest, **named)  # type: ignore[no-untyped-call]

    return FeatureTrainer(**arguments)


def _watch(learning_rate: float, resume: Path | None, mark: str, advance: progress.Advance) -> Any:
    """Make the trainer's callback: progress, sealed checkpoints, and a stop when the loss is no longer a number."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if resume is not None:
                adapters.check_arrived(kwargs["model"], resume / adapters.WEIGHTS)
                logger.info("Going on from step %d (%s)", state.global_step, resume)
                advance(state.global_step)

        def on_step_end(self, *_: Any, **_named: Any) -> None:
            advance()

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            logs: Mapping[str, float] = kwargs["logs"]
            for name in ("loss", "eval_loss", "grad_norm"):
                if name in logs and not math.isfinite(logs[name]):
                    raise UserError(
                        f"The training came apart at step {state.global_step}: its {name} is {logs[name]}; "
                        "train.learning_rate is",
                        value=learning_rate,
                        accepted="a rate at which the loss stays finite",
                        todo="lower train.learning_rate or train.max_gradient_norm, or set train.precision to float32",
                    )
            if "eval_loss" in logs:
                logger.info("Epoch %.0f: validation loss %.4f", state.epoch, logs["eval_loss"])
            elif "loss" in logs:
                logger.info("Step %d of %d: loss %.4f", state.global_step, state.max_steps, logs["loss"])
                advance(0, f"loss {logs['loss']:.3f}")

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            checkpoints.seal(Path(args.output_dir) / f"checkpoint-{state.global_step}", mark)

    return Watch()


def _log_rows(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Join the trainer's log into one row per step: training and validation figures side by side."""
    rows: dict[int, dict[str, float]] = {}
    for entry in history:
        found = {column: float(entry[name]) for name, column in _LOGGED.items() if name in entry}
        if found:
            row = rows.setdefault(int(entry["step"]), {"step": float(entry["step"]), "epoch": float(entry["epoch"])})
            row.update(found)
    return [rows[step] for step in sorted(rows)]


def _csv(rows: Sequence[Mapping[str, float]]) -> str:
    """Write rows as CSV, empty where a figure was not measured; nothing in it depends on the clock."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LOG_COLUMNS)
    for row in rows:
        cells = [f"{row[column]:.8g}" if column in row else "" for column in LOG_COLUMNS]
        writer.writerow(cells)
    return text.getvalue()
