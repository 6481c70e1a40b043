"""pandas and numpy for Snakemake's Slurm executor when they are used, and not whenever Snakemake starts.

Snakemake imports each executor that is installed, at every start and so in every job; the Slurm executor's report on
efficiency, which nobody asks for, imports both: half a second and 80 MB. `make env` has every start of its Python
import this module (a `.pth` file): that one module of the executor is given libraries that are loaded at their use.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder, SourceFileLoader
from types import ModuleType

TYPE_CHECKING = False  # without typing itself: every start pays for what is imported here
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

IMPORTER = "snakemake_executor_plugin_slurm.efficiency_report"


class _LatePandas(ModuleType):
    def __getattr__(self, name: str) -> object:
        import pandas

        return getattr(pandas, name)


class _LateNumpy(ModuleType):
    def __getattr__(self, name: str) -> object:
        import numpy

        return getattr(numpy, name)


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        late = {"pandas": _LatePandas, "numpy": _LateNumpy}
        missing = [name for name in late if name not in sys.modules]
        sys.modules.update({name: late[name](name) for name in missing})
        try:
            super().exec_module(module)
        finally:
            for name in missing:
                del sys.modules[name]


class _Finder:
    """Looks up the one module."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != IMPORTER:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin and spec.origin.endswith(".py"):
            spec.loader = _Loader(name, spec.origin)
        return spec


sys.meta_path.insert(0, _Finder())
