"""Promises about `scribetune why`: the words for what changed since a job's receipt was written."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scribetune.build import reasons
from scribetune.build.reasons import Cause, Explanation, JobReasons
from scribetune.core import files
from scribetune.core.file_hashes import FileHashes
from scribetune.record import code, provenance, receipts

OUTPUT = "models/adapter/adapter_model.safetensors"
SETTINGS = {"settings": {"train": {"epochs": 3, "rank": 8}}, "pins": {}}


class Reason(SimpleNamespace):
    """Snakemake's own reason."""

    def __str__(self) -> str:
        return "Forced execution"


def job(settings: dict[str, Any], inputs: list[str]) -> Any:
    params = settings | {
        "code": code.rule_digest("train_adapter"),
        "environment": provenance.environment_digest(provenance.lock_in_use()),
        "repairs": "0 repairs",
    }
    rule = SimpleNamespace(name="train_adapter")
    return SimpleNamespace(rule=rule, wildcards_dict={}, wildcards={}, input=inputs, output=[OUTPUT], params=params)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "b.csv", OUTPUT):
        files.write_text(tmp_path / name, name)
    done = job(SETTINGS, ["a.csv", "b.csv"])
    done.rule = "train_adapter"
    receipts.write(done, tmp_path)
    return tmp_path


def causes(
    folder: Path, now: Any, made_anew: frozenset[str] = frozenset(), **reason: Any
) -> list[tuple[str, str, str]]:
    given = Reason(**({"missing_output": set(), "updated_input_run": set()} | reason))
    receipt = receipts.read(folder).get("train_adapter")
    with FileHashes(folder) as hashes:
        found = reasons._causes(folder, now, given, receipt, set(made_anew), hashes)
        return [(cause.kind, cause.name, cause.change) for cause in found]


def test_a_changed_key_is_named_with_both_values(folder: Path) -> None:
    now = job({"settings": {"train": {"epochs": 5, "rank": 8}}, "pins": {"x": ["test"]}}, ["a.csv", "b.csv"])
    assert causes(folder, now) == [("key", "pins.x", "is new: ['test']"), ("key", "train.epochs", "3 → 5")]


def test_changed_new_and_gone_files_are_named_but_not_those_that_other_jobs_make_anew(folder: Path) -> None:
    files.write_text(folder / "a.csv", "edited")
    files.write_text(folder / "c.csv", "new")
    now = job(SETTINGS, ["a.csv", "c.csv"])
    found = [
        ("file", "c.csv", "is new"),
        ("file", "b.csv", "is not read any more"),
        ("file", "a.csv", "has other content"),
    ]
    assert causes(folder, now) == found
    assert causes(folder, now, made_anew=frozenset({"a.csv"})) == found[:2]


def test_an_edited_function_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = code.rule_definitions("train_adapter")
    name = "scribetune/training/run.py: train"
    now = {key: value for key, value in before.items() if "checkpoint_folder" not in key}
    monkeypatch.setattr(code, "rule_definitions", lambda rule: now | {name: "edited", "new.py: f": "1"})
    monkeypatch.setattr(code, "rule_digest", lambda rule: "another")
    assert causes(folder, job(SETTINGS, ["a.csv", "b.csv"])) == [
        ("function", "new.py: f", "is used now"),
        ("function", name, "was edited"),
        ("function", "train_adapter.py: checkpoint_folder", "is not used any more"),
    ]


def test_an_upgraded_library_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = provenance.lock_pins(provenance.lock_in_use())
    monkeypatch.setattr(provenance, "lock_pins", lambda lock: pins | {"jiwer": "9.9"})
    assert causes(folder, job(SETTINGS, ["a.csv", "b.csv"])) == [("library", "jiwer", f"{pins['jiwer']} → 9.9")]


def test_missing_altered_and_unrecorded_outputs_are_named(folder: Path) -> None:
    now = job(SETTINGS, ["a.csv", "b.csv"])
    assert causes(folder, now, missing_output={OUTPUT}) == [("output", OUTPUT, "is missing")]
    files.write_text(folder / OUTPUT, "edited")
    ((kind, name, change),) = causes(folder, now)
    assert (kind, name) == ("output", OUTPUT)
    assert "not what the job made" in change
    (folder / receipts.FOLDER / "train_adapter.json").unlink()
    assert causes(folder, now) == [("record", "train_adapter", "nothing is recorded of its last run")]


def test_a_job_that_only_follows_has_no_cause_of_its_own_and_any_other_has_one(folder: Path) -> None:
    now = job(SETTINGS, ["a.csv", "b.csv"])
    assert causes(folder, now, updated_input_run={"a.csv"}) == []
    assert causes(folder, now) == [("other", "Snakemake", "Forced execution")]


def test_words_name_shared_causes_once_and_then_what_follows() -> None:
    cause = Cause("key", "pages.long_side_px", "768 → 900")
    shards = [JobReasons(f"render_pages/{n:03d}", (cause,), ()) for n in range(40)]
    words = Explanation((), (*shards, JobReasons("select_pages", (), ("render_pages/000",)))).words()
    assert words[0] == "41 jobs would run for the whole build."
    assert sum("pages.long_side_px: 768 → 900" in line for line in words) == 1
    assert any("and 28 more" in line for line in words)
    assert words[-1] == "  select_pages (reads from render_pages/000)"
    assert "Nothing would run for adapter" in Explanation(("adapter",), ()).words()[0]


def test_old_names_of_keys_are_told_first() -> None:
    explanation = Explanation((), (), ("Old names:\n    train.rank is now train.lora.rank",))
    assert explanation.words()[:2] == ["Old names:", "    train.rank is now train.lora.rank"]
    assert explanation.as_json()["notes"] == explanation.notes
