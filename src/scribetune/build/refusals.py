"""How a build that cannot start says why: one message, before any work, and no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from scribetune.core import files
from scribetune.core.errors import UserError


@contextmanager
def refusals() -> Iterator[None]:
    """Pass on a user's mistake, or a full disk, as an exit with its message.

    Snakemake shows any other exception with its lines.

    Raises:
        SystemExit: Something the user can mend, with the message.
    """
    try:
        yield
    except UserError as error:
        raise SystemExit(f"\n{error}\n") from None
    except OSError as error:
        full = files.of_full_disk(error)
        if full is None:
            raise
        raise SystemExit(f"\n{full}\n") from None


def missing_input(error: UserError) -> str:
    """Say why, and return an input that no rule makes: Snakemake then stops before any work, without a traceback.

    (An exception raised in an input function is shown with one, whatever its class.)
    """
    log_once(str(error))
    return f"[{error.what}]"


@cache
def log_once(message: str) -> None:
    """Show a message on the terminal; input functions are called several times."""
    from snakemake.logging import logger

    logger.error(message)
