"""Promises of pre-training: it learns, a sitting goes on where the last one stopped, and what it exports loads."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from scribetune.core.errors import UserError
from scribetune.samples.typesetting import cjk_font
from tiny_pretraining import evaluation, export, trainer
from tiny_pretraining import fonts as font_files
from tiny_pretraining.batches import Batch, Curriculum, Mixture, Prompt, Replay, fresh_batches, loader
from tiny_pretraining.drawing import Limits, draw_page
from tiny_pretraining.tiny_model import Widths
from tiny_pretraining.trainer import CARRY, CHECKPOINT, Learner, Progress, Recipe

WIDTHS = Widths(
    sam=32, sam_heads=2, sam_layers=1, neck=16, hidden=32, heads=2, encoder_layers=1, encoder_mlp=32,
    decoder_layers=2, decoder_mlp=32, expert=16,
)  # fmt: skip
RECIPE = Recipe(total_steps=40, batch=2, learning_rate=3e-3, warmup_steps=2, first_lines=2, widths=WIDTHS)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> Mixture:
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "droid.ttf").write_bytes(cjk_font())
    drawn = "".join(font_files._coverage(folder / "droid.ttf"))
    rows = [
        {"file": "droid.ttf", "script": script, "held_out": False, "characters": drawn} for script in ("latin", "han")
    ]
    (folder / font_files.CATALOGUE).write_text(json.dumps(rows), encoding="utf-8")
    return Mixture(3, font_files.read(folder), pack=None)


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    return Prompt.of_family()


def batches(mixture: Mixture, prompt: Prompt, count: int, first: int = 0) -> list[Batch]:
    found = loader(mixture, Curriculum(first, RECIPE.batch, 2), prompt, workers=0, pinned=False)
    return [next(found) for _ in range(count)]


def test_only_answer_and_end_are_learned(mixture: Mixture, prompt: Prompt) -> None:
    (batch,) = batches(mixture, prompt, 1)
    for number in range(2):
        text = mixture.page(number, 2).text
        learned = batch.labels[number][batch.labels[number] != -100].tolist()
        assert learned[-1] == prompt.end
        assert prompt.tokenizer.decode(learned[:-1]) == text
        assert batch.ids[number, : len(prompt.ids)].tolist() == list(prompt.ids)
        assert int((batch.ids[number] != prompt.pad).sum()) == len(prompt.ids) + len(learned)


def test_every_third_step_sees_an_earlier_batch_again(mixture: Mixture, prompt: Prompt) -> None:
    fresh = batches(mixture, prompt, 7)
    steps = Replay(iter(fresh), first_step=0, device="cpu")
    seen = [next(steps) for _ in range(9)]
    numbers = [next(n for n, other in enumerate(fresh) if torch.equal(batch.pixels, other.pixels)) for batch in seen]
    assert numbers == [0, 1, 0, 2, 3, 1, 4, 5, 2]
    assert fresh_batches(9) == 6


def test_the_loss_falls_within_a_few_steps(mixture: Mixture, prompt: Prompt) -> None:
    learner = Learner(RECIPE, "cpu")
    (batch,) = batches(mixture, prompt, 1)
    values = [learner.step(batch, 3e-3) for _ in range(5)]
    assert all(torch.isfinite(value.language + value.patch + value.query) for value in values)
    last = learner.losses(batch)
    for name in ("language", "patch", "query"):
        assert getattr(last, name).item() < getattr(values[0], name).item() - 0.05, name
    # The heads' losses reach the vision tower, not only the heads.
    tower = learner.model.model.vision_tower
    learner.model.zero_grad(set_to_none=True)
    torch.autograd.backward(last.query)
    assert tower.sam_encoder.patch_embed.projection.weight.grad.abs().sum() > 0


def test_a_sitting_goes_on_where_the_last_one_stopped(mixture: Mixture, prompt: Prompt, tmp_path: Path) -> None:
    whole = Learner(RECIPE, "cpu")
    expected = [whole.step(b, RECIPE.rate(n)).language.item() for n, b in enumerate(batches(mixture, prompt, 3))]

    first = replace(RECIPE, total_steps=2)
    learner = Learner(first, "cpu")
    for number, batch in enumerate(batches(mixture, prompt, 2)):
        learner.step(batch, RECIPE.rate(number))
    trainer.save(learner, Progress(2, 1.0, 2), tmp_path)

    again = Learner(RECIPE, "cpu")
    progress = trainer.load(again, tmp_path)
    assert progress.step == 2
    found = [
        again.step(b, RECIPE.rate(2 + n)).language.item() for n, b in enumerate(batches(mixture, prompt, 1, first=2))
    ]
    assert found == pytest.approx(expected[2:], rel=1e-6)


def test_a_run_trains_logs_carries_and_exports(
    mixture: Mixture, prompt: Prompt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, total_steps=3)
    learner = trainer.train(recipe, mixture, tmp_path, 600.0, workers=0, resume=False)
    with pytest.raises(UserError, match="--resume"):
        trainer.train(recipe, mixture, tmp_path, 600.0, workers=0, resume=False)

    recipe = replace(RECIPE, total_steps=4)
    learner = trainer.train(recipe, mixture, tmp_path, 600.0, workers=0, resume=True)

    carry = tmp_path / CARRY
    pages = [draw_page(9, index, mixture.fonts, Limits(lines=2)) for index in range(2)]
    published = evaluation.rounded(learner.model)
    scores = evaluation.score(evaluation.read(published, prompt, pages, 2, 12))
    assert scores["pages"] == 2
    assert scores["cut_off"] in range(3)
    (carry / "evaluation.json").write_text(json.dumps({"latin_150": scores}), encoding="utf-8")
    rows = (carry / "pretraining_log.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == ",".join(trainer.LOG_COLUMNS)
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "3", "4"]

    size = export.export(carry, tmp_path / "model")
    assert size < export.MAX_BYTES
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "model").eval()
    processor = AutoProcessor.from_pretrained(tmp_path / "model")
    assert processor.tokenizer.eos_token_id == prompt.end
    for name, weight in learner.model.state_dict().items():
        assert torch.equal(weight.bfloat16(), model.state_dict()[name]), name
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "4 steps of 2 pages" in text
    assert f"{scores['cer_mean']:.4f}" in text

    # On another machine there is no checkpoint: weights are carried, the optimiser begins anew.
    (tmp_path / CHECKPOINT).unlink()
    again = Learner(recipe, "cpu")
    progress = trainer.load(again, tmp_path)
    assert (progress.step, progress.rewarm_from) == (4, 4)
    assert len(progress.log) == 3
    for name, weight in learner.model.state_dict().items():
        assert torch.equal(weight.bfloat16().float(), again.model.state_dict()[name]), name


def test_resuming_nothing_is_refused(mixture: Mixture, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no weights"):
        trainer.train(RECIPE, mixture, tmp_path, 1.0, workers=0, resume=True)


def test_the_schedule_rises_holds_and_falls() -> None:
    recipe = Recipe(total_steps=1000, warmup_steps=100)
    assert recipe.rate(0) == pytest.approx(2e-5)
    assert recipe.rate(100) == recipe.rate(499) == pytest.approx(2e-3)
    assert recipe.rate(750) == pytest.approx(1e-3)
    assert recipe.rate(999) < 1e-7
    assert [recipe.least_lines(step) for step in (0, 200, 325, 450, 999)] == [4, 4, 10, 16, 16]


def test_pages_grow_when_the_loss_is_low() -> None:
    assert Recipe(total_steps=1000, total_seconds=100.0).rate(10, seconds=99.9) < 1e-7
    progress = Progress(10, 0.0, 4)
    for _ in range(40):
        trainer._advance(progress, 0.1, Recipe(total_steps=1000))
    assert 5 < progress.lines <= 16
    with pytest.raises(RuntimeError, match="nan"):
        trainer._advance(progress, float("nan"), Recipe(total_steps=1000))
