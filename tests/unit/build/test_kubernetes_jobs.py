"""Promises about jobs on Kubernetes: what is asked for, and what is said of one that fails; a script plays kubectl."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scribetune.build import kubernetes_jobs
from scribetune.core.package import REPOSITORY

ASKED = {"threads": 4, "mem_mb": 2000, "gpu": 0, "runtime": 240}
WHERE = {"image": "registry.example/scribetune:gpu", "claim": "scribetune", "mount": "/build"}
PROFILE = REPOSITORY / "profiles" / "kubernetes"


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder: answers/<first two words> is what kubectl prints, said/<n> what it was called with."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    for name in ("answers", "said"):
        (tmp_path / name).mkdir()
    program.write_text(
        f"""#!{sys.executable}
import pathlib, sys
here = pathlib.Path({str(tmp_path)!r})
name = "-".join(sys.argv[1:3]).split("/")[0]
given = sys.stdin.read() if "-" in sys.argv else ""
(here / "said" / name).write_text("\\n".join([*sys.argv[1:], given]))
answer = here / "answers" / name
if answer.is_file():
    sys.stdout.write(answer.read_text())
else:
    sys.exit("Error from server (%s)" % (here / "answers" / "error").read_text())
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "build"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in (("IMAGE", "image:1"), ("CLAIM", "claim"), ("MOUNT", str(tmp_path))):
        monkeypatch.setenv(f"SCRIBETUNE_{name}", value)
    (tmp_path / "answers" / "error").write_text("InternalError", encoding="utf-8")
    return tmp_path


