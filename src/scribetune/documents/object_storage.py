"""Documents in object storage (S3): copies of all objects below a prefix, brought up to date when a build is planned.

A job opens its documents by path, and the ledger of a build has the SHA-256 of each: both want files. What tells that
a copy is still the object's is its ETag and size, which a listing has, a thousand objects a request; so that nothing is
read twice. A copy that was cut goes on where it stopped. Credentials are botocore's affair and are in none of this.
"""

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scribetune.core import files, progress
from scribetune.core.config_documents import COPIES, Stored, stored
from scribetune.core.disk_space import FULL, full_disk
from scribetune.core.errors import UserError, counted
from scribetune.documents.inputs import is_document
from scribetune.record import running

_AT_ONCE = 8
_ATTEMPTS = 3
_BLOCK_BYTES = 1 << 20
_NOTED_EVERY_S = 10.0
_MOST_NAMED = 5
_REFUSED = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken", "InvalidToken", "Forbidden", "403"}
)
_AGAIN = "then give the same command again: what was copied is kept"
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_ENDPOINT_URL for a server other than Amazon's"
)


@dataclass(frozen=True)
class _Object:
    """An object as a listing tells of it."""

    key: str
    etag: str
    bytes: int


@dataclass(frozen=True)
class _Copy:
    """The file that an object was copied to."""

    etag: str
    bytes: int
    mtime_ns: int


@dataclass
class _Index:
    """What is known of the copies of a place: what they are copies of, and which objects are no documents."""

    path: Path
    copies: dict[str, _Copy]  # path below the prefix → copy
    others: tuple[str, ...] = ()  # paths of objects that are no documents, sorted

    @classmethod
    def read(cls, place: Stored) -> "_Index":
        """Read what an earlier call wrote; a file that cannot be read is none."""
        path = Path(COPIES, ".index", f"{files.sha256_bytes(place.url.encode())[:16]}.json")
        try:
            values = json.loads(path.read_bytes())
            copies = {name: _Copy(str(row[0]), int(row[1]), int(row[2])) for name, row in values["copies"].items()}
            return cls(path, copies, tuple(map(str, values["others"])))
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return cls(path, {})

    def write(self) -> None:
        """Write it."""
        copies = {name: [copy.etag, copy.bytes, copy.mtime_ns] for name, copy in self.copies.items()}
        files.write_json(self.path, {"copies": copies, "others": list(self.others)})

    def has(self, name: str, wanted: _Object, path: Path) -> bool:
        """Tell whether a file is the copy of an object, untouched."""
        copy = self.copies.get(name)
        if copy is None or (copy.etag, copy.bytes) != (wanted.etag, wanted.bytes):
            return False
        try:
            stat = path.lstat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (copy.bytes, copy.mtime_ns)


def update(raw: str, say: Callable[[str], None]) -> None:
    """Bring the copies of what `documents.raw` names in object storage up to date; nothing where it names a folder.

    While a build is at work in the working directory, copies stay as they are.

    Args:
        raw: The key of the configuration.
        say: Gets a line about what was copied and removed, where anything was.

    Raises:
        UserError: What is needed is not installed, the storage cannot be reached or refuses, or it has nothing there
            or what cannot be copied. What was copied before is kept.
    """
    place = stored(raw)
    if place is None:
        return
    if Path(place.folder).is_dir() and running.at_work():
        say(f"A build is at work here: the copies of {place.url} stay as they are")
        return
    with _alone(), _in_words(place) as told:
        client = told.client = _client()
        listed = _listing(client, place)
        documents = {name: each for name, each in listed.items() if _is_read(name)}
        index = _Index.read(place)
        removed = _remove_others(Path(place.folder), documents)
        index.copies = {name: copy for name, copy in index.copies.items() if name in documents}
        index.others = tuple(sorted(name for name in listed if name not in documents and not _is_hidden(name)))
        missing = {
            name: each for name, each in documents.items() if not index.has(name, each, Path(place.folder, name))
        }
        told.total = len(missing)
        Path(place.folder).mkdir(parents=True, exist_ok=True)
        try:
            _copy_all(client, place, missing, index, told)
        finally:
            index.write()
    if missing or removed:
        size = sum(each.bytes for each in missing.values()) / 1e6
        say(
            f"{place.url}: {len(missing)} document(s) copied ({size:.1f} MB), {removed} removed, "
            f"{len(documents) - len(missing)} as they were; in {place.folder}"
        )


