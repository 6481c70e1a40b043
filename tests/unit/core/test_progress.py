"""Promises about progress: a bar on a terminal, and elsewhere a line early on and then about once a minute."""

import io
import re
import subprocess
import sys

import pytest

from scribetune.core import progress


class Clock:
    """A clock that stands still until it is set forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.delenv(progress.JOB, raising=False)
    return clock


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_off_a_terminal_there_is_a_line_early_and_then_one_a_minute(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(progress.JOB, "train_adapter")
    with progress.bar("Training", 600, "steps") as advance:
        advance(0)
        for _ in range(150):
            clock.now += 2
            advance(1, "loss 0.050")
    assert lines(capsys) == [
        "train_adapter: training, 5 of 600 steps, 10 s, about 20 min left, loss 0.050",
        "train_adapter: training, 35 of 600 steps, 1.2 min, about 19 min left, loss 0.050",
        "train_adapter: training, 65 of 600 steps, 2.2 min, about 18 min left, loss 0.050",
        "train_adapter: training, 95 of 600 steps, 3.2 min, about 17 min left, loss 0.050",
        "train_adapter: training, 125 of 600 steps, 4.2 min, about 16 min left, loss 0.050",
    ]


def test_short_work_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("Rendering", 3, "documents") as advance:
        for _ in range(3):
            clock.now += 3
            advance()
    assert lines(capsys) == []


def test_what_was_done_before_does_not_count_for_the_speed(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("Training", 1000, "steps") as advance:
        advance(900)  # of a checkpoint
        for _ in range(10):
            clock.now += 1
            advance()
    assert lines(capsys) == ["training, 910 of 1,000 steps, 10 s, about 1.5 min left"]


def test_without_a_step_it_says_that_it_goes_on_and_foresees_nothing(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.bar("Reading", 33, "pages") as advance:
        for _ in range(100):
            clock.now += 0.5
            advance(0)
    assert lines(capsys) == ["reading, 0 of 33 pages, 10 s"]


def test_the_pages_of_long_documents_are_counted(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("Labelling", 2, "documents") as advance:
        heard = progress.counting(advance, int, "pages")
        heard("what opening a document gave")
        for page in range(1500):
            clock.now += 0.0625
            heard(page)
    assert lines(capsys) == [
        "labelling, 0 of 2 documents, 10 s, 160 pages",
        "labelling, 0 of 2 documents, 1.2 min, 1,120 pages",
    ]


def test_on_a_terminal_there_is_a_bar_and_no_line(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.bar("Training", 3, "steps") as advance:
        for _ in range(3):
            clock.now += 30
            advance(1, "loss 0.5")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "3/3 steps" in shown
    assert " of 3 steps" not in shown


def test_a_line_is_there_at_once_where_output_goes_to_a_file_or_pipe() -> None:
    program = (
        "import sys; from scribetune.core import progress; progress._FIRST_AFTER_S = 0\n"
        "with progress.bar('Training', 2, 'steps') as advance: advance(); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()  # the program waits: its buffers are not emptied by its end
        assert process.poll() is None
        process.communicate("")
    assert line.startswith("training, 1 of 2 steps, ")  # how long depends on the machine


@pytest.mark.parametrize(
    ("seconds", "words"), [(9.6, "10 s"), (100, "1.7 min"), (960, "16 min"), (9000, "2.5 h"), (360_000, "100.0 h")]
)
def test_times_are_said_as_exactly_as_one_wants_to_know(seconds: float, words: str) -> None:
    assert progress.words(seconds) == words
