"""vLLM for real: the embedded merged model of a default build, served on the CPU, and read through OpenAI's interface.

The build and the environment are made here only where they are asked for (`SCRIBETUNE_TEST_SERVING=1`, as CI does):
vLLM takes a minute to start, and 2 GB of disk. A finished default build can be named by SCRIBETUNE_TEST_BUILD.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.merging import merged_model, proof
from scribetune.models import adapters, families
from scribetune.models.families import native
from scribetune.serving import environment
from scribetune.serving.engine import free_port
from support.build import REPOSITORY, snakemake

pytestmark = pytest.mark.slow

_LONGEST_START_S = 1500
_TINY = REPOSITORY / "models" / "tiny"
_SCRIBETUNE = (sys.executable, "-c", "from scribetune.cli import app; app()")
_ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build with the default settings."""
    if named := os.environ.get("SCRIBETUNE_TEST_BUILD"):
        folder = tmp_path_factory.mktemp("build") / "copy"
        shutil.copytree(named, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv*", ".git", "src"))
        return folder
    if not os.environ.get("SCRIBETUNE_TEST_SERVING"):
        pytest.skip("a default build takes minutes: SCRIBETUNE_TEST_SERVING=1 asks for it")
    folder = tmp_path_factory.mktemp("default_build")
    snakemake(folder)
    return folder


def require_engine() -> None:
    """Skip a test where vLLM is not installed."""
    try:
        environment.find()
    except UserError as error:
        pytest.skip(f"vLLM is not installed (make serving-env): {error.value}")


@contextmanager
def served(folder: Path, *words: str, **variables: str) -> Iterator[str]:
    """Run `scribetune serve` in a folder, yield its address; stopped by Ctrl-C, it leaves nothing behind."""
    require_engine()
    port = free_port()
    command = [*_SCRIBETUNE, "serve", "--port", str(port), *words]
    with (folder / "said.txt").open("w", encoding="utf-8") as said:
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
        server = subprocess.Popen(
            command, cwd=folder, env=_ENVIRONMENT | variables, stdout=said, stderr=subprocess.STDOUT
        )
        signal.signal(signal.SIGINT, ignored)
        try:
            _wait(server, folder / "said.txt")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.send_signal(signal.SIGINT)
            status = server.wait(60)
    assert status == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")


@pytest.fixture(scope="module")
def address(build: Path) -> Iterator[str]:
    """The build's merged model, served."""
    with served(build) as found:
        yield found


def _wait(server: "subprocess.Popen[bytes]", said: Path) -> None:
    until = time.monotonic() + _LONGEST_START_S
    while "Ready after" not in said.read_text(encoding="utf-8"):
        assert server.poll() is None, said.read_text(encoding="utf-8")
        assert time.monotonic() < until, said.read_text(encoding="utf-8")
        time.sleep(1)


def ask(address: str, image: Path, model: str = "merged", **more: Any) -> dict[str, Any]:
    """Ask as any client of OpenAI's interface does: a page, and nothing else."""
    url = f"data:image/png;base64,{base64.b64encode(image.read_bytes()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
    answer = httpx.post(f"{address}/chat/completions", json=body, timeout=600, trust_env=False)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()["choices"][0]
    return found


def first_token(address: str, image: Path, model: str) -> dict[int, float]:
    """Return the likeliest first tokens on a page, by their log probabilities."""
    said = ask(address, image, model, max_tokens=1, logprobs=True, top_logprobs=20, return_tokens_as_token_ids=True)
    top = said["logprobs"]["content"][0]["top_logprobs"]
    return {int(one["token"].removeprefix("token_id:")): float(one["logprob"]) for one in top}


def own_first_token(folder: Path, image: Path) -> torch.Tensor:
    """Return the log probabilities of every first token on a page, by the model folder read here, (vocabulary,)."""
    family = families.family_of(folder)
    processor, prompt = family.load_processor(folder), families.prompt_of(family, "free_ocr")
    model = family.load_model(folder, dtype=torch.float32, device="cpu")
    encoded = family.encode(processor, [Image.open(image).convert("RGB")], prompt)
    ids = torch.tensor(encoded.prompt_ids)
    with torch.inference_mode():
        features = torch.cat(family.vision_features(model, encoded.pixels))
        mask = torch.ones_like(ids)
        given = family.model_inputs(model, ids, mask, features)
        scores = model(**given, attention_mask=mask, logits_to_keep=1).logits[0, -1]
    return torch.log_softmax(scores.float(), -1)


def make_adapter(folder: Path) -> int:
    """Write an adapter of the attention, with random weights; return how many linear layers it adapts."""
    settings = config.load({"train": {"lora": {"scope": "attention", "dropout": 0.0}}})
    wrapped = adapters.attach(families.family_of(_TINY), native.skeleton(_TINY), settings.train)
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.empty(weight.shape).normal_(0.0, 0.1, generator=generator)
        for name, weight in adapters.tensors(wrapped).items()
    }
    folder.mkdir()
    save_file(weights, folder / adapters.WEIGHTS, {"format": "pt"})
    wrapped.peft_config["default"].save_pretrained(str(folder))
    return len(weights) // 2


