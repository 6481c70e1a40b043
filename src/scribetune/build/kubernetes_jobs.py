"""Snakemake's jobs as Kubernetes Jobs, for profiles/kubernetes: `python -m scribetune.build.kubernetes_jobs`.

Pods see the build's volume at the same path as whoever submits, and run the same image. Kubernetes starts a pod again
that it took away itself (a drained node, a preemption); what failed by itself is Snakemake's to try again.
"""

import argparse
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core.errors import UserError

LOGS = Path(".snakemake/kubernetes_logs")
_VARIABLES = {"image": "SCRIBETUNE_IMAGE", "claim": "SCRIBETUNE_CLAIM", "mount": "SCRIBETUNE_MOUNT"}
_KEPT_S = 86_400
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  a device, and no folder for temporary files
_GROUP = 1000  # of the image's user, who is to write to the volume
_MOST_CHARACTERS = 63  # of a label, and of a job's name


def manifest(
    script: Path, folder: Path, asked: Mapping[str, int], rule: str, where: Mapping[str, str]
) -> dict[str, Any]:
    """Return the Kubernetes Job that runs a job script.

    Args:
        script: Snakemake's job script, on the shared volume.
        folder: Working directory of the build, on the shared volume.
        asked: "threads", "mem_mb", "gpu" and "runtime" (minutes).
        rule: Name of the rule, or GROUP.
        where: "image", "claim" (of the shared volume) and "mount" (the path it has).
    """
    name = f"scribetune-{rule.replace('_', '-').lower()[:20]}-{uuid.uuid4().hex[:12]}"
    labels = {"app": "scribetune", "rule": rule[:_MOST_CHARACTERS]}
    limits: dict[str, Any] = {"memory": f"{asked['mem_mb']}M"}
    if asked["gpu"]:
        limits["nvidia.com/gpu"] = asked["gpu"]  # a device has one number: what is asked for is the limit
    container = {
        "name": "job",
        "image": where["image"],
        "command": ["/bin/sh", str(script)],
        "workingDir": str(folder),
        "resources": {"requests": {"cpu": asked["threads"], "memory": limits["memory"]}, "limits": limits},
        "volumeMounts": [{"name": "build", "mountPath": where["mount"]}, {"name": "shm", "mountPath": _SHARED_MEMORY}],
    }
    pod = {
        "restartPolicy": "Never",
        "securityContext": {"fsGroup": _GROUP},
        "containers": [container],
        "volumes": [
            {"name": "build", "persistentVolumeClaim": {"claimName": where["claim"]}},
            # Processes that prepare pages hand them over in shared memory, of which a container has 64 MB.
            {"name": "shm", "emptyDir": {"medium": "Memory"}},
        ],
    }
    if asked["gpu"]:
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "activeDeadlineSeconds": asked["runtime"] * 60,
            "ttlSecondsAfterFinished": _KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def settings() -> dict[str, str]:
    """Return image, claim and mount from the environment.

    Raises:
        UserError: One is not set.
    """
    found = {name: os.environ.get(variable, "") for name, variable in _VARIABLES.items()}
    if absent := [_VARIABLES[name] for name, value in found.items() if not value]:
        raise UserError(
            "Where jobs run on Kubernetes is not said", value=", ".join(absent),
            accepted="the image, the claim of the shared volume and the path that it has, as in "
            "profiles/kubernetes/build.yaml",
            todo="set the variables where the build is started (docs/kubernetes.md)",
        )  # fmt: skip
    return found


def submit(script: Path, asked: Mapping[str, int], rule: str) -> str:
    """Start a job and return its name.

    Raises:
        UserError: The settings are not complete, the build is not on the shared volume, or Kubernetes refuses.
    """
    where, folder = settings(), Path.cwd()
    if not folder.is_relative_to(where["mount"]):
        raise UserError(
            "The build's folder is not on the volume that jobs see", value=str(folder),
            accepted=f"a folder below {where['mount']}",
            todo="scribetune build --directory there, or another SCRIBETUNE_MOUNT",
        )  # fmt: skip
    made = manifest(script.absolute(), folder, asked, rule, where)
    done = _kubectl("create", "--filename", "-", given=json.dumps(made))
    if done.returncode != 0:
        raise UserError(
            "Kubernetes refuses a job", value=done.stderr.strip(), accepted="a job that it takes",
            todo="see what it names: the right to create jobs, a quota, a claim that is not there",
        )  # fmt: skip
    return str(made["metadata"]["name"])


def status(name: str) -> str:
    """Return "running", "success" or "failed"; what became of a failed one is told on standard error, with its log."""
    done = _kubectl("get", "job", name, "--output", "json")
    if done.returncode != 0:
        is_gone = "NotFound" in done.stderr
        sys.stderr.write(
            f"Kubernetes job {name}: {'is gone: somebody deleted it' if is_gone else done.stderr.strip()}\n"
        )
        return "failed" if is_gone else "running"  # a server that does not answer is asked again
    conditions = json.loads(done.stdout).get("status", {}).get("conditions") or []
    true = {each["type"]: each for each in conditions if each.get("status") == "True"}
    if "Complete" in true:
        return "success"
    if "Failed" not in true:
        return "running"
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    said = _kubectl("logs", f"job/{name}")
    log.write_text(said.stdout + said.stderr, encoding="utf-8")
    sys.stderr.write(f"Kubernetes job {name} {_became(name, true['Failed'])}; its log: {log}\n")
    return "failed"


def _became(name: str, failed: Mapping[str, Any]) -> str:
    if failed.get("reason") == "DeadlineExceeded":
        return "was ended at its time limit (ask for more: --set-resources RULE:runtime=MINUTES)"
    done = _kubectl("get", "pods", "--selector", f"job-name={name}", "--output", "json")
    pods = json.loads(done.stdout).get("items", []) if done.returncode == 0 else []
    for pod in pods:
        for container in pod.get("status", {}).get("containerStatuses") or []:
            ended = container.get("state", {}).get("terminated") or {}
            if ended.get("reason") == "OOMKilled":
                return "was killed: it took more memory than it had asked for (--set-resources RULE:mem_mb=N)"
            if ended:
                return f"ended with status {ended.get('exitCode')}"
    return f"failed ({failed.get('reason', 'no reason given')})"


def _kubectl(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603  an argument list, no shell
            ["kubectl", *words],  # noqa: S607  where the user has it
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise UserError(
            "kubectl is not installed", value="kubectl", accepted="the program, and a cluster that it knows",
            todo="start the build in the image of this project (Containerfile), or install it",
        ) from None  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Do what a command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scribetune.build.kubernetes_jobs")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("submit")
    for name in ("threads", "mem-mb", "gpu", "runtime"):
        one.add_argument(f"--{name}", type=int, required=True)
    one.add_argument("--rule", required=True)
    one.add_argument("script", type=Path)
    commands.add_parser("status").add_argument("job")
    given = parser.parse_args(words)
    try:
        if given.command == "status":
            answer = status(given.job)
        else:
            asked = {name: getattr(given, name) for name in ("threads", "mem_mb", "gpu", "runtime")}
            answer = submit(given.script, asked, given.rule)
    except UserError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    sys.stdout.write(f"{answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
