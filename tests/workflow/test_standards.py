"""Promises about what other tools read of a build: the model card and the RO-Crate."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from scribetune.audit import crate
from support.build import REPOSITORY, snakemake

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
    # What reads a page behind it is run by tests/integration/test_model_cards.py.
    loading, reading, _ = found.group(1).partition("\nPAGE = ")
    assert reading
    exec(loading.replace('"models/adapter"', repr(adapter)), names)  # noqa: S102  the card's own lines
    loaded = {name.replace(".default", ""): value for name, value in names["model"].state_dict().items()}
    saved = load_file(small_build / "models/adapter/adapter_model.safetensors")
    assert saved
    assert all(loaded[name].equal(value) for name, value in saved.items())


def test_the_crate_says_of_every_rule_what_it_read_and_made(small_build: Path) -> None:
    graph = json.loads((small_build / crate.METADATA).read_text(encoding="utf-8"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}

    def names(entity: dict[str, Any], key: str) -> set[str]:
        value = entity.get(key, [])
        told = {item["@id"] for item in (value if isinstance(value, list) else [value])}
        # The base model is one entity; what Snakemake reads are its files.
        parts = entities["#base-model"]["hasPart"] if "#base-model" in told else []
        return told | {entities[part["@id"]]["name"].rsplit("/", 1)[1] for part in parts}

    compared = set()
    for line in snakemake(small_build, "--detailed-summary").splitlines():
        cells = line.split("\t")
        if len(cells) != 8 or cells[0] == "output_file" or cells[2] == "write_crate":
            continue
        made, rule, read = cells[0], cells[2], cells[4]
        actions = [entity for name, entity in entities.items() if re.fullmatch(rf"#run/{rule}(/.*)?", name)]
        assert made in set().union(*(names(action, "result") for action in actions)), (rule, made)
        objects = set().union(*(names(action, "object") for action in actions))
        inputs = set(filter(None, read.split(",")))
        wanted = {Path(path).name if Path(path).is_absolute() else path for path in inputs - {"-"}}
        assert wanted <= objects, (rule, wanted - objects)
        compared.add(rule)
    jobs = {name.removeprefix("#run/").split("/")[0] for name in entities if name.startswith("#run/")}
    assert compared == jobs >= {"make_samples", "train_adapter", "write_report"}
    # The order of the steps is one in which they can run.
    position = {name.removeprefix("#step/"): int(entities[name]["position"]) for name in entities if "#step/" in name}
    assert position["render_pages"] < position["train_adapter"] < position["predict_tuned"] < position["write_report"]


def test_the_crate_keeps_every_must_of_the_provenance_run_crate_profile(small_build: Path, tmp_path: Path) -> None:
    folder = os.environ.get("SCRIBETUNE_ROC_VALIDATOR", "")
    if not folder:
        pytest.skip("roc-validator wants an older rich than the build; docs/standards.md says how to run it")
    validator = REPOSITORY / "tests" / "support" / "validate_crate.py"
    issues = tmp_path / "issues.json"
    command = [sys.executable, str(validator), str(small_build), "provenance-run-crate-0.5", "REQUIRED", str(issues)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": folder}, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(issues.read_text(encoding="utf-8")) == []
