"""LoRA training: `train` is the way in; see `training.run`.

drafting     greedy reading with the label as a draft
features     the model with its adapter, and what its encoder makes of the pages
fit          the optimiser steps: trainer, validator and schedule put together and run
gpus         how many of them, and what fits them
log          everything a checkpoint holds beside weights, optimiser and random numbers
loss         cross-entropy over target tokens, in pieces
memory       memory in use, and what is said when it runs out
monitor      live line, log, TensorBoard
order        length-bucketed order of pages
page_trainer SFTTrainer, taught what a training here needs
preflight    parameters, tokens, memory and time, before any GPU work
prepare      hardware, base model, pages and forecast, before a model is loaded
result       what a training did
run          the whole training: prepare, features, fit
sharding     the frozen base divided among GPUs
trial        what a sharded training tries, and what next where memory runs out
validation   loss and CER during training

checkpoints     checkpoints of a training
compiled        compiled layers
determinism     the same bits in every run of one machine
drafting        greedy reading with the label as a draft
features        the model in memory with its adapter
fit             the optimiser steps
gpus            how many GPUs a training runs on
host_embedding  the embedding table in main memory
log             the log of a training so far: what a checkpoint holds beside weights, optimiser and random numbers
loss            cross-entropy over target tokens, in pieces
memory          how much memory is in use and there, and what to do when it runs out
monitor         what a person sees of a training: a live line, log records, and curves in TensorBoard
order           the order of pages
page_trainer    TRL's SFTTrainer, taught what a training here needs: whole pages, exact resuming, real validation
preflight       what a training will cost, said before any GPU work
prepare         what is decided before a model is loaded
quantized       4-bit QLoRA
result          what a training did, for the lineage and the log
run             LoRA fine-tuning through TRL's SFTTrainer
sharding        the frozen base divided among GPUs, for models that do not fit one
trial           what a sharded training tries, and what it tries next where memory runs out
validation      validation during training
"""

from scribetune.training.gpus import number_of_processes
from scribetune.training.log import LOG_COLUMNS, LOG_NAME
from scribetune.training.prepare import WorkFolders
from scribetune.training.result import TrainingResult
from scribetune.training.run import train

__all__ = ["LOG_COLUMNS", "LOG_NAME", "TrainingResult", "WorkFolders", "number_of_processes", "train"]