def others(raw: str) -> tuple[str, ...]:
    """Return the objects that are no documents, as paths below `documents.raw`; () where that is a folder."""
    place = stored(raw)
    return () if place is None else _Index.read(place).others


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _is_read(name: str) -> bool:
    return is_document(name) and not _is_hidden(name)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep other processes from copying at the same time; wait for one that does."""
    path = Path(COPIES, ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _client() -> Any:
    """Return a client of botocore's: credentials, region, server and profile are found as the AWS command line does."""
    try:
        import botocore.config
        import botocore.session
    except ImportError:
        raise UserError(
            "What reads documents from object storage is not installed", value="botocore",
            accepted="the package dvc-s3, which brings it", todo="make storage-env (or pip install dvc-s3)",
        ) from None  # fmt: skip
    settings = botocore.config.Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_AT_ONCE,
    )
    try:
        return botocore.session.get_session().create_client("s3", config=settings)
    except ValueError:  # its text has the whole address, in which a password may be
        raise UserError(
            "The object storage has no address that can be used", value="AWS_ENDPOINT_URL",
            accepted="http://HOST:PORT or https://HOST", todo="correct the variable, or endpoint_url in ~/.aws/config",
        ) from None  # fmt: skip


def _listing(client: Any, place: Stored) -> dict[str, _Object]:
    """Return {path below the prefix: object}, sorted.

    Raises:
        UserError: There is none, or a key that no file can have.
    """
    begin = f"{place.prefix}/" if place.prefix else ""
    found: dict[str, _Object] = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=begin):
        for row in page.get("Contents", ()):
            name = row["Key"].removeprefix(begin)
            if name and not name.endswith("/"):  # some programs make an object for each folder
                found[name] = _Object(row["Key"], row["ETag"], int(row["Size"]))
    if not found:
        raise UserError(
            "Nothing lies there in object storage", value=place.url,
            accepted="a bucket, or the beginning of keys up to a slash, with PDFs or images below it",
            todo="correct documents.raw; it counts whole folder names (s3://BUCKET/reports reads reports/…)",
        )  # fmt: skip
    _refuse_what_no_file_can_be(found, place)
    return dict(sorted(found.items()))


def _refuse_what_no_file_can_be(names: Iterable[str], place: Stored) -> None:
    """Refuse keys that would lead out of the folder of copies, or that a file cannot be called."""
    known = set(names)
    bad = []
    for name in sorted(known):
        parts = name.split("/")
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        if (
            any(part in ("", ".", "..") or "\0" in part or len(part.encode()) > 255 for part in parts)
            or any(folder in known for folder in folders)
        ):  # fmt: skip
            bad.append(name)
    if bad:
        raise UserError(
            f"{place.url} has {counted(len(bad), 'object')} of a name that no file can have",
            value=", ".join(bad[:_MOST_NAMED]),
            accepted="parts between slashes that are not empty, . or .., have at most 255 bytes, and are not the name "
            "of another object",
            todo="rename them there",
        )


def _remove_others(folder: Path, wanted: Mapping[str, object]) -> int:
    """Remove files that are no copy of a wanted document, and empty folders; return how many documents these were."""
    removed = 0
    for parent, folders, names in os.walk(folder, topdown=False):
        inside = Path(parent).relative_to(folder)
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*names, *links):
            if (inside / name).as_posix() not in wanted:
                Path(parent, name).unlink()
                removed += is_document(name)
        with contextlib.suppress(OSError):  # it is not empty
            Path(parent).rmdir()
    return removed


@dataclass
class _Told:
    """What a message about a failure needs to say."""

    client: Any = None
    total: int = 0  # documents to copy
    copied: int = 0

    @property
    def server(self) -> str:
        """The server's name, without what may stand before it."""
        found = urlsplit(self.client.meta.endpoint_url) if self.client is not None else None
        return "" if found is None else ":".join(str(part) for part in (found.hostname, found.port) if part)


