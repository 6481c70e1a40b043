"""vLLM itself: the layout `original` finds its place in it, logits are ours, and exported adapters are applied.

    SCRIBETUNE_VLLM=SERVING/bin/python pytest tests/conformance/test_vllm_layout.py

SERVING is an environment with vLLM, which is none of this project's locks; without one the test is skipped.
"""

import importlib
import os
from pathlib import Path

import pytest

PYTHON = os.environ.get("SCRIBETUNE_VLLM", "")


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="SCRIBETUNE_VLLM names no Python with vLLM")
def test_vllm_reads_the_layout_and_applies_the_adapters(tmp_path: Path) -> None:
    measurement = importlib.import_module("vllm_layout")
    assert measurement.measure(tmp_path, Path(PYTHON), 1, full_size=False) == 0
