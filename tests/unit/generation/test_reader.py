"""Reading many pages at once: each gets the text it would get alone, whatever happens on the way."""

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from transformers import LogitsProcessorList

from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.generation import Prediction, Reader, capacity, decoding, feed, reader, recorded_layers
from scribetune.generation.decoding import Decoder
from scribetune.generation.slots import SlotCache, contents, kv_bytes_per_token
from scribetune.models import families
from scribetune.models.examples import Page, load_image
from support import stand_in

ROOT = Path(__file__).resolve().parents[3]
WORDS = ("Total 12,345", "季度财务报告 2024", "Name: x\nAge: 7", "6 % of 80", "| a | b |", "The quick brown fox", "17")
LIMITS = (40, 3, 1, 22, 9, 31, 14)


def settings(**generate: Any) -> config.Config:
    # A narrow guard, so that it has something to do in short answers.
    values = {"max_new_tokens": 40, "ngram_guard": 3, "ngram_window": 12, **generate}
    return config.load({"base_model": {"name": "models/tiny"}, "generate": values})


@functools.cache
def model_at(folder: Path) -> tuple[families.Family, Any, Any]:
    torch.set_num_threads(1)
    family = families.family_of(folder)
    return family, family.load_processor(folder), family.load_model(folder, dtype=torch.float32, device="cpu")


def make_reader(folder: Path, **generate: Any) -> Reader:
    return Reader.around(settings(**generate), *model_at(folder), "cpu")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Page]:
    folder = tmp_path_factory.mktemp("pages")
    found = []
    for number, words in enumerate(WORDS):
        image = Image.new("L", (543, 768), 255)
        ImageDraw.Draw(image).text((40, 40), words, fill=0, font_size=30)
        path = folder / f"{number}.png"
        image.save(path)
        prompt = families.prompt_of(model_at(stand_in.folder())[0], "free_ocr")
        found.append(Page(f"d{number}/p0001", f"d{number}", 1, path, prompt, words))
    return found


def scores_and_tokens(reading: Reader, page: Page, limit: int) -> tuple[tuple[torch.Tensor, ...], list[int]]:
    """What transformers' own `generate` writes for one page: the model's scores before each token, and the tokens."""
    encoded = reading.family.encode(reading.processor, [load_image(page.image)], reading.prompt)
    ids = torch.tensor(encoded.prompt_ids)
    guard = reading.guard(ids.shape[1])
    with torch.inference_mode():
        features = torch.cat(reading.family.vision_features(reading.model, encoded.pixels))
        output = reading.model.generate(
            input_ids=ids,
            inputs_embeds=reading.family.embed(reading.model, ids, features),
            attention_mask=torch.ones_like(ids),
            max_new_tokens=limit,
            do_sample=False,
            logits_processor=LogitsProcessorList([guard] if guard else []),
            return_dict_in_generate=True,
            output_logits=True,
        )
    row: list[int] = output.sequences[0, ids.shape[1] :].tolist()
    return output.logits, row


def alone(reading: Reader, page: Page, limit: int) -> list[int]:
    """What transformers' own `generate` writes for one page."""
    return scores_and_tokens(reading, page, limit)[1]


def texts(found: Sequence[Prediction]) -> list[tuple[str, int, str]]:
    return [(page.text, page.tokens, page.stop_reason) for page in found]


def in_order(found: Iterator[tuple[int, Prediction]]) -> list[Prediction]:
    by_index = dict(found)
    return [by_index[index] for index in range(len(by_index))]


@pytest.mark.slow
@pytest.mark.parametrize("folder", [stand_in.folder(), ROOT / "models" / "tiny"], ids=["random", "trained"])
@pytest.mark.parametrize("batch", [3])
def test_every_page_gets_the_tokens_that_generate_writes_for_it_alone(
    folder: Path, batch: int, pages: list[Page]
) -> None:
    reading = make_reader(folder, batch=batch)
    expected = []
    for page, limit in zip(pages, LIMITS, strict=True):
        ids = alone(reading, page, limit)
        ended = ids[-1] == reading.processor.tokenizer.eos_token_id
        text = reading.family.decode(reading.processor, ids[:-1] if ended else ids)
        expected.append((text, len(ids), "eos" if ended else "length"))
    assert texts(in_order(reading.stream(pages, LIMITS))) == expected
    assert reading.tally.rows == batch and reading.tally.pages == len(pages)
    assert len({text for text, _, _ in expected}) > 3, "the pages read alike and so show nothing"


