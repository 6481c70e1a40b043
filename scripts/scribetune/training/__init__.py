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
"""

from scribetune.training.gpus import number_of_processes
from scribetune.training.log import LOG_COLUMNS, LOG_NAME
from scribetune.training.prepare import WorkFolders
from scribetune.training.result import TrainingResult
from scribetune.training.run import train

__all__ = ["LOG_COLUMNS", "LOG_NAME", "TrainingResult", "WorkFolders", "number_of_processes", "train"]
