"""Jobs of Snakemake in processes that are forked from one that has their libraries loaded: that is most of a small job.

A job has a process of its own, with its own environment and outputs, and loads the code of the project it is for anew:
nothing of `scribetune` is loaded before the fork. What starts jobs as users do are the first `dvc repro` of
workflow/test_dvc.py (up to the merged model), the interrupted builds of the first build of the mutations, and the test
of pre-training.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "accelerate", "datasets", "datasketch", "jinja2", "jiwer", "lxml.html", "numpy", "pandas", "peft", "PIL.Image",
    "plotly.graph_objects", "psutil", "pydantic", "rocrate.rocrate", "rouge_score.rouge_scorer", "sacrebleu",
    "safetensors.torch", "scipy.optimize", "snakemake.script", "tensorboardX", "tokenizers", "torch",
    "transformers", "trl", "typst", "yaml",
)  # fmt: skip
_LATE = {
    "peft": ("LoraConfig", "PeftModel", "get_peft_model"),
    "transformers": ("AutoModelForImageTextToText", "AutoProcessor", "AutoTokenizer", "GenerationConfig", "Trainer"),
    "trl": ("SFTConfig", "SFTTrainer"),
}
"""What these libraries load when it is asked for."""
_FORKS_WELL = "jemalloc_bg_thd"
"""The one thread that these libraries start (pyarrow's allocator); jemalloc starts it anew in a forked process."""
_SERVE = "from support import forked_jobs; forked_jobs.serve({!r})"
_PROGRAM = """\
#!{0}
import sys
sys.path.append({1!r})
from support import forked_jobs
sys.path.remove({1!r})
forked_jobs.use({2!r})
from snakemake.cli import main
sys.exit(main())
"""
_THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")


@cache
def address() -> str:
    """Start the process that jobs are forked from, and return its socket; it ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="forked-jobs-")
    path = str(Path(folder.name, "socket"))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", _SERVE.format(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n", "the server of forked jobs does not start"
    atexit.register(_end, server, folder)
    return path


def _end(server: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    assert server.stdin is not None
    server.stdin.close()
    server.wait()
    folder.cleanup()


@cache
def programs() -> str:
    """Return a folder for PATH whose `snakemake` forks its jobs, for those who start it by its name, as DVC does."""
    folder = Path(address()).parent
    program = folder / "snakemake"
    program.write_text(_PROGRAM.format(sys.executable, str(Path(__file__).resolve().parents[1]), address()), "utf-8")
    program.chmod(0o755)
    return str(folder)


# --- In Snakemake's process --------------------------------------------------------------------------------------


def use(path: str) -> None:
    """Let Snakemake, in this process, run the scripts of rules by the server that listens there."""
    from snakemake.script import PythonScript

    def execute_script(self: Any, fname: str, edit: bool = False) -> None:
        environment = dict(os.environ) | {f"{name}_NUM_THREADS": str(self.threads) for name in _THREADS}
        environment |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), str(self.resources["tmpdir"]))
        job = Forked(path, {"script": str(fname)}, environment, [(1, 1), (2, 2)])
        status = _watched(job, self.bench_record)
        if status:
            raise subprocess.CalledProcessError(status, f"{sys.executable} {fname}")

    PythonScript.execute_script = execute_script


def _watched(job: "Forked", record: Any) -> int:
    """Wait for a job as Snakemake does: where it is to be measured, measure it."""
    from snakemake.benchmark import benchmarked

    with benchmarked(job.pid, record) if record is not None else contextlib.nullcontext():
        return job.wait()


# --- In any process ----------------------------------------------------------------------------------------------


class Forked:
    """A process that the server has forked; what `subprocess.Popen` has of methods that are needed.

    Args:
        path: The server's socket.
        what: {"script": a file} or {"code": what follows `python -c`}.
        environment: Its environment.
        handles: File numbers: (the one here, what it is there).
    """

    def __init__(
        self, path: str, what: Mapping[str, str], environment: Mapping[str, str], handles: list[tuple[int, int]]
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(path)
        request = {
            **what, "environment": dict(environment), "folder": str(Path.cwd()),
            "handles": [there for _, there in handles],
        }  # fmt: skip
        content = json.dumps(request).encode()
        socket.send_fds(self._connection, [len(content).to_bytes(8, "big")], [here for here, _ in handles])
        self._connection.sendall(content)
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        ended = self.returncode is not None or bool(select.select([self._connection], [], [], 0)[0])
        return self.wait() if ended else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status."""
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = self._number()
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0) from None
            self._connection.close()
        return self.returncode

    def _number(self) -> int:
        received = self._connection.recv(8, socket.MSG_WAITALL)
        return int.from_bytes(received, "big", signed=True) if received else -1

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def launching() -> Iterator[None]:
    """Let `models.processes.launch` fork its processes; what starts them is tested where it starts them itself."""
    from scribetune.models import processes

    replaced = {"DEVNULL": subprocess.DEVNULL, "TimeoutExpired": subprocess.TimeoutExpired, "Popen": popen}
    before = vars(processes)["subprocess"]
    vars(processes)["subprocess"] = types.SimpleNamespace(**replaced)
    try:
        yield
    finally:
        vars(processes)["subprocess"] = before


