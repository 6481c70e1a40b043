"""What a card shows is run as it stands: it gives the text that the build's own reader gives."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from scribetune.conversion.readers import ModelReader
from scribetune.core import config, files, package
from scribetune.merging import merged_model, proof
from scribetune.models import adapters, families
from scribetune.models.families import native
from scribetune.report import model_card
from support.lineage_factory import lineage

TINY = package.REPOSITORY / "models" / "tiny"
CONFIGURATION = {
    "base_model": {"name": "models/tiny", "family": "auto"}, "task": {"prompt": "free_ocr"},
    "pages": {"long_side_px": 768}, "train": {"rank": 4},
}  # fmt: skip


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with base, adapter, merged model and a page larger than the model's; the adapter does little."""
    folder = tmp_path_factory.mktemp("build")
    settings = config.load({"base_model": {"name": str(TINY)}, "merge": {"precision": "float32"}})
    wrapped = adapters.attach(families.family_of(TINY), native.skeleton(TINY), settings.train)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, 0.01, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    (folder / "models" / "adapter").mkdir(parents=True)
    (folder / "models" / "tiny").symlink_to(TINY)
    save_file(weights, folder / "models" / "adapter" / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder / "models" / "adapter"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "SAMPLE_PAGES", 1)
        merged_model.merge(settings, str(TINY), folder / "models" / "adapter", folder / "models" / "merged")
    image = Image.new("RGB", (1086, 1536), "white")
    pen = ImageDraw.Draw(image)
    for line, text in enumerate(("Invoice 2026", "Total 12,345")):
        pen.text((80, 80 + 100 * line), text, fill="black", font_size=56)
    image.save(folder / "page.png")
    return folder


def cards(build: Path, tmp_path: Path, **changes: Any) -> dict[str, str]:
    files.write_json(tmp_path / "lineage.json", lineage(configuration=CONFIGURATION))
    files.write_text(tmp_path / "documents.csv", "document,licence,language,category\na,MIT,en,forms\n")
    proved = json.loads((build / "models" / "merged" / merged_model.PROOF_NAME).read_text(encoding="utf-8"))
    proved["merged"] |= changes
    merged = tmp_path / "merged"
    merged.mkdir(exist_ok=True)
    for file in ("config.json", "processor_config.json", "tokenizer.json"):
        (merged / file).write_bytes((build / "models" / "merged" / file).read_bytes())
    files.write_json(merged / "proof.json", proved)
    splits = dict.fromkeys(model_card.SPLITS, tmp_path / "documents.csv")
    made = {}
    for name, of in (("adapter", None), ("merged", merged / "proof.json")):
        model_card.write(
            tmp_path / "lineage.json",
            tmp_path / "documents.csv",
            splits,
            tmp_path / "card.md",
            base=str(TINY),
            proof=of,
        )
        made[name] = (tmp_path / "card.md").read_text(encoding="utf-8")
    return made


def code_of(card: str) -> str:
    (found,) = re.findall(r"^```python\n(.*?)^```$", card, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def read_by_build(build: Path, tmp_path: Path) -> str:
    """Return what `scribetune convert` would read, of the page at the size that the build gives it."""
    with Image.open(build / "page.png") as page:
        page.resize((543, 768), Image.Resampling.LANCZOS).save(tmp_path / "small.png")
    settings = config.load({"base_model": {"name": str(TINY)}, "train": {"machine": {"precision": "float32"}}})
    reader = ModelReader(settings, str(build / "models" / "merged"), tmp_path / "memory")
    ((_, reading),) = reader.read([tmp_path / "small.png"])
    assert reading.stop_reason == "eos" and len(reading.text) > 5
    return reading.text


@pytest.mark.parametrize("name", ["merged", "adapter"])
def test_the_code_of_a_card_reads_the_page_as_the_build_does(name: str, build: Path, tmp_path: Path) -> None:
    card = cards(build, tmp_path)[name]
    code = code_of(card)
    assert 'PROMPT = "<image>\\nFree OCR. "' in code and "LONG_SIDE_PX = 768" in code
    if name == "adapter":  # the embedded base is in bfloat16, the merged model and the reader in float32
        code = code.replace('dtype="auto"', 'dtype="float32"')
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=build, capture_output=True, text=True, check=False,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.removesuffix("\n") == read_by_build(build, tmp_path)


def test_the_guard_of_a_card_forbids_what_the_builds_forbids(build: Path, tmp_path: Path) -> None:
    from scribetune.generation.guard import WindowedNgramGuard

    code = code_of(cards(build, tmp_path)["merged"])
    source = code[code.index("class Guard") : code.index("page = Image")]
    for ngram, window in ((3, 12), (2, 5), (1, 4)):
        space: dict[str, Any] = {"NGRAM": ngram, "WINDOW": window, "torch": torch, "LogitsProcessor": object}
        exec(source, space)  # noqa: S102  as readers of the card do
        ours, theirs = WindowedNgramGuard(ngram, window, 4, [2]), space["Guard"](4, {2})
        ids = torch.randint(0, 4, (16, 40), generator=torch.Generator().manual_seed(ngram))
        for length in range(5, 40):
            given: Any = ids[:, :length]
            assert torch.equal(ours(given, torch.zeros(16, 4)), theirs(given, torch.zeros(16, 4)))  # type: ignore[arg-type]


def test_a_card_of_the_authors_layout_asks_a_server(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = cards(build, tmp_path, configuration="authors", layout="original")["merged"]
    assert "--logits-processors vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor" in card
    asked: list[urllib.request.Request] = []

    def answer(request: urllib.request.Request) -> io.BytesIO:
        asked.append(request)
        return io.BytesIO(json.dumps({"choices": [{"message": {"content": "read"}}]}).encode())

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.chdir(build)
    exec(code_of(card), {})  # noqa: S102
    assert capsys.readouterr().out == "read\n"
    body: Any = json.loads(asked[0].data or b"")  # type: ignore[arg-type]
    picture, text = body["messages"][0]["content"]
    assert text == {"type": "text", "text": "Free OCR. "} and body["temperature"] == 0
    assert base64.b64decode(picture["image_url"]["url"].partition(",")[2]) == (build / "page.png").read_bytes()
    processor = families.family_of(TINY).load_processor(TINY)
    cells = [processor.tokenizer.convert_tokens_to_ids(token) for token in ("<td>", "</td>")]
    assert body["vllm_xargs"] == {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": cells}


def test_the_hub_reads_the_merged_models_card(build: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    card = cards(build, tmp_path)["merged"]
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    loaded: Any = ModelCard.load(tmp_path / "README.md")
    head = loaded.data.to_dict()
    assert (head["library_name"], head["license"]) == ("transformers", "other") and "base_model" not in head
    assert loaded.content == card
    proved = json.loads((build / "models" / "merged" / merged_model.PROOF_NAME).read_text(encoding="utf-8"))
    assert all(digest in card for digest in proved["merged"]["sha256"].values())
