"""LoRA training: `train` is the way in; see `training.run`.

run             the whole training, in order: `prepare`, `features`, `fit`
prepare         what is decided before a model is loaded: hardware, base model, pages, features to keep
preflight       what it will cost, said before any GPU work: parameters, tokens, memory, time
features        the model in memory with its adapter, and the vision features of its pages
fit             the optimiser steps: trainer, validation and schedule put together and run
page_trainer    TRL's SFTTrainer, taught what a training here needs: whole pages, exact resuming, real validation
order           the order of pages: batches of pages of like length, the same for the same seed
loss            cross-entropy over target tokens, in pieces
validation      loss and CER during training
drafting        greedy reading with the label as a draft, for validation
checkpoints     checkpoints: sealed, and used only by the very training they are of
log             everything a checkpoint holds beside weights, optimiser and random numbers
result          what a training did, for the lineage and the log
monitor         what a person sees: a live line, log records, TensorBoard; no result depends on it
tracking        trackers that watch it: transformers' callbacks, kept from changing it and from ending it

determinism     the same bits in every run of one machine
compiled        compiled layers
quantized       4-bit QLoRA
host_embedding  the embedding table in main memory
memory          how much memory is in use, and what to do when it runs out
gpus            how many GPUs a training runs on
sharding        the frozen base divided among GPUs
trial           what a sharded training tries, and what next where memory runs out
"""

from scribetune.training.gpus import number_of_processes
from scribetune.training.log import LOG_COLUMNS, LOG_NAME
from scribetune.training.prepare import WorkFolders
from scribetune.training.result import TrainingResult
from scribetune.training.run import train

__all__ = ["LOG_COLUMNS", "LOG_NAME", "TrainingResult", "WorkFolders", "number_of_processes", "train"]
