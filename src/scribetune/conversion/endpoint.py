"""Pages read by a server with OpenAI's interface: vLLM, SGLang, or what a firm runs behind that interface."""

import base64
import json
import math
import os
import threading
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scribetune.conversion.readers import Reading
from scribetune.core.config import Generate
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_json

KEY_VARIABLE = "SCRIBETUNE_API_KEY"
"""Variable of the environment with the endpoint's key; a key on the command line would stand in the shell's history."""
_TRIES = 5
_LONGEST_PAUSE_S = 30.0
_CONNECT_S, _READ_S = 10.0, 900.0
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_STOP_REASONS: Mapping[str, str] = {"stop": "eos", "length": "length"}
_SHOWN = 200
_MOST_MADE_TOGETHER = 16


@dataclass(frozen=True)
class Asked:
    """What the server is asked for each page."""

    prompt: str  # without the placeholder of the image
    settings: Generate
    unguarded: tuple[int, ...] = ()  # token ids that the guard against loops never forbids

    @property
    def guard(self) -> dict[str, Any]:
        """What vLLM's own guard for this family of models takes; a server that was started without it ignores it."""
        if not self.settings.ngram_guard:
            return {}
        asked = {"ngram_size": self.settings.ngram_guard, "window_size": self.settings.ngram_window}
        return {"vllm_xargs": {**asked, "whitelist_token_ids": list(self.unguarded)}}


class EndpointReader:
    """Reads pages through `URL/chat/completions`, several at once.

    Args:
        url: Address of the interface, such as http://127.0.0.1:8000/v1.
        model: Name of the model there; "" where it serves one.
        asked: What is asked of each page.
        concurrency: Requests under way at a time.
        client: For tests; else one is made.

    Raises:
        UserError: The server does not answer, or serves no such model, or several and none was named.
    """

    def __init__(
        self, url: str, model: str, asked: Asked, concurrency: int = 8, client: httpx.Client | None = None
    ) -> None:
        key = os.environ.get(KEY_VARIABLE, "")
        self._url, self._asked, self._threads = url.rstrip("/"), asked, concurrency
        self._stopped = threading.Event()
        self._client = client or httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=concurrency),
        )
        self._model, is_vllm = self._served(model)
        # Tokens of table cells may be special ones, which vLLM would leave out of the text.
        self._extra = {**asked.guard, "skip_special_tokens": False} if is_vllm else {}
        self.made_by = sha256_json(
            {
                "url": self._url,
                "model": self._model,
                "prompt": asked.prompt,
                "generate": asked.settings.decisive(),
                "extra": self._extra,
            }
        )[:32]

    def open(self) -> int:
        """Return how many pages are to be made together: the others are asked for meanwhile."""
        return max(4, min(self._threads, _MOST_MADE_TOGETHER))

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        """Yield (place in `images`, reading) as answers come; a page that is not answered has a failure.

        The next image is asked for as a request ends, and as many wait as are under way: no request waits for the end
        of another, and no more images are there than that.
        """
        self._stopped.clear()
        left: Iterator[tuple[int, Path | None]] = enumerate(images)
        waiting: dict[Future[Reading], int] = {}
        with ThreadPoolExecutor(self._threads, thread_name_prefix="endpoint") as pool:
            try:
                is_more = True
                while is_more or waiting:
                    if is_more and len(waiting) < 2 * self._threads:
                        index, image = next(left, (0, None))
                        is_more = image is not None
                        if image is not None:
                            waiting[pool.submit(self._read_page, image)] = index
                    is_full = not is_more or len(waiting) >= 2 * self._threads
                    done, _ = wait(waiting, None if is_full else 0, FIRST_COMPLETED)
                    for future in done:
                        yield waiting.pop(future), future.result()
            finally:
                if waiting:  # whoever reads has had enough: pauses end, and what has not begun does not begin
                    self._stopped.set()
                    for future in waiting:
                        future.cancel()

    def _served(self, wanted: str) -> tuple[str, bool]:
        """Return the model's name there, and whether the server is vLLM, by its own account."""
        try:
            answer = self._client.get(f"{self._url}/models")
            answer.raise_for_status()
            served = {str(one["id"]): one.get("owned_by") == "vllm" for one in answer.json()["data"]}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"The endpoint does not say which models it serves ({_words(error)})", value=self._url,
                accepted="the address of OpenAI's interface, such as http://127.0.0.1:8000/v1",
                todo=f"see whether the server runs (curl ADDRESS/models), and whether {KEY_VARIABLE} holds its key",
            ) from error  # fmt: skip
        names = list(served)
        name = names[0] if not wanted and len(names) == 1 else wanted
        if name in served:
            return name, served[name]
        raise UserError(
            "The endpoint serves no such model" if wanted else "The endpoint serves several models",
            value=wanted or names, accepted=", ".join(names) or "none: it serves nothing", todo="name one by --model",
        )  # fmt: skip

    def _read_page(self, image: Path) -> Reading:
        asked, settings = self._asked, self._asked.settings
        content = base64.b64encode(image.read_bytes()).decode()
        body = {
            "model": self._model,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{content}"}},
                        {"type": "text", "text": asked.prompt},
                    ],
                }
            ],
            "temperature": settings.temperature,
            "max_tokens": settings.max_new_tokens,
            "logprobs": True,
            **self._extra,
        }
        why = ""
        for attempt in range(_TRIES):
            if attempt and self._stopped.wait(min(_LONGEST_PAUSE_S, 0.5 * 2**attempt)):
                break
            began = time.perf_counter()
            try:
                answer = self._client.post(f"{self._url}/chat/completions", json=body)
                if answer.status_code in _WORTH_ANOTHER_TRY:
                    why = f"status {answer.status_code}: {answer.text[:_SHOWN]}"
                    continue
                answer.raise_for_status()
                return _reading(answer.json(), time.perf_counter() - began)
            except httpx.TransportError as error:
                why = _words(error)
            except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
                return Reading(failure=f"the endpoint's answer cannot be used: {_words(error)}")
        return Reading(failure=f"the endpoint gave no answer, {_TRIES} times: {why}")


def unguarded_tokens(folder: Path, names: Collection[str]) -> tuple[int, ...]:
    """Return the ids that a model folder's tokenizer gives to names of tokens; none where it has no tokenizer.json."""
    try:
        added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
        return tuple(int(token["id"]) for token in added if token["content"] in names)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _reading(answer: Any, seconds: float) -> Reading:
    choice = answer["choices"][0]
    told = ((choice.get("logprobs") or {}).get("content")) or []
    logs = [min(0.0, float(one["logprob"])) for one in told]
    return Reading(
        text=str(choice["message"]["content"] or ""),
        stop_reason=_STOP_REASONS.get(str(choice.get("finish_reason")), str(choice.get("finish_reason"))),
        tokens=int((answer.get("usage") or {}).get("completion_tokens", len(logs))),
        seconds=round(seconds, 3),
        mean_probability=round(math.exp(sum(logs) / len(logs)), 6) if logs else -1.0,
        least_probability=round(math.exp(min(logs)), 6) if logs else -1.0,
    )


def _words(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, httpx.HTTPStatusError):
        text = f"status {error.response.status_code}: {error.response.text[:_SHOWN]}"
    return " ".join(f"{type(error).__name__}: {text}".split())[:300]
