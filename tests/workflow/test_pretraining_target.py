"""Promises about the pre-training target: on its own, and what it writes is a model."""

import json
from pathlib import Path

import pytest

from scribetune.pretraining import fonts as pretraining_fonts
from scribetune.pretraining import typst as pretraining_typst
from scribetune.typesetting import cjk_font
from support.build import snakemake

pytestmark = pytest.mark.slow

FEW = "pretraining={documents: 8, steps: 4, batch: 2, seconds: 600, evaluation_pages: 1}"


def test_a_few_steps_on_a_cpu_make_a_model(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    work = tmp_path / "work" / "pretraining"
    # The one font that is always there stands in for the Debian packages.
    (work / "fonts").mkdir(parents=True)
    (work / "fonts" / "droid.ttf").write_bytes(cjk_font())
    drawn = "".join(pretraining_fonts._coverage(work / "fonts" / "droid.ttf"))
    rows = [
        {"file": "droid.ttf", "script": script, "held_out": held_out, "characters": drawn}
        for script in ("latin", "han")
        for held_out in (False, True)
    ]
    (work / "fonts" / "fonts.json").write_text(json.dumps(rows), encoding="utf-8")
    pretraining_typst.make(work / "pack", pretraining_fonts.read(work / "fonts"), 8, seed=3)

    snakemake(tmp_path, "pretrained", config=FEW)
    assert AutoModelForImageTextToText.from_pretrained(work / "tiny").config.model_type == "deepseek_ocr2"
    assert AutoProcessor.from_pretrained(work / "tiny").tokenizer.eos_token_id is not None
    progress = json.loads((work / "run" / "carry" / "progress.json").read_text(encoding="utf-8"))
    assert progress["progress"]["step"] == 4
    assert len((work / "run" / "carry" / "pretraining_log.csv").read_text(encoding="utf-8").splitlines()) >= 2


def test_it_is_no_part_of_a_build(small_build: Path) -> None:
    output = snakemake(small_build, "--dry-run", "--forceall")
    assert "pretrain_base" not in output
