"""TRL's SFTTrainer, taught what a training here needs: whole pages, exact resuming, real validation.

Imported by `training.run` alone, and late: unsloth must be imported before trl and transformers' models.
"""

import contextlib
import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate.data_loader import DataLoaderShard
from safetensors.torch import save_file
from trl import SFTTrainer  # type: ignore[attr-defined]

from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.core.files import write_text
from scribetune.models import adapters
from scribetune.models.collation import assemble, pad_rows, target_tokens
from scribetune.training import checkpoints, memory
from scribetune.training.determinism import Strictness
from scribetune.training.host_embedding import HostEmbedding
from scribetune.training.log import MemoryEvent, StepFigures, TrainingLog
from scribetune.training.monitor import Monitor
from scribetune.training.order import LengthBuckets, PageRows, SharedBatches
from scribetune.training.prepare import Prepared
from scribetune.training.trial import AgainError, Trial, less_to_learn
from scribetune.training.validation import Validator, page_loss, with_features

logger = logging.getLogger(__name__)

LOG = "log.json"
BEST = "best.safetensors"
_PAGES_NAMED = 8
_UNSLOTH_LOGITS = "UNSLOTH_RETURN_LOGITS"
"""Unsloth's forward pass gives logits only where this variable is 1."""


@dataclass(frozen=True)
class Schedule:
    """When what happens, in optimiser steps."""

    total: int  # steps of the whole training
    row: int  # steps between rows of the log
    validation: int  # steps between validations; 0: none
    checkpoint: int  # most steps between checkpoints
    checkpoint_s: float  # most seconds between checkpoints; 0: any


@dataclass(frozen=True)
class Computation:
    """How forward and backward passes are computed."""

    trial: Trial | None  # what is tried where the base is sharded, which cannot do a part of a step again; else None
    host_embedding: HostEmbedding | None  # the embedding, where its table lies in main memory
    strictness: Strictness  # whether steps may use only deterministic kernels
    autocast: torch.dtype | None
    """Number format that arithmetic is done in beside the adapter's own; None: that of the weights."""


@dataclass
class Progress:
    """How far a training is."""

    log: TrainingLog
    best: dict[str, torch.Tensor] | None  # adapter tensors of the best validation, in main memory
    checkpointing: bool  # whether activations are computed again in the backward pass


@dataclass
class _Step:
    """Sums over the effective batch that is being worked on; tensors stay on the device until a row is due."""

    pages: list[list[dict[str, Any]]]
    indices: list[int]
    targets: int
    loss: torch.Tensor
    correct: torch.Tensor


@dataclass(frozen=True)
class _Done:
    """A finished step whose figures were not read from the device yet."""

    step: int
    epoch: float
    learning_rate: float
    loss: torch.Tensor
    norm: torch.Tensor
    correct: torch.Tensor
    targets: int
    indices: tuple[int, ...]


@dataclass(frozen=True)
class _Asked:
    """Figures of steps on their way from the device."""

    steps: list[_Done]
    figures: torch.Tensor  # (processes, steps + 1, 3)
    copied: Any  # the event that they are there after; None where there is nothing to wait for


