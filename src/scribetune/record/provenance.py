"""Which environment this project runs in, as a digest that ignores what does not change a result."""

import hashlib
import re
import sys
from pathlib import Path

from scribetune.core.package import REPOSITORY


def lock_pins(lock: Path) -> dict[str, str]:
    """Return {package: version} of a lock file's pins."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name.lower(): version for name, version in pins}


def environment_digest(lock: Path) -> str:
    """Return 16 hex digits for a lock's pins; comments and order do not count."""
    pins = sorted(lock_pins(lock).items())
    return hashlib.sha256("\n".join(f"{name}=={version}" for name, version in pins).encode()).hexdigest()[:16]


def lock_in_use() -> Path:
    """Return the lock file the running environment was installed from (`make env` notes its kind in the prefix)."""
    note = Path(sys.prefix) / "scribetune-environment"
    kind = note.read_text(encoding="utf-8").split()[0] if note.exists() else "cpu"
    return REPOSITORY / "envs" / f"{kind}.txt"
