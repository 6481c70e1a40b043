"""Python in model cards, from a page image to its Markdown: with transformers, through a server, or with this package.

A card is read where this package is not; where transformers has no class for the model, this package is needed. What a
card shows is executed as it stands by a test, and gives the text that the build's own reader gives.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NGRAM, WINDOW = 30, 90
"""The guard that the family recommends: n-grams of so many tokens must not come again within so many."""
MOST_TOKENS = 8192
SERVED_GUARD = "vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor"


@dataclass(frozen=True)
class Reading:
    """How a model is asked for a page."""

    prompt: str  # with `<image>` in the page's place, and the blank at its end where it has one
    long_side_px: int  # of the page images that it was trained on
    unguarded: Sequence[str]  # tokens that may repeat: table cells
    unguarded_ids: Sequence[int] = ()  # their ids in the tokenizer; a server is told these
    needs_package: bool = False  # transformers alone has no class for the model
    is_served: bool = True  # vLLM takes page and prompt as they are
    settings: Mapping[str, Any] = field(default_factory=dict)  # of a build: what this package asks it by
    views: Mapping[str, Any] = field(default_factory=dict)  # of the image processor, where its folder says others


def with_transformers(reading: Reading, loading: str) -> str:
    """Return lines that read PAGE by `model` and `processor`, which the lines `loading` make."""
    return f'''import torch
from PIL import Image
from transformers import LogitsProcessor, LogitsProcessorList
{loading}

PAGE = "page.png"
PROMPT = {_literal(reading.prompt)}  # to the last blank as it was trained
LONG_SIDE_PX = {reading.long_side_px}  # a PDF's page is drawn so that its longer side has so many pixels
NGRAM, WINDOW = {NGRAM}, {WINDOW}  # no {NGRAM} tokens come twice within {WINDOW}, but for those of table cells


class Guard(LogitsProcessor):
    """Forbids the token that would repeat an n-gram of the last tokens written."""

    def __init__(self, start, free):
        self.start, self.free = start, free

    def __call__(self, ids, scores):
        for row, written in enumerate(ids[:, self.start :].tolist()):
            recent = written[-WINDOW:]
            prefix = recent[len(recent) - NGRAM + 1 :]
            for place in range(len(recent) - NGRAM + 1):
                token = recent[place + NGRAM - 1]
                if recent[place : place + NGRAM - 1] == prefix and token not in self.free:
                    scores[row, token] = -torch.inf
        return scores


page = Image.open(PAGE).convert("RGB")
scale = LONG_SIDE_PX / max(page.size)
if scale < 1:
    page = page.resize([max(1, round(scale * side)) for side in page.size], Image.Resampling.LANCZOS)
tokenizer, views = processor.tokenizer, processor.image_processor
{"" if not reading.views else f"vars(views).update({dict(reading.views)!r})  # as the adapter was trained{chr(10)}"}\
cropping = {{key: getattr(views, key) for key in ("crop_to_patches", "min_patches", "max_patches")}}
given = processor(images=[page], text=[PROMPT], return_tensors="pt", **cropping).to(model.device, model.dtype)
start = given["input_ids"].shape[1]
free = {{tokenizer.convert_tokens_to_ids(token) for token in {_literal(list(reading.unguarded))}}}
with torch.inference_mode():
    ids = model.generate(
        **given,
        do_sample=False,
        max_new_tokens={MOST_TOKENS},
        logits_processor=LogitsProcessorList([Guard(start, free)]),
    )
ends = {{tokenizer.eos_token_id, tokenizer.pad_token_id}}
markdown = tokenizer.decode([token for token in ids[0, start:].tolist() if token not in ends])
print(markdown)'''


def through_a_server(reading: Reading, model: str) -> str:
    """Return lines that ask a server with OpenAI's interface (vLLM, started with its guard) for PAGE."""
    asked = reading.prompt.replace("<image>", "").lstrip("\n")
    return f"""import base64
import json
import urllib.request

URL = "http://127.0.0.1:8000/v1/chat/completions"
PAGE = "page.png"  # a page of a PDF, drawn so that its longer side has {reading.long_side_px} pixels
PROMPT = {_literal(asked)}  # to the last blank as it was trained; the server puts <image> before it

with open(PAGE, "rb") as file:
    image = base64.b64encode(file.read()).decode()
content = [
    {{"type": "image_url", "image_url": {{"url": "data:image/png;base64," + image}}}},
    {{"type": "text", "text": PROMPT}},
]
# No {NGRAM} tokens come twice within {WINDOW}, but for those of table cells.
guard = {{"ngram_size": {NGRAM}, "window_size": {WINDOW}, "whitelist_token_ids": {list(reading.unguarded_ids)}}}
asked = {{
    "model": {_literal(model)},
    "messages": [{{"role": "user", "content": content}}],
    "temperature": 0,
    "max_tokens": {MOST_TOKENS},
    "skip_special_tokens": False,
    "vllm_xargs": guard,
}}
request = urllib.request.Request(URL, json.dumps(asked).encode(), {{"Content-Type": "application/json"}})
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)["choices"][0]["message"]["content"])"""


def with_package(reading: Reading, folder: str, adapter: str = "") -> str:
    """Return lines that read PAGE with this package: by the model in `folder`, and by the adapter beside it if any.

    `adapter` is what the lines call its folder; it is loaded onto the model in `folder`.
    """
    loading = ["", "reader = Reader(settings, MODEL)"]
    imports = ""
    if adapter:
        imports = "from scribetune.models import adapters\n"
        folders = [
            f"MODEL = {_literal(folder)}  # the base model",
            f"ADAPTER = {_literal(adapter)}  # this card's folder",
        ]
        loading.append("reader.model = adapters.load(reader.model, Path(ADAPTER), base_folder=reader.folder)")
    else:
        folders = [f"MODEL = {_literal(folder)}  # this card's folder"]
    return f"""import tempfile
from pathlib import Path

from PIL import Image
from scribetune.core import config
from scribetune.generation import Reader
{imports}from scribetune.models.examples import Page

{chr(10).join(folders)}
PAGE = "page.png"
LONG_SIDE_PX = {reading.long_side_px}  # a PDF's page is drawn so that its longer side has so many pixels

settings = config.load({_literal(reading.settings)}){chr(10).join(loading)}
page = Image.open(PAGE).convert("RGB")
scale = LONG_SIDE_PX / max(page.size)
if scale < 1:
    page = page.resize([max(1, round(scale * side)) for side in page.size], Image.Resampling.LANCZOS)
with tempfile.TemporaryDirectory() as folder:
    image = Path(folder, "page.png")
    page.save(image)
    (found,) = reader.read([Page("page", "page", 1, image, reader.prompt, "")])
print(found.text)"""


def _literal(value: object) -> str:
    """Return a value as Python has it, in double quotes where it can be."""
    return json.dumps(value, ensure_ascii=False)
