"""Reading pages with a model: many at once, greedy by default, guarded against loops, resumable, with stop reasons.

predicting  the way in: predictions of whole sets of pages, and only what is missing after an interruption
adapted     reading with an adapter on top of its base
reader      a model that reads pages: many at once, each as if it were alone, with a stop reason for every page
journal     what was read so far: one line per page, on the disk before the next page is waited for
capacity    how many pages are read at once: as many as the cache of the longest answers has memory for
feed        pages made ready ahead of their turn
decoding    answers of many pages at once, one token per page and step, each page at a length of its own
slots       the key-value cache of many pages at once
recorded_layers  what layers compute with while a decoding step is recorded
guard       the windowed n-gram guard against loops, for rows of different lengths at once
"""

from scribetune.generation.guard import WindowedNgramGuard
from scribetune.generation.predicting import predict
from scribetune.generation.reader import Prediction, Reader, StopReason

__all__ = ["Prediction", "Reader", "StopReason", "WindowedNgramGuard", "predict"]
