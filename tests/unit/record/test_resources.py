"""Promises about what a build's jobs took: told where they ran, and never of another result than the one there."""

import base64
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lxml.html
import pytest

from scribetune.core import files
from scribetune.record import receipts, resources
from scribetune.report import resources as report_resources

LINEAGE = "models/adapter/lineage.json"
TSV = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


class _Named(dict[str, str]):
    """As Snakemake's: a mapping whose values are iterated."""

    def __iter__(self) -> Any:
        return iter(self.values())


def ran(folder: Path, rule: str, seconds: float, shard: str = "", memory: str = "512.00", result: str = "made") -> str:
    """Leave what a job leaves: a result, its receipt, the note, and Snakemake's benchmark file."""
    output = folder / (LINEAGE if rule == "train_adapter" else f"data/{rule}{shard}.csv")
    files.write_text(output, result)
    receipt = receipts.write(
        SimpleNamespace(
            rule=rule,
            input=[],
            output=[output.relative_to(folder).as_posix()],
            wildcards=_Named({"shard": shard} if shard else {}),
            params=_Named({"code": "c", "environment": "e", "repairs": receipts.NO_REPAIRS}),
        ),
        folder,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.times", lambda: (seconds / 4, seconds / 16, seconds / 8, seconds / 16, 1e6))
        resources.note(receipt.job, folder)
    row = f"{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t50\t{seconds / 8}\n"  # Snakemake looks now and then
    files.write_text(folder / resources.FOLDER / f"{receipt.job}.tsv", TSV + row)
    return receipt.job


@pytest.fixture(autouse=True)
def _rules_without_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scribetune.record.code.rule_definitions", lambda _rule: {})


def test_a_job_that_ran_here_is_known_with_time_memory_and_device(tmp_path: Path) -> None:
    taken = resources.job(ran(tmp_path, "train_adapter", 184.48, memory="801.15"), tmp_path)
    assert taken == resources.Job(184.48, 92.24, 801.15, "CPU", None)


def test_a_result_that_was_restored_is_not_known_here(tmp_path: Path) -> None:
    name = ran(tmp_path, "predict_tuned", 40.0)
    receipt = tmp_path / receipts.FOLDER / f"{name}.json"
    mine = receipt.read_bytes()
    receipt.write_text(json.dumps(json.loads(mine) | {"code": "a colleague's"}), encoding="utf-8")
    assert resources.job(name, tmp_path) is None
    assert report_resources.rows(resources.usage_by_rule(tmp_path))[0][:3] == ("predict_tuned", "1", "not known here")
    receipt.write_bytes(mine)
    assert resources.job(name, tmp_path) is not None


@pytest.mark.parametrize("damaged", ["", "s\n", "s\tmax_rss\nNA\tNA\n", "\x00"])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, damaged: str) -> None:
    name = ran(tmp_path, "merge_adapter", 1.0)
    (tmp_path / resources.FOLDER / f"{name}.tsv").write_text(damaged, encoding="utf-8")
    assert resources.job(name, tmp_path) is None


def test_jobs_of_a_rule_are_summed_up_with_their_pages_per_second(tmp_path: Path) -> None:
    for number, seconds in enumerate((2.0, 6.0, 4.0)):
        rows = 'document,page,text\na,1,"two\nlines"\nb,1,c\n'
        ran(tmp_path, "label_pages", seconds, f"{number}-of-2", memory=f"{100 * (number + 1)}.00", result=rows)
    ran(tmp_path, "write_lineage", 0.2, memory="1.60")
    found = resources.usage_by_rule(tmp_path, shards=("0-of-2", "1-of-2"))
    labels, lineage, together = report_resources.rows(found)
    assert labels == ("label_pages", "2", "8.0 s", "4.0 s", "200 MiB", "4", "0.5", "CPU"), (
        "a shard that is no more is left out"
    )
    assert lineage[:5] == ("write_lineage", "1", "0.2 s", "0.1 s", "too short to tell")
    assert together[:3] == ("all, one after another", "3", "8.2 s")


def test_a_training_counts_its_pages_in_each_epoch(tmp_path: Path) -> None:
    ran(tmp_path, "train_adapter", 3_700.0, memory="2048.00")
    lineage = {
        "training": {"train_pages": 100, "device": "cuda"}, "configuration": {"train": {"epochs": 37}},
        "hardware": {"gpus": ["NVIDIA H100"]},
    }  # fmt: skip
    files.write_json(tmp_path / "models/adapter/lineage.json", lineage)
    row = report_resources.rows(resources.usage_by_rule(tmp_path))[0]
    assert row == ("train_adapter", "1", "1 h 01 min", "30 min 50 s", "2.0 GiB", "3700", "1", "NVIDIA H100")


def test_the_page_is_written_beside_a_report_only_and_says_of_which_build_it_is(tmp_path: Path) -> None:
    ran(tmp_path, "score_predictions", 2.0)
    assert report_resources.write_page(tmp_path) is None
    for path in ("reports/index.html", "reports/metrics.json", "models/adapter/lineage.json"):
        files.write_text(tmp_path / path, "{}")
    page = report_resources.write_page(tmp_path)
    assert page == tmp_path / "reports/resources.html"
    tree = lxml.html.document_fromstring(page.read_text(encoding="utf-8"))
    assert tree.xpath("//tbody/tr[1]/th/text()") == ["score_predictions"]
    assert re.search(r'<body data-build="[0-9a-f]{16}">', page.read_text(encoding="utf-8"))


def test_the_page_says_when_the_adapter_was_trained_and_speaks_the_language_of_the_report(tmp_path: Path) -> None:
    ran(tmp_path, "score_predictions", 2.0)
    for path in ("reports/metrics.json", "models/adapter/lineage.json"):
        files.write_text(tmp_path / path, "{}")
    files.write_text(tmp_path / "reports/index.html", '<!doctype html>\n<html lang="zh-Hans">\n')
    weights = base64.b64encode(b"models/adapter/adapter_model.safetensors").decode()
    files.write_text(tmp_path / ".snakemake/metadata" / weights, json.dumps({"endtime": 1_700_000_000.5}))
    assert report_resources.trained_on(tmp_path) == "2023-11-14"
    page = report_resources.write_page(tmp_path)
    assert page is not None
    tree = lxml.html.document_fromstring(page.read_text(encoding="utf-8"))
    assert tree.get("lang") == "zh-Hans"
    assert tree.xpath("//h1/text()") == ["资源用量"]
    assert tree.xpath("//body/@data-trained") == ["训练于 2023-11-14"]
    assert tree.xpath("//tbody/tr[1]/*[3]/text()") == ["2.0 秒"]