@pytest.mark.slow
def test_a_page_tells_how_sure_the_model_was_of_its_tokens(pages: list[Page]) -> None:
    reading = make_reader(stand_in.folder(), batch=3)
    found = in_order(reading.stream(pages, LIMITS))
    for page, prediction, limit in list(zip(pages, found, LIMITS, strict=True))[:3]:
        logs = [
            torch.log_softmax(scores[0].float(), -1)[token].item()
            for scores, token in zip(*scores_and_tokens(reading, page, limit), strict=True)
        ]
        told = reading.tally.confidence_by_page[prediction.id]
        assert told.mean == pytest.approx(math.exp(sum(logs) / len(logs)), rel=1e-4)
        assert told.least == pytest.approx(math.exp(min(logs)), rel=1e-4)


@pytest.mark.slow
def test_the_number_of_pages_read_at_once_changes_no_text(pages: list[Page]) -> None:
    by_batch = [in_order(make_reader(stand_in.folder(), batch=batch).stream(pages, LIMITS)) for batch in (2, 7)]
    assert by_batch[0] == by_batch[1]
    assert [page.id for page in by_batch[0]] == [page.id for page in pages]


def test_pages_encoded_by_processes_are_read_the_same(pages: list[Page], monkeypatch: pytest.MonkeyPatch) -> None:
    reading = make_reader(stand_in.folder(), batch=3, max_new_tokens=8)
    expected = reading.read(pages)
    monkeypatch.setattr(feed, "_workers", lambda device, group: 2)  # as on a GPU
    assert reading.read(pages) == expected


