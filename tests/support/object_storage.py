"""An S3 server for tests: SeaweedFS on 127.0.0.1 with one user, started and stopped here; a cable that can be cut."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUCKET = "bucket"
USER = "AKIATESTSONLY"
SECRET = secrets.token_hex(20)
"""What must be found in no file of a build; in none of this repository either."""
_SERVICES = ("master", "volume", "filer", "s3")


def missing() -> str:
    """Return what keeps an S3 server from being started here, in words; "" where nothing does."""
    from importlib.util import find_spec

    if program() is None:
        return "SeaweedFS (weed) is not installed: make storage-env"
    if find_spec("botocore") is None:
        return "botocore is not installed: make storage-env"
    return ""


def program() -> str | None:
    """Return the server's program: beside this Python, or on the path."""
    here = Path(sys.executable).with_name("weed")
    return str(here) if here.is_file() else shutil.which("weed")


def credentials(port: int, secret: str = SECRET) -> dict[str, str]:
    """Return the variables with which a program speaks to a server on this machine."""
    return {
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


@dataclass
class Server:
    """An S3 server; what it keeps outlasts its end."""

    folder: Path
    ports: Mapping[str, int]
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.ports["s3"]

    def start(self) -> None:
        """Start it, and make the bucket."""
        command = [str(program()), "-logtostderr=true", "server", f"-dir={self.folder / 'data'}", "-ip=127.0.0.1",
                   "-ip.bind=127.0.0.1", "-volume.max=20", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
                   "-s3", f"-s3.config={self.folder / 'users.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
                   f"-filer.localSocket={self.folder / 'filer.sock'}", f"-s3.localSocket={self.folder / 's3.sock'}",
                   *(f"-{name}.port={port}" for name, port in self.ports.items() if "." not in name),
                   *(f"-{name.partition('.')[0]}.port.grpc={self.ports[name]}" for name in self.ports if "." in name),
                   ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while not self._make_bucket():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.2)

    def kill(self) -> None:
        """Kill it, as a machine that goes down does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """Return the end of its log."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def client(self) -> Any:
        """Return a client of it."""
        import botocore.config
        import botocore.session

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=USER,
            aws_secret_access_key=SECRET,
            config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )

    def put(self, key: str, content: bytes) -> None:
        """Put an object into the bucket."""
        self.client().put_object(Bucket=BUCKET, Key=key, Body=content)

    def _make_bucket(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client().create_bucket(Bucket=BUCKET)
        except ClientError as error:
            return "BucketAlready" in error.response["Error"]["Code"]
        except BotoCoreError:
            return False
        return True


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Run an S3 server until the body ends.

    Args:
        folder: Where it has its files; short, since a socket's path may have 107 characters.
    """
    (folder / "data").mkdir(parents=True)
    user = {"name": USER, "credentials": [{"accessKey": USER, "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "users.json").write_text(json.dumps({"identities": [user]}), encoding="utf-8")
    names = [*_SERVICES, *(f"{name}.grpc" for name in _SERVICES)]
    running = Server(folder, dict(zip(names, _free_ports(len(names)), strict=True)))
    try:
        running.start()
        yield running
    finally:
        running.kill()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass
class Cable:
    """A way to a server that ends after so many bytes: then connections break, and nobody answers."""

    to: int  # the server's port
    left: int  # bytes of the server's that still come through
    passed: int = 0  # bytes of the server's that came through
    port: int = 0
    _listener: socket.socket = field(default_factory=socket.socket, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __enter__(self) -> "Cable":
        """Listen."""
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.left = 0
        # Closing it alone would leave the other thread waiting on it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.left <= 0:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.to))
            for source, target, counts in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, args=(source, target, counts), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if counts:
                    with self._lock:
                        data = data[: max(self.left, 0)]
                        self.left -= len(data)
                        self.passed += len(data)
                    if not data:
                        break
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def files_with(folder: Path, words: str) -> list[str]:
    """Return the files below a folder that have these words in them, hidden ones included."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if path.is_file() and words.encode() in path.read_bytes():
                found.append(path.relative_to(folder).as_posix())
    return sorted(found)
