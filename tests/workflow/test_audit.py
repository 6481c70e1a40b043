"""Promises about the audit of a real build: what it made is what its lineage speaks of."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.cli import app

pytestmark = pytest.mark.slow


def asked(folder: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(app, [*arguments, "--json", "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_real_build_is_what_its_lineage_says(small_build: Path, tmp_path: Path) -> None:
    for target in ("models/adapter", "models/merged", "reports/predictions/tuned.jsonl", "reports"):
        answer = asked(small_build, "whence", target)
        assert answer["on_disk"], target
        assert {check["match"] for check in answer["on_disk"]} == {"matches"}, target
    assert answer["headline"]["cer_mean"]["tuned"] == answer["metrics"]["tuned"]["cer_mean"]

    # Every document is found by its file, under any name; those of the test split went into the report alone.
    for document in answer["documents"]:
        renamed = tmp_path / "renamed.pdf"
        shutil.copyfile(small_build / "data" / "samples" / document["path"], renamed)
        (touch,) = asked(small_build, "touched-by", str(renamed))["touches"]
        assert touch["document"] == document
        assert ("adapter" in touch["went_into"]) == (document["split"] == "train")
    (row,) = asked(small_build, "log")["adapters"]
    assert row["adapter"] == answer["adapter"]["adapter_model.safetensors"]
