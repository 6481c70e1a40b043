"""Tasks for worker processes: what behaves, sleeps, burns processor time, swells, crashes or fails.

Apart from the tests, since a worker imports the module of its task within the task's time limit.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


def echo(value: int) -> int:
    return value


def hang() -> None:
    time.sleep(600)


def burn(seconds: float = 600.0) -> float:
    """Use processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return seconds


def burn_in_a_child() -> None:
    # Long enough for any limit here; must not burn for ever if it outlives its worker.
    burn = "import time\nwhile time.process_time() < 30: pass"
    subprocess.run([sys.executable, "-c", burn], check=False)


def burn_beside_a_program_of_a_program(told: Path) -> None:
    command = f"sh -c 'echo $$ >> {told}; exec sleep 600' & echo $$ >> {told}; wait"
    subprocess.Popen(["sh", "-c", command])
    while not (told.exists() and told.read_text().count("\n") == 2):
        time.sleep(0.01)
    burn()


def pause_and_burn(pause_s: float) -> float:
    """Be stopped for a while, as on a machine that has other things to do, then work a little."""
    own = os.getpid()
    subprocess.Popen(["sh", "-c", f"kill -STOP {own}; sleep {pause_s}; kill -CONT {own}"])
    return burn(0.2)


def crash() -> None:
    os._exit(11)


def fail() -> None:
    raise ValueError("bad page")


def count_to(last: int, *, first: int) -> Iterator[int]:
    for number in range(first, last):
        if number == 2:
            burn()
        if number == 4:
            os.kill(os.getpid(), signal.SIGSEGV)
        yield number


def swell(count: int, *, first: int) -> Iterator[int]:
    for number in range(first, count):
        if number == 1:
            bytearray(2**30)
        yield number


def stumble(*, first: int) -> Iterator[int]:
    if first > 0:
        raise ValueError("cannot be opened again")
    yield 0
    raise ValueError("one page too many")


def forty_percent(ballast: list[bytes] = []) -> int:  # noqa: B006  what a library keeps from one document to the next
    ballast.append(bytes(120 * 2**20))
    return len(ballast)