def answer(kubectl: Path, call: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    (kubectl / "answers" / call).write_text(text, encoding="utf-8")


def command(kubectl: Path) -> list[str]:
    (kubectl / "job.sh").write_text("true", encoding="utf-8")
    asked = [word for name, value in ASKED.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return ["submit", "--rule", "label_pages", *asked, str(kubectl / "job.sh")]


def test_a_job_asks_for_what_its_rule_asks_for_and_sees_the_volume() -> None:
    made = kubernetes_jobs.manifest(Path("/build/job.sh"), Path("/build"), ASKED, "label_pages", WHERE)
    pod = made["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["resources"] == {"requests": {"cpu": 4, "memory": "2000M"}, "limits": {"memory": "2000M"}}
    assert container["command"] == ["/bin/sh", "/build/job.sh"]
    assert container["workingDir"] == "/build"
    assert container["image"] == WHERE["image"]
    assert {"name": "build", "persistentVolumeClaim": {"claimName": "scribetune"}} in pod["volumes"]
    assert made["spec"]["activeDeadlineSeconds"] == 240 * 60
    assert "tolerations" not in pod
    again = kubernetes_jobs.manifest(Path("/build/job.sh"), Path("/build"), ASKED, "label_pages", WHERE)
    assert made["metadata"]["name"] != again["metadata"]["name"]


def test_a_gpu_is_a_limit_and_its_nodes_are_tolerated() -> None:
    made = kubernetes_jobs.manifest(Path("/b/job.sh"), Path("/b"), {**ASKED, "gpu": 2}, "train_adapter", WHERE)
    pod = made["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"


@pytest.mark.parametrize("gpu", [0, 1])
def test_manifests_are_what_kubernetes_accepts(gpu: int) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    documents = list(yaml.safe_load_all((PROFILE / "build.yaml").read_text(encoding="utf-8")))
    made = kubernetes_jobs.manifest(Path("/b/job.sh"), Path("/b"), {**ASKED, "gpu": gpu}, "GROUP", WHERE)
    assert len(documents) == 5
    for each in (*documents, made):
        validate.validate(each, "1.30", strict=True)


def test_the_manifest_of_a_build_starts_it_as_its_jobs_are_started() -> None:
    *_, build = yaml.safe_load_all((PROFILE / "build.yaml").read_text(encoding="utf-8"))
    pod = build["spec"]["template"]["spec"]
    container = pod["containers"][0]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert set(given) == set(kubernetes_jobs._VARIABLES.values())
    assert given["SCRIBETUNE_IMAGE"] == container["image"]
    assert container["volumeMounts"][0]["mountPath"] == given["SCRIBETUNE_MOUNT"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == given["SCRIBETUNE_CLAIM"]
    assert pod["securityContext"]["fsGroup"] == kubernetes_jobs._GROUP


def test_a_job_is_submitted_and_its_name_is_told(kubectl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(kubectl, "create---filename", "created")
    assert kubernetes_jobs.main(command(kubectl)) == 0
    name = capsys.readouterr().out.strip()
    said = (kubectl / "said" / "create---filename").read_text(encoding="utf-8")
    sent = json.loads(said[said.index("{") :])
    assert sent["metadata"]["name"] == name
    assert sent["spec"]["template"]["spec"]["containers"][0]["workingDir"] == str(kubectl / "build")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SCRIBETUNE_IMAGE": ""}, "Where jobs run on Kubernetes is not said: 'SCRIBETUNE_IMAGE'"),
        ({"SCRIBETUNE_MOUNT": "/elsewhere"}, "The build's folder is not on the volume that jobs see"),
        ({}, "Kubernetes refuses a job: 'Error from server (InternalError)'"),
        ({"PATH": ""}, "kubectl is not installed"),
    ],
)
def test_what_keeps_a_job_from_starting_is_one_message(
    kubectl: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: Mapping[str, str],
    words: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert kubernetes_jobs.main(command(kubectl)) == 1
    assert words in capsys.readouterr().err


def job(*conditions: str, reason: str = "BackoffLimitExceeded") -> dict[str, Any]:
    return {"status": {"conditions": [{"type": name, "status": "True", "reason": reason} for name in conditions]}}


@pytest.mark.parametrize(
    ("state", "word"),
    [({"status": {}}, "running"), (job("SuccessCriteriaMet"), "running"), (job("Complete"), "success")],
)
def test_a_job_that_did_not_fail_is_one_word(
    kubectl: Path, capsys: pytest.CaptureFixture[str], state: object, word: str
) -> None:
    answer(kubectl, "get-job", state)
    assert kubernetes_jobs.main(["status", "name"]) == 0
    assert capsys.readouterr() == (f"{word}\n", "")


@pytest.mark.parametrize(
    ("reason", "ended", "words"),
    [
        ("BackoffLimitExceeded", {"reason": "OOMKilled", "exitCode": 137}, "it took more memory than it had asked for"),
        ("BackoffLimitExceeded", {"reason": "Error", "exitCode": 1}, "ended with status 1"),
        ("DeadlineExceeded", {}, "was ended at its time limit"),
        ("PodFailurePolicy", {}, "failed (PodFailurePolicy)"),
    ],
)
def test_what_became_of_a_failed_job_is_told_with_its_log(
    kubectl: Path, capsys: pytest.CaptureFixture[str], reason: str, ended: object, words: str
) -> None:
    answer(kubectl, "get-job", job("Failed", reason=reason))
    answer(kubectl, "get-pods", {"items": [{"status": {"containerStatuses": [{"state": {"terminated": ended}}]}}]})
    answer(kubectl, "logs-job", "the last words\n")
    assert kubernetes_jobs.main(["status", "name"]) == 0
    out, err = capsys.readouterr()
    assert out == "failed\n"
    assert words in err
    assert (kubernetes_jobs.LOGS / "name.log").read_text(encoding="utf-8") == "the last words\n"


@pytest.mark.parametrize(("error", "word"), [("NotFound", "failed"), ("Timeout", "running")])
def test_a_job_that_is_gone_has_failed_and_a_silent_server_is_asked_again(
    kubectl: Path, capsys: pytest.CaptureFixture[str], error: str, word: str
) -> None:
    answer(kubectl, "error", error)
    assert kubernetes_jobs.main(["status", "name"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{word}\n"
    assert "Kubernetes job name: " in err


def test_ctrl_c_deletes_the_jobs(kubectl: Path) -> None:
    answer(kubectl, "delete-job", "")
    subprocess.run([PROFILE / "cancel", "one", "two"], check=True)
    said = (kubectl / "said" / "delete-job").read_text(encoding="utf-8").split()
    assert said == ["delete", "job", "--ignore-not-found", "--wait=false", "one", "two"]


def test_the_profile_decides_as_that_for_slurm_does() -> None:
    """What is not about where jobs run is the same in both."""
    ours, slurm = (
        yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))
        for name in ("kubernetes", "slurm")
    )
    shared = ("set-resources", "set-threads", "groups", "retries", "jobs", "resources", "rerun-triggers",
              "max-checksum-file-size", "keep-going", "rerun-incomplete", "printshellcmds", "show-failed-logs",
              "conda-not-block-search-path-envvars")  # fmt: skip
    assert {key: ours[key] for key in shared} == {key: slurm[key] for key in shared}
