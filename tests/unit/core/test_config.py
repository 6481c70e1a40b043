"""Promises about the configuration: closed, generated, and seen by a rule only as far as the rule says."""

import re
from operator import attrgetter
from typing import Any

import jsonschema
import pytest
import yaml

from scribetune.build import config_files
from scribetune.core import config, config_section, old_names
from scribetune.core.errors import UserError
from scribetune.core.package import REPOSITORY


def test_generated_files_are_up_to_date() -> None:
    for path, text in config_files.rendered(REPOSITORY / "config").items():
        assert path.read_text(encoding="utf-8") == text, f"{path} differs: run `{config_files.REGENERATE}`"


def test_defaults_carry_the_published_advice() -> None:
    train, generate = config.Config().train, config.Config().generate
    optimization = train.optimization
    assert (train.lora.rank, train.lora.alpha, train.lora.dropout) == (16, 32, 0.05)
    assert (optimization.learning_rate, optimization.schedule, optimization.warmup_share) == (2e-4, "cosine", 0.1)
    assert (train.epochs, train.effective_batch) == (3, 8)
    assert 4096 <= train.max_tokens <= 8192
    assert (generate.temperature, generate.ngram_guard, generate.ngram_window) == (0.0, 30, 90)
    assert generate.max_new_tokens == 8192


def test_a_section_that_left_the_build_is_accepted_and_named() -> None:
    notes: list[str] = []
    assert config.load({"pretraining": {"steps": 7}}, say=notes.append) == config.load({})
    assert "pretraining is no section of the build any more: pretraining/settings.yaml has it" in notes[0]


