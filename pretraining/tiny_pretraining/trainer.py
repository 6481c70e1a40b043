"""Pre-training of the embedded base model: a small DeepSeek-OCR-2 learns to read from random weights.

    python -m tiny_pretraining --out base --fonts fonts --pack pack --seconds 520 --total-steps 14000 \
        --batch 128 --workers 15 [--resume]

Three things make it learn within minutes of one GPU: two auxiliary heads that learn the character at each patch from
SAM and from the queries, dropped at the end; pages that grow by a line whenever the loss is low; and text that cannot
be guessed. A fourth makes it a base that can be fine-tuned: `tiny_pretraining.corruption`. A run goes on over
several sittings: `base/checkpoint.pt` holds everything, `base/carry/` the weights in bfloat16 in files under 15 MB with
log and scores, from which a run can go on too (the optimiser then begins anew).
`tiny_pretraining.export` turns `carry/` into a model folder.
"""

import argparse
import csv
import io
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from scribetune.core import files
from scribetune.core.errors import UserError
from tiny_pretraining.batches import (
    Batch,
    Curriculum,
    Mixture,
    Prompt,
    Replay,
    fresh_batches,
    loader,
    model_pixels,
)
from tiny_pretraining.evaluation import MAX_NEW_TOKENS, evaluate
from tiny_pretraining.examples import BLANK, GRID
from tiny_pretraining.fonts import read as read_fonts
from tiny_pretraining.speed import StackedMuon, prepare
from tiny_pretraining.tiny_model import EMBEDDED, SEED, Widths, random_model
from tiny_pretraining.typeset import entries

logger = logging.getLogger(__name__)

CHECKPOINT, CARRY = "checkpoint.pt", "carry"
LOG_COLUMNS = (
    "step", "pages", "seconds", "lines", "lm_loss", "patch_loss", "query_loss", "learning_rate", "wait_seconds",
)  # fmt: skip
_BLANK_SHARE = 0.05
_QUERIES_SIDE, _PATCHES_A_QUERY = 12, 4
_BOTTLENECK = 96
_SHARD_BYTES = 14_000_000
_REWARM_STEPS = 100
_CHECK_STEPS, _LOG_STEPS, _SAVE_SECONDS = 10, 20, 120.0


