"""Promises about what is wrong with a configuration: the key, the value, what is accepted; nothing else of the file."""

from typing import Any

import pytest

from scribetune.core import config
from scribetune.core.config_messages import accepted
from scribetune.core.errors import UserError

KEYS = {".".join(place): field for *place, field in config.keys(config.Config)}
WHOLE = config.Config().model_dump(mode="json")


def refused(values: dict[str, Any]) -> list[str]:
    """Return the lines of a refusal between its heading and its advice."""
    with pytest.raises(UserError) as error:
        config.load(values)
    heading, *lines = str(error.value).split("\n")
    assert heading == "The configuration is not valid:"
    assert lines.pop().startswith("  What to do: correct config/config.yaml")
    return [line.strip() for line in lines]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("train.epochs", "integer from 1 to 1000"),
        ("train.optimization.learning_rate", "number above 0, up to 1"),
        ("train.lora.dropout", "number from 0, below 1"),
        ("splits.test", "number above 0, below 1"),
        ("selection.min_word_recall", "number from 0 to 1"),
        ("train.machine.gpus", "integer from 1 to 1024, or auto"),
        ("train.machine.compile", "true, false or auto"),
        ("train.tensorboard", "true or false"),
        ("merge.layout", "transformers or original"),
        ("base_model.revision", "text, or null"),
        ("samples.languages", "list of en or zh, at least one"),
        ("labels.agreement_languages", "text such as eng+chi_sim"),
        ("documents.raw", "path"),
        ("evaluation.benchmarks", "list of {name, truth, images, kind, max_pages}"),
        ("generate.max_new_tokens", "integer from 1 to 1048576"),
    ],
)
def test_what_a_key_accepts_is_said_in_words(key: str, words: str) -> None:
    assert accepted(KEYS[key]) == words


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"optimization": {"learning_rate": 50}},
            "optimization.learning_rate = 50 (accepted: number above 0, up to 1)",
        ),
        ({"epochs": 1000000}, "epochs = 1000000 (accepted: integer from 1 to 1000)"),
        ({"epochs": "many"}, "epochs = 'many' (accepted: integer from 1 to 1000)"),
        ({"epochs": None}, "epochs = null (nothing) (accepted: integer from 1 to 1000)"),
        ({"machine": {"gpus": 0}}, "machine.gpus = 0 (accepted: integer from 1 to 1024, or auto)"),
        ({"machine": {"compile": "maybe"}}, "machine.compile = 'maybe' (accepted: true, false or auto)"),
        (
            {"machine": {"micro_batch": 16}},
            "machine.micro_batch = 16 does not divide train.effective_batch = 8 "
            "(accepted: 1, 2, 4, 8; or another effective_batch)",
        ),
    ],
)
def test_a_value_out_of_range_is_one_line_whatever_else_the_file_says(values: dict[str, Any], line: str) -> None:
    # As Snakemake merges it: every other key is there too.
    merged = {**WHOLE["train"]}
    for key, value in values.items():
        merged[key] = {**merged[key], **value} if isinstance(value, dict) else value
    assert refused({**WHOLE, "train": merged}) == [f"train.{line}"]


def test_every_wrong_key_is_said_at_once() -> None:
    assert refused(
        {"pages": {"color": "blue"}, "splits": {"test": 0.6, "validation": 0.5}, "gate": {"min_pages": 0}}
    ) == [
        "pages.color = 'blue' (accepted: auto, gray or rgb)",
        "splits.validation + splits.test = 0.5 + 0.6 leave nothing to train on (accepted: less than 1 together)",
        "gate.min_pages = 0 (accepted: integer from 1 to 1000000)",
    ]


def test_limits_that_refuse_every_page_are_refused() -> None:
    (line,) = refused({"selection": {"max_characters": 3}})
    assert line.startswith("selection.min_characters = 20 is above selection.max_characters = 3")


def test_places_in_lists_are_numbered() -> None:
    benchmark = {"name": "ours", "truth": "truth.jsonl"}
    assert refused({"evaluation": {"benchmarks": [benchmark, {**benchmark, "name": "a b", "max_pages": -1}]}}) == [
        "evaluation.benchmarks[1].name = 'a b' (accepted: text such as omnidocbench-v1.6, as "
        "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$)",
        "evaluation.benchmarks[1].max_pages = -1 (accepted: integer from 0 to 10000000)",
    ]
    assert refused({"evaluation": {"benchmarks": [{"name": "ours"}]}}) == [
        "evaluation.benchmarks[0].truth is missing (accepted: path, not empty)"
    ]
    assert refused({"evaluation": {"benchmarks": [benchmark, benchmark]}}) == [
        "evaluation.benchmarks: two of one name, ours (accepted: names that differ)"
    ]
    assert refused({"samples": {"languages": ["fr"]}}) == [
        "samples.languages[0] = 'fr' (accepted: list of en or zh, at least one)"
    ]


@pytest.mark.parametrize(("value", "shown"), [("x", "'x'"), (None, "null (nothing)"), (4, "4"), (["a"], "['a']")])
def test_a_value_in_the_place_of_a_group_is_told_of_the_keys(value: object, shown: str) -> None:
    assert refused({"train": {"lora": value}}) == [
        f"train.lora = {shown} is no group of keys (accepted: some of scope, rank, alpha, dropout; or leave train.lora "
        "out)"
    ]


def test_a_key_with_dots_is_told_how_it_is_written() -> None:
    for values in ({"train.lora.rank": 5}, {"train": {"lora.rank": 5}}):
        (line,) = refused(values)
        assert "written train: {lora: {rank: 5}} in a file" in line
        assert "--config 'train={lora: {rank: 5}}'" in line
        assert "scribetune build --set train.lora.rank=" in line
    assert "train={epochs: 5}" in refused({"train.epochs": "5"})[0]


def test_a_group_in_the_wrong_place_is_told_the_right_one() -> None:
    assert refused({"lora": {"rank": 5}})[0].startswith(
        "unknown key 'lora'. Did you mean 'train.lora'? Accepted here: "
    )


def test_a_path_in_the_users_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    loaded = config.load({"documents": {"raw": "~/pdfs"}, "labels": {"corrections": "data/~kept"}})
    assert (loaded.documents.raw, loaded.labels.corrections) == ("/home/somebody/pdfs", "data/~kept")


@pytest.mark.parametrize("key", ["epochs=5", "epochs:5"])
def test_a_value_that_got_into_its_key_is_told_of_the_colon(key: str) -> None:
    # --config 'train={epochs=5}' and 'train={epochs:5}' are keys without a value to YAML.
    assert refused({"train": {key: None}}) == [
        f"unknown key 'train.{key}'. Did you mean 'epochs: 5', with a colon and a blank?"
    ]


def test_a_long_value_is_cut() -> None:
    (line,) = refused({"pages": {"color": "x" * 5000}})
    assert len(line) < 200
