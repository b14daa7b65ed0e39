"""The log of the workers: a line for each start, end, skip, miss and retry of an execution.

Each line names the process and the number of the execution. All lines are English, whatever
language the pages have.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import override

logger = logging.getLogger("automation.executions")

#: The statuses that are errors in the log, so that error trackers see them.
_ERRORS = {"failed", "timed_out", "lost"}

#: Control characters (but tab and line feed), line separators, what reverses text, and surrogates.
#: Marks of direction are left: they reverse no letters, and sentences in Persian have them.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def started(execution: object, cause: str) -> None:
    logger.info("%s started: %s.", execution, cause)


def ended(
    execution: object,
    status: str,
    seconds: float,
    told: str = "",
    error: BaseException | None = None,
) -> None:
    """Log that an execution ended.

    `seconds`: how long it took. `told`: what is known of the end. `error`: logged with its
    traceback.
    """
    logger.log(
        logging.ERROR if status in _ERRORS else logging.INFO,
        "%s %s after %.1f s%s",
        execution,
        status.replace("_", " "),
        seconds,
        f": {told}" if told else ".",
        exc_info=error,
    )


def after_commit(execution: object, outcome: str, told: str) -> None:
    """Log that a run was committed and what was to follow did not go well; `told` says how."""
    logger.error(
        "%s completed, but what follows its commit %s: %s",
        execution,
        {"timed_out": "timed out", "cut_off": "was cut off"}.get(outcome, outcome),
        told,
    )


def lost(execution: object, reason: Callable[[], str]) -> None:
    """Log, once the transaction commits, that an execution was lost."""
    transaction.on_commit(partial(_say, logging.ERROR, "%s lost: %s", execution, reason))


def skipped(execution: object, reason: Callable[[], str]) -> None:
    """Log, once the transaction commits, that an execution was skipped.

    `reason` returns a sentence in the active language.
    """
    transaction.on_commit(partial(_say, logging.INFO, "%s skipped: %s", execution, reason))


def not_started(
    execution: object,
    status: str,
    due: datetime | None,
    until: datetime | None,
    times: int,
    reason: Callable[[], str],
) -> None:
    """Log, once the transaction commits, a row of occurrences that were not started.

    `times`: how many the row stands for.
    """
    level = logging.WARNING if status == "missed" else logging.INFO
    text = f"%s {status}"
    if due is not None:
        text += f", due {_local(due)}"
    if until is not None:
        text += f" and later, {times} times until {_local(until)}"
    transaction.on_commit(partial(_say, level, f"{text}: %s", execution, reason))


def retried(execution: object, attempt: int, before: object, not_before: datetime) -> None:
    """Log, once the transaction commits, that an execution is another attempt."""
    told = ("%s is attempt %s, after %s. It starts at %s or later.", execution, attempt, before)
    transaction.on_commit(partial(logger.info, *told, _local(not_before)))


def cancelled_before_start(execution: object, who: str) -> None:
    """Log, once the transaction commits, that an execution was cancelled before its start."""
    told = ("%s cancelled before it began%s.", execution, f", by {who}" if who else "")
    transaction.on_commit(partial(logger.info, *told))


def _local(at: datetime) -> str:
    """Write an instant in the default zone of the site, as the time stamps of the lines are."""
    return localtime(at, get_default_timezone()).isoformat(timespec="seconds")


def _say(level: int, text: str, execution: object, reason: Callable[[], str]) -> None:
    with override("en"):
        logger.log(level, text, execution, reason())


@contextmanager
def only_errors() -> Iterator[None]:
    """Let no line below ERROR be logged inside the block."""

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)


#: The run that goes on in this operating system process, as its process and number; "" for none.
_current = ""


@contextmanager
def of_run(execution: object) -> Iterator[None]:
    """Name a run in the lines that are logged inside the block; only one runs at a time."""
    global _current
    before, _current = _current, str(execution)
    try:
        yield
    finally:
        _current = before


class LineFormatter(logging.Formatter):
    """Formats records for a console; `%(run)s` is the run that a record comes from.

    No text that somebody typed can look like a line of its own, or reach the terminal as a command:
    a line break is followed by four spaces, and other control characters are escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        record.run = f"{_current}: " if _current else ""
        return printable(super().format(record)).replace("\n", "\n    ")


def printable(text: str) -> str:
    """Return a text with its control characters, but tab and line feed, escaped as in Python."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
