"""The networks that read images: taken from the installed wheel of `rapidocr`, by hash, and from nowhere else.

Of the wheel only the model files are used: its code would look for others on the network, and brings OpenCV.
"""

import importlib.util
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.core import files
from scribetune.core.errors import UserError

PACKAGE = "rapidocr"
FINDER = "PP-OCRv6_det_small.onnx"
"""Finds lines of text in an image."""
RECOGNISER = "PP-OCRv6_rec_small.onnx"
"""Reads a line: Latin, Greek, Chinese, Japanese."""
_SHA256 = MappingProxyType(
    {
        FINDER: "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        RECOGNISER: "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    }
)


def is_installed() -> bool:
    """Whether the wheel is there."""
    return _folder() is not None


def require() -> None:
    """Check that the wheel is there, with the model files that are known.

    Raises:
        UserError: It is not, or its files are others.
    """
    folder = _folder()
    if folder is None:
        raise UserError(
            "No page image can be read: the package rapidocr, which carries the models, is not installed.",
            todo="make env, or pip install --no-deps rapidocr==3.10.0",
        )
    for name, known in _SHA256.items():
        path = folder / name
        found = files.sha256_file(path) if path.is_file() else "no such file"
        if found != known:
            raise UserError(
                f"{path} is not the model that is known here", value=found, accepted=known,
                todo="pip install --force-reinstall --no-deps rapidocr==3.10.0",
            )  # fmt: skip


def _folder() -> Path | None:
    found = importlib.util.find_spec(PACKAGE)
    return Path(found.origin).parent / "models" if found is not None and found.origin else None


@cache
def session(name: str) -> Any:
    """Open a network with one thread, so that it says the same on every machine; its memory is given back.

    Raises:
        UserError: The wheel is missing or its files are others.
    """
    import onnxruntime

    require()
    folder = _folder()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # images are of many sizes
    return onnxruntime.InferenceSession(
        str(folder / name) if folder else name, sess_options=options, providers=["CPUExecutionProvider"]
    )


@cache
def alphabet() -> tuple[str, ...]:
    """Return what the recogniser can say, by number: nothing, its characters, a blank."""
    listed = session(RECOGNISER).get_modelmeta().custom_metadata_map["character"]
    return ("", *listed.split("\n"), " ")