def test_an_adapter_beside_the_base_reads_as_the_merged_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (os.environ.get("SCRIBETUNE_TEST_SERVING") or os.environ.get("SCRIBETUNE_TEST_BUILD")):
        pytest.skip("vLLM takes a minute to start: SCRIBETUNE_TEST_SERVING=1 asks for it")
    page = Image.new("RGB", (600, 700), "white")
    for line in range(8):
        ImageDraw.Draw(page).text((60, 60 + 60 * line), f"Total {line} revenue 12,34{line}", "black", font_size=36)
    page.save(tmp_path / "page.png")
    modules = make_adapter(tmp_path / "adapter")
    # What the proof compares is told here by another engine.
    monkeypatch.setattr(
        proof, "check_logits", lambda *_, **__: {"adapter_moves_by_rms": 0, "on_disk_differs_by_rms": 0}
    )
    settings = config.load({"base_model": {"name": str(_TINY)}, "merge": {"precision": "float32"}})
    merged_model.merge(settings, str(_TINY), tmp_path / "adapter", tmp_path / "merged")
    words = ["--model", str(_TINY), "--adapter", str(tmp_path / "adapter")]
    with served(tmp_path, *words, VLLM_LOGGING_LEVEL="DEBUG") as address:
        read = {model: first_token(address, tmp_path / "page.png", model) for model in (_TINY.name, "adapter")}
    # Never "it loaded": vLLM leaves out in silence what it has no place for. Three of the layers are one there.
    log = (tmp_path / "logs" / "serve.log").read_text(encoding="utf-8")
    applied = set(re.findall(r"Successfully loaded LoRA weights for module (\S+)\.\n", log))
    assert sum(3 if name.endswith("qkv_proj") else 1 for name in applied) == modules
    for model, folder in ((_TINY.name, _TINY), ("adapter", tmp_path / "merged")):
        own = own_first_token(folder, tmp_path / "page.png")
        assert {token: own[token].item() for token in read[model]} == pytest.approx(read[model], abs=2e-3)
    assert read["adapter"] != pytest.approx(read[_TINY.name], abs=0.1)


def test_parity_is_a_target(build: Path) -> None:
    """Before the build is served: two engines at once would share two processors."""
    require_engine()
    snakemake(build, "parity", "--allowed-rules", "read_by_vllm", "parity")
    found = json.loads((build / "reports/parity.json").read_text(encoding="utf-8"))
    assert (found["pages"], found["equal"], found["first_difference"]) == (21, 21, None)
    snakemake(build, "report", "--allowed-rules", "write_report", "report")
    assert "reads 21 of 21 test pages" in (build / "reports/index.html").read_text(encoding="utf-8")


def test_plain_requests_get_the_texts_of_the_build(build: Path, address: str) -> None:
    pages = {
        record["id"]: record
        for record in map(json.loads, (build / "data/splits/test.jsonl").read_text("utf-8").splitlines())
    }
    read = {}
    wanted = {}
    for prediction in map(json.loads, (build / "reports/predictions/tuned.jsonl").read_text("utf-8").splitlines()):
        wanted[prediction["id"]] = prediction["text"]
        read[prediction["id"]] = ask(address, build / pages[prediction["id"]]["images"][0])["message"]["content"]
    assert len(read) == 21
    assert read == wanted


def test_the_guard_holds_for_a_request_that_asks_for_a_tighter_one(build: Path, address: str) -> None:
    image = next((build / "data/pages").rglob("p0001.png"))
    # No token twice: a page of text cannot be read so, and the answer tells that the rule held.
    tight = {"ngram_size": 1, "window_size": 90, "whitelist_token_ids": []}
    answer = ask(address, image, max_tokens=40, return_token_ids=True, vllm_xargs=tight)
    assert len(answer["token_ids"]) == len(set(answer["token_ids"])) > 10


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/page.png", "file:///etc/hostname", "data:image/png;base64,bm8=", "data:,"]
)
def test_what_is_no_page_is_refused_and_fetched_from_nowhere(address: str, url: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "merged", "messages": [{"role": "user", "content": content}]}
    answer = httpx.post(f"{address}/chat/completions", json=body, timeout=60, trust_env=False)
    assert answer.status_code >= httpx.codes.BAD_REQUEST, answer.text
    assert "error" in answer.json()
    assert httpx.get(f"{address.removesuffix('/v1')}/health", trust_env=False).status_code == httpx.codes.OK


def test_convert_reads_through_it(build: Path, address: str, tmp_path: Path) -> None:
    pdf = next((build / "data/samples").rglob("*.pdf"))
    command = [*_SCRIBETUNE, "convert", str(pdf)]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "out"), "--endpoint", address, "--pages", "1"],
        cwd=build, env=_ENVIRONMENT, check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out" / f"{pdf.stem}.md").read_text(encoding="utf-8")) > 100