def test_a_page_that_a_process_cannot_encode_is_told_as_it_would_be_told_here(
    pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_workers", lambda device, group: 2)
    reading = make_reader(stand_in.folder(), max_new_tokens=8)

    def refuse(*_: Any) -> Any:
        raise UserError("The page is too wide", value=9, accepted="8")

    monkeypatch.setattr(type(reading.family), "encode", refuse)
    with pytest.raises(UserError, match=r"The page is too wide: 9\n  Accepted: 8"):
        reading.read(pages)


def test_pages_with_prompts_of_different_lengths_are_read_together(
    pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in's pages all cost the same; here the prompt of every other page is longer."""
    reading = make_reader(stand_in.folder(), batch=3, max_new_tokens=12)
    encode = type(reading.family).encode
    longer = load_image(pages[1].image).tobytes()

    def uneven(self: Any, processor: Any, images: Any, prompt: str) -> Any:
        encoded = encode(self, processor, images, prompt)
        extra = tuple(processor.tokenizer("Read.", add_special_tokens=False)["input_ids"])
        ids = tuple(
            row + extra * (image.tobytes() == longer) for row, image in zip(encoded.prompt_ids, images, strict=True)
        )
        return dataclasses.replace(encoded, prompt_ids=ids)

    cost = type(reading).image_tokens
    monkeypatch.setattr(type(reading.family), "encode", uneven)
    monkeypatch.setattr(Reader, "image_tokens", lambda self, page: cost(self, page) + 5 * (page is pages[1]))
    found = reading.read(pages)
    for index in (0, 1, 2):
        ids = alone(reading, pages[index], 12)
        assert (found[index].text, found[index].tokens) == (
            reading.family.decode(reading.processor, [token for token in ids if token != 1]),
            len(ids),
        )


@pytest.mark.slow
@pytest.mark.parametrize("batch", [3, 7])
def test_steps_recorded_for_more_rows_and_a_longer_look_back_write_the_same(
    batch: int, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU does (several steps at a time, rounded shapes, groups of pages), with the CPU's launches."""
    expected = in_order(make_reader(stand_in.folder(), batch=1).stream(pages, LIMITS))
    shapes: list[tuple[int, int]] = []

    def record(self: Decoder, rows: int, view: int) -> SimpleNamespace:
        shapes.append((rows, view))

        def replay() -> None:
            with recorded_layers.recordable(self._model, rows):
                self._compute(rows, view)

        return SimpleNamespace(replay=replay)

    prepared, planned = Decoder.__init__, reader._Run.__init__

    def prepare(self: Decoder, *args: Any, **named: Any) -> None:
        prepared(self, *args, **named)
        self.mode = "graphs"

    def plan(self: Any, *args: Any) -> None:
        planned(self, *args)
        self._steps, self._group = 8, 2

    monkeypatch.setattr(decoding, "_VIEW_STEP", 32)
    monkeypatch.setattr(Decoder, "__init__", prepare)
    monkeypatch.setattr(Decoder, "_record", record)
    monkeypatch.setattr(reader._Run, "__init__", plan)
    assert in_order(make_reader(stand_in.folder(), batch=batch).stream(pages, LIMITS)) == expected
    assert len(shapes) == len(set(shapes)), "a step is recorded twice"
    assert len({view for _, view in shapes if view % 32}) <= 1, "only the capacity is no multiple"
    assert {rows for rows, _ in shapes} <= {1, 2, 4, batch}


def test_draws_depend_on_the_page_alone(pages: list[Page]) -> None:
    pages = pages[:4]
    cold = make_reader(stand_in.folder(), batch=1, max_new_tokens=10).read(pages)
    one = make_reader(stand_in.folder(), batch=1, max_new_tokens=10, temperature=1.0).read(pages)
    many = make_reader(stand_in.folder(), batch=3, max_new_tokens=10, temperature=1.0).read(pages[::-1])
    assert one == many[::-1]
    assert texts(one) != texts(cold)


@pytest.mark.slow
def test_without_memory_fewer_pages_are_read_at_once_with_the_same_text(
    pages: list[Page], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pages = pages[:5]
    expected = make_reader(stand_in.folder(), batch=1, max_new_tokens=8).read(pages)
    advance = Decoder.advance

    def cramped(self: Decoder, count: int, steps: int) -> decoding.Written:
        if count > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return advance(self, count, steps)

    monkeypatch.setattr(Decoder, "advance", cramped)
    with caplog.at_level("WARNING"):
        assert make_reader(stand_in.folder(), batch=5, max_new_tokens=8).read(pages) == expected
    assert "Out of memory with 5 pages at once: 5 pages are read on with 2 at once" in caplog.text


def test_a_device_without_memory_for_one_page_is_a_message(pages: list[Page], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Decoder, *_: object) -> list[int]:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(Decoder, "prefill", full)
    with pytest.raises(UserError, match=r"even one page at a time.*: 40\n.*\n.*lower generate.max_new_tokens"):
        make_reader(stand_in.folder(), batch=4).read(pages)


def test_other_errors_are_not_taken_for_a_lack_of_memory(pages: list[Page], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Decoder, *_: object) -> list[int]:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Decoder, "prefill", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        make_reader(stand_in.folder()).read(pages)


def test_an_answer_that_repeats_itself_is_ended_where_that_is_asked_for(
    pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LOOP_CHECK_TOKENS", 16)
    forever = {"ngram_guard": 0, "max_new_tokens": 64, "batch": 2}
    monkeypatch.setattr(Decoder, "_choose", lambda self, scores, recent, slots: torch.full((len(scores),), 400))
    let_run = make_reader(stand_in.folder(), **forever).read(pages[:3])
    assert {(page.tokens, page.stop_reason) for page in let_run} == {(64, "length")}
    ended = make_reader(stand_in.folder(), **forever, stop_loops=True).read(pages[:3])
    assert {(page.tokens, page.stop_reason) for page in ended} == {(32, "loop")}
    assert let_run[0].text.startswith(ended[0].text)


def test_nothing_to_read_is_read() -> None:
    assert make_reader(stand_in.folder()).read([]) == []


def test_auto_takes_as_many_pages_as_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "free_bytes", lambda device: 24 * 10**9)
    row = 610 * 10**6
    assert capacity.choose_rows("auto", 1000, row, "cuda").count == 24
    assert capacity.choose_rows("auto", 1000, 10**6, "cuda").count == capacity.MOST_ON_A_GPU
    assert capacity.choose_rows("auto", 1000, 10**11, "cuda").count == 1
    assert capacity.choose_rows("auto", 1000, 10**6, "cpu").count == capacity.MOST_ON_A_CPU
    assert capacity.choose_rows("auto", 5, row, "cuda").count == 5
    assert capacity.choose_rows(7, 1000, 10**11, "cpu").count == 7
    assert capacity.choose_rows(7, 3, 10**11, "cpu").count == 3
    assert "610 MB each, 24.0 GB free" in capacity.choose_rows("auto", 1000, row, "cuda").reason


def test_the_forecast_of_a_row_is_what_the_cache_takes(pages: list[Page]) -> None:
    reading = make_reader(stand_in.folder())
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        prefilled = reading.model(input_ids=ids, use_cache=True).past_key_values
    cache = SlotCache([keys for keys, _ in contents(prefilled)], slots=2, capacity=10)
    taken = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache._slots)
    assert taken == 2 * 10 * kv_bytes_per_token(reading.model.config.get_text_config(), torch.float32)
