"""Promises about how far a build is, asked from another shell."""

import json
import re
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from scribetune.build import status, status_page
from scribetune.cli import app
from scribetune.core.errors import UserError
from scribetune.record import resources, running
from scribetune.record.resources import Job

LOG = """\
Building DAG of jobs...
Job stats:
job             count
------------  -------
render_pages        2
label_pages         2
select_pages        1
labels              1
total               6

[Mon Nov 30 07:00:00 2026]
localrule render_pages:
    output: data/manifests/documents/a.csv
    log: logs/render_pages/a.log
    jobid: 3
    wildcards: shard=a
[Mon Nov 30 07:00:00 2026]
localrule render_pages:
    log: logs/render_pages/b.log
    jobid: 4
    wildcards: shard=b
[Mon Nov 30 07:00:20 2026]
Finished jobid: 3 (Rule: render_pages)
1 of 6 steps (17%) done
[Mon Nov 30 07:00:20 2026]
rule label_pages:
    log: logs/label_pages/a.log
    jobid: 5
    wildcards: shard=a
[Mon Nov 30 07:00:30 2026]
Error in rule render_pages:
    message: None
    jobid: 4
    log: logs/render_pages/b.log (check log file(s) for error details)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log = tmp_path / ".snakemake/log/2026-11-30T070000.0.snakemake.log"
    log.parent.mkdir(parents=True)
    log.write_text(LOG)
    # The last call may have had nothing to do: the build that had is told of.
    (log.parent / "2026-11-30T080000.0.snakemake.log").write_text("Nothing to be done.\n")
    for name, lines in (("render_pages/b", 9), ("label_pages/a", 2)):
        path = tmp_path / f"logs/{name}.log"
        path.parent.mkdir(parents=True)
        path.write_text("".join(f"{name} line {number}\n" for number in range(1, lines + 1)))
    return tmp_path


@pytest.fixture
def at_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    process = running.Process("build", 1, time.time())
    monkeypatch.setattr(running, "at_work", lambda _folder: [process])
    return folder


def test_stages_are_counted_and_targets_are_none(at_work: Path) -> None:
    now = status.read(at_work)
    counts = {stage.rule: (stage.jobs, stage.done, stage.running, stage.failed) for stage in now.stages}
    assert counts == {"render_pages": (2, 1, 0, 1), "label_pages": (2, 0, 1, 0), "select_pages": (1, 0, 0, 0)}
    assert (now.jobs, now.done, now.at_work) == (5, 1, True)


def test_what_runs_and_what_failed_speak_with_the_ends_of_their_logs(at_work: Path) -> None:
    now = status.read(at_work)
    last = tuple(f"render_pages/b line {number}" for number in range(5, 10))
    assert now.failed == (status.Talk("render_pages/b", "logs/render_pages/b.log", last),)
    assert [talk.job for talk in now.running] == ["label_pages/a"]
    text = "\n".join(now.words())
    assert "at work since 07:00: 1 of 5 jobs done, 1 failed" in text
    assert "failed     render_pages/b (logs/render_pages/b.log)" in text


def test_a_job_that_is_tried_again_has_not_failed(at_work: Path) -> None:
    log = next(at_work.glob(".snakemake/log/*T07*"))
    log.write_text(LOG + "Trying to restart job 4.\n")
    now = status.read(at_work)
    assert not now.failed
    assert now.stages[0].running == 1


def test_jobs_of_a_slurm_group_are_jobs(at_work: Path) -> None:
    log = next(at_work.glob(".snakemake/log/*T07*"))
    grouped = "group job choice (jobs in lexicogr. order):\n\n    [Mon Nov 30 07:01:00 2026]\n    rule select_pages:\n"
    log.write_text(LOG + grouped + "        log: logs/select_pages.log\n        jobid: 9\n")
    assert status.read(at_work).stages[2].running == 1


def test_time_left_is_unknown_until_every_stage_has_been_seen_once(
    at_work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status.read(at_work).seconds_left is None
    past = {
        "label_pages": [(10, Job(100.0, 90.0, None, "CPU", None))],
        "select_pages": [(20, Job(4.0, 4.0, None, "CPU", None))],
    }
    monkeypatch.setattr(resources, "pages_and_times", lambda _folder: past)
    assert status.read(at_work).seconds_left == pytest.approx(20 + 2 * 100 + 4)  # one job at a time


def test_after_a_build_nothing_of_it_runs(folder: Path) -> None:
    now = status.read(folder)
    assert not now.at_work
    assert now.running == ()
    assert now.seconds_left is None
    assert "not at work; the last one since 07:00" in now.words()[0]


def test_a_folder_without_a_build_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No build was started here"):
        status.read(tmp_path)


def test_programs_have_it_as_json(folder: Path) -> None:
    answer = CliRunner().invoke(app, ["status", "--folder", str(folder), "--json"])
    assert answer.exit_code == 0, answer.output
    rules = [stage["rule"] for stage in json.loads(answer.stdout)["stages"]]
    assert rules == ["render_pages", "label_pages", "select_pages"]


def test_the_page_shows_it_to_who_has_the_token_and_renews_itself(at_work: Path) -> None:
    (at_work / "logs/label_pages/a.log").write_text("<script>alert(1)</script>\n")
    page = status_page.application(lambda: status.read(at_work), "pdfs <i>", "secret", 8379)
    with TestClient(page, base_url="http://127.0.0.1:8379") as client:
        assert client.get("/").status_code == 403
        html = client.get("/?token=secret").text
        assert "1 of 5 jobs done" in html
        assert "&lt;script&gt;" in html
        assert "<script" not in html
        assert "pdfs &lt;i&gt;" in html
        assert re.search(r'http-equiv="refresh" content="\d+"', html)
        assert client.get("/api/status").json()["done"] == 1
        assert client.get("/assets/status.css").headers["content-type"].startswith("text/css")