@dataclass(frozen=True)
class Recipe:
    """Settings of the training.

    Attributes:
        total_steps: Length of the whole run; the learning rate falls to zero over its second half.
        total_seconds: Training time after which the run is over too, on a machine lent for so long. Whichever is
            nearer its end decides about learning rate and lines; a run cut by time is not repeated to the last digit.
        batch: Pages a step.
        learning_rate: Peak, of AdamW and of Muon alike.
        warmup_steps: Steps of linear warm-up.
        weight_decay: Of AdamW.
        betas: Of AdamW.
        max_gradient_norm: Gradient clipping.
        first_lines: Most lines on a page at the start.
        most_lines: Where the curriculum ends.
        threshold: Smoothed language-model loss below which a line is added.
        rise: Shares of the run between which the least number of lines rises from first to last, whatever the loss.
        widths: Size of the model.
        seed: Of weights and pages.
    """

    total_steps: int
    batch: int = 128
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    max_gradient_norm: float = 1.0
    first_lines: int = 4
    most_lines: int = 16
    threshold: float = 0.35
    rise: tuple[float, float] = (0.2, 0.45)
    total_seconds: float | None = None
    widths: Widths = EMBEDDED
    seed: int = SEED

    def done(self, step: int, seconds: float = 0.0) -> float:
        """Return how much of the run is over, 0 to 1 (or a little more), after so many steps and so much time."""
        return max(step / self.total_steps, 0.0 if self.total_seconds is None else seconds / self.total_seconds)

    def rate(self, step: int, seconds: float = 0.0) -> float:
        """Return the learning rate of a step (from 0): warm-up, constant, cosine to zero over the second half."""
        done = self.done(step, seconds)
        falling = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done - 0.5) / 0.5)))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup_steps) * falling

    def least_lines(self, step: int, seconds: float = 0.0) -> int:
        """Return the lines that pages may have at a step even if the loss is high: the end of a run sees full pages."""
        low, high = self.rise
        share = min(1.0, max(0.0, (self.done(step, seconds) - low) / (high - low)))
        return self.first_lines + math.floor(share * (self.most_lines - self.first_lines))


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        step: Steps taken.
        seconds: Training time over all sittings.
        lines: Most lines on a page now.
        smoothed: Smoothed language-model loss, for the curriculum.
        sittings: One entry a sitting: device, versions, steps and seconds.
        log: Rows of `LOG_COLUMNS`.
        rewarm_from: Step since which a new optimiser is warmed up; None where there was none.
    """

    step: int
    seconds: float
    lines: int
    smoothed: float = 3.0
    sittings: list[dict[str, Any]] = field(default_factory=list)
    log: list[list[float]] = field(default_factory=list)
    rewarm_from: int | None = None


class Heads(nn.Module):
    """Auxiliary heads: the class of each patch, from SAM's last layer and from the queries.

    Args:
        sam: Width of SAM.
        hidden: Width of the queries.
        vocabulary: Number of classes.
    """

    def __init__(self, sam: int, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.patch = nn.Linear(sam, vocabulary)
        self.spread = nn.Linear(hidden, _PATCHES_A_QUERY**2 * _BOTTLENECK)
        self.query = nn.Linear(_BOTTLENECK, vocabulary)

    def forward(
        self, patches: torch.Tensor, queries: torch.Tensor, chosen: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return two times (chosen patches, vocabulary).

        Args:
            patches: (pages, 48, 48, sam).
            queries: (pages, 144, hidden); each stands for 4×4 patches, in rows of 12.
            chosen: (pages, 48, 48), which patches are asked for.
        """
        pages, side, part = len(queries), _QUERIES_SIDE, _PATCHES_A_QUERY
        spread = self.spread(queries).view(pages, side, side, part, part, _BOTTLENECK)
        spread = spread.permute(0, 1, 3, 2, 4, 5).reshape(pages, GRID, GRID, _BOTTLENECK)
        return self.patch(patches[chosen]), self.query(spread[chosen])


@dataclass(frozen=True)
class Losses:
    """Losses of one batch: language model, patches, queries."""

    language: torch.Tensor
    patch: torch.Tensor
    query: torch.Tensor


