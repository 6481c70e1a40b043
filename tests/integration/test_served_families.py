"""A merged model of every family, read by vLLM on the CPU, beside this project's own reader: the same texts.

Small random models; of DeepSeek-OCR and DeepSeek-VL2 the encoder has the released size, which is written into vLLM's
classes. A server takes a minute to start: SCRIBETUNE_TEST_SERVING=1 asks for it.
"""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scribetune import generation
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl
from scribetune.merging import merged_model
from scribetune.models import adapters, families
from scribetune.models.families import native
from scribetune.serving import environment, parity
from support import small_models
from support.numbered_pages import write_pages

pytestmark = pytest.mark.slow

PAGES = 3
OTHER_TEXTS = {"deepseek_vl2": "vLLM pads its views to 392 px: another encoder than the authors' (docs/serving.md)"}
KINDS = [
    pytest.param(kind, marks=pytest.mark.xfail(reason=OTHER_TEXTS[kind])) if kind in OTHER_TEXTS else kind
    for kind in small_models.SERVED
]


def make_adapter(base: Path, folder: Path) -> None:
    """Write an adapter of the attention with random weights."""
    family = families.family_of(base)
    settings = config.load({"train": {"lora": {"scope": "attention", "dropout": 0.0}}})
    wrapped = adapters.attach(family, native.skeleton(base), settings.train)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, 0.1, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir()
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_vllm_reads_a_merged_model_as_this_project_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.environ.get("SCRIBETUNE_TEST_SERVING"):
        pytest.skip("vLLM takes a minute to start: SCRIBETUNE_TEST_SERVING=1 asks for it")
    try:
        found = environment.find()
    except UserError as error:
        pytest.skip(f"vLLM is not installed (make serving-env): {error.value}")
    family = families.FAMILIES[kind]
    if lacking := [module for module in family.served_needs if not found.has(module)]:
        pytest.skip(f"vLLM's class needs {lacking[0]} (docs/serving.md)")
    monkeypatch.chdir(tmp_path)
    base = small_models.SERVED[kind]()
    settings = config.load(
        {
            "base_model": {"name": str(base)},
            "generate": {"max_new_tokens": 24, "batch": 1},
            "merge": {"layout": "original", "precision": "float32"},
        }
    )
    make_adapter(base, Path("adapter"))
    sizes = [(300, 400), (250, 180), (90, 120)]
    records = write_pages(tmp_path, "test", family.prompts["free_ocr"], PAGES, sizes)
    # Proved on these pages: drawn ones are large, and an encoder of the released size takes minutes for them.
    merged_model.merge(settings, str(base), Path("adapter"), Path("merged"), [records])
    generation.predict(settings, "merged", {records: Path("tuned.jsonl")}, Path("journals"))
    read = parity.measure(settings, Path("merged"), found, records, Path("tuned.jsonl"))
    assert (read["pages"], read["equal"], read["first_difference"]) == (PAGES, PAGES, None)
    texts = [row["text"] for row in read_jsonl(Path("tuned.jsonl"))]
    assert len(set(texts)) > 1 and min(map(len, texts)) > 5  # pages that say nothing would be equal too
