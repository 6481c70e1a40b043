"""Promises about what a build says: a line when a job starts, with why, and one when it ends; all of it in the log."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scribetune.build import terminal

SNAKEFILE = """
from scribetune.build import terminal

terminal.shorten(workflow)

rule all:
    input: "sum.txt"

rule many:
    output: expand("many/{n}.txt", n=range(100))
    log: "logs/many.log"
    shell: "touch {output}"

rule sum:
    input: rules.many.output, more="more.txt"
    output: "sum.txt"
    log: "logs/sum.log"
    shell: "COMMAND"
"""
CLOCK = r"\[\d\d:\d\d:\d\d\] "


class Build:
    """A small workflow with a rule that makes a hundred files, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        (folder / "more.txt").touch()

    def run(
        self, command: str = "cat {input} > {output}", *, dry_run: bool = False, output: Mapping[str, bool] = {}
    ) -> list[str]:
        """Have Snakemake run it; return what it says, line by line."""
        from snakemake.api import SnakemakeApi
        from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings

        snakefile = self.folder / "Snakefile"
        snakefile.write_text(SNAKEFILE.replace("COMMAND", command), encoding="utf-8")
        self._capsys.readouterr()
        with SnakemakeApi(OutputSettings(dryrun=dry_run, stdout=dry_run, show_failed_logs=True, **output)) as api:
            workflow = api.workflow(ResourceSettings(cores=1), snakefile=snakefile, workdir=self.folder)
            try:
                workflow.dag(DAGSettings()).execute_workflow("dryrun" if dry_run else "local")
            except Exception as error:
                api.print_exception(error)
        said = self._capsys.readouterr()
        return (said.out if dry_run else said.err).splitlines()

    @property
    def log(self) -> str:
        """What the latest log of Snakemake has."""
        return max((self.folder / ".snakemake" / "log").iterdir()).read_text(encoding="utf-8")


