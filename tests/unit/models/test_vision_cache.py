"""Vision features are computed once per page, and what comes from the cache is what would be computed."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from scribetune.models import vision_cache
from scribetune.models.examples import Example, Page
from scribetune.models.families.interface import EncodedPages, ImageTokenError
from scribetune.models.processes import ALONE

TOKENS, WIDTH = 3, 4
NEEDED = vision_cache.size([TOKENS] * 3, WIDTH, torch.bfloat16)


@dataclass
class Encoder:
    """Stands in for a family: features are the mean grey of the page, and every call is counted."""

    calls: int = 0
    tokens: int = TOKENS
    seen: list[float] = field(default_factory=list)

    def encoding(self, model: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def encode(self, processor: Any, images: list[Image.Image], prompt: str) -> EncodedPages:
        grey = torch.tensor([float(images[0].getpixel((0, 0))[0])])  # type: ignore[index]
        return EncodedPages(((1, 9, 9, 9, 2),), {"pixel_values": grey})

    def vision_features(self, model: Any, pixels: Mapping[str, torch.Tensor]) -> list[torch.Tensor]:
        self.calls += 1
        return [torch.full((self.tokens, WIDTH), float(pixels["pixel_values"][0])).bfloat16()]


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    made = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8), (10 * number, 0, 0)).save(path)
        made.append(Example(Page(f"d{number}/p0001", f"d{number}", 1, path, "<image>", "x"), (7,), 7, TOKENS))
    return made


def compute(
    encoder: Encoder,
    examples: list[Example],
    folder: Path | None,
    key: str = "k",
    memory: float = 1e6,
    disk: float = 1e6,
    group: Any = ALONE,
) -> vision_cache.FeatureStore:
    family: Any = encoder
    limits = vision_cache.Limits(folder, memory, disk)
    model = SimpleNamespace(device=torch.device("cpu"))
    return vision_cache.compute(family, model, None, examples, limits=limits, key=key, needed_bytes=NEEDED, group=group)


def same(first: vision_cache.FeatureStore, second: vision_cache.FeatureStore) -> bool:
    pairs = [(first.get(index), second.get(index)) for index in range(3)]
    return all(torch.equal(a.features, b.features) and a.prompt_ids == b.prompt_ids for a, b in pairs)


def test_a_page_is_computed_once_and_comes_back_bit_by_bit(examples: list[Example], tmp_path: Path) -> None:
    encoder = Encoder()
    fresh = compute(encoder, examples, tmp_path / "vision")
    again = compute(encoder, examples, tmp_path / "vision")
    assert (fresh.computed, again.computed, encoder.calls) == (3, 0, 3)
    assert same(fresh, again) and fresh.in_memory and again.in_memory
    assert again.get(2).features.dtype == torch.bfloat16 and again.get(2).prompt_ids == (1, 9, 9, 9, 2)


def test_another_model_or_another_page_image_is_computed(examples: list[Example], tmp_path: Path) -> None:
    encoder = Encoder()
    compute(encoder, examples, tmp_path / "vision")
    assert compute(encoder, examples, tmp_path / "vision", key="other").computed == 3
    Image.new("RGB", (8, 8), (99, 0, 0)).save(examples[1].page.image)
    changed = compute(encoder, examples, tmp_path / "vision")
    assert changed.computed == 1 and float(changed.get(1).features[0, 0]) == 99.0


@pytest.mark.parametrize("damage", ["cut", "flipped", "tokens", "empty"])
def test_a_damaged_file_is_computed_again(examples: list[Example], tmp_path: Path, damage: str) -> None:
    encoder = Encoder()
    fresh = compute(encoder, examples, tmp_path / "vision")
    path = sorted((tmp_path / "vision").glob("??/*"))[0]
    data = path.read_bytes()
    if damage == "tokens":  # whole, but of another resolution than the page calls for
        encoder.tokens = 2
        with pytest.raises(ImageTokenError, match="calls for 3 image tokens, the encoder made 2"):
            compute(encoder, examples, tmp_path / "other")
        encoder.tokens = 3
        return
    path.write_bytes({"cut": data[:-1], "flipped": data[:-1] + bytes([data[-1] ^ 1]), "empty": b""}[damage])
    repaired = compute(encoder, examples, tmp_path / "vision")
    assert repaired.computed == 1 and same(fresh, repaired)
    assert compute(encoder, examples, tmp_path / "vision").computed == 0


def test_what_does_not_fit_in_memory_is_read_from_disk(examples: list[Example], tmp_path: Path) -> None:
    stored = compute(Encoder(), examples, tmp_path / "vision", memory=NEEDED - 1)
    assert not stored.in_memory and same(stored, compute(Encoder(), examples, None))
    next((tmp_path / "vision").glob("??/*")).write_bytes(b"")
    with pytest.raises(RuntimeError, match="removed or damaged during the training"):
        [stored.get(index) for index in range(3)]


class Together:
    """Stands in for a group of processes: threads."""

    def __init__(self, rank: int, barrier: threading.Barrier, said: list[Any]) -> None:
        self.rank, self.size, self.is_first = rank, 2, rank == 0
        self._barrier, self._said = barrier, said

    def wait(self) -> None:
        self._barrier.wait(30)

    def from_first(self, make: Callable[[], Any]) -> Any:
        if self.is_first:
            self._said.append(make())
        self.wait()
        return self._said[-1]


@pytest.mark.parametrize("memory", [NEEDED / 2, NEEDED / 2 - 1])
def test_processes_divide_the_pages_and_each_has_all_in_memory_where_one_copy_fits(
    examples: list[Example], tmp_path: Path, memory: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoders, barrier = (Encoder(), Encoder()), threading.Barrier(2)
    said: list[Any] = []

    def one(rank: int) -> vision_cache.FeatureStore:
        group: Any = Together(rank, barrier, said)
        return compute(encoders[rank], examples, tmp_path / "vision", memory=memory, group=group)

    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(one, range(2)))
    assert [store.computed for store in stores] == [3, 3]
    assert [encoder.calls for encoder in encoders] == [2, 1]
    alone = compute(Encoder(), examples, None)
    # The limit is that of each process: two have twice as much.
    assert all(same(store, alone) and store.in_memory == (memory == NEEDED / 2) for store in stores)
    read = vision_cache._read
    opened: list[Path] = []

    def counted(path: Path, expected: int) -> vision_cache.Features | None:
        opened.append(path)
        return read(path, expected)

    monkeypatch.setattr(vision_cache, "_read", counted)
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(one, range(2)))
    assert all(same(store, alone) and store.computed == 0 for store in again)
    if memory == NEEDED / 2:
        # Once by each: what the first process looked at to see that it is there is not read again.
        assert len(opened) == 6


def test_features_are_kept_only_where_a_limit_allows_for_them(tmp_path: Path) -> None:
    limits = vision_cache.Limits(tmp_path, 100.0, 200.0)
    assert vision_cache.fits(200, limits) and not vision_cache.fits(201, limits)
    assert not vision_cache.fits(150, vision_cache.Limits(None, 100.0, 200.0))


def test_the_folder_stays_within_its_limit_and_the_oldest_go_first(examples: list[Example], tmp_path: Path) -> None:
    folder, encoder = tmp_path / "vision", Encoder()
    compute(encoder, examples, folder, key="old")
    size = sum(path.stat().st_size for path in folder.glob("??/*"))
    compute(encoder, examples, folder, key="new", disk=size + NEEDED)
    left = list(folder.glob("??/*"))
    assert sum(path.stat().st_size for path in left) <= 2 * size
    assert compute(encoder, examples, folder, key="new", disk=size + NEEDED).computed == 0
    assert compute(encoder, examples, folder, key="third", disk=NEEDED).computed == 3
    assert compute(encoder, examples, folder, key="old").computed > 0
