"""One job in several processes of one machine, a GPU for each: started, watched, and ended together.

The caller starts them with `launch` and waits. Each gets a `Group`, which says its rank and lets it agree with the
others. What goes wrong in one of them is raised in the caller as if it had happened there; the others are then ended.
None outlives the caller: each holds one end of a connection to it, and ends itself when the other end is gone, whatever
became of the caller.
"""

import logging
import logging.handlers
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scribetune.core.errors import UserError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECTION = "SCRIBETUNE_CONNECTION"
_SERVE = f"from {__name__} import serve; serve()"
_POLL_S = 0.2
_OTHERS_S = 3.0
"""After a failure the other processes get so long to say what went wrong with them: theirs may be the cause."""
_TERMINATE_S = 3.0
_COLLECTIVE = timedelta(hours=2)
"""Longest wait for the other processes: they may be hashing a large model. One that died is noticed at once."""
_TAIL_CHARACTERS = 2000
_NUMBERS_AT_ONCE = 8_000_000
_ON_CPU = {
    "CUDA_VISIBLE_DEVICES": "",
    # Otherwise accelerate would number it, and torch finds nothing under such a name.
    "ACCELERATE_TORCH_DEVICE": "cpu",
}


@dataclass(frozen=True)
class Group:
    """The processes that share a job, as one of them sees them. Without arguments: one process alone."""

    rank: int = 0  # number of this process, counted from 0
    size: int = 1
    control: Any = None  # torch.distributed's group for what is no gradient; it uses main memory alone

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and shows what happens."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        self.gather(None)

    def gather(self, value: T) -> list[T]:
        """Return every process's value, by rank; all must call it."""
        if self.size == 1:
            return [value]
        import torch.distributed

        values: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(values, value, group=self.control)
        return values

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what the first process makes, in every process; all must call it."""
        return self.gather(make() if self.is_first else None)[0]  # type: ignore[return-value]

    def any(self, mine: bool) -> bool:
        """Return whether it is so in any process; all must call it."""
        return any(self.gather(mine))

    def average(self, tensors: Sequence["torch.Tensor"]) -> None:
        """Put the mean over all processes into tensors of one device and number format; all must call it alike."""
        import torch.distributed

        for piece in _pieces(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in piece])
            torch.distributed.all_reduce(flat, group=None if flat.is_cuda else self.control)
            flat /= self.size
            for tensor, mean in zip(piece, torch.split(flat, [tensor.numel() for tensor in piece]), strict=True):
                tensor.copy_(mean.view_as(tensor))


def _pieces(tensors: Sequence["torch.Tensor"]) -> Iterator[list["torch.Tensor"]]:
    """Divide tensors into runs that are worth a transfer of their own, and small enough to be copied."""
    piece: list[torch.Tensor] = []
    for tensor in tensors:
        piece.append(tensor)
        if sum(one.numel() for one in piece) >= _NUMBERS_AT_ONCE:
            yield piece
            piece = []
    if piece:
        yield piece


ALONE = Group()


@dataclass(frozen=True)
class _Done:
    """A process's last word when all went well."""

    value: Any


@dataclass(frozen=True)
class _Failed:
    """A process's last word when it did not: the exception, pickled where that is possible, and its traceback."""

    error: bytes
    text: str


class _RemoteTraceback(Exception):  # noqa: N818  it is no error of its own: the cause that an error is raised from
    """The traceback of an exception in another process, as text."""


@dataclass
class _Process:
    """A started process as the caller sees it."""

    rank: int
    running: subprocess.Popen[bytes]
    connection: Connection
    output: Path
    last_word: _Done | _Failed | None = None
    spoke_s: float = 0.0
    closed: bool = False


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; no GPU is touched."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in named.split(",")] if named else [str(index) for index in range(count)]
    return names[:count]


