"""Reading pages with a model: many at once, greedy by default, guarded against loops, resumable, with stop reasons."""

from scribetune.generation.guard import WindowedNgramGuard
from scribetune.generation.predicting import predict
from scribetune.generation.reader import Prediction, Reader, StopReason

__all__ = ["Prediction", "Reader", "StopReason", "WindowedNgramGuard", "predict"]
