"""Promises about what a build will take: sums of its stages, by rates of this folder's jobs or of the documentation."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from scribetune.build import costs, rates
from scribetune.build.rates import Rate
from scribetune.cli import app
from scribetune.core.config import Config
from scribetune.record import resources
from scribetune.record.resources import Job
from support import pdf_factory


def taken(seconds: float, device: str = resources.CPU) -> Job:
    return Job(seconds=2 * seconds, cpu_seconds=seconds, peak_mb=None, device=device, gpu_peak_mb=None)


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[int, Job]]]:
    jobs: dict[str, list[tuple[int, Job]]] = {}
    monkeypatch.setattr(resources, "pages_and_times", lambda _folder: jobs)
    return jobs


def test_jobs_of_unlike_size_tell_start_and_page_apart(past: dict[str, list[tuple[int, Job]]]) -> None:
    past["label_pages"] = [(10, taken(1 + 10 * 0.5)), (100, taken(1 + 100 * 0.5))]
    rate = rates.measured(Path(), "cpu", Config())["label_pages"]
    # One second of each start is that of the process of Snakemake's around the job.
    assert (rate.start_s, rate.page_s) == pytest.approx((2.0, 0.5))
    assert rate.source == "2 jobs here"
    assert rate.seconds(2, 1000) == pytest.approx(504.0)


def test_jobs_of_one_size_are_forecast_as_long_as_they_took(past: dict[str, list[tuple[int, Job]]]) -> None:
    past["label_pages"] = [(100, taken(50)), (100, taken(54))]
    rate = rates.measured(Path(), "cpu", Config())["label_pages"]
    assert rate.seconds(2, 200) == pytest.approx(104.0 + 2 * 1)
    assert rate.page_s > 0.4


def test_a_job_that_ran_on_another_device_says_nothing(past: dict[str, list[tuple[int, Job]]]) -> None:
    past["train_adapter"] = [(100, taken(50))]
    past["render_pages"] = [(100, taken(5))]
    assert set(rates.measured(Path(), "gpu", Config())) == {"render_pages"}
    past["train_adapter"] = [(100, taken(50, "NVIDIA H200"))]
    on_gpu = rates.measured(Path(), "gpu", Config())["train_adapter"]
    assert on_gpu.seconds(1, 100) == pytest.approx(100)  # wall time: the GPU is taken while the processor waits
    assert set(rates.measured(Path(), "cpu", Config())) == {"render_pages"}


def test_an_unmeasured_rule_has_the_documentations_rate() -> None:
    assert rates.documented("train_adapter", "gpu", Config()).device == "gpu"
    assert rates.documented("label_pages", "gpu", Config()).device == "cpu"
    assert rates.documented("a_rule_of_tomorrow", "cpu", Config()) == Rate(2.0, 0.0, "cpu", "docs")
    of_samples, of_others = (rates.documented("label_pages", "cpu", Config(), is_sample=is_) for is_ in (True, False))
    assert of_samples.page_s < of_others.page_s / 2


def test_a_million_pages_on_paper_add_up_and_grow_with_their_number() -> None:
    small, large = (costs.on_paper(pages, Config(), "gpu") for pages in (100_000, 1_000_000))
    assert large.cpu_hours == pytest.approx(sum(stage.cpu_hours for stage in large.stages))
    assert large.gpu_hours == pytest.approx(10 * small.gpu_hours, rel=0.02)
    assert large.pages == 1_000_000
    labels = next(stage for stage in large.stages if stage.rule == "label_pages")
    assert labels.jobs == 1_334  # 333,334 documents in shards of 250
    assert labels.gpu_hours == 0
    assert large.price(3.0, 0.0) == pytest.approx(3 * large.gpu_hours)


def test_a_price_is_told_for_all_and_for_a_page() -> None:
    lines = costs.words(costs.on_paper(1_000_000, Config(), "gpu"), 3.0, 0.05)
    assert "EUR" in lines[-1]
    assert "cents a page" in lines[-1]
    assert not any("EUR" in line for line in costs.words(costs.on_paper(1_000_000, Config(), "gpu"), None, None))
    assert any("docs/benchmarks.md" in line for line in lines)


def test_a_folder_of_pdfs_is_counted_before_anything_ran(tmp_path: Path) -> None:
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    for seed, pages in enumerate((2, 4, 3)):
        pdf_factory.healthy(raw / f"{seed}.pdf", seed, pages)
    answer = CliRunner().invoke(app, ["plan", "labels", "--folder", str(tmp_path), "--json"])
    assert answer.exit_code == 0, answer.output
    forecast = json.loads(answer.stdout)
    stages = {stage["rule"]: stage for stage in forecast["stages"]}
    assert list(stages) == ["render_pages", "label_pages", "select_pages"]
    assert stages["render_pages"]["pages"] == 9
    assert stages["label_pages"]["source"] == "docs"
    assert forecast["sums"]["jobs"] == 3
    assert not (tmp_path / "data/manifests").exists()  # nothing ran
    assert "3 pages a document, counted in 3 of 3" in forecast["notes"][0]


def test_a_splits_pages_are_those_of_its_records_where_it_stays(tmp_path: Path) -> None:
    splits = tmp_path / "data/splits"
    splits.mkdir(parents=True)
    for name, rows in (("train", 7), ("validation", 2), ("test", 3)):
        (splits / f"{name}.jsonl").write_text("{}\n" * rows)
    documents = tmp_path / "data/manifests/documents/1-of-1.csv"
    documents.parent.mkdir(parents=True)
    with documents.open("w", newline="") as stream:
        csv.writer(stream).writerows([["document", "pages"], ["a", "20"]])
    config = Config()
    inputs = SimpleNamespace(all=[SimpleNamespace(id="a")], sample_specs=(), shards={})
    plan = SimpleNamespace(documents=inputs, config=config)
    pages = costs._Pages(tmp_path, plan)  # type: ignore[arg-type]
    assert pages.of("train_adapter", {}, {"train_adapter"}) == 7 * config.train.epochs
    assert pages.of("predict_base", {}, {"predict_base"}) == 3 + config.retention.count
    assert pages.of("split_documents", {}, {"split_documents"}) == 18  # 90 % of the pages, as docs/scale.md assumes


def test_rates_of_a_pilot_stand_in_where_a_folder_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, past: dict[str, list[tuple[int, Job]]]
) -> None:
    seen: list[Path] = []

    def pages_and_times(folder: Path) -> dict[str, list[tuple[int, Job]]]:
        seen.append(folder)
        return {"make_samples": [(0, taken(98.0))], "label_pages": [(10, taken(8.0))]} if folder == tmp_path else past

    monkeypatch.setattr(resources, "pages_and_times", pages_and_times)
    past["label_pages"] = [(10, taken(98.0))]
    here = tmp_path / "here"
    here.mkdir()
    stages = {each.rule: each for each in costs.forecast(here, ["labels"], pilot=tmp_path).stages}
    assert stages["make_samples"].cpu_hours == pytest.approx(99 / 3600)
    assert stages["label_pages"].cpu_hours > 99 / 3600  # its own job's, of more pages
    assert stages["render_pages"].source == "docs"
    assert seen == [here, tmp_path]
