"""Where and how much two files differ, in a sentence: weights, records, tables, JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scribetune.audit import build_folder
from scribetune.core import files
from scribetune.core.errors import counted

_MOST_KEYS = 3


def describe(was: Path, made: Path) -> str:
    """Say where and how much a file made again differs from the recorded one; its ending decides how both are read."""
    try:
        if made.suffix == ".safetensors":
            return _tensors(was, made)
        if made.suffix == ".jsonl":
            return _records(was, made)
        if made.suffix == ".json":
            return _keys(_flat(json.loads(was.read_bytes())), _flat(json.loads(made.read_bytes())), "keys")
        if made.suffix == ".csv":
            return _keys(_cells(was), _cells(made), "cells")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"cannot be compared ({str(error).splitlines()[0]})"
    return f"{was.stat().st_size} bytes recorded, {made.stat().st_size} made"


def _tensors(was: Path, made: Path) -> str:
    from safetensors import safe_open

    changed, largest, where = 0, 0.0, ""
    with safe_open(was, framework="pt") as before, safe_open(made, framework="pt") as after:
        names, others = set(before.keys()), set(after.keys())
        for name in sorted(names & others):
            first, second = before.get_tensor(name), after.get_tensor(name)
            if first.shape != second.shape:
                return f"tensor {name}: shape {tuple(first.shape)} recorded, {tuple(second.shape)} made"
            apart = float((first.double() - second.double()).abs().max()) if first.numel() else 0.0
            if apart:
                changed += 1
                if apart > largest:
                    largest, where = apart, name
    if names != others:
        alone = sorted(names ^ others)
        return f"{counted(len(alone), 'tensor', 'is', 'are')} in one of the two only: {', '.join(alone[:3])}"
    if not changed:
        return f"no difference in {counted(len(names), 'tensor')}; the files differ in their header"
    return f"{changed} of {counted(len(names), 'tensor')}; largest absolute difference {largest:.3g} (in {where})"


def _records(was: Path, made: Path) -> str:
    def by_id(path: Path) -> dict[str, Any]:
        rows = files.read_jsonl(path)
        return {str(row.get("id", number)): row for number, row in enumerate(rows)}

    before, after = by_id(was), by_id(made)
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    if not names:
        return f"the same {counted(len(before), 'page')} in another order or notation"
    first = names[0]
    fields = sorted(
        key
        for key in {*before.get(first, {}), *after.get(first, {})}
        if before.get(first, {}).get(key) != after.get(first, {}).get(key)
    )
    return f"{len(names)} of {len({*before, *after})} pages; first {first}: {', '.join(fields[:_MOST_KEYS])}"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return {path of keys: value} of a JSON value's leaves; rows of a list go by their id where they have one."""
    if isinstance(value, dict):
        items = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list):
        items = [
            (str(inner.get("id", inner.get("document", number)) if isinstance(inner, dict) else number), inner)
            for number, inner in enumerate(value)
        ]
    else:
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in items:
        flat |= _flat(inner, f"{name}.{key}" if name else key)
    return flat


def _cells(path: Path) -> dict[str, Any]:
    rows = enumerate(build_folder.rows(path), start=2)
    return {f"line {number} {key}": value for number, row in rows for key, value in row.items()}


def _keys(before: Mapping[str, Any], after: Mapping[str, Any], what: str) -> str:
    absent = object()
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name, absent) != after.get(name, absent)]
    if not names:
        return "the same values in another order or notation"
    shown = "; ".join(
        f"{name}: {before.get(name, 'nothing')!s:.60} → {after.get(name, 'nothing')!s:.60}"
        for name in names[:_MOST_KEYS]
    )
    return f"{len(names)} {what}: {shown}"
