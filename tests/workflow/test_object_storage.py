"""Promises about documents in object storage: a build of them from a real S3 server, and what goes wrong with one.

One whole build serves every test here; its connection was cut in the middle before it went on.
"""

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scribetune.build import dvc_commit
from support import forked_snakemake, object_storage
from support.build import REPOSITORY
from support.object_storage import BUCKET, SECRET, Cable, Server, credentials
from support.pdf_factory import healthy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(object_storage.missing()), reason=object_storage.missing() or "an S3 server is here"),
]

RAW = "s3://bucket/reports/2024"
COPIES = "work/s3/bucket/reports/2024"
DOCUMENTS = 8
BIG = b"%PDF-1.4\n" + random.Random(0).randbytes(12_000_000)  # no whole document: its row says so
_CUT_AFTER = 6_000_000
CONFIG = """\
documents: {raw: "RAW"}
pages: {long_side_px: 256}
train: {epochs: 1}
generate: {max_new_tokens: 24}
retention: {count: 2}
"""


@dataclass
class Built:
    """A build whose first attempt was cut."""

    folder: Path
    server: Server
    first: subprocess.CompletedProcess[str]  # the attempt that was cut
    kept: int  # bytes that were there after it
    second: subprocess.CompletedProcess[str]  # the build
    passed: int  # bytes that the server gave for it

    @property
    def variables(self) -> dict[str, str]:
        return credentials(self.server.port)