def launch(size: int, function: Callable[..., T], *arguments: Any) -> T:
    """Run a function in several processes and return what it returns in the first.

    With as many GPUs as processes each sees one of them, as device 0; otherwise all run on the CPU. Log records come
    back to this process's loggers; of processes after the first, warnings and worse, once.

    The function is one of a module (not of `__main__`), called with a `Group` and the arguments, which must pickle.

    Raises:
        UserError: One of the processes raised it, or one was killed.
        Exception: Whatever else one of them raised, from its traceback as text.
    """
    gpus = visible_gpus()
    on_gpus = len(gpus) >= size
    with tempfile.TemporaryDirectory(prefix="scribetune-") as temporary:
        folder = Path(temporary)
        processes: list[_Process] = []
        try:
            for rank in range(size):
                device = {"CUDA_VISIBLE_DEVICES": gpus[rank]} if on_gpus else _ON_CPU
                processes.append(_start(rank, size, folder, device))
            for process in processes:
                _send_task(process, pickle.dumps((function, arguments, str(folder / "store"), on_gpus)))
            _watch(processes)
            value: T = _value(processes)
            return value
        finally:
            _end(processes)


def _start(rank: int, size: int, folder: Path, devices: Mapping[str, str]) -> _Process:
    ours, theirs = Pipe()
    environment = {
        **os.environ,
        # As the caller finds modules, so do they.
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "RANK": str(rank),
        "WORLD_SIZE": str(size),
        # Each sees one device, its own, as number 0.
        "LOCAL_RANK": "0",
        "LOCAL_WORLD_SIZE": str(size),
        # Otherwise accelerate would choose a number of threads, where `train.machine.cpu_threads` is to.
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        _CONNECTION: str(theirs.fileno()),
        **devices,
    }
    if sys.platform == "linux":
        # All are on this machine, whatever its name resolves to.
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    output = folder / f"output-{rank}.txt"
    with output.open("wb") as file, theirs:
        # The first keeps the terminal, for its bars; what others write there is looked at when they die.
        where = None if rank == 0 else file
        running = subprocess.Popen(  # noqa: S603  this very Python
            [sys.executable, "-P", "-c", _SERVE],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=where,
            stderr=where,
            pass_fds=[theirs.fileno()],
        )
    return _Process(rank, running, ours, output)


def _send_task(process: _Process, task: bytes) -> None:
    try:
        process.connection.send_bytes(task)
    except (BrokenPipeError, ConnectionResetError):
        process.closed = True  # it is dead already; `_watch` finds out how


def _watch(processes: Sequence[_Process]) -> None:
    """Pass on what the processes say until all have ended; after a failure the others are not waited for long."""
    told: dict[str, int] = {}
    deadline = float("inf")
    while time.monotonic() < deadline:
        open_ones = {process.connection: process for process in processes if not process.closed}
        for connection in wait(list(open_ones), _POLL_S) if open_ones else ():
            _hear(open_ones[connection], told)  # type: ignore[index]
        for process in processes:
            # Its own children may hold the connection open for a while, so that no end of it shows.
            if process.running.poll() is not None:
                while not process.closed and process.connection.poll():
                    _hear(process, told)
                process.closed = True
        if all(process.running.poll() is not None for process in processes):
            return
        failed = any(process.running.returncode or isinstance(process.last_word, _Failed) for process in processes)
        if failed and deadline == float("inf"):
            deadline = time.monotonic() + _OTHERS_S
        if not open_ones:
            time.sleep(_POLL_S)


def _hear(process: _Process, told: dict[str, int]) -> None:
    try:
        said = process.connection.recv()
    except (EOFError, OSError):
        process.closed = True
        return
    if not isinstance(said, logging.LogRecord):
        process.last_word, process.spoke_s = said, time.monotonic()
        return
    # What all say is shown once.
    first = told.setdefault(said.getMessage(), process.rank) if said.levelno >= logging.WARNING else process.rank
    named = logging.getLogger(said.name)
    if first == process.rank and named.isEnabledFor(said.levelno):
        named.handle(said)


def _value(processes: Sequence[_Process]) -> Any:
    """Return the first process's result, or raise what most likely caused the end of all."""
    # The first that failed tore the others from what they exchanged.
    in_order = [process.last_word for process in sorted(processes, key=lambda process: process.spoke_s)]
    failures = [word for word in in_order if isinstance(word, _Failed)]
    errors = [(pickle.loads(word.error), word.text) for word in failures]  # noqa: S301  our own processes'
    for error, _ in errors:
        if isinstance(error, UserError):
            raise error
    # One that died without a word tore the others from their collective operations: what those say is a consequence.
    for process in processes:
        if process.last_word is None and process.running.poll() is not None:
            raise _died(process, len(processes))
    for error, text in errors:
        raise error from _RemoteTraceback(f"\n{text}")
    (value, *_) = (process.last_word.value for process in processes if isinstance(process.last_word, _Done))
    return value


