"""Promises about the pre-training target: on its own, and what it writes is a model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scribetune.core.errors import UserError
from scribetune.samples.typesetting import cjk_font
from tiny_pretraining import fonts as font_files
from tiny_pretraining import settings, typeset

PRETRAINING = Path(__file__).resolve().parents[1]
REPOSITORY = PRETRAINING.parent
FEW = ("documents=8", "steps=4", "batch=2", "seconds=600", "evaluation_pages=1", "evaluation_tokens=8")


@pytest.mark.slow
def test_a_few_steps_on_a_cpu_make_a_model(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    work = tmp_path / "work" / "pretraining"
    # The one font that is always there stands in for the Debian packages.
    (work / "fonts").mkdir(parents=True)
    (work / "fonts" / "droid.ttf").write_bytes(cjk_font())
    drawn = "".join(font_files._coverage(work / "fonts" / "droid.ttf"))
    rows = [
        {"file": "droid.ttf", "script": script, "held_out": held_out, "characters": drawn}
        for script in ("latin", "han")
        for held_out in (False, True)
    ]
    (work / "fonts" / "fonts.json").write_text(json.dumps(rows), encoding="utf-8")
    typeset.make(work / "pack", font_files.read(work / "fonts"), 8, seed=3)

    command = [sys.executable, "-m", "snakemake", "pretrained", "-s", str(PRETRAINING / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "2", "--resources", "gpu=1", "--config", *FEW]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert AutoModelForImageTextToText.from_pretrained(work / "tiny").config.model_type == "deepseek_ocr2"
    assert AutoProcessor.from_pretrained(work / "tiny").tokenizer.eos_token_id is not None
    progress = json.loads((work / "run" / "carry" / "progress.json").read_text(encoding="utf-8"))
    assert progress["progress"]["step"] == 4
    assert len((work / "run" / "carry" / "pretraining_log.csv").read_text(encoding="utf-8").splitlines()) >= 2


def test_it_is_no_part_of_a_build() -> None:
    """Neither the workflow nor the package knows of it: it can be deleted without a trace."""
    code = [path for folder in ("src", "scripts") for path in (REPOSITORY / folder).rglob("*.py")]
    sources = [*code, *(REPOSITORY / "rules").glob("*.smk"), REPOSITORY / "Snakefile"]
    assert len(sources) > 100
    assert [path for path in sources if "tiny_pretraining" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("stepps", 4, "stepps"), ("steps", "many", "steps = 'many'"), ("batch", 0, "batch = 0")],
)
def test_a_wrong_setting_is_named(key: str, value: object, message: str) -> None:
    written = yaml.safe_load((PRETRAINING / "settings.yaml").read_text(encoding="utf-8"))
    assert settings.load(written).steps == 14_000
    with pytest.raises(UserError, match=message):
        settings.load(written | {key: value})
