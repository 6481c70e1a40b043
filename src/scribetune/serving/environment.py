"""Where vLLM is installed: an environment of its own, since it wants other releases of what a build needs."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file, sha256_json
from scribetune.core.package import PACKAGE_FOLDER, REPOSITORY

VARIABLE = "SCRIBETUNE_SERVING_ENV"
"""Variable that names the environment's folder; without it, `.venv-serving` of the repository."""
FOLDER = ".venv-serving"
_MARK = "scribetune-environment"


@dataclass(frozen=True)
class Environment:
    """An environment with vLLM."""

    folder: Path
    device: Literal["cpu", "gpu"]  # which lock it was made from

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    def has(self, module: str) -> bool:
        """Tell whether a module lies in it, without running its Python."""
        return any(self.folder.glob(f"lib/python*/site-packages/{module}"))


def digest() -> str:
    """Return the hash of what computes there: vLLM's locks and our plugin, none of which the package imports."""
    files = [*(REPOSITORY / "envs").glob("serving*.txt"), *(PACKAGE_FOLDER.parent / "scribetune_vllm").glob("*.[pj]*")]
    return sha256_json({path.name: sha256_file(path) for path in sorted(files)})


def find() -> Environment:
    """Return the environment that `make serving-env` made.

    Raises:
        UserError: There is none, or it is not whole.
    """
    folder = Path(os.environ.get(VARIABLE) or REPOSITORY / FOLDER)
    try:
        mark = (folder / _MARK).read_text(encoding="utf-8").split()
    except OSError:
        mark = []
    if not (folder / "bin" / "python").exists() or not mark:
        raise UserError(
            "vLLM is not installed: there is no environment for serving", value=str(folder),
            accepted=f"a folder made by `make serving-env`, or one named by {VARIABLE}",
            todo=f"run `make serving-env` in {REPOSITORY} (some minutes, 2 GB; on a GPU 9 GB)",
        )  # fmt: skip
    return Environment(folder.absolute(), "cpu" if mark[0] == "serving-cpu" else "gpu")
