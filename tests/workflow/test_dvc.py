"""Promises about DVC: it and Snakemake agree, whichever ran last, and nothing stale is recorded.

One small build, made by `dvc repro` in a fresh clone, serves every test here.
"""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scribetune.build import dvc_commit
from scribetune.core.config import flatten
from support import forked_jobs, forked_snakemake, object_storage
from support.build import REPOSITORY, SMALL
from support.pdf_factory import healthy

pytestmark = pytest.mark.slow

BUILD = ("snakemake", "--cores", "1", "--resources", "gpu=1")


def run(
    folder: Path, *command: str, fails: bool = False, environment: Mapping[str, str] | None = None, plain: bool = False
) -> str:
    """Run a program of this environment in a clone, on the clone's own package; plain: with jobs as users have them."""
    variables = os.environ | {"OMP_NUM_THREADS": "1"} | dict(environment or {})
    variables["PYTHONPATH"] = f"{folder / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    programs = [] if plain else [forked_jobs.programs()]
    variables["PATH"] = os.pathsep.join([*programs, str(Path(sys.executable).parent), variables["PATH"]])
    if command[0] == "snakemake":
        result = forked_snakemake.run(command[1:], variables, folder)
    else:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=variables, check=False)
    output = result.stdout + result.stderr
    assert (result.returncode != 0) == fails, output
    return output


def git(folder: Path, *arguments: str) -> str:
    return run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", *arguments)


def assert_both_agree(folder: Path) -> None:
    plan = run(folder, *BUILD, "--dry-run")
    assert dvc_commit.NOTHING_TO_DO in plan, plan
    assert "missing provenance" not in plan
    status = run(folder, "dvc", "status")
    assert "Data and pipelines are up to date" in status, status


def change_config(folder: Path, values: Mapping[str, Any]) -> None:
    """Edit config.yaml like a user: values change, comments stay."""
    path = folder / "config" / "config.yaml"
    text = path.read_text(encoding="utf-8")
    for name, value in flatten(values).items():
        *sections, key = name.split(".")
        at = 0
        for depth, section in enumerate(sections):
            at = text.index(f"\n{'  ' * depth}{section}:\n", at)
        indent = "  " * len(sections)
        rest, count = re.subn(rf"(?m)^{indent}{key}: .*$", f"{indent}{key}: {value}", text[at:], count=1)
        assert count == 1, name
        text = text[:at] + rest
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the repository as it lies here, set to a small build, built by `dvc repro` alone, and committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout, so there is nothing to clone")
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    for name in ("dvc.lock", "data/raw.dvc"):
        (folder / name).unlink(missing_ok=True)
    change_config(folder, yaml.safe_load(SMALL))
    change_config(folder, {"train": {"replay": 0.2}})  # its pages are in no output of DVC
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "clone")
    # Up to the training every job is a Python of its own, as users have it; reading pages is forked.
    output = run(folder, "dvc", "repro", "train", plain=True) + run(folder, "dvc", "repro")
    assert output.count("Running stage") == 4, output
    assert_both_agree(folder)
    assert "staged for git: dvc.lock" in run(folder, "scribetune", "commit")
    git(folder, "commit", "-qm", "built")
    return folder


