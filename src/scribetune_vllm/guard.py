"""The n-gram guard against loops, for every request: what `generation.guard` is for the build's own reader.

vLLM has one for this family, which only guards requests that ask for it by `vllm_xargs`. This one takes the same three
values of a request, and for those that do not name them what the server was started with (`--additional-config`,
key `scribetune_guard`).
"""

from collections.abc import Mapping
from typing import Any

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from scribetune_vllm.ngrams import forbidden

SETTINGS = "scribetune_guard"
"""Key of the server's additional configuration; under it `ngram_size`, `window_size` and `whitelist_token_ids`."""


class NgramGuard(AdapterLogitsProcessor):
    """Sets the scores of forbidden tokens to -inf."""

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        super().__init__(vllm_config, device, is_pin_memory)
        given = vllm_config.additional_config
        self._usual: Mapping[str, Any] = given.get(SETTINGS, {}) if isinstance(given, Mapping) else {}

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Refuse values of a request that are no numbers; ValueError becomes an answer with status 400."""
        asked = sampling_params.extra_args or {}
        for name, least in (("ngram_size", 0), ("window_size", 1)):
            value = asked.get(name, least)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value!r}; accepted: integers from {least}")
        exempt = asked.get("whitelist_token_ids", ())
        if not isinstance(exempt, list | tuple) or not all(isinstance(token, int) for token in exempt):
            raise ValueError(f"whitelist_token_ids is {exempt!r}; accepted: a list of token ids")

    def is_argmax_invariant(self) -> bool:
        """Say that greedy decoding is changed."""
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        """Return what guards a request; None where it asked for no guard."""
        asked = {**self._usual, **(params.extra_args or {})}
        ngram, window = int(asked.get("ngram_size", 0)), int(asked.get("window_size", 1))
        exempt = frozenset(asked.get("whitelist_token_ids", ()))
        if not ngram:
            return None

        def guard(written: list[int], scores: torch.Tensor) -> torch.Tensor:
            tokens = forbidden(written, ngram, window, exempt)
            if tokens:
                scores[tokens] = -torch.inf
            return scores

        return guard
