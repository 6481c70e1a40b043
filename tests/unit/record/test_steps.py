"""Promises about the steps of a build: exactly what a target needs, read off the workflow, and said by its rules."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import files, package
from scribetune.record import code, steps
from scribetune.record.receipts import NO_REPAIRS, Receipt

SCORES = "reports/benchmarks/facts/scores.json"


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The workflow of a build of the sample corpus with a public benchmark."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

    folder = tmp_path_factory.mktemp("steps")
    files.write_text(folder / "facts/facts.jsonl", '{"id": "p1", "text": "one"}\n')
    files.write_bytes(folder / "facts/p1.png", b"an image")
    named = {"benchmarks": [{"name": "facts", "truth": "facts/facts.jsonl"}]}
    before = Path.cwd()
    with SnakemakeApi(OutputSettings()) as api:
        loaded = api.workflow(
            ResourceSettings(cores=1),
            config_settings=ConfigSettings(config={"evaluation": named, "samples": {"count": 3}}),
            snakefile=package.REPOSITORY / "Snakefile",
            workdir=folder,
        )
        try:
            yield loaded._workflow
        finally:
            os.chdir(before)


def behind_all(workflow: Any) -> steps.Steps:
    return steps.Steps(workflow, target="all", without="write_crate")


def test_the_steps_make_every_file_of_every_rule_that_the_target_needs_and_no_other(workflow: Any) -> None:
    made = behind_all(workflow).files(None)
    needed = {rule.name for rule in workflow.rules if rule.output and rule.name != "write_crate"}
    needed -= {"make_pretraining_pages", "pretrain_base", "read_by_vllm"}  # no part of `all`
    needed -= {"write_dataset", "predict_labelled", "find_suspects", "measure_point", "write_learning_curve"}
    needed -= {"make_replay", "read_retention", "place_blocks"}  # as the configuration asks
    assert set(behind_all(workflow).descriptions(None)) == needed
    for rule in workflow.rules:
        matching = [path for path in made if any(pattern.match(path) for pattern in rule.output)]
        assert len(matching) == (len(rule.output) if rule.name in needed else 0), rule.name


def test_replayed_pages_are_asked_for_by_a_training_alone(workflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps.Steps, "_made", {"data/replay/pages.jsonl": None, "reports/metrics.json": None})
    assert behind_all(workflow).files(None) == ["reports/metrics.json"]


def test_what_a_rule_says_of_itself_is_what_its_step_says(workflow: Any) -> None:
    found = behind_all(workflow)
    assert found.descriptions(None)["predict_tuned"] == "Read the test pages with the merged model, in the same way"
    assert found.codes(None)["predict_tuned"] == code.rule_digest("predict")
    settings = found.settings(None)
    assert (
        settings["train"]["lora"]["rank"] == workflow.get_rule("train_adapter").params.settings["train"]["lora"]["rank"]
    )
    for rule in workflow.rules:
        for section, values in (rule.params.get("settings", {}) if rule.name in found.codes(None) else {}).items():
            assert steps.merged([settings, {section: values}]) == settings, rule.name


def test_another_target_has_the_steps_behind_it_alone(workflow: Any) -> None:
    pages = steps.Steps(workflow, target="pages", without="")
    assert set(pages.codes(None)) == {"make_samples", "render_pages"}
    benchmarks = steps.Steps(workflow, target="benchmarks", without="")
    with_them = set(benchmarks.codes(None))
    assert SCORES in benchmarks.files(None)
    assert "predict_benchmark_tuned" in with_them
    assert "write_report" not in with_them


def test_the_crates_job_waits_for_all_other_jobs(workflow: Any) -> None:
    """Its receipts are all there before it runs: each of the other jobs makes something that it reads."""
    inputs, *_ = workflow.get_rule("write_crate").expand_input({})
    assert set(behind_all(workflow).files(None)) <= set(map(str, inputs))


def test_receipts_come_in_an_order_in_which_their_jobs_can_run() -> None:
    def receipt(rule: str, inputs: list[str], outputs: list[str]) -> Receipt:
        return Receipt(rule, {}, dict.fromkeys(inputs, ""), dict.fromkeys(outputs, ""), {}, "", "", NO_REPAIRS)

    chain = [
        receipt("a", ["3"], ["4"]),
        receipt("b", ["1"], ["2"]),
        receipt("c", ["2"], ["3"]),
        receipt("d", [], ["1"]),
    ]
    assert [each.rule for each in steps.in_order(chain)] == ["d", "b", "c", "a"]
    assert [each.rule for each in steps.in_order(reversed(chain))] == ["d", "b", "c", "a"]


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Train it.", "Train it"),
        ("Train it; goes on\n    after 1.5 days. On GPUs.\n\nMore.", "Train it; goes on after 1.5 days"),
        ("", ""),
    ],
)
def test_the_first_sentence_of_a_docstring(docstring: str, sentence: str) -> None:
    assert steps.first_sentence(docstring) == sentence
