"""Configuration files as they are on disk: YAML, and where in the file a slip is."""

from pathlib import Path
from typing import Any

import yaml

from scribetune.core import user_text
from scribetune.core.errors import UserError

_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled


class _GivenTwiceError(Exception):
    """A mapping has a key twice; the message says where."""


class _Loader(_Fastest):  # type: ignore[misc]  # which of the two is known at run time
    """A safe loader that refuses a key given twice; YAML's own rule, which PyYAML leaves out: the last one wins."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        first: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if (key.tag, key.value) in first:
                where = f"first in line {first[key.tag, key.value]}"
                raise _GivenTwiceError(f"line {line}: {key.value} is given twice, {where}")
            first[key.tag, key.value] = line
        return super().construct_mapping(node, deep=deep)


def read_values(path: Path) -> dict[str, Any]:
    """Return what a configuration file says.

    Raises:
        UserError: It cannot be read, or gives a key twice.
    """
    try:
        values = yaml.load(user_text.read(path), _Loader)  # noqa: S506  a safe one
    except OSError as error:
        raise UserError(
            f"{path} cannot be read as a configuration: {error}",
            todo="name the build's folder (--folder), or its configuration (--configfile)",
        ) from error
    except _GivenTwiceError as error:
        raise UserError(
            f"{path}, {error}", accepted="each key once in its section", todo="keep one of the two"
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(
            f"{path}{where}: this is not YAML ({getattr(error, 'problem', None) or error})",
            accepted="keys indented by blanks, never by tabs, each with a colon and a blank behind it",
            todo="correct that line or the one above it; git diff shows what was changed",
        ) from error
    return values if isinstance(values, dict) else {}
