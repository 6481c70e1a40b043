"""DeepSeek-OCR and DeepSeek-VL2 in their authors' layout, from page images to text, on small random models."""

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file

from scribetune import generation, training
from scribetune.core import config
from scribetune.core.files import read_jsonl, write_json, write_jsonl, write_text
from scribetune.merging import merged_model
from scribetune.models import adapters
from scribetune.models.examples import Page
from scribetune.report import model_card
from scribetune.training import quantized
from support import tiny_deepseek_ocr, tiny_deepseek_vl2
from support.interruptions import InterruptedRunError, interrupt_after
from support.lineage_factory import lineage
from support.train_keys import quick_training

KINDS = pytest.mark.parametrize("kind", [tiny_deepseek_ocr, tiny_deepseek_vl2], ids=["deepseek_ocr", "deepseek_vl2"])
SMALLEST = {tiny_deepseek_ocr: "tiny", tiny_deepseek_vl2: "auto"}
"""The mode that costs the fewest tokens."""


def configuration(kind: ModuleType, layout: str, mode: str = "auto", **train: Any) -> config.Config:
    made = quick_training(kind.folder(), layout, **train)
    return made.model_copy(update={"base_model": made.base_model.model_copy(update={"mode": mode})})


def page(number: int) -> Image.Image:
    image = Image.new("RGB", (200 + 30 * number, 300), "white")
    ImageDraw.Draw(image).text((5, 5), f"page {number} {'x' * number}", fill="black", font_size=30)
    return image


def write_split(kind: ModuleType, folder: Path, name: str, pages: int) -> Path:
    rows = []
    for number in range(pages):
        path = folder / f"{name}-{number}.png"
        page(number).save(path)
        prompt = kind.family().prompts["free_ocr"]
        talk = [{"from": "human", "value": prompt}, {"from": "gpt", "value": f"Total {number}: 季度"}]
        row = {"id": f"{name}-{number}/p0001", "document": f"{name}-{number}", "page": 1}
        rows.append({**row, "conversations": talk, "images": [str(path)]})
    write_jsonl(folder / f"{name}.jsonl", rows)
    return folder / f"{name}.jsonl"


def load(kind: ModuleType, folder: Path | None = None) -> Any:
    return kind.family().load_model(folder or kind.folder(), dtype=torch.float32, device="cpu")


def logits(kind: ModuleType, model: Any) -> torch.Tensor:
    """Scores of a page and an answer."""
    family = kind.family()
    encoded = family.encode(family.load_processor(kind.folder()), [page(1)], family.prompts["free_ocr"])
    ids = torch.tensor([[*encoded.prompt_ids[0], 9, 8, 7]])
    with torch.inference_mode():
        features = torch.cat(family.vision_features(model, encoded.pixels))
        inputs = family.model_inputs(model, ids, torch.ones_like(ids), features)
        found: torch.Tensor = model(**inputs, attention_mask=torch.ones_like(ids)).logits
    return found


@pytest.mark.parametrize(
    ("kind", "scope", "layout", "mode"),
    [
        (tiny_deepseek_ocr, "attention", "original", "auto"),
        (tiny_deepseek_ocr, "vision", "transformers", "small"),
        (tiny_deepseek_ocr, "experts", "original", "tiny"),
        (tiny_deepseek_vl2, "language", "original", "auto"),
        (tiny_deepseek_vl2, "vision", "transformers", "auto"),
        (tiny_deepseek_vl2, "experts", "original", "auto"),
    ],
)
def test_trained_is_reloaded_is_merged_and_predicts(
    kind: ModuleType, scope: str, layout: str, mode: str, tmp_path: Path
) -> None:
    family, folder = kind.family(), kind.folder()
    settings = configuration(kind, layout, mode, scope=scope)
    splits = [write_split(kind, tmp_path, "train", 4), write_split(kind, tmp_path, "validation", 1)]
    result = training.train(settings, str(folder), splits[0], splits[1], tmp_path / "adapter", tmp_path / "work")
    assert (result.steps, result.train_pages, result.skipped) == (2, 4, ())
    assert set(result.trainable) == family.scopes[scope].groups

    merged_model.merge(settings, str(folder), tmp_path / "adapter", tmp_path / "merged")
    told = json.loads((tmp_path / "merged" / "config.json").read_text(encoding="utf-8"))
    assert told["model_type"] == ("deepseek_vl_v2" if layout == "original" else family.model_type)
    tuned = adapters.load(load(kind), tmp_path / "adapter", base_folder=folder)
    expected = logits(kind, tuned)
    assert torch.allclose(logits(kind, load(kind, tmp_path / "merged")), expected, atol=1e-4)
    assert not torch.allclose(logits(kind, load(kind)), expected, atol=1e-4)
    if layout == "original":
        assert set(load_file(tmp_path / "merged" / "model.safetensors")) == set(load_file(folder / "model.safetensors"))

    if kind is tiny_deepseek_ocr:  # the merged model says by itself how it was trained to see pages
        tokens = {"auto": 16 * 17 + 1, "small": 10 * 11 + 1, "tiny": 8 * 9 + 1}[mode]
        assert family.page_cost(family.load_processor(tmp_path / "merged"), 200, 300).tokens == tokens

    generation.predict(settings, str(tmp_path / "merged"), {splits[0]: tmp_path / "predictions.jsonl"})
    assert [row["id"] for row in read_jsonl(tmp_path / "predictions.jsonl")] == [f"train-{n}/p0001" for n in range(4)]


