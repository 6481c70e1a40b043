"""Signature of a lineage: made and checked by `ssh-keygen -Y`, with the keys and the settings that git already has."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scribetune.audit import git
from scribetune.core import files
from scribetune.core.errors import UserError
from scribetune.record import remembered

NAMESPACE = "scribetune"
"""What the signature is for (`ssh-keygen -n`): a signature made for a git commit is not one for a lineage."""

_LITERAL_KEY = re.compile(r"^(?:key::|ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)")


class SignatureState(StrEnum):
    """What a check found."""

    ABSENT = "absent"
    GOOD = "good"
    BAD = "bad"
    UNKNOWN_SIGNER = "unknown_signer"


@dataclass(frozen=True)
class SignatureResult:
    """What a check found, and one sentence for people (`detail`): the key's fingerprint, or why it is not good.

    `principal` is who signed, as the allowed-signers file names them; "" unless the state is good.
    """

    state: SignatureState
    principal: str
    detail: str


def path_of(lineage: Path) -> Path:
    """Return where the signature of a lineage lies: beside it, with `.sig` added."""
    return lineage.with_name(f"{lineage.name}.sig")


def sign(lineage: Path, key: Path | None = None) -> Path:
    """Sign a lineage and write the signature beside it; an earlier one is replaced.

    The key is an SSH key (private, or public with the private one in the agent); by default git's `user.signingkey`,
    where `gpg.format` is `ssh`.

    Raises:
        UserError: No lineage, no key, no ssh-keygen, or ssh-keygen refuses.
    """
    content = _lineage_content(lineage)
    with _key_arguments(lineage, key) as arguments:
        done = _ssh_keygen(content, "-Y", "sign", "-n", NAMESPACE, *arguments)
    if done.returncode != 0:
        raise UserError(
            "ssh-keygen did not sign the lineage",
            value=_last_line(done.stderr),
            accepted="an SSH private key, or a public key whose private key is in ssh-agent",
            todo="try `ssh-keygen -y -f KEY` on the key, or name another with --key",
        )
    target = path_of(lineage)
    files.write_bytes(target, done.stdout)
    return target


def check(lineage: Path, allowed_signers: Path | None = None) -> SignatureResult:
    """Check the signature of a lineage.

    `allowed_signers` has principals and their keys (ssh-keygen(1), ALLOWED SIGNERS); by default it is git's
    `gpg.ssh.allowedSignersFile`. Without either, a correct signature is by an unknown signer.

    Raises:
        UserError: There is no lineage, or no ssh-keygen, or the named file of allowed signers is not there.
    """
    signature = path_of(lineage)
    if not signature.exists():
        return SignatureResult(SignatureState.ABSENT, "", f"there is no {signature.name}")
    content = _lineage_bytes(lineage)
    intact = _ssh_keygen(content, "-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(signature))
    if intact.returncode != 0:
        detail = f"the signature does not fit the lineage ({_last_line(intact.stderr) or 'no reason given'})"
        return SignatureResult(SignatureState.BAD, "", detail)
    fingerprint = _fingerprint(intact.stdout)
    signers = _allowed_signers(lineage, allowed_signers)
    if signers is None:
        detail = f"signed with {fingerprint}; no file of allowed signers says whose key that is"
        return SignatureResult(SignatureState.UNKNOWN_SIGNER, "", detail)
    found = _ssh_keygen(b"", "-Y", "find-principals", "-s", str(signature), "-f", str(signers))
    principals = found.stdout.decode(errors="replace").split("\n")[0].strip()
    if found.returncode != 0 or not principals:
        detail = f"signed with {fingerprint}, which is not in {signers}"
        return SignatureResult(SignatureState.UNKNOWN_SIGNER, "", detail)
    # A line of the file may name several principals of one key; each stands for the key.
    principal = principals.split(",")[0]
    verified = _ssh_keygen(
        content, "-Y", "verify", "-n", NAMESPACE, "-s", str(signature), "-f", str(signers), "-I", principal
    )
    if verified.returncode != 0:
        # The key is listed, but not for this use or not for this time (options namespaces=, valid-before=, …).
        detail = f"signed with {fingerprint} of {principal}, which {signers} does not allow for this use"
        return SignatureResult(SignatureState.UNKNOWN_SIGNER, "", detail)
    return SignatureResult(SignatureState.GOOD, principal, f"signed by {principal} with {fingerprint}")


def _build(lineage: Path) -> str:
    return remembered.command(lineage.parent.parent)


def _lineage_bytes(lineage: Path) -> bytes:
    try:
        return lineage.read_bytes()
    except OSError as error:
        raise UserError(
            f"The lineage cannot be read ({error.strerror})", value=str(lineage),
            accepted="reports/lineage.json of a build",
            todo=f"build it: {_build(lineage)}; or name the build's folder with --folder",
        ) from None  # fmt: skip


def _lineage_content(lineage: Path) -> bytes:
    """Return the bytes of a lineage, and refuse to sign anything else."""
    content = _lineage_bytes(lineage)
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not str(value.get("schema", "")).startswith("scribetune-lineage/"):
        raise UserError(
            "Not a lineage, and so not signed", value=str(lineage), accepted="reports/lineage.json of a build",
            todo=f"build it again: {_build(lineage)}",
        )  # fmt: skip
    return content


@contextmanager
def _key_arguments(lineage: Path, key: Path | None) -> Iterator[list[str]]:
    """Give the arguments that name the key to ssh-keygen."""
    named = str(key.expanduser()) if key is not None else _key_of_git(lineage)
    if _LITERAL_KEY.match(named) and key is None:
        # git also takes a public key in place of a path; its private key is then in the agent (-U).
        with tempfile.NamedTemporaryFile("w", suffix=".pub", encoding="utf-8") as stream:
            stream.write(named.removeprefix("key::") + "\n")
            stream.flush()
            yield ["-U", "-f", stream.name]
        return
    path = Path(named)
    if not path.is_file():
        raise UserError(
            "The signing key is not there", value=named, accepted="the path of an SSH key",
            todo="name one with --key, or correct git's user.signingkey",
        )  # fmt: skip
    yield ["-f", str(path)]


def _key_of_git(lineage: Path) -> str:
    if _setting(lineage, "gpg.format") == "ssh":
        # --type=path expands a leading ~, but must not be asked about a literal key.
        literal = _setting(lineage, "user.signingkey")
        named = literal if _LITERAL_KEY.match(literal) else _setting(lineage, "user.signingkey", "--type=path")
        if named:
            return named
    raise UserError(
        "No key to sign with",
        accepted="an SSH key named with --key, or git's user.signingkey where gpg.format is ssh",
        todo="run scribetune sign --key ~/.ssh/id_ed25519, or git config gpg.format ssh and "
        "git config user.signingkey ~/.ssh/id_ed25519",
    )


def _allowed_signers(lineage: Path, given: Path | None) -> Path | None:
    if given is None:
        configured = _setting(lineage, "gpg.ssh.allowedSignersFile", "--type=path")
        if not configured:
            return None
        # Relative paths in git's configuration count from the repository's root; an absolute one stays what it is.
        given = Path(git.text(lineage.parent, "rev-parse", "--show-toplevel") or lineage.parent) / configured
    if not given.is_file():
        raise UserError(
            "The file of allowed signers is not there", value=str(given),
            accepted="a file with lines such as: ada@example.org ssh-ed25519 AAAA…",
            todo="name it, or correct git's gpg.ssh.allowedSignersFile",
        )  # fmt: skip
    return given


def _setting(lineage: Path, key: str, *kind: str) -> str:
    """Return a value of git's configuration; "" where it has none, or where there is no git."""
    return git.text(lineage.parent, "config", *kind, "--get", key)


def _ssh_keygen(content: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen on `content`; a passphrase is asked for on the terminal, by ssh-keygen itself."""
    command = ["ssh-keygen", *arguments]
    try:
        return subprocess.run(command, input=content, capture_output=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise UserError(
            "ssh-keygen is not installed, and lineages are signed and checked with it",
            accepted="OpenSSH 8.2 or later",
            todo="install it (Debian and Ubuntu: apt install openssh-client)",
        ) from None


def _fingerprint(printed: bytes) -> str:
    named = re.search(r"with (\S+ key SHA256:\S+)", printed.decode(errors="replace"))
    return named.group(1) if named else "a key"


def _last_line(printed: bytes) -> str:
    lines = printed.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