class PageTrainer(SFTTrainer):
    """SFTTrainer over whole pages.

    What differs from its parents:

    - the loss is summed over the answers' tokens and divided by their number in the whole effective batch, so that the
      split into micro batches changes nothing;
    - nothing is read from the device in a step: loss and norm are collected, and read after the step behind a row's;
    - a gradient that is not finite never reaches the weights;
    - when memory runs out, the micro batch is halved and the step done again;
    - validation reads pages; checkpoints are written beside their name, with the whole log in them.
    """

    def __init__(
        self,
        prepared: Prepared,
        schedule: Schedule,
        computation: Computation,
        progress: Progress,
        validator: Validator | None,
        monitor: Monitor,
        **arguments: Any,
    ) -> None:
        self.prepared, self.schedule, self.computation, self.progress = prepared, schedule, computation, progress
        self.validator, self.monitor = validator, monitor
        learned, settings = prepared.data.learned, prepared.settings
        self.order = LengthBuckets([page.tokens for page in learned], settings.effective_batch, settings.seed)
        # Tokens that each page teaches, by index.
        self.targets = [len(page.answer_ids) + 1 for page in learned]
        self._pad = int(prepared.base.processor.tokenizer.pad_token_id)
        self._group = prepared.hardware.group
        super().__init__(**arguments)
        if computation.trial is not None:
            # Accelerate would wrap the model in DDP, which refuses sharded weights; gradients are exchanged here.
            self.accelerator.prepare_model = lambda model, **_: model
        # The loss below is normalised by the targets of the effective batch; Trainer must not divide once more.
        self.model_accepts_loss_kwargs = True
        self._device = self.args.device
        self._waiting: list[_Done] = []
        self._asked: _Asked | None = None
        self._handled = 0
        self._saved_at = time.monotonic()
        self._saved_step = 0
        self._clock_says_checkpoint = False
        self._current = self._fresh_step(0, [])

    # ---- Pages ----

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBuckets:  # noqa: ARG002
        return self.order

    def get_train_dataloader(self) -> Any:
        """Return batches of this process: all pages, or its part of every effective batch."""
        if self._group.size == 1:
            return super().get_train_dataloader()
        # Not Trainer's way to divide batches, which fills up the last ones with pages from the beginning.
        return DataLoaderShard(
            PageRows(len(self.targets)),
            device=self._device,
            batch_sampler=SharedBatches(
                self.order, self._group.rank, self._group.size, self.args.per_device_train_batch_size
            ),
            collate_fn=self.data_collator,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory,
            generator=torch.Generator(),
        )

    def _run_epoch(self, *arguments: Any, **named: Any) -> Any:
        self.order.set_epoch(named["epoch"])
        collator: Any = self.data_collator
        collator.epoch = named["epoch"]
        return super()._run_epoch(*arguments, **named)  # type: ignore[no-untyped-call]

    def get_batch_samples(
        self,
        epoch_iterator: Iterator[Any],
        num_batches: int,
        device: Any,  # noqa: ARG002
    ) -> tuple[list[Any], int]:
        """Take the batches of one optimiser step, and count what they teach."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        pages = [page for batch in batches for page in batch["pages"]]
        if self._group.size == 1:
            targets, indices = target_tokens(pages), [page["index"] for page in pages]
        else:
            # Every process knows the order: none has to ask the others what they have.
            batches_of_epoch = self.order.current
            indices = batches_of_epoch[self.state.global_step % len(batches_of_epoch)]
            targets = sum(self.targets[index] for index in indices)
            if not {page["index"] for page in pages} <= set(indices):
                raise RuntimeError(f"step {self.state.global_step + 1} has pages of another step")
        self._current = self._fresh_step(targets, indices)
        return batches, targets

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002
        """Return 0: the parent's count is of whole sequences, and is used nowhere."""
        return 0

    def _fresh_step(self, targets: int, indices: list[int]) -> _Step:
        zero = torch.zeros((), device=self._device)
        return _Step([], indices, targets, zero, zero.clone())

    # ---- One step ----

    def training_step(self, model: Any, inputs: Mapping[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Compute gradients of one batch, with smaller forward passes and once more where memory runs out."""
        self._current.pages.append(inputs["pages"])
        # Several processes exchange gradients once, at the end of a step, not within the last backward pass: one that
        # runs out of memory can so do its part again, while the others wait. An adapter's gradients are small.
        with self.accelerator.no_sync(model) if self._processes > 1 else contextlib.nullcontext():
            came = self._attempt(model, self._current.pages[-1:], num_items_in_batch)
            while came != "done":
                if self.computation.trial is not None:
                    raise self._again(came, self.computation.trial)
                if came == "memory":
                    self._shrink()
                # Part of the gradients may be there already: the step begins anew, with its earlier batches.
                model.zero_grad()
                again = self._fresh_step(self._current.targets, self._current.indices)
                again.pages = self._current.pages
                self._current = again
                came = self._attempt(model, self._current.pages, num_items_in_batch)
        if self._processes > 1 and self.accelerator.sync_gradients:
            self._group.average(_gradients(model))
        return torch.zeros((), device=self._device)

    def _attempt(
        self, model: Any, batches: Sequence[Sequence[dict[str, Any]]], targets: Any
    ) -> Literal["done", "memory", "strictness"]:
        """Compute the gradients of batches; return whether that was done, and else what stood in the way."""
        size = self.progress.log.micro_batch
        try:
            with self.computation.strictness.step():
                for pages in batches:
                    for start in range(0, len(pages), size):
                        inputs = assemble(pages[start : start + size], self._pad)
                        if self.computation.host_embedding is not None:
                            rows = [page["ids_in_main_memory"] for page in pages[start : start + size]]
                            self.computation.host_embedding.prepare(pad_rows(rows, self._pad))
                        loss = super().training_step(model, inputs, targets)  # type: ignore[no-untyped-call]
                        self._current.loss += loss.float() / self._processes
        except torch.OutOfMemoryError:
            # The exception holds the frames, and with them the tensors, of what failed: nothing is done about it here.
            return "memory"
        except RuntimeError as error:
            if self.computation.strictness.gives_way(error):
                return "strictness"
            raise
        return "done"

    def _again(self, came: Literal["memory", "strictness"], trial: Trial) -> UserError:
        """Return what is raised where a sharded training must start again."""
        step = int(self.state.global_step) + 1
        if came == "strictness":
            return AgainError(
                replace(trial, strict=False), f"A deterministic kernel is lacking at step {step}", "with any kernels"
            )
        longest = max(len(page["input_ids"]) for pages in self._current.pages for page in pages)
        return less_to_learn(trial, self.prepared.settings, step, longest, checkpointing=self.progress.checkpointing)

    def _shrink(self) -> None:
        """Halve the micro batch, or keep no activations where it is one page already, and say so.

        Raises:
            UserError: It is one page already.
        """
        log = self.progress.log
        memory.release()
        step = self.state.global_step + 1
        longest = max(len(page["input_ids"]) for pages in self._current.pages for page in pages)
        settings = self.prepared.settings
        if (
            log.micro_batch == 1
            and settings.machine.gradient_checkpointing == "auto"
            and not self.progress.checkpointing
        ):
            logger.warning("Memory ran out at step %d: from now on activations are computed again, not kept", step)
            self.progress.checkpointing = True
            self.accelerator.unwrap_model(self.model).gradient_checkpointing_enable(
                gradient_checkpointing_kwargs=recomputing(settings)
            )
            return
        if log.micro_batch == 1:
            raise memory.too_small(step, longest, checkpointing=self.progress.checkpointing)
        event = MemoryEvent(step, log.micro_batch, log.micro_batch // 2)
        log.micro_batch = event.micro_batch_after
        log.memory_events.append(event)
        logger.warning(
            "Memory ran out at step %d: from now on %d instead of %d pages in a forward pass, and as many more passes; "
            "the effective batch of %d pages, and so the result, stays",
            step,
            event.micro_batch_after,
            event.micro_batch_before,
            self.prepared.settings.effective_batch,
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss of one forward pass: cross-entropy summed over its targets, per target of the whole step."""
        family, unwrapped = self.prepared.base.family, self.accelerator.unwrap_model(model)
        if not self.prepared.hardware.is_peft:
            self._current.correct += math.nan
            inputs = with_features(family, unwrapped, inputs) | {"labels": inputs["labels"]}
            inputs.pop("logits_to_keep")
            return super().compute_loss(  # type: ignore[no-untyped-call]
                model, inputs, return_outputs, num_items_in_batch=num_items_in_batch
            )
        total, correct = page_loss(family, unwrapped, inputs, model)
        self._current.correct += correct
        # Gradients of several processes are averaged, where they should be summed.
        loss = total / max(1, int(num_items_in_batch or 1)) * self._processes
        return (loss, None) if return_outputs else loss

    def autocast_smart_context_manager(
        self, cache_enabled: bool | None = True
    ) -> contextlib.AbstractContextManager[Any]:
        """Return the number format of a forward pass.

        Not Trainer's own, which goes with a copy of all logits in float32: the largest tensor there is.
        """
        kind = self.computation.autocast
        if kind is None:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=kind, cache_enabled=bool(cache_enabled))

    @property
    def _processes(self) -> int:
        return int(self.args.world_size)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> torch.Tensor:
        """Return the norm as a tensor, and see to it that a gradient that is not finite changes no weight."""
        found = super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]
        norm = torch.as_tensor(found, device=self._device).detach().float()
        fused: Any = self.optimizer
        if not hasattr(fused.optimizer, "found_inf") and not getattr(fused.optimizer, "_step_supports_amp_scaling", 0):
            if not math.isfinite(float(norm)):
                for weight in model.parameters():
                    weight.grad = None
        else:
            # The fused optimiser reads this on the device and does nothing where it is 1: no step waits for the host.
            fused.optimizer.found_inf = (~torch.isfinite(norm)).float().reshape(())
        return norm

    # ---- After a step ----

    def _maybe_log_save_evaluate(
        self,
        tr_loss: torch.Tensor,  # noqa: ARG002  what `training_step` returned: zeros
        grad_norm: Any,
        model: Any,
        trial: Any,
        epoch: Any,  # noqa: ARG002
        ignore_keys_for_eval: Any = None,  # noqa: ARG002
        start_time: Any = None,  # noqa: ARG002
        learning_rate: float | None = None,
    ) -> None:
        step = int(self.state.global_step)
        if step == self._handled or grad_norm is None:
            return  # Trainer calls this once more at the end of an epoch
        self._handled = step
        self._tell_row()
        self._note(step, grad_norm, learning_rate)
        log, schedule = self.progress.log, self.schedule
        last = step == schedule.total
        row_due = last or step == 1 or step % schedule.row == 0
        validation_due = self.validator is not None and (last or step % schedule.validation == 0)
        if last or validation_due or self._checkpoint_due(step) or self._device.type == "cpu":
            self._read()
            if row_due:
                self.monitor.row(log.add_row())
        elif row_due:
            # Told after the next step: the host goes on launching, and the device never waits for it.
            self._asked = self._ask()
        if validation_due:
            self._validate(step)
        if last:
            log.finished = log.finished or "steps"
        if log.finished:
            self.control.should_training_stop = True
        if log.finished or self._checkpoint_due(step):
            self._tell_row()  # the clock may have struck since it was asked for: a checkpoint holds every row
            self._read()
            self._save_checkpoint(model, trial)

    def _note(self, step: int, norm: torch.Tensor, learning_rate: float | None) -> None:
        """Keep a step's figures where they are, on the device."""
        current = self._current
        self._waiting.append(
            _Done(
                step=step,
                epoch=self._epoch(step),
                learning_rate=float(learning_rate or 0.0),
                loss=current.loss,
                norm=norm,
                correct=current.correct,
                targets=current.targets,
                indices=tuple(current.indices),
            )
        )
        self._current = self._fresh_step(0, [])
        self.monitor.step()

    def _epoch(self, step: int) -> float:
        """Return the passes over all pages after a step; not Trainer's, which depends on how batches are divided."""
        pages, batch = len(self.targets), self.prepared.settings.effective_batch
        whole, part = divmod(step, math.ceil(pages / batch))
        return whole + part * batch / pages

    def _checkpoint_due(self, step: int) -> bool:
        schedule = self.schedule
        # Clocks of several processes differ, and all must write the same checkpoints: see `_read`.
        by_time = self._clock_says_checkpoint if self._processes > 1 else self._time_is_up()
        return step != self._saved_step and (step % schedule.checkpoint == 0 or by_time)

    def _time_is_up(self) -> bool:
        return 0 < self.schedule.checkpoint_s <= time.monotonic() - self._saved_at

    def _tell_row(self) -> None:
        """Tell the row that was asked for after the step before, if any."""
        if self._asked is not None:
            self._look_at(self._asked)
            self._asked = None
            self.monitor.row(self.progress.log.add_row())

    def _read(self) -> None:
        """Read the figures of the steps since the last time from the device, at once, and look at them."""
        if self._waiting:
            self._look_at(self._ask())

    def _ask(self) -> _Asked:
        """Begin to copy the figures of the steps since the last time from the device."""
        waiting, self._waiting = self._waiting, []
        rows = [torch.stack([done.loss, done.norm / self._processes, done.correct]) for done in waiting]  # (3) each
        own = torch.tensor([float(self._time_is_up()), self.progress.log.micro_batch, 0.0])
        own = own.to(self._device, non_blocking=True)
        of_all = self.accelerator.gather(torch.stack([*rows, own]).unsqueeze(0))  # (processes, steps + 1, 3)
        if self._device.type == "cpu":
            return _Asked(waiting, of_all, None)
        figures = torch.empty(of_all.shape, dtype=of_all.dtype, pin_memory=True).copy_(of_all, non_blocking=True)
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record()
        return _Asked(waiting, figures, copied)

    def _look_at(self, asked: _Asked) -> None:
        """Take over the figures of steps.

        Raises:
            UserError: More steps than `train.optimization.max_skipped_steps` had a loss or gradient that is not finite.
        """
        if asked.copied is not None:
            asked.copied.synchronize()
        log = self.progress.log
        of_all = asked.figures.tolist()
        figures = [[sum(parts) for parts in zip(*same, strict=True)] for same in zip(*of_all, strict=True)][:-1]
        # The first process's clock decides for all, and the smallest memory.
        self._clock_says_checkpoint = of_all[0][-1][0] > 0
        self._adopt(int(min(one[-1][1] for one in of_all)))
        for done, (loss, norm, correct) in zip(asked.steps, figures, strict=True):
            step = StepFigures(done.step, done.epoch, loss, done.learning_rate, norm, correct, done.targets)
            log.window.append(step)
            if not step.is_finite:
                log.skipped_steps.append(step.step)
                self._not_finite(step, done.indices)

    def _adopt(self, micro_batch: int) -> None:
        """Take over the micro batch of a process that ran out of memory: otherwise it would be the slowest for ever."""
        log = self.progress.log
        if micro_batch < log.micro_batch:
            event = MemoryEvent(int(self.state.global_step), log.micro_batch, micro_batch)
            log.micro_batch = micro_batch
            log.memory_events.append(event)

    def _not_finite(self, step: StepFigures, indices: Sequence[int]) -> None:
        settings, log = self.prepared.settings, self.progress.log
        pages = [self.prepared.data.learned[index].page.id for index in indices]
        named = ", ".join(pages[:_PAGES_NAMED]) + (
            f" and {len(pages) - _PAGES_NAMED} more" if pages[_PAGES_NAMED:] else ""
        )
        if len(log.skipped_steps) <= settings.optimization.max_skipped_steps:
            logger.warning(
                "Step %d was skipped (%d of at most %d): loss %s, gradient norm %s; pages %s",
                step.step,
                len(log.skipped_steps),
                settings.optimization.max_skipped_steps,
                step.loss,
                step.gradient_norm,
                named,
            )
            return
        last = checkpoints.last_valid(self.prepared.work.checkpoints, self.prepared.fingerprint)
        kept = f"the checkpoint of step {checkpoints.step_of(last)} is kept" if last else "there is no checkpoint yet"
        raise UserError(
            f"The training came apart at step {step.step}: its loss is {step.loss}, its gradient norm "
            f"{step.gradient_norm}, its learning rate {step.learning_rate:g} (no weight was changed by this step; "
            f"{kept}). Its pages are {named}; train.optimization.learning_rate is",
            value=settings.optimization.learning_rate,
            accepted="a rate at which loss and gradient stay finite",
            todo="lower train.optimization.learning_rate or train.optimization.max_gradient_norm, look at these pages' "
            "labels, set train.machine.precision to float32, or allow for single bad steps with "
            "train.optimization.max_skipped_steps",
        )

    def _validate(self, step: int) -> None:
        log, settings = self.progress.log, self.prepared.settings
        if self.validator is None:
            return
        logger.info("Validating at step %d", step)
        model = self.accelerator.unwrap_model(self.model)
        if not self.prepared.hardware.is_peft:
            os.environ[_UNSLOTH_LOGITS] = "1"
        lower = self.prepared.hardware.placement.dtype == torch.bfloat16
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=lower):
            validation = self.validator.measure(model, step, self.monitor.validating)
        os.environ.pop(_UNSLOTH_LOGITS, None)
        if not math.isfinite(validation.loss):
            raise UserError(
                f"The training came apart before step {step}: its validation loss is {validation.loss}; "
                "train.optimization.learning_rate is",
                value=settings.optimization.learning_rate,
                accepted="a rate at which the loss stays finite",
                todo="lower train.optimization.learning_rate, or set train.machine.precision to float32",
            )
        best = log.add_validation(validation, self._epoch(step))
        if best and settings.validation.keep == "best":
            self.progress.best = adapters.copied(model)
        self.monitor.validated(validation, best=best)
        patience = settings.validation.patience
        if patience and log.stale >= patience and step < self.schedule.total:
            log.finished = "patience"
            logger.info("Stopping at step %d: no better validation in the last %d", step, log.stale)

    # ---- Checkpoints ----

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ARG002
        """Write adapter, best adapter, optimiser, schedule, random numbers and log, as one whole."""
        step = int(self.state.global_step)
        states = self._group.gather(self._random_state())
        if self._group.is_first:
            self._write_checkpoint(step, states)
        self._group.wait()
        self._saved_at, self._saved_step = time.monotonic(), step
        self._clock_says_checkpoint = False

    def _random_state(self) -> tuple[str, bytes]:
        """Return name and content of the file that holds this process's random numbers."""
        with tempfile.TemporaryDirectory() as temporary:
            self._save_rng_state(temporary)
            (path,) = Path(temporary).iterdir()
            return path.name, path.read_bytes()

    def _write_checkpoint(self, step: int, random_states: Sequence[tuple[str, bytes]]) -> None:
        best = self.progress.best
        with checkpoints.writing(self.prepared.work.checkpoints, step, self.prepared.fingerprint) as folder:
            save_file(adapters.copied(self.accelerator.unwrap_model(self.model)), folder / adapters.WEIGHTS)
            if best is not None:
                save_file(best, folder / BEST)
            self._save_optimizer_and_scheduler(str(folder))
            for name, content in random_states:
                (folder / name).write_bytes(content)
            self.state.save_to_json(str(folder / "trainer_state.json"))
            # Not `write_json`: a skipped step has figures that are no numbers, which strict JSON lacks.
            write_text(folder / LOG, json.dumps(self.progress.log.to_json(), sort_keys=True))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Put the adapter of a checkpoint into the model, tensor by tensor, and prove that it is all there."""
        adapters.restore(model if model is not None else self.model, Path(resume_from_checkpoint) / adapters.WEIGHTS)


def _gradients(model: Any) -> list[torch.Tensor]:
    """Return the gradients of all trainable weights; those that are missing are made, of zeros: all need them."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    return [weight.grad for weight in weights]


def recomputing(settings: Train) -> dict[str, bool]:
    """Return how activations are computed again: random numbers are kept for it only where some are drawn."""
    return {"use_reentrant": False, "preserve_rng_state": settings.lora.dropout > 0}