def popen(command: list[str], *, env: Mapping[str, str], stdin: Any, stdout: Any, stderr: Any, pass_fds: Any) -> Forked:
    """Do what `subprocess.Popen` does for `python -P -c CODE`, with the libraries loaded."""
    assert command[1:3] == ["-P", "-c"] and stdin == subprocess.DEVNULL
    outputs = [(own if given is None else given.fileno(), own) for own, given in ((1, stdout), (2, stderr))]
    handles = [*outputs, *((number, number) for number in pass_fds)]
    return Forked(address(), {"code": command[3]}, env, handles)


# --- In the server -----------------------------------------------------------------------------------------------


def serve(path: str) -> None:
    """Be that process: fork for each request until the input ends."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    for library, names in _LATE.items():
        for name in names:
            getattr(importlib.import_module(library), name)
    assert "scribetune" not in sys.modules
    gc.freeze()  # nobody looks for garbage among them, in any job
    threads = {path.read_text("ascii").strip() for path in Path("/proc/self/task").glob("[0-9]*/comm")}
    assert threads <= {Path("/proc/self/comm").read_text("ascii").strip(), _FORKS_WELL}, threads
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as ready:
        listening.bind(path)
        listening.listen()
        ready.register(listening, selectors.EVENT_READ)
        ready.register(sys.stdin.fileno(), selectors.EVENT_READ)
        os.write(1, b"ready\n")
        while True:
            if any(key.fileobj is not listening for key, _ in ready.select()):
                return
            connection, _ = listening.accept()
            if os.fork() == 0:
                ready.close()
                listening.close()
                _answer(connection)
            connection.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def _answer(connection: socket.socket) -> None:
    """Fork the job, tell its process, wait for it, tell its status."""
    size, handles, _, _ = socket.recv_fds(connection, 8, 8)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read(int.from_bytes(size, "big")))
    job = os.fork()
    if job == 0:
        connection.close()
        _run(request, handles)
    connection.sendall(job.to_bytes(8, "big"))
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(status.to_bytes(8, "big", signed=True))
    os._exit(0)


def _run(request: Mapping[str, Any], handles: list[int]) -> None:
    """Run a script as `python SCRIPT` (or code as `python -c`) would in that folder and environment, and end."""
    apart = [fcntl.fcntl(handle, fcntl.F_DUPFD, 500) for handle in handles]  # none is where another is to be
    for number, handle in zip(request["handles"], apart, strict=True):
        os.dup2(handle, number)
    for handle in {*handles, *apart} - set(request["handles"]):
        os.close(handle)
    with open(os.devnull) as nothing:  # noqa: PTH123  its number is what is asked for
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    script = request.get("script", "")
    sys.argv = [script or "-c"]
    paths = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    support = str(Path(__file__).resolve().parents[1])
    sys.path[:] = [
        *([str(Path(script).parent)] if script else []),
        *paths,
        *(entry for entry in sys.path if entry != support),
    ]
    status = 0
    try:
        if script:
            runpy.run_path(script, run_name="__main__")
        else:
            exec(request["code"], {"__name__": "__main__"})  # noqa: S102  what `python -c` does
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    # What a process does at its end, but for taking the libraries apart piece by piece: that takes a second.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