def _died(process: _Process, size: int) -> Exception:
    """Return what is said of a process that ended without a last word."""
    code = process.running.returncode
    which = f"Process {process.rank + 1} of {size}"
    written = process.output.read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:].strip()
    if written:
        logger.error("%s wrote before it ended:\n%s", which, written)
    if code >= 0:
        return RuntimeError(f"{which} ended with status {code} and without a reason" + f"\n{written}" * bool(written))
    name = signal.Signals(-code).name
    return UserError(
        f"{which} was ended from outside; the signal is",
        value=name,
        accepted="processes that are left alone until the job is done",
        todo="if nobody ended it, the machine most likely ran out of main memory: free some, or use fewer GPUs; "
        "then start again, and an interrupted training goes on from its last checkpoint",
    )


def _end(processes: Sequence[_Process]) -> None:
    """End whatever still runs, at first politely."""
    for process in processes:
        process.connection.close()
        if process.running.poll() is None:
            process.running.terminate()
    deadline = time.monotonic() + _TERMINATE_S
    for process in processes:
        try:
            process.running.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.running.kill()
            process.running.wait()


# ---- In a started process ----


class _Channel(logging.handlers.QueueHandler):
    """Sends log records and the last word to the caller."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(queue.SimpleQueue())  # unused: `enqueue` is all that would put something into it
        self._connection = connection

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send a record; called with the handler's lock held."""
        self._connection.send(record)

    def last_word(self, word: _Done | _Failed) -> None:
        """Send the result or the error."""
        self.acquire()
        try:
            self._connection.send(word)
        finally:
            self.release()


def serve() -> None:
    """Be one of the processes that `launch` starts: take a task, do it, say what came of it."""
    # An interrupt reaches all processes of a terminal at once: the caller decides, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(os.environ.pop(_CONNECTION)))
    task = connection.recv_bytes()
    threading.Thread(target=_end_with_caller, args=(connection,), daemon=True).start()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    channel = _Channel(connection)
    # The format is the caller's business.
    logging.basicConfig(
        level=logging.WARNING if rank else logging.INFO, format="%(message)s", handlers=[channel], force=True
    )
    logging.captureWarnings(capture=True)
    try:
        function, arguments, store, on_gpus = pickle.loads(task)  # noqa: S301  the caller's
        group = _join(rank, size, store, on_gpus=on_gpus)
        value = function(group, *arguments)
        # One that left earlier would tear the others from what they still exchange.
        group.wait()
    except BaseException as error:
        # Told to the caller, who raises it.
        channel.last_word(_Failed(_pickled(error), traceback.format_exc()))
        # Not the usual end: it would wait for threads of collective operations that can no longer succeed.
        _exit(1)
    channel.last_word(_Done(value if rank == 0 else None))
    _exit(0)


def _exit(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _end_with_caller(connection: Connection) -> None:
    """End this process when the caller is gone: nothing else is ever received after the task."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)


def _join(rank: int, size: int, store: str, *, on_gpus: bool) -> Group:
    import torch
    import torch.distributed as dist

    if on_gpus:
        torch.cuda.set_device(0)
    meeting_point = dist.FileStore(store, size)  # type: ignore[attr-defined]
    meeting_point.set_timeout(_COLLECTIVE)
    dist.init_process_group(
        "nccl" if on_gpus else "gloo", store=meeting_point, rank=rank, world_size=size, timeout=_COLLECTIVE
    )
    return Group(rank, size, dist.new_group(backend="gloo", timeout=_COLLECTIVE))


def _pickled(error: BaseException) -> bytes:
    """Return an exception as bytes that surely load again; one that does not becomes a RuntimeError with its name."""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301
    except Exception:
        # It may refuse in any way.
        data = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return data
