"""Promises about the configuration: closed, generated, and seen by a rule only as far as the rule says."""

from typing import Any

import jsonschema
import pytest
import yaml

from scribetune import config, config_files
from scribetune.errors import UserError
from scribetune.provenance import REPOSITORY


def test_generated_files_are_up_to_date() -> None:
    for path, text in config_files.rendered(REPOSITORY / "config").items():
        assert path.read_text(encoding="utf-8") == text, f"{path} differs: run `{config_files.REGENERATE}`"


def test_defaults_carry_the_published_advice() -> None:
    train, generate = config.Config().train, config.Config().generate
    assert (train.rank, train.alpha, train.dropout, train.learning_rate) == (16, 32, 0.05, 2e-4)
    assert (train.schedule, train.warmup_share, train.epochs, train.effective_batch) == ("cosine", 0.1, 3, 8)
    assert 4096 <= train.max_tokens <= 8192
    assert (generate.temperature, generate.ngram_guard, generate.ngram_window) == (0.0, 30, 90)
    assert generate.max_new_tokens == 8192


def test_a_section_that_left_the_build_is_accepted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    assert config.load({"pretraining": {"steps": 7}}) == config.load({})
    assert caplog.messages == [
        "pretraining is no section of the build any more (pretraining/settings.yaml): take it out"
    ]


def test_the_preset_names_the_default_it_departs_from() -> None:
    text = (REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8")
    assert "the default is 0.0002" in text


def test_the_yaml_files_load_and_fit_the_schema() -> None:
    schema = config.Config.model_json_schema()
    for name in ("config.yaml", "deepseek-ocr-2.yaml"):
        values = yaml.safe_load((REPOSITORY / "config" / name).read_text(encoding="utf-8"))
        jsonschema.validate(values, schema)
        config.load(values)
    assert config.load(values) == config.Config()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"train": {"learning_rat": 1}},
            r"'train.learning_rat'. Did you mean 'learning_rate'\? Accepted here: backend",
        ),
        ({"trian": {}}, r"'trian'. Did you mean 'train'\? Accepted here: documents"),
        ({"train": {"epochs": 0}}, r"train.epochs = 0: .*greater than or equal to 1"),
        ({"train": {"micro_batch": 3}}, "must divide effective_batch"),
        ({"splits": {"test": 0}}, "splits.test = 0"),
        ({"splits": {"test": 0.6, "validation": 0.5}}, "must be below 1"),
        ({"pages": {"color": "blue"}}, "'auto', 'gray' or 'rgb'"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_what_is_accepted(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config.load(values)


def test_a_rule_cannot_read_a_key_it_does_not_declare() -> None:
    narrow = config.restrict({"train": {"rank": 4}})
    assert narrow.train.rank == 4
    with pytest.raises(AttributeError):
        _ = narrow.train.alpha
    with pytest.raises(AttributeError):
        _ = narrow.pages