def attempt(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake, and return what came of it."""
    command = [*words, "-s", str(REPOSITORY / "Snakefile"), "--directory", str(folder), "--cores", "2",
               "--resources", "gpu=1", "--configfile", str(folder / "mine.yaml")]  # fmt: skip
    variables = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "OMP_NUM_THREADS": "1"} | environment
    return forked_snakemake.run(command, variables)


def configure(folder: Path, raw: str = RAW) -> None:
    (folder / "mine.yaml").write_text(CONFIG.replace("RAW", raw), encoding="utf-8")


def state(folder: Path) -> dict[str, tuple[str, int]]:
    """Return {copy: (its hash, when it was written)}."""
    paths = [path for path in (folder / COPIES).rglob("*") if path.is_file()]
    return {
        path.relative_to(folder / COPIES).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in paths
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("from-s3")
    configure(folder)
    place = Path(tempfile.mkdtemp(prefix="s3-"))  # a socket's path is short
    with object_storage.server(place) as server:
        for number in range(DOCUMENTS):
            pdf = healthy(place / "healthy.pdf", seed=number)
            server.put(f"reports/2024/a b/{number}-ü.pdf", pdf.read_bytes())
        server.put("reports/2024/big.pdf", BIG)
        server.put("reports/2024/a b/", b"")  # as programs that know folders make them
        server.put("reports/2024/notes.docx", b"no document")
        server.put("reports/2024-old/other.pdf", b"beside it")
        with Cable(server.port, _CUT_AFTER) as cable:
            first = attempt(folder, "--dry-run", **credentials(cable.port))
        kept = sum(path.stat().st_size for path in (folder / "work/s3").rglob("*") if path.is_file())
        with Cable(server.port, 1 << 40) as cable:
            second = attempt(folder, **credentials(cable.port))
            passed = cable.passed
        assert second.returncode == 0, second.stdout + second.stderr + server.log()
        yield Built(folder, server, first, kept, second, passed)
    shutil.rmtree(place)


def test_a_connection_that_is_cut_is_told_once_and_costs_nothing(built: Built) -> None:
    said = built.first.stderr
    assert built.first.returncode == 1
    assert said.count(f"The connection to the object storage of {RAW} failed after") == 1, said
    assert "what was copied is kept" in said
    assert "Traceback" not in said
    # The next attempt went on in the midst of the object.
    assert 2_000_000 < built.kept < _CUT_AFTER
    assert built.passed < len(BIG) - built.kept + 2_000_000
    copies = state(built.folder)
    assert copies["big.pdf"][0] == hashlib.sha256(BIG).hexdigest()
    assert sorted(copies) == sorted([*(f"a b/{number}-ü.pdf" for number in range(DOCUMENTS)), "big.pdf"])
    assert not list((built.folder / "work/s3/.parts").iterdir())


def test_every_object_has_its_row_and_nothing_is_to_be_done_afterwards(built: Built) -> None:
    table = (built.folder / "reports/documents.csv").read_text(encoding="utf-8")
    assert all(f"a b/{number}-ü.pdf" in table for number in range(DOCUMENTS))
    assert "notes.docx" in table
    assert "other.pdf" not in table
    before = state(built.folder)
    again = attempt(built.folder, "--dry-run", **built.variables)
    assert dvc_commit.NOTHING_TO_DO in again.stdout + again.stderr, again.stderr
    assert state(built.folder) == before


def test_credentials_are_in_no_file_of_a_build(built: Built) -> None:
    assert object_storage.files_with(built.folder, "notes.docx")  # it finds what is there
    assert (built.folder / "reports/index.html").is_file()
    assert object_storage.files_with(built.folder, SECRET) == []
    for said in (built.first, built.second):
        assert SECRET not in said.stdout + said.stderr


def test_a_wrong_key_is_told_in_one_message_and_nothing_is_lost(built: Built) -> None:
    before = state(built.folder)
    wrong = credentials(built.server.port, secret="another-" + SECRET)
    refused = attempt(built.folder, "splits", "--dry-run", **wrong)
    assert refused.returncode == 1
    assert refused.stderr.count(f"refuses the credentials for {RAW}: 'SignatureDoesNotMatch'") == 1, refused.stderr
    assert "Traceback" not in refused.stderr
    assert SECRET not in refused.stderr
    assert state(built.folder) == before


def test_a_clone_of_the_folder_has_nothing_to_do(built: Built, tmp_path: Path) -> None:
    """Copies are made anew: their times are others, their content is what it was."""
    other = tmp_path / "other"
    shutil.copytree(built.folder, other, symlinks=True, ignore=shutil.ignore_patterns("s3", "file-hashes.sqlite"))
    planned = attempt(other, "splits", "--dry-run", **built.variables)
    assert f"{DOCUMENTS + 1} document(s) copied" in planned.stdout + planned.stderr
    assert dvc_commit.NOTHING_TO_DO in planned.stdout + planned.stderr, planned.stderr


def test_what_comes_goes_or_changes_there_is_what_is_worked_on(built: Built, tmp_path: Path) -> None:
    server, other = built.server, tmp_path / "other"
    shutil.copytree(built.folder, other, symlinks=True)
    server.put("reports/2024/new.pdf", healthy(tmp_path / "new.pdf", seed=50).read_bytes())
    server.client().delete_object(Bucket=BUCKET, Key="reports/2024/big.pdf")
    try:
        planned = attempt(other, "splits", "--dry-run", **built.variables)
        assert "1 document(s) copied" in planned.stdout + planned.stderr
        assert f"1 removed, {DOCUMENTS} as they were" in planned.stdout + planned.stderr
        assert "render_pages" in planned.stdout
        assert "big.pdf" not in state(other)
        assert "new.pdf" in state(other)
    finally:
        server.put("reports/2024/big.pdf", BIG)
        server.client().delete_object(Bucket=BUCKET, Key="reports/2024/new.pdf")


def test_a_server_that_is_gone_is_told_in_one_message_and_the_copies_still_serve(built: Built) -> None:
    built.server.kill()
    try:
        gone = attempt(built.folder, "splits", "--dry-run", **built.variables)
        assert gone.returncode == 1
        assert gone.stderr.count(f"The connection to the object storage of {RAW} failed") == 1, gone.stderr
        assert "Traceback" not in gone.stderr
        assert f"documents.raw: {COPIES}" in gone.stderr
        configure(built.folder, COPIES)
        alone = attempt(built.folder, "splits", "--dry-run", **built.variables)
        # What is no document (notes.docx) lies in the storage alone: the pages are chosen again, and none is made anew.
        assert "select_pages: other input files than before" in alone.stdout
        assert not any(f"{rule} " in alone.stdout for rule in ("render_pages", "label_pages"))
    finally:
        configure(built.folder)
        built.server.start()
