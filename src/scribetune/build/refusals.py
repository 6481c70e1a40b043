"""How a build that cannot start says why: one message, before any work, and no traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from scribetune.core.disk_space import of_full_disk
from scribetune.core.errors import UserError


@contextmanager
def refusals() -> Iterator[None]:
    """Pass on a user's mistake, or a full disk, as an exit with its message, in input and params functions too.

    Snakemake shows any other exception with its lines. One in an input function it even takes for a file that cannot be
    made: where the file is there, from an earlier build, it is taken as it is, and the build goes on.

    Raises:
        SystemExit: Something the user can mend, with the message.
    """
    try:
        yield
    except UserError as error:
        raise SystemExit(f"\n{error}\n") from None
    except OSError as error:
        full = of_full_disk(error)
        if full is None:
            raise
        raise SystemExit(f"\n{full}\n") from None


@cache
def log_once(message: str) -> None:
    """Show a message on the terminal; input functions are called several times."""
    from snakemake.logging import logger

    logger.error(message)