@pytest.fixture(scope="module")
def pulled(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colleague's clone, after `dvc pull` from a remote that is a folder. Tests leave it as they found it."""
    place = tmp_path_factory.mktemp("pulled")
    folder = place / "colleague"
    git(place, "clone", "-q", str(clone), str(folder))
    for project in (clone, folder):
        run(project, "dvc", "remote", "add", "--local", "--default", "folder", str(place / "remote"))
    run(clone, "dvc", "push")
    run(folder, "dvc", "pull")
    return folder


def test_after_dvc_repro_git_has_all_the_records_and_nothing_is_left_to_do(clone: Path) -> None:
    tracked = git(clone, "ls-files").splitlines()
    assert {"dvc.lock", "data/raw.dvc", "reports/metrics.json"} <= set(tracked)
    assert ".snakemake/receipts/train_adapter.json" in tracked
    assert any(name.startswith(".snakemake/metadata/") for name in tracked)
    assert git(clone, "status", "--porcelain") == ""
    assert run(clone, "scribetune", "commit") == ""
    assert "Running stage" not in run(clone, "dvc", "repro")
    assert git(clone, "status", "--porcelain") == ""


def test_metrics_plots_and_artifacts_are_declared(clone: Path) -> None:
    stages = yaml.safe_load((clone / "dvc.yaml").read_text(encoding="utf-8"))
    targets = {"samples": "samples", "data": "splits", "train": "merged", "report": "all", "benchmark": "benchmarks"}
    assert {stage: dvc_commit.stage_target(clone, stage) for stage in stages["stages"]} == targets
    assert set(stages["artifacts"]) == {"adapter", "merged"}
    assert "cer_mean" in run(clone, "dvc", "metrics", "show")
    # `dvc exp show` takes its columns in the order of the file: the headline first.
    columns = run(clone, "dvc", "exp", "show", "--csv").splitlines()[0].split(",")
    assert [name for name in columns if "cer" in name][:2] == ["cer", "cer_base"]
    assert columns.index("promoted") < columns.index("base.cer_mean")
    for entry in stages["stages"].values():
        stage = entry.get("do", entry)
        assert stage["cmd"][-1] == "scribetune commit"
        for out in stage["outs"]:
            assert next(iter(out.values()))["persist"] is True


def test_nothing_stale_is_recorded_and_nobody_elses_work_is_staged(clone: Path) -> None:
    change_config(clone, {"train": {"lora": {"rank": 4}}})
    (clone / "notes.txt").write_text("mine\n", encoding="utf-8")
    git(clone, "add", "notes.txt")
    before = git(clone, "diff", "--cached")
    refusal = run(clone, "scribetune", "commit", fails=True)
    assert "Snakemake would still run something: 'train_adapter" in refusal
    assert "What to do: run scribetune build, then scribetune commit" in refusal
    assert "left as it is" in run(clone, "scribetune", "commit", "--if-ready")
    assert git(clone, "diff", "--cached") == before
    git(clone, "rm", "-qf", "notes.txt")
    git(clone, "checkout", "-q", ".")


def test_a_result_without_its_receipt_is_not_recorded(clone: Path) -> None:
    (clone / ".snakemake" / "receipts" / "split_documents.json").unlink()
    refusal = run(clone, "scribetune", "commit", fails=True)
    assert "data/splits/test.jsonl" in refusal
    git(clone, "checkout", "-q", ".")


def test_a_clone_has_nothing_to_do_after_dvc_pull(pulled: Path) -> None:
    assert_both_agree(pulled)
    assert list((pulled / "data" / "raw").iterdir()) == []
    assert "Running stage" not in run(pulled, "dvc", "repro")
    assert run(pulled, "scribetune", "commit") == ""
    assert git(pulled, "status", "--porcelain") == ""
    assert "recorded hashes hold" in run(pulled, "scribetune", "verify", "--cache")


def test_an_experiment_can_be_run_shown_applied_and_left(clone: Path) -> None:
    original = (clone / "config" / "config.yaml").read_text(encoding="utf-8")
    output = run(clone, "dvc", "exp", "run", "--name", "slower", "-S", "train.optimization.learning_rate=1e-4")
    assert "Running stage 'train'" in output
    assert "Running stage 'report'" in output
    assert "Running stage 'data'" not in output
    assert "untracked files were present" not in output
    assert_both_agree(clone)

    # DVC changed the value and kept what is said about it; the file is not called stale for its values.
    text = (clone / "config" / "config.yaml").read_text(encoding="utf-8")
    assert "learning_rate: 0.0001" in text
    assert [line for line in text.splitlines() if "#" in line] == [
        line for line in original.splitlines() if "#" in line
    ]
    assert run(clone, "scribetune", "config") == ""

    rows = list(_params(json.loads(run(clone, "dvc", "exp", "show", "--json"))))
    assert 0.0001 in rows
    assert 0.0015 in rows

    git(clone, "checkout", "-q", ".")
    run(clone, "dvc", "checkout")
    assert_both_agree(clone)
    run(clone, "dvc", "exp", "apply", "slower")
    assert_both_agree(clone)

    # It becomes a branch; switching between branches re-runs nothing on either.
    git(clone, "checkout", "-q", "-b", "slower")
    assert "staged for git: dvc.lock" in run(clone, "scribetune", "commit")
    git(clone, "commit", "-qam", "slower")
    for branch in ("main", "slower", "main"):
        git(clone, "checkout", "-q", branch)
        run(clone, "dvc", "checkout")
        assert_both_agree(clone)

    # git alone, without dvc checkout: the records are then of another build than the results, and that is noticed.
    git(clone, "checkout", "-q", "slower")
    assert "not what their jobs made: 'models/merged" in run(clone, "scribetune", "commit", fails=True)
    git(clone, "checkout", "-q", "main")


def _params(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        if "learning_rate" in value:
            yield value["learning_rate"]
        for inner in value.values():
            yield from _params(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _params(inner)


def test_a_corrupted_cache_entry_is_noticed_and_named(pulled: Path) -> None:
    weights = "models/adapter/adapter_model.safetensors"
    content = (pulled / weights).read_bytes()
    entry = next(
        path
        for path in (pulled / ".dvc" / "cache" / "files" / "md5").rglob("*")
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
    )
    entry.chmod(0o644)
    entry.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = run(pulled, "scribetune", "verify", "--cache", fails=True)
    assert "DVC cache object: 1 altered" in said
    assert weights in said

    # DVC hands it out in silence, and only then says that the output is not in its cache; the receipt names the file.
    (pulled / weights).unlink()
    run(pulled, "dvc", "checkout")
    assert (pulled / weights).read_bytes() != content
    assert "not in cache:       models/adapter" in run(pulled, "dvc", "status")
    assert f"not what their jobs made: '{weights}'" in run(pulled, "scribetune", "commit", fails=True)
    assert f"adapter: 1 altered\n  {weights}" in run(pulled, "scribetune", "verify", fails=True)
    # What the messages say mends it.
    (pulled / weights).unlink()
    entry.unlink(missing_ok=True)
    run(pulled, "dvc", "pull")
    assert (pulled / weights).read_bytes() == content
    assert "recorded hashes hold" in run(pulled, "scribetune", "verify", "--cache")
    assert_both_agree(pulled)


def test_pdfs_in_data_raw_are_seen_by_dvc_repro_and_travel_with_a_push(pulled: Path) -> None:
    for number in range(3):
        healthy(pulled / "data" / "raw" / f"own-{number}.pdf", seed=number)
    output = run(pulled, "dvc", "repro", "data")
    assert "Running stage 'data'" in output
    assert "own-1.pdf" in (pulled / "reports" / "documents.csv").read_text(encoding="utf-8")
    assert "sample-" not in (pulled / "reports" / "documents.csv").read_text(encoding="utf-8")
    assert dvc_commit.NOTHING_TO_DO in run(pulled, "snakemake", "splits", "--cores", "1", "--dry-run")
    assert "up to date" in run(pulled, "dvc", "status", "data", "data/raw.dvc")
    git(pulled, "add", "-A")
    git(pulled, "commit", "-qm", "own PDFs")
    run(pulled, "dvc", "push")

    # Without dvc pull, a clone says so instead of building the sample corpus.
    other = pulled.with_name("without-pull")
    git(pulled.parent, "clone", "-q", str(pulled), str(other))
    refusal = run(other, "snakemake", "--cores", "1", "--dry-run", fails=True)
    assert "3 PDFs" in refusal
    assert "dvc pull" in refusal
    run(other, "dvc", "remote", "add", "--local", "--default", "folder", str(pulled.parent / "remote"))
    run(other, "dvc", "pull", "data", "data/raw.dvc")
    assert dvc_commit.NOTHING_TO_DO in run(other, "snakemake", "splits", "--cores", "1", "--dry-run")

    # Back to the sample corpus, and forward again.
    git(pulled, "checkout", "-q", "HEAD~1")
    run(pulled, "dvc", "checkout")
    assert_both_agree(pulled)


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """An S3 server on this machine: {"endpoint": its address, and credentials as environment variables}.

    SeaweedFS where it is installed, else one that plays S3.
    """
    pytest.importorskip("dvc_s3", reason="envs/dev.txt is not installed")
    if not object_storage.missing():
        place = Path(tempfile.mkdtemp(prefix="s3-"))  # a socket's path is short
        with object_storage.server(place) as running:
            variables = object_storage.credentials(running.port)
            yield {"endpoint": variables.pop("AWS_ENDPOINT_URL"), **variables}
        shutil.rmtree(place)
        return
    pytest.importorskip("moto", reason="envs/dev.txt is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not _make_bucket(port):
            assert server.poll() is None, "moto's server ended"
            assert time.monotonic() < end, "moto's server does not answer"
            time.sleep(0.25)
        yield {
            "endpoint": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
        }
    finally:
        server.terminate()
        server.wait(timeout=60)


def _make_bucket(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("PUT", "/bucket")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def test_a_build_travels_through_s3(clone: Path, tmp_path: Path, s3: dict[str, str]) -> None:
    endpoint = s3.pop("endpoint")
    other = tmp_path / "elsewhere"
    git(tmp_path, "clone", "-q", str(clone), str(other))
    for folder in (clone, other):
        run(folder, "dvc", "remote", "add", "--local", "--force", "s3", "s3://bucket/scribetune")
        run(folder, "dvc", "remote", "modify", "--local", "s3", "endpointurl", endpoint)
    assert "pushed" in run(clone, "dvc", "push", "--remote", "s3", environment=s3)
    assert "fetched" in run(other, "dvc", "pull", "--remote", "s3", environment=s3)
    assert_both_agree(other)
    assert "Everything is up to date" in run(clone, "dvc", "push", "--remote", "s3", environment=s3)
    # No credentials and no address of this machine in what git has, and no secret anywhere.
    assert s3["AWS_ACCESS_KEY_ID"] not in git(clone, "grep", "-h", "-e", "", "--", ".dvc")
    if (secret := s3["AWS_SECRET_ACCESS_KEY"]) == object_storage.SECRET:
        assert not [*object_storage.files_with(other, secret), *object_storage.files_with(clone / ".dvc", secret)]
    assert git(other, "status", "--porcelain") == ""
    run(clone, "dvc", "remote", "remove", "--local", "s3")
