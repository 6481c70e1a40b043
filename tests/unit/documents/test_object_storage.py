"""Promises about copies of documents in object storage: each is read once, and nothing else is in their folder.

The storage is one in memory that answers as S3 does; tests/workflow/test_object_storage.py asks a real server.
"""

import errno
import fcntl
import hashlib
import itertools
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scribetune.core.errors import DiskFullError, UserError
from scribetune.documents import object_storage
from scribetune.record import running

botocore_exceptions = pytest.importorskip("botocore.exceptions", reason="envs/dev.txt is not installed")

RAW = "s3://bucket/in"
FOLDER = Path("work/s3/bucket/in")


class Body:
    """The body of an answer, which may end too soon."""

    def __init__(self, data: bytes, cut: bool) -> None:
        self.data, self.cut = data, cut

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        for begin in range(0, len(self.data), 4):
            yield self.data[begin : begin + 4]
        if self.cut:
            raise botocore_exceptions.ResponseStreamingError(error="cut")


@dataclass
class Storage:
    """A bucket in memory, in the place of botocore's client."""

    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # (key, range) of each object read
    cut_after: dict[str, list[int]] = field(
        default_factory=dict
    )  # key → how many bytes each answer gives before it ends
    refusal: str = ""  # code of the error that every request gets
    meta = SimpleNamespace(endpoint_url="http://user:hidden@127.0.0.1:9")

    def _refuse(self, code: str, operation: str) -> None:
        raise botocore_exceptions.ClientError({"Error": {"Code": code, "Message": "hidden"}}, operation)

    def get_paginator(self, name: str) -> "Storage":
        assert name == "list_objects_v2"
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        if self.refusal:
            self._refuse(self.refusal, "ListObjectsV2")
        found = [key for key in sorted(self.objects) if key.startswith(request["Prefix"])]
        for key in found:  # one a page
            data = self.objects[key]
            yield {"Contents": [{"Key": key, "ETag": self.etag(key), "Size": len(data)}]}
        if not found:
            yield {}

    def etag(self, key: str) -> str:
        return f'"{hashlib.sha256(self.objects[key]).hexdigest()[:8]}"'

    def get_object(self, **request: str) -> dict[str, Any]:
        key = request["Key"]
        if request["IfMatch"] != self.etag(key):
            self._refuse("PreconditionFailed", "GetObject")
        span = request.get("Range", "")
        self.asked.append((key, span))
        begin = int(span.removeprefix("bytes=").rstrip("-") or 0)
        data = self.objects[key][begin:]
        cuts = self.cut_after.get(key, [])
        cut = cuts.pop(0) if cuts else None
        body = Body(data if cut is None else data[:cut], cut is not None)
        return {"Body": body, "ResponseMetadata": {"HTTPStatusCode": 206 if span else 200}}


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    monkeypatch.chdir(tmp_path)
    made = Storage({"in/a.pdf": b"first document", "in/b/c.PNG": b"second", "in/notes.txt": b"no", "inside.pdf": b"no"})
    monkeypatch.setattr(object_storage, "_client", lambda: made)
    monkeypatch.setattr("threading.Event.wait", lambda *_: False)
    return made


def update() -> list[str]:
    said: list[str] = []
    object_storage.update(RAW, said.append)
    return said


def copies() -> dict[str, bytes]:
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}


def test_documents_below_the_prefix_are_copied_once(storage: Storage) -> None:
    storage.objects |= {"in/": b"", "in/.hidden/x.pdf": b"x", "in/Thumbs.db": b"x", "in/empty.pdf": b""}
    assert update() == [
        "s3://bucket/in: 3 document(s) copied (0.0 MB), 0 removed, 0 as they were; in work/s3/bucket/in"
    ]
    assert copies() == {"a.pdf": b"first document", "b/c.PNG": b"second", "empty.pdf": b""}
    assert object_storage.others(RAW) == ("Thumbs.db", "notes.txt")
    read = len(storage.asked)
    assert update() == []
    assert len(storage.asked) == read


def test_what_changed_is_copied_again_and_what_went_is_removed(storage: Storage) -> None:
    update()
    storage.asked.clear()
    storage.objects["in/a.pdf"] = b"FIRST document"  # of the same size
    del storage.objects["in/b/c.PNG"]
    storage.objects["in/b/c.PNG/d.pdf"] = b"a folder now"
    assert "2 document(s) copied" in update()[0]
    assert copies() == {"a.pdf": b"FIRST document", "b/c.PNG/d.pdf": b"a folder now"}
    assert sorted(storage.asked) == [("in/a.pdf", ""), ("in/b/c.PNG/d.pdf", "")]


def test_a_copy_that_was_touched_or_put_there_by_somebody_is_no_copy(storage: Storage) -> None:
    update()
    (FOLDER / "a.pdf").write_bytes(b"edited here...")
    (FOLDER / "mine.pdf").write_bytes(b"mine")
    (FOLDER / "link").symlink_to(Path.cwd())
    assert "1 document(s) copied (0.0 MB), 1 removed" in update()[0]
    assert copies() == {"a.pdf": b"first document", "b/c.PNG": b"second"}
    assert not (FOLDER / "link").is_symlink()


def test_a_copy_that_was_cut_goes_on_where_it_stopped(storage: Storage) -> None:
    storage.cut_after["in/a.pdf"] = [8]
    update()
    assert copies()["a.pdf"] == b"first document"
    assert [span for key, span in storage.asked if key == "in/a.pdf"] == ["", "bytes=8-"]


