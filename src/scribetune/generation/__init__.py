"""Reading pages with a model: many at once, greedy by default, guarded against loops, resumable, with stop reasons.

capacity    how many pages are read at once: as many as the cache of the longest answers has memory for
decoding    writing answers for many pages at once, one token per page and step, each page at a length of its own
experts     a mixture of experts in a decoding step
feed        pages made ready ahead of their turn
guard       the windowed n-gram guard against loops, for rows of different lengths at once
journal     what was read before an interruption: one line per page, on the disk before the next page is waited for
predicting  predictions of whole sets of pages
reader      a model that reads pages: many at once, each as if it were alone, with a stop reason for every page
slots       the key-value cache of many pages at once
"""

from scribetune.generation.guard import WindowedNgramGuard
from scribetune.generation.predicting import predict
from scribetune.generation.reader import Prediction, Reader, StopReason

__all__ = ["Prediction", "Reader", "StopReason", "WindowedNgramGuard", "predict"]
