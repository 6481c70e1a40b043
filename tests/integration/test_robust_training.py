"""What may go wrong in a training, and what must not change its result: memory, numbers, validation, caches, clocks."""

import logging
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trl import SFTTrainer  # type: ignore[attr-defined]

from scribetune import training
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file
from scribetune.models import adapters
from scribetune.training import checkpoints, determinism, drafting, page_trainer, validation
from support.training_pages import ANSWERS, TINY, settings, write_split

Run = Callable[..., training.TrainingResult]
Alike = Callable[[str, str], None]
Gradients = dict[str, list[torch.Tensor]]
"""The name of a training → the gradient that each of its optimiser steps was given, all weights in a row."""

# Sums in another order differ by some float32 spacings (1.2e-7), which the layers between loss and weight multiply.
_ROUNDING = 1e-5
# Every step begins where the last one ended, and AdamW turns a gradient near zero, whatever its sign, into a whole step
# of the learning rate: single weights part by that much on one processor and not on another, and what they do to the
# loss and to later gradients stays small.
_ROUNDING_OF_A_TRAINING = 1e-3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_split(folder, "train", (*ANSWERS, "long " * 12, "| c |"))
    write_split(folder, "validation", ("7 kg", "8 t", "9 m"))
    return folder


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> Gradients:
    """Keep the gradients of all trainings of a test; `run` begins a list for each."""
    kept: Gradients = {}
    clip = page_trainer.PageTrainer._clip_grad_norm

    def keeping(self: Any, model: Any) -> Any:
        found = [weight.grad.reshape(-1).clone() for weight in model.parameters() if weight.grad is not None]
        kept[next(reversed(kept))].append(torch.cat(found))
        return clip(self, model)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(page_trainer.PageTrainer, "_clip_grad_norm", keeping)
    return kept


@pytest.fixture
def run(data: Path, tmp_path: Path, gradients: Gradients) -> Run:
    def call(name: str = "adapter", work: training.WorkFolders | None = None, **train: Any) -> training.TrainingResult:
        gradients[name] = []
        return training.train(
            settings(**{"validation_pages": 0, "keep": "last", **train}),
            str(TINY),
            data / "train.jsonl",
            data / "validation.jsonl",
            tmp_path / name,
            work or training.WorkFolders(tmp_path / f"{name}-checkpoints"),
        )

    return call


def losses(folder: Path) -> list[float]:
    """Return the loss of every step, and after it the validation loss where there is one."""
    _, *rows = (folder / training.LOG_NAME).read_text(encoding="utf-8").splitlines()
    return [float(cell) for row in rows for cell in (row.split(",")[2], row.split(",")[4]) if cell]


@pytest.fixture
def assert_alike(tmp_path: Path, gradients: Gradients) -> Alike:
    """Two trainings had the same gradients and losses, and end at the same weights, within what rounding makes."""

    def compare(first: str, second: str) -> None:
        found = losses(tmp_path / first)
        assert found == pytest.approx(losses(tmp_path / second), rel=1e-4)
        assert 0 < len(gradients[first]) == len(gradients[second]) < len(found), "validated, too"
        for step, (one, other) in enumerate(zip(gradients[first], gradients[second], strict=True)):
            most = _ROUNDING_OF_A_TRAINING if step else _ROUNDING
            assert (one - other).norm() <= most * other.norm(), f"gradient of step {step + 1}"
        weights = [load_file(tmp_path / name / adapters.WEIGHTS) for name in (first, second)]
        assert weights[0].keys() == weights[1].keys()
        for name, tensor in weights[0].items():
            assert (tensor - weights[1][name]).abs().mean() < 1e-5, name

    return compare


def test_a_batch_of_four_equals_two_by_two_and_one_by_four(run: Run, assert_alike: Alike) -> None:
    for micro in (4, 2, 1):
        run(f"micro-{micro}", effective_batch=4, micro_batch=micro, epochs=2)
    # Pages of very different length: a mean of means would differ.
    assert_alike("micro-2", "micro-4")
    assert_alike("micro-1", "micro-4")


