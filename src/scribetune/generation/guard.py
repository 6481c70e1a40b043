"""The windowed n-gram guard against loops, for rows of different lengths at once."""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

NOTHING = -1
"""Stands in a row's window where nothing is written yet; no token has this id."""


class WindowedNgramGuard(LogitsProcessor):
    """Forbids the token that would repeat an n-gram begun within the last tokens written, on the whole batch at once.

    The rule is the one DeepSeek-OCR recommends for decoding (n-grams of 30 in a window of 90, table cells exempt): with
    the last n-1 tokens as prefix, every token that followed the same prefix inside the window is forbidden. Only
    written tokens count, not the prompt.

    Rows are given by their ends (`forbid`), so that it does not matter how long each is, and no shape depends on it.

    Args:
        ngram: Length n of the n-grams; at least 1.
        window: How many of the last written tokens are searched.
        prompt_length: Tokens of the (padded) prompt, which are not searched; only used when called with whole rows.
        exempt: Token ids that are never forbidden.
    """

    def __init__(self, ngram: int, window: int, prompt_length: int = 0, exempt: Sequence[int] = ()) -> None:
        if ngram < 1 or window < 1:
            raise ValueError(f"ngram and window must be at least 1, found {ngram} and {window}")
        self._ngram, self.window, self._prompt_length, self._exempt = ngram, window, prompt_length, list(exempt)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Set the scores (batch, vocabulary) of forbidden tokens to -inf, given all ids so far (batch, length)."""
        guarded: torch.FloatTensor = self.forbid(  # type: ignore[assignment]
            input_ids[:, self._prompt_length :][:, -self.window :], scores
        )
        return guarded

    def forbid(self, recent: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Set the scores (batch, vocabulary) of forbidden tokens to -inf.

        `recent` (batch, at most `window`) are the last tokens that each row wrote, the newest on the right; `NOTHING`
        on the left of rows that wrote fewer.
        """
        length = recent.shape[1]
        # The n-grams must begin inside the window, as in the reference rule.
        if length < self._ngram:
            return scores
        ngrams = recent.unfold(1, self._ngram, 1)  # (batch, n-grams, n)
        prefix = recent[:, length - self._ngram + 1 :]  # (batch, n-1)
        repeats = (ngrams[..., :-1] == prefix.unsqueeze(1)).all(-1)  # (batch, n-grams)
        # Gaps lie on the left alone: an n-gram without one at its start has none.
        repeats &= ngrams[..., 0] != NOTHING
        tokens = ngrams[..., -1].clamp(min=0)
        for token in self._exempt:
            repeats &= tokens != token
        # The least of a token's score and bounds: several n-grams may end in one token, only some of them forbidden.
        bounds = torch.full_like(tokens, torch.inf, dtype=scores.dtype).masked_fill_(repeats, -torch.inf)
        return scores.scatter_reduce(1, tokens, bounds, "amin")
