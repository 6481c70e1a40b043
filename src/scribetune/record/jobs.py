"""What every rule's script does around its `main`: a log file, errors in words, and a receipt of what it did."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scribetune.core import progress
from scribetune.core.disk_space import of_full_disk
from scribetune.core.errors import UserError
from scribetune.record import receipts, resources, running

AROUND_A_JOB = True

logger = logging.getLogger("scribetune")

_INTERRUPTED = 130
"""As shells say it: 128 and the number of SIGINT."""


@contextlib.contextmanager
def rule_job(job: Any) -> Iterator[None]:
    """Run the body of a rule's script.

    Log records go to the rule's log file, tracebacks included. On the terminal a user's mistake is one message; an
    unexpected error is one line that names the log; a full disk is told as such, whoever met it. A job that ends well
    leaves a receipt of what it made, and a note of what it ran on.

    Args:
        job: The `snakemake` object of the script.

    Raises:
        SystemExit: With status 1 after any error, 130 after an interrupt.
    """
    log_path = Path(job.log[0])
    name = receipts.job_name(job.rule, dict(job.wildcards.items()))
    try:
        _open_log(log_path)
        os.environ[progress.JOB] = name  # processes that the job starts have it too
        logger.info("rule %s", job.rule)
        with running.job(name):
            yield
        if job.output:  # a rule that only judges makes nothing that could be stale
            resources.note(receipts.write(job).job)
    except UserError as error:
        logger.error("%s", error)  # noqa: TRY400  a user's mistake needs no traceback
        _show(f"\n{job.rule}: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        # Ctrl-C reaches the job as well as Snakemake, which says what becomes of it.
        logger.info("rule %s was interrupted", job.rule)
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        logger.exception("rule %s failed", job.rule)
        full = of_full_disk(error)
        if full:
            _show(f"\n{job.rule}: {full}\n")
        else:
            _show(f"\n{job.rule} failed: {type(error).__name__}: {error}\n  The traceback is in {log_path}\n")
        raise SystemExit(1) from None
    logger.info("rule %s is done", job.rule)


def _open_log(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # a line that does not fit on the disk is lost, and no traceback of its own
    logging.basicConfig(
        filename=path,
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.captureWarnings(capture=True)


def _show(message: str) -> None:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