def card_code(lineage_file: Path, base: Path, proof: Path | None) -> str:
    """Return the Python of a card, written from a build's files."""
    folder = lineage_file.parent
    splits = dict.fromkeys(model_card.SPLITS, lineage_file)
    model_card.write(lineage_file, folder / "documents.csv", splits, folder / "card.md", base=str(base), proof=proof)
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "alone has no class" in card
    (found,) = re.findall(r"^```python\n(.*?)^```$", card, flags=re.MULTILINE | re.DOTALL)
    return str(found)


@KINDS
def test_the_code_of_its_cards_reads_a_page_as_the_build_does(
    kind: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kind.folder()
    settings = configuration(kind, "transformers", SMALLEST[kind], scope="attention")
    split = write_split(kind, tmp_path, "train", 2)
    models = tmp_path / "models"
    training.train(
        settings, str(folder), split, write_split(kind, tmp_path, "none", 0), models / "adapter", tmp_path / "w"
    )
    merged_model.merge(settings, str(folder), models / "adapter", models / "merged")
    page(1).resize((270, 360)).save(tmp_path / "page.png")

    about = {"name": str(folder), "revision": None, "files": {"config.json": "0" * 64}}
    told = {
        "base_model": {"family": "auto", "mode": SMALLEST[kind]},
        "task": {"prompt": "free_ocr"},
        "pages": {"long_side_px": 360},
        "train": {"rank": 4},
    }
    write_json(tmp_path / "lineage.json", lineage(configuration=told, base_model=about))
    write_text(tmp_path / "documents.csv", "document,licence,language,category\na,MIT,en,forms\n")
    reader = generation.Reader(settings, str(models / "merged"))
    (expected,) = reader.read([Page("a", "a", 1, tmp_path / "page.png", reader.prompt, "")])
    monkeypatch.chdir(tmp_path)
    for proof in (None, models / "merged" / merged_model.PROOF_NAME):
        code = card_code(tmp_path / "lineage.json", folder, proof)
        # Random weights never end an answer.
        short = code.replace("config.load({", 'config.load({"generate": {"max_new_tokens": 8}, ')
        capsys.readouterr()
        exec(short, {})  # noqa: S102  as readers of the card do
        assert capsys.readouterr().out == expected.text + "\n" and len(expected.text) > 5


@KINDS
def test_4_bits_concern_the_language_models_matrices_alone(kind: ModuleType) -> None:
    attention, dense, shared, experts = 4 * 24 * 24, 3 * 24 * 32, 3 * 24 * 8, 4 * 3 * 24 * 8
    wrapped = adapters.attach(kind.family(), load(kind), configuration(kind, "original").train)
    assert quantized.parameters(wrapped) == 2 * attention + dense + shared + experts


@KINDS
def test_an_interrupted_training_goes_on_to_the_same_adapter(
    kind: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configuration(kind, "original", SMALLEST[kind], checkpoints_steps=1, dropout=0.1)
    splits = write_split(kind, tmp_path, "train", 4), write_split(kind, tmp_path, "none", 0)
    found = []
    for name, cut in (("whole", 0), ("cut", 1)):
        if cut:
            interrupt_after(monkeypatch, cut)
            with pytest.raises(InterruptedRunError):
                training.train(settings, str(kind.folder()), *splits, tmp_path / name, tmp_path / "w")
        result = training.train(settings, str(kind.folder()), *splits, tmp_path / name, tmp_path / "w")
        assert result.resumed_from == cut
        found.append(load_file(tmp_path / name / adapters.WEIGHTS))
    assert all(torch.equal(weight, found[1][name]) for name, weight in found[0].items())
