"""Promises about signatures: good only for the signed bytes and a known key, and every mistake told in words."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scribetune.audit import signature
from scribetune.audit.signature import SignatureState
from scribetune.cli import app
from scribetune.core.errors import UserError

pytestmark = pytest.mark.skipif(
    not (shutil.which("ssh-keygen") and shutil.which("git")), reason="ssh-keygen or git is not installed"
)


@pytest.fixture(autouse=True)
def _no_git_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports/lineage.json").write_text('{"schema": "scribetune-lineage/1"}\n', encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "key")


def make_key(path: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a test's key", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def allow(folder: Path, key: Path, principal: str, options: str = "") -> Path:
    words = key.with_suffix(".pub").read_text(encoding="utf-8").split()
    path = folder / "allowed_signers"
    path.write_text(f"{principal} {options} {words[0]} {words[1]}\n", encoding="utf-8")
    return path


def git_config(folder: Path, name: str, value: str) -> None:
    subprocess.run(["git", "-C", str(folder), "config", name, value], check=True)


def test_a_lineage_without_a_signature_is_said_to_have_none(build: Path) -> None:
    found = signature.check(build / "reports/lineage.json")
    assert (found.state, found.principal) == (SignatureState.ABSENT, "")


def test_a_signature_by_an_allowed_signer_is_good_and_names_them(build: Path, key: Path, tmp_path: Path) -> None:
    lineage = build / "reports/lineage.json"
    assert signature.sign(lineage, key) == build / "reports/lineage.json.sig"
    found = signature.check(lineage, allow(tmp_path, key, "ada@example.org,ada@example.com"))
    assert (found.state, found.principal) == (SignatureState.GOOD, "ada@example.org")
    assert "SHA256:" in found.detail


def test_one_changed_byte_makes_a_signature_bad(build: Path, key: Path, tmp_path: Path) -> None:
    lineage = build / "reports/lineage.json"
    signature.sign(lineage, key)
    lineage.write_text(lineage.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert signature.check(lineage, allow(tmp_path, key, "ada@example.org")).state is SignatureState.BAD
    signature.path_of(lineage).write_text("no signature at all\n", encoding="utf-8")
    assert signature.check(lineage).state is SignatureState.BAD


def test_a_key_that_nobody_vouches_for_is_an_unknown_signer(build: Path, key: Path, tmp_path: Path) -> None:
    lineage = build / "reports/lineage.json"
    signature.sign(lineage, key)
    assert signature.check(lineage).state is SignatureState.UNKNOWN_SIGNER
    other = allow(tmp_path, make_key(tmp_path / "other"), "bob@example.org")
    assert signature.check(lineage, other).state is SignatureState.UNKNOWN_SIGNER


def test_a_key_allowed_for_git_alone_is_not_one_for_lineages(build: Path, key: Path, tmp_path: Path) -> None:
    lineage = build / "reports/lineage.json"
    signature.sign(lineage, key)
    found = signature.check(lineage, allow(tmp_path, key, "ada@example.org", 'namespaces="git"'))
    assert found.state is SignatureState.UNKNOWN_SIGNER
    assert "does not allow" in found.detail


def test_a_signature_for_another_purpose_is_bad(build: Path, key: Path, tmp_path: Path) -> None:
    lineage = build / "reports/lineage.json"
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(key), str(lineage)], check=True)
    assert signature.check(lineage, allow(tmp_path, key, "ada@example.org")).state is SignatureState.BAD


def test_gits_own_settings_are_honoured_and_signing_again_replaces(build: Path, key: Path) -> None:
    git_config(build, "gpg.format", "ssh")
    git_config(build, "user.signingkey", str(key))
    allow(build, key, "ada@example.org")
    git_config(build, "gpg.ssh.allowedSignersFile", "allowed_signers")
    for _ in range(2):
        result = CliRunner().invoke(app, ["sign", "--folder", str(build)])
        assert result.exit_code == 0, result.output
        assert "signed by ada@example.org" in result.output


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        ({}, [], "No key to sign with"),
        ({"user.signingkey": "0xABCDEF"}, [], "No key to sign with"),
        ({"gpg.format": "ssh", "user.signingkey": "/nowhere/key"}, [], "The signing key is not there: '/nowhere/key'"),
        ({"gpg.format": "ssh", "user.signingkey": "key::ssh-ed25519 AAAA"}, [], "ssh-keygen did not sign"),
        ({}, ["--key", "/nowhere/key"], "The signing key is not there"),
        ({}, ["--key", "reports/lineage.json"], "ssh-keygen did not sign the lineage"),
        ({}, ["--folder", "elsewhere"], "The lineage cannot be read"),
    ],
)
def test_a_users_mistake_is_told_in_words(
    build: Path, settings: dict[str, str], arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        git_config(build, name, value)
    monkeypatch.chdir(build)
    result = CliRunner().invoke(app, ["sign", *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert not (build / "reports/lineage.json.sig").exists()


def test_only_a_lineage_is_signed(build: Path, key: Path) -> None:
    (build / "reports/lineage.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="Not a lineage"):
        signature.sign(build / "reports/lineage.json", key)


def test_without_ssh_keygen_the_message_says_what_to_install(
    build: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(build))
    with pytest.raises(UserError, match="ssh-keygen is not installed"):
        signature.sign(build / "reports/lineage.json", key)


def test_a_file_of_allowed_signers_that_is_not_there_is_told(build: Path, key: Path) -> None:
    signature.sign(build / "reports/lineage.json", key)
    with pytest.raises(UserError, match="file of allowed signers is not there"):
        signature.check(build / "reports/lineage.json", build / "nobody")