@pytest.fixture
def memory_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Make memory end: from a pass on, one over more pages than that fails, after its gradients are there."""

    def limit(pages: int, from_pass: int) -> None:
        backward = SFTTrainer.training_step
        passes = 0

        def limited(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
            nonlocal passes
            passes += 1
            loss: torch.Tensor = backward(self, model, dict(inputs), *rest)  # type: ignore[no-untyped-call]
            if passes >= from_pass and len(inputs["input_ids"]) > pages:
                raise torch.OutOfMemoryError
            return loss

        monkeypatch.setattr(SFTTrainer, "training_step", limited)

    return limit


def test_where_memory_runs_out_smaller_micro_batches_give_the_same_result_and_it_is_said(
    run: Run, assert_alike: Alike, memory_for: Callable[[int, int], None], caplog: pytest.LogCaptureFixture
) -> None:
    run("whole", effective_batch=4, micro_batch=4, epochs=2)
    memory_for(1, 2)
    with caplog.at_level(logging.WARNING):
        result = run("parts", effective_batch=4, micro_batch=4, epochs=2)
    assert result.micro_batch == 1
    steps = [(event.step, event.micro_batch_before, event.micro_batch_after) for event in result.memory_events]
    assert steps == [(2, 4, 2), (2, 2, 1)]
    assert "from now on 2 instead of 4 pages" in caplog.text and "the effective batch of 4 pages" in caplog.text
    assert_alike("parts", "whole")


def test_a_page_that_does_not_fit_alone_is_tried_without_keeping_activations(
    run: Run, assert_alike: Alike, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run("kept", epochs=1)
    backward = SFTTrainer.training_step

    def limited(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
        if not self.progress.checkpointing and self.state.global_step >= 1:
            raise torch.OutOfMemoryError
        loss: torch.Tensor = backward(self, model, dict(inputs), *rest)  # type: ignore[no-untyped-call]
        return loss

    monkeypatch.setattr(SFTTrainer, "training_step", limited)
    with caplog.at_level(logging.WARNING):
        run("again", epochs=1, gradient_checkpointing="auto")
    assert "Memory ran out at step 2: from now on activations are computed again" in caplog.text
    assert_alike("again", "kept")


def test_a_kernel_that_has_no_deterministic_form_ends_strictness_and_not_the_training(
    run: Run, assert_alike: Alike, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run("plain", epochs=1)
    backward = SFTTrainer.training_step

    def refused_once_strict(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
        loss: torch.Tensor = backward(self, model, dict(inputs), *rest)  # type: ignore[no-untyped-call]
        if torch.are_deterministic_algorithms_enabled() and not torch.is_deterministic_algorithms_warn_only_enabled():
            raise RuntimeError("some_kernel does not have a deterministic implementation, but you set …. And so on")
        return loss

    monkeypatch.setattr(SFTTrainer, "training_step", refused_once_strict)
    monkeypatch.setattr(determinism.Strictness, "__init__", lambda self, wanted: setattr(self, "_strict", True))
    with caplog.at_level(logging.WARNING):
        run("strict", epochs=1)
    torch.use_deterministic_algorithms(False)
    assert caplog.text.count("may differ in their last bits: some_kernel does not have") == 1
    assert_alike("strict", "plain")


@pytest.mark.parametrize(("key", "value"), [("machine.quantization", "4bit"), ("optimization.optimizer", "adamw_8bit")])
def test_what_only_a_gpu_can_do_is_refused_on_a_cpu_before_a_weight_is_loaded(run: Run, key: str, value: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here: nothing is refused")
    with pytest.raises(UserError, match=f"train.{key} needs a CUDA GPU"):
        run(**{key.split(".")[1]: value})


def test_a_page_that_does_not_fit_alone_ends_with_advice(run: Run, memory_for: Callable[[int, int], None]) -> None:
    memory_for(0, 3)
    with pytest.raises(UserError, match=r"at step 2 although every forward pass held a single page") as refused:
        run(epochs=1)
    assert "gradient_checkpointing" in str(refused.value) and "train.max_tokens" in str(refused.value)


@pytest.fixture
def bad_gradient_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Put an infinite value into the gradient of one step."""

    def arm(step: int) -> None:
        clip = page_trainer.PageTrainer._clip_grad_norm

        def clipped(self: Any, model: Any) -> Any:
            if self.state.global_step + 1 == step:
                next(weight for weight in model.parameters() if weight.grad is not None).grad.fill_(math.inf)
            return clip(self, model)  # type: ignore[no-untyped-call]

        monkeypatch.setattr(page_trainer.PageTrainer, "_clip_grad_norm", clipped)

    return arm


def test_a_gradient_that_is_no_number_stops_with_step_pages_and_advice_and_keeps_the_last_checkpoint(
    run: Run, tmp_path: Path, bad_gradient_at: Callable[[int], None]
) -> None:
    bad_gradient_at(3)
    with pytest.raises(UserError) as stopped:
        run(checkpoints_steps=1, epochs=1)
    said = str(stopped.value)
    assert "came apart at step 3" in said and "gradient norm inf" in said and "the checkpoint of step 2 is kept" in said
    assert len(re.findall(r"train-\d/p0001", said)) == 2
    for key in (
        "train.optimization.learning_rate",
        "train.optimization.max_gradient_norm",
        "train.optimization.max_skipped_steps",
    ):
        assert key in said
    assert (tmp_path / "adapter-checkpoints" / "checkpoint-2" / checkpoints.SEAL).is_file()


def test_single_bad_steps_can_be_skipped_and_are_counted(
    run: Run, tmp_path: Path, bad_gradient_at: Callable[[int], None]
) -> None:
    bad_gradient_at(2)
    result = run(max_skipped_steps=1, epochs=1)
    assert result.skipped_steps == (2,) and result.steps == 4
    assert all(tensor.isfinite().all() for tensor in load_file(tmp_path / "adapter" / adapters.WEIGHTS).values())


