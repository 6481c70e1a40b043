"""4-bit LoRA of every family on small random models; left out where bitsandbytes is missing, as in CI.

pip install --no-deps bitsandbytes==0.50.2 && pytest tests/integration/test_4_bits.py
"""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scribetune import training
from scribetune.merging import merged_model
from scribetune.models import families
from scribetune.training import quantized
from support import small_models
from support.numbered_pages import write_pages
from support.train_keys import quick_training


@pytest.mark.parametrize("kind", small_models.FOLDERS)
def test_trained_in_4_bits_it_is_merged_into_plain_numbers(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bitsandbytes")
    monkeypatch.setattr(quantized, "refuse_without_device", lambda *_: None)  # its kernels for a CPU serve as well
    folder, prompt = small_models.FOLDERS[kind](), families.FAMILIES[kind].prompts["free_ocr"]
    sizes = [(90, 120)]
    scope = "attention" if kind == "qwen3_vl_moe" else "language"  # it has no layers of its own between the two
    learned, none = (write_pages(tmp_path, name, prompt, count, sizes) for name, count in (("train", 4), ("no", 0)))
    losses = {}
    for bits in ("none", "4bit"):
        settings = quick_training(folder, "original", quantization=bits, scope=scope)
        result = training.train(settings, str(folder), learned, none, tmp_path / bits, tmp_path / f"work-{bits}")
        losses[bits] = result.first_loss
    assert losses["4bit"] != losses["none"]
    assert losses["4bit"] == pytest.approx(losses["none"], rel=0.1)
    merged_model.merge(settings, str(folder), tmp_path / "4bit", tmp_path / "merged")
    plain, base = (load_file(one / "model.safetensors") for one in (tmp_path / "merged", folder))
    assert {weight.dtype for weight in plain.values()} == {torch.float32}
    assert len(plain) >= len(base) - 1  # a last layer that is the embeddings has no file of its own