class Learner:
    """Model, heads and optimiser on one device."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        self.recipe, self.device = recipe, device
        self.model = random_model(recipe.seed, recipe.widths).to(device).train()
        vocabulary = self.model.config.text_config.vocab_size
        torch.manual_seed(recipe.seed + 1)
        self.heads = Heads(recipe.widths.sam, recipe.widths.hidden, vocabulary).to(device)
        self.parameters = [*self.model.parameters(), *self.heads.parameters()]
        self.optimizers = self._optimizers()
        self._seen: dict[str, torch.Tensor] = {}
        tower = self.model.model.vision_tower
        tower.sam_encoder.neck.register_forward_pre_hook(self._keep_patches)
        tower.vision_encoder.register_forward_hook(self._keep_queries)
        prepare(self.model, compiled=device == "cuda")

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Return Muon for the matrices of the layers and AdamW for everything else."""
        recipe = self.recipe
        matrices = [
            weight
            for name, weight in self.model.named_parameters()
            if weight.ndim in (2, 3) and ".layers." in name and not name.endswith(".gate.weight")
        ]
        chosen = set(map(id, matrices))
        others = [weight for weight in self.parameters if id(weight) not in chosen]
        return [
            torch.optim.AdamW(
                others,
                lr=recipe.learning_rate,
                betas=recipe.betas,
                weight_decay=recipe.weight_decay,
                fused=self.device == "cuda",
            ),
            StackedMuon(matrices, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
        ]

    def _keep_patches(self, _module: nn.Module, inputs: Any) -> None:
        self._seen["patches"] = inputs[0]

    def _keep_queries(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        self._seen["queries"] = output.last_hidden_state[:, -(_QUERIES_SIDE**2) :]

    def losses(self, batch: Batch) -> Losses:
        """Return the losses of a batch on this device."""
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            language = self.model(
                input_ids=batch.ids,
                attention_mask=None,  # padding is on the right: causal attention never sees it
                pixel_values=model_pixels(batch),
                num_local_patches=[0] * len(batch.ids),
                labels=batch.labels,
            ).loss
            # Most patches are blank; a few of those say as much as all, at a third of the cost.
            chosen = (batch.grid != BLANK) | (torch.rand(batch.grid.shape, device=batch.grid.device) < _BLANK_SHARE)
            patches, queries = self.heads(self._seen.pop("patches"), self._seen.pop("queries"), chosen)
        target = batch.grid[chosen].long()
        patch, query = (functional.cross_entropy(logits.float(), target) for logits in (patches, queries))
        return Losses(language, patch, query)

    def step(self, batch: Batch, rate: float) -> Losses:
        """Take one optimiser step and return the losses before it."""
        losses = self.losses(batch)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = rate
        total: Any = losses.language + losses.patch + losses.query
        total.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.recipe.max_gradient_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        return losses


def train(recipe: Recipe, mixture: Mixture, out: Path, seconds: float, workers: int, *, resume: bool) -> Learner:
    """Train for one sitting, and save.

    Args:
        recipe: Settings; those of all sittings of a run must agree, but for `total_steps` before its half.
        mixture: Pages.
        out: Folder of the run.
        seconds: Longest time of this sitting, without starting and saving.
        workers: Processes that draw pages.
        resume: Go on from `out`; else begin anew.

    Returns:
        The learner, for evaluation.

    Raises:
        UserError: There is nothing to go on from, or a run is there already.
        RuntimeError: The loss is not finite any more (the last checkpoint stays).
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if not resume and (out / CHECKPOINT).exists():
        raise UserError(
            "A run is there already",
            value=str(out),
            accepted="an empty folder, or --resume to go on",
            todo="add --resume, or choose another folder",
        )
    # The workers are forked before the GPU is in use.
    progress = read_progress(out) if resume else Progress(0, 0.0, recipe.first_lines)
    curriculum = Curriculum(fresh_batches(progress.step), recipe.batch, progress.lines)
    prompt = Prompt.of_family()
    if mixture.pack is not None:
        entries(mixture.pack, "train")  # read once, before the workers are forked
    fresh = loader(mixture, curriculum, prompt, workers, pinned=device == "cuda")
    batches = Replay(fresh, progress.step, device)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    learner = Learner(recipe, device)
    if resume:
        progress = load(learner, out)
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    progress.sittings.append({"device": name, "torch": str(torch.__version__), "from_step": progress.step})
    first, first_seconds, waited = progress.step, progress.seconds, 0.0
    started = saved = time.monotonic()
    logger.info("Training on %s from step %d of %d", name, first, recipe.total_steps)
    while recipe.done(progress.step, progress.seconds) < 1.0 and time.monotonic() - started < seconds:
        before = time.monotonic()
        batch = next(batches)
        waited += time.monotonic() - before
        rate = recipe.rate(progress.step, progress.seconds)
        if progress.rewarm_from is not None:
            rate *= min(1.0, (progress.step - progress.rewarm_from + 1) / _REWARM_STEPS)
        losses = learner.step(batch, rate)
        progress.step += 1
        progress.seconds = first_seconds + time.monotonic() - started
        if progress.step % _CHECK_STEPS == 0:
            _advance(progress, losses.language.item(), recipe)
            curriculum.lines = progress.lines
        if progress.step % _LOG_STEPS == 0 or progress.step in (1, recipe.total_steps):
            _log(progress, losses, rate, waited, recipe)
        if time.monotonic() - saved > _SAVE_SECONDS:
            save(learner, progress, out)
            saved = time.monotonic()
    progress.sittings[-1] |= {"steps": progress.step - first, "seconds": round(progress.seconds - first_seconds, 1)}
    save(learner, progress, out)
    carry(learner, progress, out / CARRY)
    took = max(1e-9, progress.seconds - first_seconds)
    logger.info(
        "Step %d of %d; %.2f steps/s, %.0f pages/s, waited %.0f s for pages",
        progress.step,
        recipe.total_steps,
        (progress.step - first) / took,
        (progress.step - first) * recipe.batch / took,
        waited,
    )
    return learner


def _advance(progress: Progress, loss: float, recipe: Recipe) -> None:
    """Smooth the loss, and add a line where it is low."""
    if not math.isfinite(loss):
        raise RuntimeError(f"the loss is {loss} at step {progress.step}")
    progress.smoothed = 0.8 * progress.smoothed + 0.2 * loss
    if progress.smoothed < recipe.threshold and progress.lines < recipe.most_lines:
        progress.lines += 1
        progress.smoothed = max(0.6, 2 * recipe.threshold)  # the next line has to be earned by some more steps
    progress.lines = max(progress.lines, recipe.least_lines(progress.step, progress.seconds))


def _log(progress: Progress, losses: Losses, rate: float, waited: float, recipe: Recipe) -> None:
    row = [
        progress.step,
        progress.step * recipe.batch,
        round(progress.seconds, 1),
        progress.lines,
        *(round(loss.item(), 5) for loss in (losses.language, losses.patch, losses.query)),
        round(rate, 8),
        round(waited, 1),
    ]
    progress.log.append(row)
    if progress.step % (5 * _LOG_STEPS) == 0:
        logger.info(", ".join(f"{name} {value}" for name, value in zip(LOG_COLUMNS, row, strict=True)))


# Saving and going on


def save(learner: Learner, progress: Progress, out: Path) -> None:
    """Write everything a run needs to go on as if it had not stopped."""
    buffer = io.BytesIO()
    state = {
        "model": learner.model.state_dict(),
        "heads": learner.heads.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in learner.optimizers],
        "progress": asdict(progress),
    }
    torch.save(state, buffer)
    files.write_bytes(out / CHECKPOINT, buffer.getvalue())


def carry(learner: Learner, progress: Progress, folder: Path) -> None:
    """Write weights in bfloat16, in files under 15 MB, with progress and log; the optimiser's state stays behind."""
    from safetensors.torch import save as to_bytes

    weights = {f"model.{name}": value for name, value in learner.model.state_dict().items()}
    weights |= {f"heads.{name}": value for name, value in learner.heads.state_dict().items()}
    shards: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, value in weights.items():
        half = value.detach().to("cpu", torch.bfloat16).contiguous()
        if size + half.nbytes > _SHARD_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = half
        size += half.nbytes
    for path in folder.glob("weights-*.safetensors"):
        path.unlink()
    for number, shard in enumerate(shards, start=1):
        files.write_bytes(folder / f"weights-{number}.safetensors", to_bytes(shard))
    state = asdict(progress)
    log = state.pop("log")
    recipe = asdict(learner.recipe)
    files.write_json(folder / "progress.json", {"progress": state, "recipe": recipe})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LOG_COLUMNS)
    writer.writerows(log)
    files.write_text(folder / "pretraining_log.csv", text.getvalue())


def carried_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read the weights written by `carry`, names with `model.` or `heads.` before them.

    Raises:
        UserError: There are none.
    """
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("weights-*.safetensors")):
        weights |= load_file(path)
    if not weights:
        raise UserError(
            "There are no weights to go on from",
            value=str(folder),
            accepted=f"{CHECKPOINT}, or a folder {CARRY} with weights-*.safetensors",
            todo="leave out --resume, or bring the folder of the run",
        )
    return weights


def part_of(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the weights whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def read_progress(out: Path) -> Progress:
    """Read where a run stands, from its checkpoint, or else from what was carried.

    Raises:
        UserError: Neither is there.
    """
    if (out / CHECKPOINT).exists():
        state = torch.load(out / CHECKPOINT, map_location="cpu", weights_only=True)
        return Progress(**state["progress"])
    carried_weights(out / CARRY)
    stored = json.loads((out / CARRY / "progress.json").read_text(encoding="utf-8"))["progress"]
    with (out / CARRY / "pretraining_log.csv").open(encoding="utf-8", newline="") as stream:
        log = [[float(value) for value in row] for row in list(csv.reader(stream))[1:]]
    # Adam's moments were not carried: the learning rate rises again while they are estimated.
    return Progress(**{**stored, "log": log, "rewarm_from": stored["step"]})


def load(learner: Learner, out: Path) -> Progress:
    """Load weights, optimiser (from a checkpoint) and progress into a learner; see `read_progress`."""
    progress = read_progress(out)
    if (out / CHECKPOINT).exists():
        state = torch.load(out / CHECKPOINT, map_location=learner.device, weights_only=True)
        learner.model.load_state_dict(state["model"])
        learner.heads.load_state_dict(state["heads"])
        for optimizer, stored in zip(learner.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
    else:
        weights = carried_weights(out / CARRY)
        learner.model.load_state_dict(part_of(weights, "model."))
        learner.heads.load_state_dict(part_of(weights, "heads."))
    return progress


def run(
    recipe: Recipe,
    fonts: Path,
    pack: Path,
    out: Path,
    *,
    seconds: float,
    workers: int,
    resume: bool,
    evaluation_pages: int,
    evaluation_tokens: int = MAX_NEW_TOKENS,
) -> None:
    """Train for one sitting and score the model.

    Args:
        recipe: Settings.
        fonts: Folder made by `tiny_pretraining.fonts`.
        pack: Folder made by `tiny_pretraining.typeset`.
        out: Folder of the run.
        seconds: Longest training time of this sitting.
        workers: Processes that draw pages.
        resume: Go on from `out`.
        evaluation_pages: Pages of each evaluation set; 0 for no evaluation.
        evaluation_tokens: Longest answer there.

    Raises:
        UserError: See `train`, `tiny_pretraining.fonts.read` and `tiny_pretraining.typeset.entries`.
    """
    found = read_fonts(fonts)
    learner = train(recipe, Mixture(recipe.seed, found, pack), out, seconds, workers, resume=resume)
    if evaluation_pages:
        started = time.monotonic()
        sizes = {"pages": evaluation_pages, "tokens": evaluation_tokens}
        scores = evaluate(learner.model, Prompt.of_family(), found, pack, **sizes)
        files.write_json(out / CARRY / "evaluation.json", scores)
        logger.info("Evaluated in %.0f s", time.monotonic() - started)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one sitting as the command line says."""
    parser = argparse.ArgumentParser(description="Pre-train the embedded base model, one sitting.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--fonts", type=Path, required=True, help="made by tiny_pretraining.fonts")
    parser.add_argument("--pack", type=Path, required=True, help="made by tiny_pretraining.typeset")
    parser.add_argument("--seconds", type=float, required=True, help="longest training time of this sitting")
    parser.add_argument("--total-steps", type=int, required=True, help="steps of the whole run")
    parser.add_argument("--total-seconds", type=float, help="training time after which the whole run ends too")
    parser.add_argument("--batch", type=int, default=128, help="pages a step (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="processes that draw pages (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="peak (default: %(default)s)")
    parser.add_argument("--evaluation-pages", type=int, default=96, help="of each set; 0: none (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on from the folder of the run")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    recipe = Recipe(options.total_steps, options.batch, options.learning_rate, total_seconds=options.total_seconds)
    run(
        recipe,
        options.fonts,
        options.pack,
        options.out,
        seconds=options.seconds,
        workers=options.workers,
        resume=options.resume,
        evaluation_pages=options.evaluation_pages,
    )
