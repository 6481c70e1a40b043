"""Promises about the digest of an environment."""

from pathlib import Path

from scribetune.core import package
from scribetune.record import provenance


def test_a_lock_counts_by_its_pins(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one.txt", "two.txt", "three.txt"))
    one.write_text("a==1\nb==2  # via a\n", encoding="utf-8")
    two.write_text("# comment\nb==2\na==1\n", encoding="utf-8")
    three.write_text("a==1\nb==3\n", encoding="utf-8")
    assert provenance.environment_digest(one) == provenance.environment_digest(two)
    assert provenance.environment_digest(one) != provenance.environment_digest(three)


def test_cpu_and_gpu_locks_agree_on_what_they_share() -> None:
    cpu = provenance.lock_pins(package.REPOSITORY / "envs" / "cpu.txt")
    gpu = provenance.lock_pins(package.REPOSITORY / "envs" / "gpu.txt")
    different = {name for name in set(cpu) & set(gpu) if cpu[name] != gpu[name]}
    assert not different
    assert set(cpu) <= set(gpu)