def test_the_preset_names_the_default_it_departs_from() -> None:
    text = (REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8")
    assert "the default is 0.0002" in text


def test_the_yaml_files_load_and_fit_the_schema() -> None:
    schema = config.Config.model_json_schema()
    for name in ("config.yaml", "deepseek-vl2-tiny.yaml", "deepseek-ocr-2.yaml"):
        values = yaml.safe_load((REPOSITORY / "config" / name).read_text(encoding="utf-8"))
        jsonschema.validate(values, schema)
        config.load(values)
    assert config.load(values) == config.Config()


def test_the_recipe_for_deepseek_vl2_is_the_practice_notes() -> None:
    read = config.load(yaml.safe_load((REPOSITORY / "config" / "deepseek-vl2-tiny.yaml").read_text(encoding="utf-8")))
    lora, optimization = read.train.lora, read.train.optimization
    assert (lora.scope, lora.rank, lora.alpha, lora.dropout) == ("experts", 16, 32, 0.05)
    assert (optimization.learning_rate, optimization.schedule, optimization.warmup_share) == (2e-4, "cosine", 0.1)
    assert (read.train.epochs, read.train.effective_batch, read.pages.long_side_px) == (3, 8, 3508)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"train": {"learning_rat": 1}},
            r"'train.learning_rat'. Did you mean 'optimization.learning_rate'\? Accepted here: epochs",
        ),
        ({"trian": {}}, r"'trian'. Did you mean 'train'\? Accepted here: documents"),
        ({"train": {"epochs": 0}}, r"train.epochs = 0 \(accepted: integer from 1 to 1000\)"),
        ({"train": {"machine": {"micro_batch": 3}}}, "does not divide train.effective_batch = 8"),
        ({"train": {"lora": {"rnk": 3}}}, r"'train.lora.rnk'. Did you mean 'rank'\? Accepted here: scope, rank"),
        ({"train": {"lora": {"rank": 0}}}, "train.lora.rank = 0"),
        ({"train": {"lora": 4}}, "train.lora = 4"),
        ({"train": {"lora": 4, "rank": 8}}, "train.lora = 4"),
        ({"train": 4}, "train = 4"),
        ({"splits": {"test": 0}}, "splits.test = 0"),
        ({"splits": {"test": 0.6, "validation": 0.5}}, "leave nothing to train on"),
        ({"pages": {"color": "blue"}}, "auto, gray or rgb"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_what_is_accepted(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        config.load(values)


def test_a_rule_cannot_read_a_key_it_does_not_declare() -> None:
    narrow = config.restrict({"train": {"lora": {"rank": 4}}})
    assert narrow.train.lora.rank == 4
    for undeclared in ("train.lora.alpha", "train.machine", "train.tensorboard", "pages"):
        with pytest.raises(AttributeError):
            attrgetter(undeclared)(narrow)


FREE_KEYS = {
    "train.tensorboard", "train.checkpoints.steps", "train.checkpoints.minutes", "train.machine.gpus",
    "train.machine.sharding", "train.machine.vision_memory_gb", "train.machine.vision_disk_gb", "generate.batch",
    "results.replace", "results.keep_gb", "report.trackers",
}  # fmt: skip


def test_keys_that_decide_about_no_result_are_in_no_params_and_reach_scripts_all_the_same() -> None:
    declared = config.keys()
    assert {f"{section}.{key}" for section, key, field in declared if not config_section.decides(field)} == FREE_KEYS
    whole = {
        "train": {"epochs": 5, "checkpoints": {"steps": 7}, "machine": {"gpus": 2, "precision": "float32"}},
        "generate": {"batch": 3, "max_new_tokens": 9},
    }
    loaded = config.load(whole)
    settings = config.chosen(loaded, ("generate", "train.machine.precision"))
    assert settings["train"] == {"machine": {"precision": "float32"}}
    assert settings["generate"] == {key: getattr(loaded.generate, key) for key in settings["generate"]}
    assert not FREE_KEYS & config.flatten(config.chosen(loaded, loaded.decisive())).keys()
    with pytest.raises(AttributeError):
        _ = config.restrict(settings).generate.batch
    seen = config.restrict(settings, whole)
    assert (seen.generate.batch, seen.train.machine.gpus, seen.train.checkpoints.steps) == (3, 2, 7)
    assert (seen.generate.max_new_tokens, seen.train.machine.precision) == (9, "float32")
    for undeclared in ("train.epochs", "train.machine.compile", "pages.color"):
        with pytest.raises(AttributeError):
            attrgetter(undeclared)(seen)
    assert seen.decisive() == settings


def test_the_documentation_says_which_keys_re_run_nothing() -> None:
    readme = (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")
    told = {line.split("`")[1] for line in readme.splitlines() if line.endswith(" Re-runs nothing. |")}
    assert told == FREE_KEYS
    comments = re.sub(r"\s+#?\s*", " ", (REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    assert comments.count("Re-runs nothing.") == len(FREE_KEYS)


def test_every_old_name_has_a_key_of_the_same_values() -> None:
    assert len(old_names.OLD_NAMES) == 31
    for old, (group, new) in old_names.OLD_NAMES.items():
        default = getattr(getattr(config.Config().train, group), new)
        notes: list[str] = []
        assert config.load({"train": {old: default}}, say=notes.append) == config.Config()
        assert f"train.{old} is now train.{group}.{new}" in notes[0]


def test_an_old_name_beside_the_new_one_holds_and_it_is_said_once() -> None:
    # As Snakemake merges --config into config/config.yaml.
    values = {"train": {"optimization": {"learning_rate": 1.5e-3, "schedule": "linear"}, "learning_rate": "1e-4"}}
    notes: list[str] = []
    loaded = config.load({**values, "base_model": {"trust_remote_code": False}}, say=notes.append)
    renamed = {"train": {"optimization": {"learning_rate": 1e-4, "schedule": "linear"}}}
    assert loaded == config.load(renamed, say=notes.append)
    assert len(notes) == 1
    assert "train.learning_rate is now train.optimization.learning_rate (1e-4 holds, not 0.0015)" in notes[0]
    assert "base_model.trust_remote_code is gone" in notes[0]
    assert config.chosen(loaded, ("train",)) == config.chosen(config.load(renamed), ("train",))


@pytest.mark.parametrize("revision", [None, "main", "0123456"])
def test_trust_in_remote_code_without_a_pinned_commit_is_refused(revision: str | None) -> None:
    base = {"name": "someone/a-model", "revision": revision, "trust_remote_code": True}
    with pytest.raises(UserError, match=r"trust_remote_code(?s:.*)one commit(?s:.*)40 hexadecimal digits(?s:.*)false"):
        config.load({"base_model": base})
    assert config.load({"base_model": {**base, "revision": "a" * 40}}).base_model.revision == "a" * 40
