"""The folder of a small random model of every family, as the hub's repositories lay it out."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from support import stand_in, tiny_deepseek_ocr, tiny_deepseek_vl2, tiny_grids, tiny_qwen

FOLDERS: Mapping[str, Callable[[], Path]] = MappingProxyType(
    {
        "deepseek_ocr2": stand_in.folder,
        "deepseek_ocr": tiny_deepseek_ocr.folder,
        "deepseek_vl2": tiny_deepseek_vl2.folder,
        **{kind: partial(tiny_qwen.folder, kind) for kind in tiny_qwen.KINDS},
        **{kind: partial(tiny_grids.folder, kind) for kind in tiny_grids.KINDS},
    }
)
"""By model_type."""

SERVED: Mapping[str, Callable[[], Path]] = MappingProxyType(
    {
        **FOLDERS,
        "deepseek_ocr": partial(tiny_deepseek_ocr.folder, served=True),
        "deepseek_vl2": partial(tiny_deepseek_vl2.folder, served=True),
        **{kind: partial(tiny_qwen.folder, kind, served=True) for kind in tiny_qwen.KINDS},
        **{kind: partial(tiny_grids.folder, kind, served=True) for kind in tiny_grids.KINDS},
    }
)
"""With sizes that vLLM's classes can have, by model_type."""
