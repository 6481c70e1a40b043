"""Jobs of Snakemake in processes that are forked from one that has their libraries loaded: that is most of a small job.

A job has a process of its own, with its own environment and outputs, and loads the code of the project it is for anew:
nothing of `scribetune` is loaded before the fork. What starts jobs as users do are the first `dvc repro` of
workflow/test_dvc.py, the interrupted builds of workflow/test_mutations.py and pre-training's test.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
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
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("r", encoding="ascii") as answers:
            connection.connect(path)
            request = {"script": str(fname), "environment": environment, "folder": str(Path.cwd())}
            content = json.dumps(request).encode()
            socket.send_fds(connection, [len(content).to_bytes(8, "big")], [1, 2])
            connection.sendall(content)
            status = _watched(int(answers.readline()), self.bench_record, answers)
        if status:
            raise subprocess.CalledProcessError(status, f"{sys.executable} {fname}")

    PythonScript.execute_script = execute_script


def _watched(process: int, record: Any, answers: Any) -> int:
    """Wait for a job as Snakemake does: where it is to be measured, measure it."""
    from snakemake.benchmark import benchmarked

    with benchmarked(process, record) if record is not None else contextlib.nullcontext():
        return int(answers.readline() or -1)


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
    size, outputs, _, _ = socket.recv_fds(connection, 8, 2)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read(int.from_bytes(size, "big")))
    job = os.fork()
    if job == 0:
        connection.close()
        _run(request, outputs)
    connection.sendall(f"{job}\n".encode("ascii"))
    status = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(f"{status}\n".encode("ascii"))
    os._exit(0)


def _run(request: Mapping[str, Any], outputs: list[int]) -> None:
    """Run a script as `python SCRIPT` would in that folder and environment, and end."""
    for number, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, number)
        os.close(output)
    with open(os.devnull) as nothing:  # noqa: PTH123  its number is what is asked for
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    script = request["script"]
    sys.argv = [script]
    paths = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    support = str(Path(__file__).resolve().parents[1])
    sys.path[:] = [str(Path(script).parent), *paths, *(entry for entry in sys.path if entry != support)]
    status = 0
    try:
        runpy.run_path(script, run_name="__main__")
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
