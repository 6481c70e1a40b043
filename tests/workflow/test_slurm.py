"""Promises about a build on a cluster: Slurm's own daemons, one node, and what goes wrong on clusters."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from support import slurm
from support.build import REPOSITORY, SMALL
from support.slurm import Cluster, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing() or "Slurm is here")]

ADAPTER = "models/adapter/adapter_model.safetensors"
_BUILD_S = 900


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a socket's path is short
    with slurm.cluster(folder) as running:
        yield running
    shutil.rmtree(folder)


class Build:
    """A build of a folder through Slurm, at work in the background."""

    def __init__(self, cluster: Cluster, folder: Path, *targets: str, python: str = sys.executable) -> None:
        (folder / "mine.yaml").write_text(SMALL, encoding="utf-8")
        self.output = folder / "terminal.txt"
        words = [
            python, "-m", "snakemake", *targets, "-s", str(REPOSITORY / "Snakefile"), "--directory", str(folder),
            "--workflow-profile", str(REPOSITORY / "profiles" / "slurm"),
            "--slurm-init-seconds-before-status-checks", "2", "--configfile", str(folder / "mine.yaml"),
        ]  # fmt: skip
        paths = os.pathsep.join([str(REPOSITORY / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | cluster.environment | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(words, stdout=output, stderr=output, env=environment)

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def status(self) -> int:
        """Wait for its end and return its exit status."""
        try:
            return self.process.wait(_BUILD_S)
        finally:
            self.stop()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_until_runs(self, cluster: Cluster, rule: str) -> str:
        """Wait until Slurm runs a job of a rule, and return its number."""

        def is_there() -> bool:
            assert self.process.poll() is None, self.text()
            return bool(cluster.job_of(rule))

        wait_for(is_there, _BUILD_S, f"no job of {rule} began", self.text)
        return cluster.job_of(rule)


def _has_ended(cluster: Cluster, job: str) -> bool:
    return cluster.jobs()[job][0] != "RUNNING"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_whole_build_makes_the_same_adapter_though_its_node_fails_and_its_training_is_requeued(
    cluster: Cluster, small_build: Path, tmp_path: Path
) -> None:
    """One build, for what takes minutes."""
    build = Build(cluster, tmp_path)
    try:
        build.wait_until_runs(cluster, "label_pages")
        wait_for((tmp_path / "logs/label_pages").exists, _BUILD_S, "labelling did not begin", build.text)
        cluster.kill_node()
        cluster.start_node()
        training = build.wait_until_runs(cluster, "train_adapter")
        checkpoints = tmp_path / "work/checkpoints"
        wait_for(  # whole: the name of one that is being written begins with a dot
            lambda: any(checkpoints.rglob("checkpoint-*")), _BUILD_S, "the training left no checkpoint", build.text
        )
        cluster.call("scontrol", "requeue", training)
    finally:
        status = build.status()
    assert status == 0, build.text() + cluster.logs()
    assert cluster.jobs()[training][0] == "COMPLETED"
    assert "Going on from step" in (tmp_path / "logs/train_adapter.log").read_text(encoding="utf-8")
    assert not [job for job, (state, _) in cluster.jobs().items() if state != "COMPLETED"]
    assert (tmp_path / "reports/index.html").is_file()
    assert _sha256(tmp_path / ADAPTER) == _sha256(small_build / ADAPTER)


def test_a_cancelled_job_is_told_with_its_number_and_its_log(cluster: Cluster, tmp_path: Path) -> None:
    build = Build(cluster, tmp_path, "samples")
    try:
        for _attempt in range(2):  # a failed job is tried once more
            job = build.wait_until_runs(cluster, "make_samples")
            cluster.call("scancel", job)
            wait_for(partial(_has_ended, cluster, job), 60, "the job runs on", build.text)
    finally:
        status = build.status()
    assert status == 1, build.text()
    assert f"Slurm job {job} was cancelled" in build.text()
    assert "Traceback" not in build.text()


def test_a_node_without_the_environment_is_one_clear_message(cluster: Cluster, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", environment)
    shutil.copy(Path(sys.prefix) / "scribetune-environment", environment)
    (environment / "lib").symlink_to(Path(sys.prefix) / "lib")
    python = environment / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    folder = tmp_path / "build"
    folder.mkdir()
    build = Build(cluster, folder, "samples", python=str(python))
    try:
        wait_for(lambda: "Building DAG" in build.text(), _BUILD_S, "no build began", build.text)
        python.unlink()
    finally:
        status = build.status()
    assert status == 1, build.text()
    text = build.text()
    assert f"{python}: No such file or directory" in text or f"{python}: not found" in text
    assert "the environment of this build is not on the node" in text
    assert "Traceback" not in text


def test_the_profile_keeps_what_the_default_one_decides() -> None:
    import yaml

    read = {
        name: yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))
        for name in ("default", "slurm")
    }
    for key in read["default"].keys() - {"cores"}:
        assert read["slurm"][key] == read["default"][key], key


def test_nothing_of_slurm_is_left_running_after_a_cluster(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    with slurm.cluster(folder) as running:
        assert running.call("srun", "--gres=gpu:1", "--mem=100", "printenv", "SLURM_STEP_GPUS").strip() == "0"
        pids = [daemon.pid for daemon in running.daemons.values()]
    time.sleep(0.2)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    shutil.rmtree(folder)