@pytest.fixture
def build(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.chdir(tmp_path)
    return Build(tmp_path, capsys)


def assert_lines(found: Sequence[str], expected: Sequence[str]) -> None:
    """Compare lines with patterns, one for each."""
    assert len(found) == len(expected), "\n".join(found)
    for line, pattern in zip(found, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_a_build_says_a_line_when_a_job_starts_and_one_when_it_ends_and_all_is_in_its_log(build: Build) -> None:
    assert_lines(
        build.run(),
        [
            r"Building DAG of jobs\.\.\.",
            r"3 jobs to run; in full in \.snakemake/log/.*\.snakemake\.log",
            CLOCK + "many: to make many/0.txt and 99 more",
            CLOCK + r"1 of 3 done: many, \d+ s",
            CLOCK + "sum: to make sum.txt",
            CLOCK + r"2 of 3 done: sum, \d+ s",
            CLOCK + r"3 of 3 done: all, 0 s",
            r"Complete log\(s\): .*",
            r"Elapsed time: .*",
        ],
    )
    assert ", ".join(f"many/{n}.txt" for n in range(100)) in build.log
    assert "Snakemake version" in build.log


def test_a_dry_run_lists_jobs_below_their_table_with_what_changed(build: Build) -> None:
    build.run()
    (build.folder / "more.txt").write_text("changed", encoding="utf-8")
    (build.folder / "many" / "7.txt").write_text("changed", encoding="utf-8")
    said = build.run(dry_run=True)
    assert said[1:5] == ["Job stats:", "job      count", "-----  -------", "sum          1"]
    assert said[said.index("") + 1 :] == [
        "sum: changed: many/7.txt, more.txt",
        "This was a dry-run (flag -n). The order of jobs does not reflect the order of execution.",
    ]


@pytest.mark.parametrize("asked", [{"printshellcmds": True}, {"verbose": True}])
def test_who_asks_for_more_has_snakemakes_own_words(build: Build, asked: dict[str, bool]) -> None:
    said = build.run(dry_run=True, output=asked)
    assert "rule many:" in said
    assert "    jobid: 2" in said


def test_a_job_that_failed_is_named_with_its_log_and_not_with_its_files(build: Build) -> None:
    said = build.run("echo 'x ERROR scribetune: no memory' > {log}; echo 'sum: no memory' >&2; exit 1")
    start = next(place for place, line in enumerate(said) if "sum: to make" in line)
    assert_lines(said[start + 1 : start + 2], [CLOCK + r"failed: sum, \d+ s; its log is logs/sum\.log"])
    assert not any("many/5.txt" in line for line in said)


def test_the_log_of_a_job_that_was_killed_is_shown_at_its_end(build: Build) -> None:
    said = build.run("for n in 1 2 3 4 5 6 7; do echo step $n; done > {log}; kill -9 $$")
    place = said.index("  It said nothing of it; the log ends with")
    assert "logs/sum.log" in said[place - 1]
    assert said[place + 1 : place + 6] == [f"    step {n}" for n in (3, 4, 5, 6, 7)]
    assert any("SIGKILL" in line for line in said), "\n".join(said)


class Reason(SimpleNamespace):
    """Snakemake's own reason."""

    def __init__(self, **given: Any) -> None:
        none = dict.fromkeys(("missing_output", "incomplete_output", "updated_input", "updated_input_run"), ())
        names = ("forced", "params_changed", "input_changed", "code_changed", "software_stack_changed")
        no: dict[str, Any] = dict.fromkeys(names, False)
        super().__init__(**(none | no | given))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"missing_output": {"b", "a"}, "updated_input_run": {"x"}}, "to make a and 1 more"),
        ({"incomplete_output": {"a"}}, "left incomplete: a"),
        ({"updated_input": {"y"}}, "changed: y"),
        ({"updated_input": {f"{n}.pdf" for n in range(100)}}, "changed: 0.pdf, 1.pdf, 10.pdf … and 97 more"),
        ({"params_changed": True}, "train.epochs 3 → 5"),
        # Snakemake does not look at the params of a job that follows another.
        ({"updated_input_run": {"x", "y"}}, "train.epochs 3 → 5; follows train_adapter"),
        ({"forced": True, "missing_output": {"a"}}, "asked for by --force or --forcerun"),
        ({"input_changed": True}, "other input files than before"),
    ],
)
def test_why_a_job_runs_is_said_in_few_words(reason: dict[str, Any], words: str) -> None:
    made_by = {"x": "train_adapter", "y": "train_adapter"}
    given: Any = Reason(**reason)
    assert terminal.in_few_words(given, made_by, lambda: iter(["train.epochs 3 → 5"])) == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"params_changed": True}, "settings, or results that are not what it made"),
        ({"updated_input_run": {"x"}}, "follows train_adapter"),
        ({"updated_input": {"x", "y"}, "updated_input_run": {"x"}}, "changed: y; follows train_adapter"),
    ],
)
def test_where_no_key_changed_none_is_named(reason: dict[str, Any], words: str) -> None:
    given: Any = Reason(**reason)
    assert terminal.in_few_words(given, {"x": "train_adapter"}, lambda: iter([])) == words


def test_long_lists_in_messages_are_summed_up() -> None:
    handler = SimpleNamespace(formatter=logging.Formatter(), last_msg_was_job_info=False)
    short = terminal.Short(handler, str, dry_run=False, log="")
    paths = [f"data/samples/sample-{n:03}.pdf" for n in range(100)]

    def said(text: str) -> str:
        return short.format(logging.LogRecord("snakemake", logging.INFO, "", 1, text, (), None))

    removed = "Removing output files of failed job make_samples since they might be corrupted:\n"
    assert said(removed + ", ".join(paths)) == removed + f"{paths[0]}, {paths[1]}, {paths[2]} … and 97 more"
    message = "A sentence, with some commas, in it, and no list, is left, as it is."
    assert said(message) == message