def scripted(monkeypatch: pytest.MonkeyPatch, rates: list[float]) -> None:
    """Let validations give these CERs, in turn."""
    waiting = iter(rates)
    monkeypatch.setattr(validation.Validator, "_error_rate", lambda self, model, step: next(waiting))


def test_the_adapter_with_the_best_cer_is_kept_not_the_last(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.5, 0.2, 0.4] * 3)
    best = run("best", validation_steps=4, validation_pages=2, keep="best")
    last = run("last", validation_steps=4, validation_pages=2, keep="last")
    assert (best.kept_step, best.validation_cer, best.steps) == (8, 0.2, 12)
    assert (last.kept_step, last.validation_cer) == (12, 0.4)
    assert [one.step for one in best.validations] == [4, 8, 12] and best.validations == last.validations
    assert sha256_file(tmp_path / "best" / adapters.WEIGHTS) != sha256_file(tmp_path / "last" / adapters.WEIGHTS)
    # Two thirds of the training, stopped there, has the same adapter: the best one is of its step, to the last bit.
    monkeypatch.setattr(page_trainer.PageTrainer, "_run_epoch", only_epochs(2))
    with pytest.raises(InterruptedError):
        run("cut", validation_pages=0, checkpoints_steps=8)
    cut = load_file(tmp_path / "cut-checkpoints" / "checkpoint-8" / adapters.WEIGHTS)
    kept = load_file(tmp_path / "best" / adapters.WEIGHTS)
    assert all(torch.equal(kept[name], tensor) for name, tensor in cut.items())


def only_epochs(count: int) -> Callable[..., Any]:
    """Interrupt a training when that many epochs are done."""
    epoch = page_trainer.PageTrainer._run_epoch

    def limited(self: Any, *arguments: Any, **named: Any) -> Any:
        if named["epoch"] == count:
            raise InterruptedError
        return epoch(self, *arguments, **named)

    return limited


def test_training_stops_when_validation_has_not_got_better_for_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.3, 0.2, 0.25, 0.3, 0.1])
    stopped = run(validation_steps=1, validation_pages=2, keep="best", patience=2)
    assert (stopped.stopped, stopped.steps, stopped.kept_step) == ("patience", 4, 2)


@pytest.mark.parametrize(("tokens", "reads"), [(2, True), (2, False), (1024, True)])
def test_long_pages_are_validated_by_their_beginning(
    run: Run, monkeypatch: pytest.MonkeyPatch, tokens: int, reads: bool
) -> None:
    limits: list[int] = []

    def read(native: Any, prompt: Any, draft: Sequence[int], *, ends: Any, limit: int, guard: Any) -> list[int]:
        limits.append(limit)
        return list(draft[:limit]) if reads else list(draft[limit : 2 * limit])

    monkeypatch.setattr(drafting, "read", read)
    found = run(validation_steps=100, validation_pages=2, validation_tokens=tokens, epochs=1)
    assert found.validation_cer is not None
    assert found.validation_cer == 0.0 if reads else found.validation_cer > 0.5
    # Labels of three and four tokens: a little longer is allowed for, but no more than configured.
    assert limits == ([2, 2] if tokens == 2 else [21, 19])


def test_validating_changes_nothing_about_what_is_learned(run: Run, tmp_path: Path) -> None:
    often = run("often", validation_steps=1, validation_pages=2, dropout=0.1, epochs=1)
    run("seldom", validation_steps=100, dropout=0.1, epochs=1)
    assert len(often.validations) == 4 and often.validation_cer is not None
    names = [tmp_path / name / adapters.WEIGHTS for name in ("often", "seldom")]
    assert sha256_file(names[0]) == sha256_file(names[1])


def test_cached_features_and_checkpoints_by_the_clock_change_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = training.WorkFolders(tmp_path / "c1", tmp_path / "vision")
    run("fresh", fresh, epochs=1)
    written: list[int] = []
    writing = checkpoints.writing

    def counted(folder: Path, step: int, mark: str) -> Any:
        written.append(step)
        return writing(folder, step, mark)

    monkeypatch.setattr(checkpoints, "writing", counted)
    # The second reads features from disk, page by page, and is due for a checkpoint whenever it looks at the clock.
    run("again", training.WorkFolders(tmp_path / "c2", tmp_path / "vision"), epochs=1,
        vision_memory_gb=0.0, checkpoints_minutes=1e-9)  # fmt: skip
    assert written == [1, 2, 3, 4]
    for name in (adapters.WEIGHTS, training.LOG_NAME):
        assert sha256_file(tmp_path / "fresh" / name) == sha256_file(tmp_path / "again" / name)


def test_curves_are_written_for_tensorboard_where_the_library_is_there(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is in the lock; this environment was made before")
    run(work=training.WorkFolders(tmp_path / "c", None, tmp_path / "curves"), tensorboard=True, epochs=1)
    (events,) = (tmp_path / "curves").iterdir()
    content = events.read_bytes()
    assert all(name in content for name in (b"train/loss", b"validation/loss", b"speed/pages_per_s"))
