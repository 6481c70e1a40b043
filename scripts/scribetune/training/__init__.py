"""LoRA training: `train` is the way in; see `training.run`.

course       everything a checkpoint holds beside weights, optimiser and random numbers
drafting     greedy reading with the label as a draft
gpus         how many of them, and what fits them
loss         cross-entropy over target tokens, in pieces
memory       memory in use, and what is said when it runs out
monitor      live line, log, TensorBoard
order        length-bucketed order of pages
preflight    parameters, tokens, memory and time, before any GPU work
result       what a training did
run          the whole training, in order
sharding     the frozen base divided among GPUs
trainer      SFTTrainer, taught what a training here needs
trial        what a sharded training tries, and what next where memory runs out
validation   loss and CER during training
"""

from scribetune.training.course import LOG_COLUMNS, LOG_NAME
from scribetune.training.gpus import number_of_processes
from scribetune.training.result import TrainingResult
from scribetune.training.run import WorkFolders, train

__all__ = ["LOG_COLUMNS", "LOG_NAME", "TrainingResult", "WorkFolders", "number_of_processes", "train"]
