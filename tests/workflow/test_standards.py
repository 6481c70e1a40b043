"""Promises about what other tools read of a build: the model card."""

import re
from pathlib import Path
from typing import Any

import pytest
from build import REPOSITORY
from huggingface_hub import ModelCard
from safetensors.torch import load_file

pytestmark = pytest.mark.slow


def test_the_cards_are_read_by_huggingface_hub_and_only_the_second_has_scores(small_build: Path) -> None:
    first = ModelCard.load(small_build / "models/adapter/README.md")
    second = ModelCard.load(small_build / "reports/model_card.md")
    assert getattr(first.data, "eval_results", None) is None
    assert {result.metric_type for result in getattr(second.data, "eval_results", [])} >= {"cer", "bleu", "rouge"}


def test_the_loading_code_of_the_card_loads_every_tensor_of_the_adapter(
    small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = (small_build / "models/adapter/README.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)\n```", card, flags=re.DOTALL)
    assert found
    monkeypatch.chdir(REPOSITORY)  # where models/tiny lies
    names: dict[str, Any] = {}
    adapter = str(small_build / "models/adapter")
    exec(found.group(1).replace('"models/adapter"', repr(adapter)), names)  # noqa: S102  the card's own lines
    loaded = {name.replace(".default", ""): value for name, value in names["model"].state_dict().items()}
    saved = load_file(small_build / "models/adapter/adapter_model.safetensors")
    assert saved
    assert all(loaded[name].equal(value) for name, value in saved.items())
