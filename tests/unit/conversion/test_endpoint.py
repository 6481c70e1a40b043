"""Pages read by a server with OpenAI's interface."""

import base64
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from scribetune.conversion import endpoint
from scribetune.conversion.endpoint import Asked, EndpointReader
from scribetune.core.config import Generate
from scribetune.core.errors import UserError

URL = "http://127.0.0.1:8000/v1"


def served(*names: str, owner: str = "vllm") -> dict[str, Any]:
    return {"data": [{"id": name, "owned_by": owner} for name in names]}


def answered(text: str, reason: str = "stop", logs: tuple[float, ...] = (-0.1, -0.3)) -> dict[str, Any]:
    choice = {"message": {"content": text}, "finish_reason": reason}
    return {
        "choices": [choice | {"logprobs": {"content": [{"logprob": log} for log in logs]}}],
        "usage": {"completion_tokens": len(logs)},
    }


def reader(
    answer: Callable[[dict[str, Any]], httpx.Response],
    models: dict[str, Any] | None = None,
    model: str = "",
    concurrency: int = 2,
) -> EndpointReader:
    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/models"):
            return httpx.Response(200, json=models or served("tuned"))
        return answer(json.loads(request.content))

    client = httpx.Client(transport=httpx.MockTransport(handle))
    return EndpointReader(URL, model, Asked("Free OCR. ", Generate(max_new_tokens=77), (5, 6)), concurrency, client)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]))
    return paths


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_LONGEST_PAUSE_S", 0.0)


def test_each_page_gets_its_own_answer_with_its_probabilities(images: list[Path]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> httpx.Response:
        asked.append(body)
        url = body["messages"][0]["content"][0]["image_url"]["url"]
        content = base64.b64decode(url.removeprefix("data:image/png;base64,"))
        return httpx.Response(200, json=answered(f"page {content[0]}"))

    found = dict(reader(answer).read(images))
    assert [found[number].text for number in range(5)] == [f"page {number}" for number in range(5)]
    assert found[0].stop_reason == "eos" and found[0].tokens == 2
    assert found[0].mean_probability == pytest.approx(math.exp(-0.2), abs=1e-6)
    assert found[0].least_probability == pytest.approx(math.exp(-0.3), abs=1e-6)
    assert asked[0]["model"] == "tuned" and asked[0]["max_tokens"] == 77 and asked[0]["temperature"] == 0
    assert asked[0]["skip_special_tokens"] is False
    assert asked[0]["vllm_xargs"] == {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [5, 6]}
    assert asked[0]["messages"][0]["content"][1]["text"] == "Free OCR. "


def test_a_server_that_is_not_vllm_is_asked_nothing_beyond_openai(images: list[Path]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> httpx.Response:
        asked.append(body)
        return httpx.Response(200, json={"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]})

    ((_, found),) = reader(answer, served("other", owner="somebody")).read(images[:1])
    assert "vllm_xargs" not in asked[0]
    assert (found.stop_reason, found.mean_probability, found.status(0.9)[0]) == ("length", -1.0, "cut")


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(images: list[Path]) -> None:
    calls = 0

    def busy(body: dict[str, Any]) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(503) if calls < 3 else httpx.Response(200, json=answered("at last"))

    assert dict(reader(busy).read(images[:1]))[0].text == "at last"

    def refusing(body: dict[str, Any]) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(400, text="image too large")

    calls = 0
    found = dict(reader(refusing).read(images[:1]))[0]
    assert calls == 1 and "status 400: image too large" in found.failure


def test_a_page_without_an_answer_says_why(images: list[Path]) -> None:
    def gone(body: dict[str, Any]) -> httpx.Response:
        raise httpx.ConnectError("refused")

    found = dict(reader(gone).read(images[:2]))
    assert all("no answer, 5 times: ConnectError: refused" in found[number].failure for number in (0, 1))

    def broken(body: dict[str, Any]) -> httpx.Response:
        return httpx.Response(200, json={"choices": []})

    assert "cannot be used" in dict(reader(broken).read(images[:1]))[0].failure


def test_which_model_is_read_with() -> None:
    def never(body: dict[str, Any]) -> httpx.Response:
        raise AssertionError(body)

    with pytest.raises(UserError, match="serves several models"):
        reader(never, served("a", "b"))
    with pytest.raises(UserError, match="serves no such model"):
        reader(never, served("a", "b"), model="c")
    one, other = (reader(never, served("a", "b"), model=name) for name in ("a", "b"))
    assert one.made_by != other.made_by


def test_no_server_is_a_message() -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = httpx.Client(transport=httpx.MockTransport(gone))
    with pytest.raises(UserError, match="does not say which models it serves"):
        EndpointReader(URL, "", Asked("x", Generate()), 1, client)


def test_tokens_that_the_guard_leaves_alone_are_found_by_name(tmp_path: Path) -> None:
    tokens = {"added_tokens": [{"id": 7, "content": "<td>"}, {"id": 9, "content": "<pad>"}]}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokens))
    assert endpoint.unguarded_tokens(tmp_path, ("<td>", "</td>")) == (7,)
    assert endpoint.unguarded_tokens(tmp_path / "none", ("<td>",)) == ()


def test_so_many_pages_are_asked_for_at_a_time_and_no_request_waits_for_the_slowest(tmp_path: Path) -> None:
    lock, slow = threading.Lock(), threading.Event()
    under_way = most = 0
    drawn: list[int] = []
    ended: list[int] = []

    def answer(body: dict[str, Any]) -> httpx.Response:
        nonlocal under_way, most
        number = base64.b64decode(body["messages"][0]["content"][0]["image_url"]["url"].partition(",")[2])[0]
        with lock:
            under_way += 1
            most = max(most, under_way)
        if number == 0:
            assert slow.wait(30)
        time.sleep(0.002)
        with lock:
            under_way -= 1
        return httpx.Response(200, json=answered(f"page {number}"))

    def images() -> Iterator[Path]:
        for number in range(60):
            drawn.append(number)
            assert len(drawn) - len(ended) <= 2 * 4, "no more images are made than are needed soon"
            path = tmp_path / f"{number}.png"
            path.write_bytes(bytes([number]))
            yield path

    for index, reading in reader(answer, concurrency=4).read(images()):
        assert reading.text == f"page {index}"
        ended.append(index)
        if len(ended) == 59:
            slow.set()  # all others were read beside the first
    assert sorted(ended) == list(range(60)) and ended[-1] == 0
    assert most == 4


def test_who_has_enough_ends_what_has_not_begun_and_may_read_again(images: list[Path]) -> None:
    asked: list[int] = []

    def answer(body: dict[str, Any]) -> httpx.Response:
        asked.append(1)
        return httpx.Response(200, json=answered("x"))

    made = reader(answer, concurrency=1)
    with closing(made.read(images)) as readings:
        next(readings)
    assert len(asked) < len(images)
    assert len(list(made.read(images))) == len(images)
