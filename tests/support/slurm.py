"""A Slurm of one node for tests: munged, slurmctld and slurmd of Debian's slurm-wlm, started without systemd.

Everything of it lies in one folder: configuration, key, state, logs. The GPU is a generic resource on a device file
that is there everywhere (`/dev/null`). Processes are followed by their tree and not by control groups, which a
container may not give.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLUGINS = ("snakemake_executor_plugin_slurm", "snakemake_executor_plugin_slurm_jobstep")
_PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "squeue", "scancel", "scontrol")
_CORES = 4  # as many as the profile asks for; more than there may be, as memory
_MEMORY_MB = 64_000  # what jobs ask for is booked, and not taken
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=15
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,requeue_delay=1
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
MinJobAge=600
KillWait=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 Sockets=1 CoresPerSocket={cores} ThreadsPerCore=1 RealMemory={memory} Gres=gpu:1
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> str:
    """Return what keeps a Slurm from being started here, in words; "" where nothing does."""
    from importlib.util import find_spec

    if os.geteuid() != 0:
        return "slurmd wants to be root, to start jobs"
    without = [name for name in _PROGRAMS if _program(name) is None]
    if without:
        return f"no {', '.join(without)}: apt-get install slurm-wlm munge"
    if any(find_spec(name) is None for name in PLUGINS):
        return "the Slurm executor is not installed: make env"
    return ""


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@dataclass
class Cluster:
    """A Slurm that runs."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which Slurm's commands speak to this one."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}:/usr/sbin"
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def call(self, *words: str) -> str:
        """Run one of Slurm's commands and return what it prints; what went wrong is an error."""
        result = subprocess.run(words, capture_output=True, text=True, env=os.environ | self.environment, check=False)
        assert result.returncode == 0, f"{' '.join(words)}: {result.stdout}{result.stderr}"
        return result.stdout

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Return {Slurm job: (state, rule and wildcards)} of all that Slurm remembers."""
        rows = self.call("squeue", "--all", "--states=all", "--noheader", "--format=%i|%T|%k").splitlines()
        return {job: (state, comment) for job, state, comment in (row.split("|", 2) for row in rows)}

    def job_of(self, rule: str, state: str = "RUNNING") -> str:
        """Return the newest Slurm job of a rule in a state; "" where there is none."""
        found = [job for job, (of, comment) in self.jobs().items() if of == state and rule in comment]
        return max(found, key=int, default="")

    def start_node(self) -> None:
        """Start slurmd and wait until the controller takes the node for idle."""
        host = _host()
        self._start("slurmd", "-D", "-N", host)
        wait_for(lambda: self._node_is_up(host), 60, "the node did not come up", self.logs)

    def kill_node(self) -> None:
        """Kill slurmd, and what it started, as a machine that goes down does; the controller takes the node for down.

        That it does by itself once `SlurmdTimeout` is over, five minutes on most clusters.
        """
        daemon = self.daemons.pop("slurmd")
        tree = _tree(daemon.pid)
        for pid in (*tree, *_steps(self.folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        daemon.wait()
        self.call("scontrol", "update", f"NodeName={_host()}", "State=DOWN", "Reason=killed")

    def _node_is_up(self, host: str) -> bool:
        state = self.call("sinfo", "--noheader", "--nodes", host, "--format=%T").strip()
        return state in ("idle", "mixed", "allocated")

    def start_controller(self) -> None:
        """Start munged and slurmctld."""
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        (munge / "key").write_bytes(secrets.token_bytes(1024))
        (munge / "key").chmod(0o400)
        places = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self._start("munged", "--foreground", "--force", *(f"--{name}={munge / at}" for name, at in places.items()))
        wait_for((munge / "socket").exists, 30, "munged did not start", self.logs)
        self._start("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))
        wait_for(lambda: self._answers("sinfo"), 60, "slurmctld does not answer", self.logs)

    def _answers(self, *words: str) -> bool:
        environment = os.environ | self.environment
        return subprocess.run(words, capture_output=True, env=environment, check=False).returncode == 0

    def _start(self, name: str, *words: str) -> None:
        program = _program(name)
        assert program, name
        with (self.folder / f"{name}.out").open("ab") as output:
            self.daemons[name] = subprocess.Popen(
                [program, *words], stdout=output, stderr=output, env=os.environ | self.environment
            )

    def logs(self) -> str:
        """Return the ends of the daemons' logs."""
        paths = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out"), *self.folder.glob("munge/log")])
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in paths)

    def stop(self) -> None:
        """End all jobs, and the daemons."""
        with contextlib.suppress(AssertionError, OSError):
            self.call("scancel", "--user", "root", "--signal=KILL", "--full")
            self.call("scancel", "--user", "root")
        for name in ("slurmd", "slurmctld", "munged"):
            daemon = self.daemons.pop(name, None)
            if daemon is not None:
                daemon.terminate()
                try:
                    daemon.wait(10)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        for pid in _steps(self.folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Run a Slurm of one node with two cores and a GPU until the body ends.

    Args:
        folder: Where it has its files; short, since a socket's path may have 107 characters.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    controller, node = _free_ports(2)
    values = {"folder": folder, "controller_port": controller, "node_port": node, "cores": _CORES, "memory": _MEMORY_MB}
    host = _host()
    (folder / "slurm.conf").write_text(_CONFIGURATION.format(host=host, **values), encoding="utf-8")
    _keep_configuration(folder)
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n", encoding="utf-8")
    running = Cluster(folder)
    try:
        running.start_controller()
        running.start_node()
        yield running
    finally:
        running.stop()


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _keep_configuration(folder: Path) -> None:
    """Put an `srun` before Slurm's own that knows this configuration: within a job the executor takes SLURM_… away."""
    wrapper = folder / "bin" / "srun"
    wrapper.parent.mkdir()
    call = f'SLURM_CONF={folder / "slurm.conf"} exec {_program("srun")} "$@"'
    wrapper.write_text(f"#!/bin/sh\n{call}\n", encoding="utf-8")
    wrapper.chmod(0o755)


def wait_for(is_so: Callable[[], object], seconds: float, otherwise: str, more: Callable[[], str] = str) -> None:
    """Wait until something is so; an error that says what was not, with more about it, where it takes too long."""
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"{otherwise} within {seconds:.0f} s\n{more()}"
        time.sleep(0.2)


def _free_ports(count: int) -> Sequence[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _tree(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs, and it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def _steps(folder: Path) -> list[int]:
    """Return the processes of this Slurm's jobs: they have its configuration in their environment."""
    mark = f"SLURM_CONF={folder / 'slurm.conf'}\0".encode()
    steps = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            is_step = b"SLURM_JOB_ID=" in content or b"slurmstepd" in (path.parent / "cmdline").read_bytes()
            if mark in content and is_step:
                steps += _tree(int(path.parent.name))
    return steps