def test_the_next_call_goes_on_too_unless_the_object_is_another(storage: Storage) -> None:
    for changed, spans in ((False, ["bytes=12-"]), (True, [""])):
        storage.objects["in/a.pdf"] = b"a document of %d" % changed
        storage.cut_after["in/a.pdf"] = [8, 4, 0]
        with pytest.raises(UserError, match=r"The connection .* failed after \d of [12] document\(s\)") as cut:
            update()
        assert "hidden" not in str(cut.value)
        assert "'127.0.0.1:9'" in str(cut.value)
        if changed:
            storage.objects["in/a.pdf"] = b"another document"
        storage.asked.clear()
        update()
        assert storage.asked == [("in/a.pdf", span) for span in spans]
        assert copies()["a.pdf"] == storage.objects["in/a.pdf"]


def test_documents_that_came_before_the_cut_are_not_read_again(storage: Storage) -> None:
    storage.objects |= {f"in/{number:02d}.pdf": b"x" for number in range(30)}
    storage.cut_after["in/29.pdf"] = [0, 0, 0]
    with pytest.raises(UserError, match="failed after"):
        update()
    there = set(copies())
    assert there
    storage.asked.clear()
    update()
    assert not there & {key.removeprefix("in/") for key, _ in storage.asked}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("SignatureDoesNotMatch", "refuses the credentials for s3://bucket/in: 'SignatureDoesNotMatch'"),
        ("AccessDenied", "refuses the credentials"),
        ("NoSuchBucket", "has no such bucket: 'bucket'"),
        ("PreconditionFailed", "was changed while it was being read"),
        ("SlowDown", "does not give s3://bucket/in: 'SlowDown'"),
    ],
)
def test_a_refusal_is_one_message_and_copies_stay(storage: Storage, code: str, said: str) -> None:
    update()
    before = copies()
    storage.refusal = code
    with pytest.raises(UserError, match="What to do") as refused:
        update()
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert copies() == before


def test_an_empty_place_removes_nothing(storage: Storage) -> None:
    update()
    before = copies()
    storage.objects.clear()
    with pytest.raises(UserError, match="Nothing lies there in object storage"):
        update()
    assert copies() == before


@pytest.mark.parametrize("name", ["../out.pdf", "a//b.pdf", "a/./b.pdf", "a.pdf/b.pdf", "x" * 256 + ".pdf"])
def test_a_name_that_leads_out_of_the_folder_or_is_no_file_s_is_refused(storage: Storage, name: str) -> None:
    storage.objects[f"in/{name}"] = b"x"
    with pytest.raises(UserError, match=r"has 1 object of a name that no file can have"):
        update()
    assert copies() == {}
    assert not Path("work/s3/bucket/out.pdf").exists()


def test_an_answer_of_the_wrong_size_is_no_copy(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Body, "iter_chunks", lambda self, _: iter([self.data, b"more"]))
    with pytest.raises(UserError, match=r"gave \d+ bytes of an object that has \d+"):
        update()
    assert copies() == {}


def test_a_copy_that_is_stopped_behind_its_last_known_byte_is_not_believed(tmp_path: Path) -> None:
    """Another one failed meanwhile: whether more bytes would have come is not known."""
    stop = threading.Event()

    def blocks(_: int) -> Iterator[bytes]:
        stop.set()
        yield b"second"

    answer = {"Body": SimpleNamespace(iter_chunks=blocks), "ResponseMetadata": {"HTTPStatusCode": 200}}
    client = SimpleNamespace(get_object=lambda **_: answer)
    place: Any = SimpleNamespace(bucket="bucket")
    wanted: Any = SimpleNamespace(key="in/b", etag="e", bytes=6)
    assert not object_storage._fetch(client, place, wanted, tmp_path / "part", stop)
    assert not (tmp_path / "part").exists()


def test_a_full_disk_is_said_as_everywhere(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError):
        update()


def test_while_a_build_is_at_work_copies_stay(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    update()
    storage.objects["in/new.pdf"] = b"new"
    monkeypatch.setattr(running, "at_work", lambda: [running.Process("build", 1, 0.0)])
    assert update() == ["A build is at work here: the copies of s3://bucket/in stay as they are"]
    assert "new.pdf" not in copies()


def test_one_copies_at_a_time(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(fcntl, "flock", lambda _, how: taken.append(how))
    update()
    assert taken == [fcntl.LOCK_EX]


def test_without_its_package_one_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(UserError, match="make storage-env"):
        update()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_PROFILE": "nobody"}, r"ProfileNotFound"),
        ({"AWS_ENDPOINT_URL": "user:hidden@server"}, "no address that can be used: 'AWS_ENDPOINT_URL'"),
        ({"AWS_ACCESS_KEY_ID": "only"}, "No credentials were found"),
    ],
)
def test_settings_that_cannot_work_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, at in itertools.product(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), ("nowhere",)):
        monkeypatch.setenv(name, str(tmp_path / at))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=said) as refused:
        update()
    assert "hidden" not in str(refused.value)


def test_a_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    object_storage.update("data/raw", lambda _: pytest.fail("nothing is to be said"))
    assert object_storage.others("data/raw") == ()
    assert list(tmp_path.iterdir()) == []