def _copy_all(client: Any, place: Stored, missing: Mapping[str, _Object], index: _Index, told: _Told) -> None:
    """Copy objects, several at a time; stops with the first that fails, and notes what was copied."""
    stop = threading.Event()
    noted = time.monotonic()

    def copy(name: str) -> tuple[str, _Copy | None]:
        return name, _copy(client, place, missing[name], Path(place.folder, name), stop)

    def note(done: Future[tuple[str, _Copy | None]]) -> None:
        name, made = done.result()
        if made is not None:
            index.copies[name] = made
            told.copied += 1

    with (
        progress.bar(f"Copying from {place.url}", len(missing), "documents") as advance,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        left = {pool.submit(copy, name) for name in missing}
        try:
            for done in as_completed(tuple(left)):
                left.discard(done)
                note(done)
                advance()
                if time.monotonic() - noted > _NOTED_EVERY_S:
                    index.write()
                    noted = time.monotonic()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
            for done in left:
                if not done.cancelled() and done.exception() is None:
                    note(done)


def _copy(client: Any, place: Stored, wanted: _Object, target: Path, stop: threading.Event) -> _Copy | None:
    """Copy an object, from where an earlier attempt was cut; None where it is to stop before the end."""
    part = Path(COPIES, ".parts", files.sha256_bytes(f"{place.bucket}\0{wanted.key}\0{wanted.etag}".encode())[:32])
    part.parent.mkdir(parents=True, exist_ok=True)
    cut = _cut()
    for attempt in range(_ATTEMPTS):
        try:
            if not _fetch(client, place, wanted, part, stop):
                return None
            break
        except cut:
            if attempt == _ATTEMPTS - 1 or stop.wait(2.0**attempt):
                raise
    if (size := part.stat().st_size) != wanted.bytes:
        part.unlink()
        raise UserError(
            f"{place.url} gave {size:,} bytes of an object that has {wanted.bytes:,}", value=wanted.key,
            accepted="the whole object", todo="see whether it is being written, " + _AGAIN,
        )  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    return _Copy(wanted.etag, wanted.bytes, target.lstat().st_mtime_ns)


def _fetch(client: Any, place: Stored, wanted: _Object, part: Path, stop: threading.Event) -> bool:
    """Read what a part of an object lacks, and nothing of another version; tell whether it was read to its end."""
    from botocore.exceptions import BotoCoreError

    part.touch()
    done = part.stat().st_size
    if done >= wanted.bytes > 0:
        return True
    if stop.is_set():
        return False
    from_there = {"Range": f"bytes={done}-"} if done else {}
    answer = client.get_object(Bucket=place.bucket, Key=wanted.key, IfMatch=wanted.etag, **from_there)
    try:
        with part.open(
            "ab" if answer["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.PARTIAL_CONTENT else "wb"
        ) as stream:
            for block in answer["Body"].iter_chunks(_BLOCK_BYTES):
                stream.write(block)
                if stop.is_set():
                    if stream.tell() >= wanted.bytes:  # more may have come, and its checksum is not known
                        part.unlink()
                    return False
            stream.flush()
            os.fsync(stream.fileno())
    except BotoCoreError as error:
        if not isinstance(error, _cut()):
            part.unlink(missing_ok=True)  # its checksum is wrong
        raise
    return True


def _cut() -> tuple[type[Exception], ...]:
    """Return the exceptions that say that a connection could not be made, or ended too soon."""
    from botocore import exceptions

    return (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)


@contextlib.contextmanager
def _in_words(place: Stored) -> Iterator[_Told]:
    """Say in one message what botocore says in exceptions; nothing of a request, with its signature, is in it."""
    told = _Told()
    try:
        yield told
    except UserError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise full_disk(error, Path(place.folder)) from error
        raise
    except Exception as error:
        found = _refusal(error, place, told)
        if found is None:
            raise
        raise found from None


def _refusal(error: Exception, place: Stored, told: _Told) -> UserError | None:
    """Return what to tell of an exception of botocore's; None for any other."""
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return UserError(
            f"No credentials were found for {place.url}", accepted=_CREDENTIALS, todo="set them, " + _AGAIN
        )
    if isinstance(error, exceptions.ClientError):
        return _refused(str(error.response.get("Error", {}).get("Code", "")), place, told)
    if isinstance(error, _cut()):
        after = f" after {told.copied} of {told.total} document(s)" if told.total else ""
        return UserError(
            f"The connection to the object storage of {place.url} failed{after} ({type(error).__name__})",
            value=told.server, accepted="a server that answers; AWS_ENDPOINT_URL names one other than Amazon's",
            todo=f"see whether it runs, {_AGAIN}. With documents.raw: {place.folder} a build uses the copies alone",
        )  # fmt: skip
    if isinstance(error, exceptions.BotoCoreError):
        return UserError(
            f"{place.url} cannot be read ({type(error).__name__})", value=str(error), accepted=_CREDENTIALS,
            todo="correct what it names, " + _AGAIN,
        )  # fmt: skip
    return None


def _refused(code: str, place: Stored, told: _Told) -> UserError:
    where = f"The object storage at {told.server}"
    if code in _REFUSED:
        return UserError(
            f"{where} refuses the credentials for {place.url}", value=code, accepted=_CREDENTIALS,
            todo="correct them, or ask for the right to list the bucket and to read its objects, " + _AGAIN,
        )  # fmt: skip
    if code in ("NoSuchBucket", "404"):
        return UserError(
            f"{where} has no such bucket", value=place.bucket, accepted="a bucket that is there",
            todo="correct documents.raw, or AWS_ENDPOINT_URL",
        )  # fmt: skip
    if code in ("PreconditionFailed", "NoSuchKey", "412"):
        return UserError(
            f"An object of {place.url} was changed while it was being read", value=code,
            accepted="objects that stay as they are while they are copied", todo="wait for who writes there, " + _AGAIN,
        )  # fmt: skip
    return UserError(
        f"{where} does not give {place.url}", value=code, accepted="an answer without an error",
        todo="see what its log says of it, " + _AGAIN,
    )  # fmt: skip
