"""Training, adapters, merging and generation on the embedded base model, from page images to text."""

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from scribetune import generation, training
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl, sha256_file, write_jsonl
from scribetune.merging import merged_model
from scribetune.models import adapters, collation
from scribetune.models.examples import SkippedPage, load_image, make_examples, read_pages
from scribetune.models.families.deepseek_ocr2 import numbers_of
from support import interruptions
from support.interruptions import InterruptedRunError
from support.train_keys import diverging, grouped
from support.training_pages import ANSWERS, FAMILY, PROMPT, TINY, write_split
from tiny_pretraining import tiny_model

ROOT = Path(__file__).resolve().parents[2]


def configuration(**train: Any) -> config.Config:
    settings = {
        "learning_rate": 5e-3,
        "epochs": 2,
        "effective_batch": 2,
        "micro_batch": 1,
        "gradient_checkpointing": False,
        "dropout": 0.1,
        **train,
    }
    return config.load(
        {
            "base_model": {"name": "models/tiny"},
            "train": grouped(**settings),
            "merge": {"precision": "float32"},
            "generate": {"max_new_tokens": 16, "batch": 2},
        }
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_split(folder, "train", ANSWERS)
    write_split(folder, "three", ANSWERS[:3])
    write_split(folder, "validation", ("7 kg",))
    write_split(folder, "none", ())
    return folder


@pytest.fixture(scope="module")
def processor() -> Any:
    return FAMILY.load_processor(TINY)


Run = Callable[..., training.TrainingResult]


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Run:
    def call(settings: config.Config, name: str = "adapter", split: str = "train") -> training.TrainingResult:
        return training.train(
            settings,
            str(TINY),
            data / f"{split}.jsonl",
            data / "validation.jsonl",
            tmp_path / name,
            tmp_path / f"{name}-checkpoints",
        )

    return call


def page_logits(model: Any, processor: Any, data: Path) -> torch.Tensor:
    pages = read_pages(data / "three.jsonl", PROMPT)
    rows = []
    for page in pages:
        encoded = FAMILY.encode(processor, [load_image(page.image)], PROMPT)
        ids = torch.tensor([[*encoded.prompt_ids[0], *FAMILY.answer_ids(processor, "Total 12,345")]])
        with torch.inference_mode():
            rows.append(model(input_ids=ids, **numbers_of(encoded.pixels)).logits)
    return torch.cat(rows)


def load_base(folder: Path = TINY) -> Any:
    return FAMILY.load_model(folder, dtype=torch.float32, device="cpu")


def random_adapter(scope: str, folder: Path) -> Any:
    """An adapter whose every tensor is random and not zero, as a long training would leave it."""
    settings = configuration(scope=scope, dropout=0.0).train
    torch.manual_seed(1)
    model = adapters.attach(FAMILY, load_base(), settings).eval()
    with torch.no_grad():
        for weight in adapters.tensors(model).values():
            weight.normal_(0.0, 0.05)
    adapters.save(model, folder, base_name="models/tiny", base_digest=adapters.base_digest(TINY), revision=None)
    return model


def test_three_short_pages_are_learned_by_heart_and_the_merged_model_reads_them(
    run: Run, data: Path, tmp_path: Path
) -> None:
    settings = configuration(epochs=80, effective_batch=3, micro_batch=3, dropout=0.0, keep="last", patience=0)
    result = run(settings, split="three")
    assert (result.train_pages, result.validation_pages, result.steps) == (3, 1, 80)
    assert result.backend == "peft" and result.backend_reason
    assert result.cached_vision_bytes == 4 * 145 * 128 * 4
    assert result.final_loss < 0.1 * result.first_loss
    merged_model.merge(settings, str(TINY), tmp_path / "adapter", tmp_path / "merged")
    for name, model in (("base", TINY), ("tuned", tmp_path / "merged")):
        generation.predict(settings, str(model), {data / "three.jsonl": tmp_path / f"{name}.jsonl"})
    tuned = read_jsonl(tmp_path / "tuned.jsonl")
    assert [row["text"] for row in tuned] == list(ANSWERS[:3])
    assert [row["id"] for row in tuned] == [f"three-{number}/p0001" for number in range(3)]
    assert {row["stop_reason"] for row in tuned} == {"eos"}
    assert [row["tokens"] for row in tuned] == [len(answer) + 1 for answer in ANSWERS[:3]]
    base = read_jsonl(tmp_path / "base.jsonl")
    assert {row["stop_reason"] for row in base} == {"length"} and {row["tokens"] for row in base} == {16}
    assert list(base[0]) == ["id", "document", "page", "image", "prompt", "text", "tokens", "stop_reason"]


@pytest.mark.parametrize("scope", ["language", "experts", "vision"])
def test_trained_equals_reloaded_equals_merged(scope: str, processor: Any, data: Path, tmp_path: Path) -> None:
    trained = random_adapter(scope, tmp_path / "adapter")
    counts = adapters.count_trainable(FAMILY, trained, scope)
    assert all(counts.values())
    expected = page_logits(trained, processor, data)
    assert float((expected - page_logits(load_base(), processor, data)).abs().max()) > 0.1
    reloaded = adapters.load(load_base(), tmp_path / "adapter", base_folder=TINY)
    assert torch.equal(page_logits(reloaded, processor, data), expected)
    from peft import PeftModel

    plain = PeftModel.from_pretrained(load_base(), tmp_path / "adapter").eval()
    assert torch.equal(page_logits(plain, processor, data), expected)
    for layout in ("transformers", "original"):
        settings = configuration(scope=scope, dropout=0.0)
        settings = settings.model_copy(update={"merge": config.Merge(layout=layout, precision="float32")})
        merged_model.merge(settings, str(TINY), tmp_path / "adapter", tmp_path / layout)
        from transformers import AutoModelForImageTextToText, AutoProcessor

        merged = AutoModelForImageTextToText.from_pretrained(tmp_path / layout).eval()
        assert merged.dtype == torch.float32
        torch.testing.assert_close(page_logits(merged, processor, data), expected, atol=1e-4, rtol=1e-4)
        plain_processor = AutoProcessor.from_pretrained(tmp_path / layout)
        assert plain_processor.tokenizer.eos_token == tiny_model.EOS
        proof = json.loads((tmp_path / layout / merged_model.PROOF_NAME).read_text(encoding="utf-8"))
        changed = proof["tensors"]["changed"]
        stacked = [name for name in changed if ".mlp.experts." in name]
        assert len(stacked) == (0 if scope == "language" else 4)
        assert all(change["delta_norm"] > 0 for change in changed.values())
        assert proof["tensors"]["unchanged"] == proof["tensors"]["total"] - len(changed)
        assert proof["logits"]["adapter_moves_by"] > 0.1
        assert proof["logits"]["on_disk_differs_by"] < 1e-4 * proof["logits"]["largest"]


def test_merging_twice_gives_the_same_bytes_and_keeps_the_precision_of_the_base(tmp_path: Path) -> None:
    random_adapter("language", tmp_path / "adapter")
    settings = configuration().model_copy(update={"merge": config.Merge()})
    for name in ("one", "two"):
        merged_model.merge(settings, str(TINY), tmp_path / "adapter", tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert [sha256_file(tmp_path / "one" / name) for name in files] == [
        sha256_file(tmp_path / "two" / name) for name in files
    ]
    assert json.loads((tmp_path / "one" / "config.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"


@pytest.fixture
def interrupt_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return partial(interruptions.interrupt_after, monkeypatch)


def test_two_trainings_and_an_interrupted_one_give_the_same_adapter(
    run: Run, tmp_path: Path, interrupt_after: Callable[[int], None]
) -> None:
    settings = configuration(epochs=3, checkpoints_steps=1)  # three steps in an epoch, with dropout
    run(settings, "reference")
    names = (adapters.WEIGHTS, adapters.CONFIG, training.LOG_NAME)
    reference = [sha256_file(tmp_path / "reference" / name) for name in names]
    assert not (tmp_path / "reference-checkpoints").exists()
    run(settings, "again")
    assert [sha256_file(tmp_path / "again" / name) for name in names] == reference
    for step in (2, 3, 7):  # inside an epoch, at its end, inside the last
        interrupt_after(step)
        with pytest.raises(InterruptedRunError):
            run(settings, f"cut-{step}")
        assert not (tmp_path / f"cut-{step}").exists()
        assert run(settings, f"cut-{step}").resumed_from == step
        assert [sha256_file(tmp_path / f"cut-{step}" / name) for name in names] == reference


def test_a_torn_checkpoint_and_one_of_another_training_are_not_used(
    run: Run, tmp_path: Path, interrupt_after: Callable[[int], None]
) -> None:
    settings = configuration(checkpoints_steps=1)
    interrupt_after(3)
    with pytest.raises(InterruptedRunError):
        run(settings)
    torn = tmp_path / "adapter-checkpoints" / "checkpoint-3" / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert run(settings).resumed_from == 2
    interrupt_after(3)
    with pytest.raises(InterruptedRunError):
        run(settings)
    assert run(configuration(checkpoints_steps=1, seed=1)).resumed_from == 0


def test_the_log_has_a_row_per_step_and_a_validation_loss_per_epoch(run: Run, tmp_path: Path) -> None:
    run(configuration())
    header, *rows = (tmp_path / "adapter" / training.LOG_NAME).read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    assert columns[:5] == ["step", "epoch", "loss", "learning_rate", "validation_loss"]
    table = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
    assert [row["step"] for row in table] == [str(step) for step in range(1, 7)]
    assert all(float(row["loss"]) > 0 for row in table)
    assert [row["step"] for row in table if row["validation_loss"]] == ["3", "6"]


def test_cached_vision_features_give_the_loss_of_pixels(run: Run) -> None:
    cached = run(configuration(dropout=0.0), "cached")
    pixels = run(configuration(dropout=0.0, cache_vision=False), "pixels")
    assert cached.cached_vision_bytes > 0 == pixels.cached_vision_bytes
    assert pixels.first_loss == pytest.approx(cached.first_loss, rel=1e-5)
    assert pixels.final_loss == pytest.approx(cached.final_loss, rel=1e-3)


def test_every_scope_trains_the_groups_it_names_with_checkpointing_too(run: Run) -> None:
    for scope in FAMILY.scopes:
        result = run(configuration(scope=scope, dropout=0.0, epochs=1, gradient_checkpointing=True), scope, "three")
        assert set(result.trainable) == FAMILY.scopes[scope].groups
        assert result.cached_vision_bytes > 0  # of SAM alone in scope `vision`, which trains what comes behind it


@pytest.mark.parametrize("scope", ["vision", "experts"])
def test_what_is_computed_once_gives_the_loss_of_pixels_in_every_scope(run: Run, scope: str) -> None:
    settings = {"scope": scope, "dropout": 0.0, "rank": 8, "epochs": 2}
    cached = run(configuration(**settings), f"{scope}-cached", "three")
    pixels = run(configuration(**settings, cache_vision=False), f"{scope}-pixels", "three")
    assert cached.cached_vision_bytes > 0 == pixels.cached_vision_bytes
    assert cached.trainable == pixels.trainable
    assert pixels.first_loss == pytest.approx(cached.first_loss, rel=1e-5)
    assert pixels.final_loss == pytest.approx(cached.final_loss, rel=1e-3)


def test_pages_that_look_scanned_are_trained_from_their_pixels_and_the_same_way_twice(run: Run, tmp_path: Path) -> None:
    plain = run(configuration(dropout=0.0, epochs=2), "plain", "three")
    seen = [run(configuration(dropout=0.0, epochs=2, augmentation="scan"), name, "three") for name in ("one", "two")]
    assert seen[0].cached_vision_bytes == 0 < plain.cached_vision_bytes
    assert seen[0].final_loss == seen[1].final_loss != plain.final_loss
    assert sha256_file(tmp_path / "one" / adapters.WEIGHTS) == sha256_file(tmp_path / "two" / adapters.WEIGHTS)


def test_bfloat16_training_writes_an_adapter_that_loads(run: Run, tmp_path: Path) -> None:
    assert run(configuration(precision="bfloat16", epochs=1), split="three").precision == "bfloat16"
    adapters.load(load_base(), tmp_path / "adapter", base_folder=TINY)


def test_pages_that_are_too_long_are_left_out_and_listed(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    split = write_split(tmp_path, "long", ("short", "x" * 200))
    result = training.train(
        configuration(max_tokens=200, epochs=1), str(TINY), split, data / "none.jsonl", tmp_path / "a", tmp_path / "c"
    )
    # Begin, 145 image tokens, a line break and "Free OCR. ", the answer, end.
    assert result.skipped == (SkippedPage("long-1/p0001", 1 + 145 + 1 + 10 + 200 + 1),)
    (warned,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert warned.startswith("1 of 2 pages are longer than train.max_tokens, 200") and "358 (long-1/p0001)" in warned
    assert (result.train_pages, result.longest_tokens) == (1, 1 + 145 + 1 + 10 + 5 + 1)
    assert (result.validation_pages, result.validation_loss) == (0, None)
    with pytest.raises(UserError, match=r"no page to train on \(2 were too long\)"):
        training.train(
            configuration(max_tokens=100), str(TINY), split, data / "none.jsonl", tmp_path / "b", tmp_path / "c"
        )


def test_only_the_answer_and_its_end_are_learned(data: Path, processor: Any) -> None:
    pages = read_pages(data / "three.jsonl", PROMPT)
    examples, _ = make_examples(FAMILY, processor, pages, 4096)
    pages_made = collation.Collator(FAMILY, processor, examples)([{"index": index} for index in range(3)])["pages"]
    batch = collation.assemble(pages_made, processor.tokenizer.pad_token_id)
    for row, (labels, answer) in enumerate(zip(batch["labels"], ANSWERS, strict=False)):
        learned = labels[labels != collation.IGNORED].tolist()
        assert FAMILY.decode(processor, learned[:-1]) == answer
        assert learned[-1] == processor.tokenizer.eos_token_id
        kept = batch["attention_mask"][row].bool()
        assert int(kept.sum()) == examples[row].tokens
        assert int((batch["input_ids"][row] == processor.image_token_id).sum()) == 145
        # Every label lies within the positions whose logits are asked for, the first of them one before it.
        assert (labels[: -batch["logits_to_keep"] + 1] == collation.IGNORED).all()
    assert collation.target_tokens(pages_made) == sum(len(answer) + 1 for answer in ANSWERS[:3])


def test_a_diverging_training_stops_with_advice(run: Run) -> None:
    with pytest.raises(UserError, match=r"came apart at step \d.*(?s:.*)lower train.optimization.learning_rate"):
        run(diverging(configuration()))


def test_what_cannot_run_is_refused_before_any_work(run: Run, data: Path, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device is there"):
            run(configuration(backend="unsloth"))
    with pytest.raises(UserError, match="has no dropout"):
        run(configuration(scope="experts", dropout=0.1))
    with pytest.raises(UserError, match="does not exist"):
        training.train(
            configuration(), "models/absent", data / "train.jsonl", data / "none.jsonl", tmp_path / "a", tmp_path / "c"
        )
    rows = read_jsonl(data / "three.jsonl")
    rows[1]["conversations"][0]["value"] = "<image>\nRead this. "
    write_jsonl(tmp_path / "other.jsonl", rows)
    with pytest.raises(UserError, match="prompt of three-1/p0001 is not the one"):
        generation.predict(configuration(), str(TINY), {tmp_path / "other.jsonl": tmp_path / "predictions.jsonl"})


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    random_adapter("language", tmp_path / "adapter")
    tiny_model.make(tmp_path / "other", seed=7)
    with pytest.raises(UserError, match="trained on other weights"):
        merged_model.merge(configuration(), str(tmp_path / "other"), tmp_path / "adapter", tmp_path / "merged")
    with pytest.raises(UserError, match="no adapter in the folder"):
        merged_model.merge(configuration(), str(TINY), tmp_path / "empty", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_that_loads_as_nothing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import peft

    random_adapter("language", tmp_path / "adapter")

    def load_nothing(model: Any, *args: Any, **named: Any) -> Any:
        return adapters.attach(FAMILY, model, configuration().train)

    monkeypatch.setattr(peft.PeftModel, "from_pretrained", load_nothing)
    with pytest.raises(adapters.AdapterError, match="arrived with other values"):
        adapters.load(load_base(), tmp_path / "adapter", base_folder=TINY)


def test_an_adapter_that_changes_nothing_is_not_merged(tmp_path: Path) -> None:
    model = adapters.attach(FAMILY, load_base(), configuration().train)
    adapters.save(
        model, tmp_path / "adapter", base_name="models/tiny", base_digest=adapters.base_digest(TINY), revision=None
    )
    with pytest.raises(UserError, match="leaves 21 of the 21 tensors"):
        merged_model.merge(configuration(), str(TINY), tmp_path / "adapter", tmp_path / "merged")


def test_predictions_are_the_same_twice_and_come_in_the_order_of_the_split(tmp_path: Path) -> None:
    split = write_split(tmp_path, "test", ANSWERS[:5])
    for name in ("one", "two"):
        generation.predict(configuration(), str(TINY), {split: tmp_path / f"{name}.jsonl"})
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert [row["document"] for row in read_jsonl(tmp_path / "one.jsonl")] == [f"test-{number}" for number in range(5)]


def test_a_reader_around_a_model_in_memory_reads_as_one_that_loaded_it(processor: Any, data: Path) -> None:
    pages = read_pages(data / "three.jsonl", PROMPT)
    loaded = generation.Reader(configuration(), str(TINY))
    around = generation.Reader.around(configuration(), FAMILY, processor, load_base(), "cpu")
    assert around.read(pages) == loaded.read(pages)


def test_a_reader_reads_with_the_adapter_around_its_model(processor: Any, data: Path, tmp_path: Path) -> None:
    pages = read_pages(data / "three.jsonl", PROMPT)
    model = random_adapter("language", tmp_path / "adapter")
    tuned = generation.Reader.around(configuration(), FAMILY, processor, model, "cpu").read(pages)
    with model.disable_adapter():
        base = generation.Reader.around(configuration(), FAMILY, processor, model, "cpu").read(pages)
    assert [page.text for page in tuned] != [page.text for page in base]
    assert base == generation.Reader(configuration(), str(TINY)).read(pages)
