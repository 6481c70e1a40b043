"""Configuration files as they are on disk: YAML, and where in the file a slip is."""

from pathlib import Path
from typing import Any

import yaml

from scribetune.core import user_text
from scribetune.core.errors import UserError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was compiled


def read_values(path: Path) -> dict[str, Any]:
    """Return what a configuration file says.

    Raises:
        UserError: It cannot be read.
    """
    try:
        values = yaml.load(user_text.read(path), _Loader)  # noqa: S506  a safe one
    except OSError as error:
        raise UserError(
            f"{path} cannot be read as a configuration: {error}",
            todo="name the build's folder (--folder), or its configuration (--configfile)",
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
