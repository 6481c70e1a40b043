"""torchvision without its compiled part.

vLLM imports torchvision, whose wheel from the registry is compiled for CUDA: beside a CPU build of torch its operators
do not load, and it then fails to describe two of them. What is imported of it here is plain Python, so the two are
declared, without anything that computes them. `make serving-env` has every start of its Python import this module
(a `.pth` file), which costs nothing until torchvision is imported.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_DECLARED = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_kept: list[Any] = []


class _BeforeTorchvision(MetaPathFinder):
    """Looks up no module: declares the operators when torchvision is asked for, once."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            spec = PathFinder.find_spec(name, path)
            if spec is not None and spec.origin:
                _declare_unless_loaded(Path(spec.origin).parent)
        return None


def _declare_unless_loaded(folder: Path) -> None:
    import torch

    for library in sorted(folder.glob("_C*.so")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError):
            continue
        return
    declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in _DECLARED:
        declared.define(operator)  # type: ignore[no-untyped-call]
    _kept.append(declared)  # it takes its operators along when it goes


sys.meta_path.insert(0, _BeforeTorchvision())
