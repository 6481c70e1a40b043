"""Snakemake in processes that are forked from one that has its libraries loaded: loading them is most of a dry run.

Each run has a process of its own, with its own folder, environment and arguments, and loads the code of the project it
is for (a Snakefile and its `scribetune`) anew: nothing of the project is loaded before the fork.
"""

import atexit
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from support import forked_jobs

_LIBRARIES = ("jsonschema", "multiprocessing.connection", "nbformat", "pandas", "pydantic", "smart_open")
"""What Snakemake loads late, and what reading the workflow loads of others' code."""
_SERVE = "from support import forked_snakemake; forked_snakemake.serve()"


def run(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `snakemake` with these arguments and this environment in a folder (the current one) and return what came."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.TemporaryDirectory(prefix="forked-snakemake-") as name:
        outputs = [Path(name, "stdout"), Path(name, "stderr")]
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str((folder or Path()).resolve()),
            "outputs": [str(path) for path in outputs],
            "jobs": "" if "--dry-run" in arguments else forked_jobs.address(),
        }
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        status = server.stdout.readline()
        assert status, "the server of forked processes ended"
        said = [path.read_text(encoding="utf-8") for path in outputs]
    return subprocess.CompletedProcess(["snakemake", *arguments], int(status), *said)


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that the others are forked from; it ends when its input does, with this process."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdin is not None
    atexit.register(server.wait)
    atexit.register(server.stdin.close)  # called before the other
    return server


def serve() -> None:
    """Be that process: fork for each request, wait, and answer with the exit status."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    from snakemake.cli import get_argument_parser, main

    get_argument_parser(profiles=[])  # loads Snakemake's plugins
    assert "scribetune" not in sys.modules
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request)
            if request["jobs"]:
                forked_jobs.use(request["jobs"])
            main()
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _become(request: Mapping[str, object]) -> None:
    """Give this process the folder, environment, arguments and outputs that it would have been started with."""
    environment, arguments, outputs = request["environment"], request["arguments"], request["outputs"]
    assert isinstance(environment, dict) and isinstance(arguments, list) and isinstance(outputs, list)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(request["folder"]))
    places = [(0, os.devnull, os.O_RDONLY), *((number, path, os.O_WRONLY | os.O_CREAT) for number, path in
                                              zip((1, 2), outputs, strict=True))]  # fmt: skip
    for number, path, flags in places:
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["snakemake", *arguments]
    sys.path[:0] = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
