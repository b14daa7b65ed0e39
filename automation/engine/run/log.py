"""The log of a run: what Python's logging says while the run goes on."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from automation.database.text import storable
from automation.engine.run.interruptions import Watcher
from automation.models import Execution, LogLine
from automation.parameters import Masker

#: Limits of a run's log; what is beyond is cut, and the log says so.
MAX_LINES = 1_000
MAX_LINE_LENGTH = 4_000  # characters

#: Formats the message, and the traceback where one was logged.
_FORMATTER = logging.Formatter("%(message)s")

RUN_LOGGER = logging.getLogger("automation.run")
_UNFORMATTED = "(a line that could not be formatted)"


class RunLog(logging.Handler):
    """Keeps what Python's logging says during a run, up to the stated limits."""

    def __init__(self, watcher: Watcher, masker: Masker | None = None) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[LogLine] = []
        self.left_out = 0
        self.masker = masker or Masker()
        self._watcher, self._process = watcher, os.getpid()

    @contextmanager
    def captured(self) -> Iterator[None]:
        """Keep every line that is logged in the block, besides wherever else it goes."""
        root, level = logging.getLogger(), RUN_LOGGER.level
        root.addHandler(self)
        _set_level(logging.DEBUG)
        try:
            yield
        finally:
            _set_level(level)
            root.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if os.getpid() != self._process:  # The function forked: this is not the run.
            return
        if len(self.lines) >= MAX_LINES:
            self.left_out += 1
            return
        try:
            at = datetime.fromtimestamp(record.created, UTC)
            self._keep(str(record.levelname), str(record.name), _FORMATTER.format(record), at)
        except Exception:  # A wrong call of logging is the author's; it must not end the run.
            self._keep("WARNING", RUN_LOGGER.name, _UNFORMATTED, datetime.now(UTC))

    def _keep(self, level: str, logger: str, message: str, at: datetime) -> None:
        line = LogLine(
            number=len(self.lines),
            created_at=at,
            level=storable(level, 1_000)[:20],
            logger=storable(self.masker.text(logger), 1_000)[:200],
            message=storable(self.masker.text(message), MAX_LINE_LENGTH),
        )
        self.lines.append(line)
        self._watcher.line(line)

    def save(self, execution: Execution) -> None:
        """Write the lines that are not stored yet."""
        if self.left_out and len(self.lines) == MAX_LINES:  # Saving may be tried again.
            message = f"{self.left_out} more lines were left out: a run keeps {MAX_LINES}."
            self._keep("WARNING", RUN_LOGGER.name, message, datetime.now(UTC))
        save_lines(execution.pk, self.lines)


def pass_all_lines() -> None:
    """Let RUN_LOGGER pass all lines from now on, for a process of which runs are the only work.

    To change a level for each run costs what all loggers remember of their levels.
    """
    _set_level(logging.DEBUG)


def _set_level(level: int) -> None:
    if RUN_LOGGER.level != level:
        RUN_LOGGER.setLevel(level)


def save_lines(execution_id: int, lines: list[LogLine]) -> None:
    """Write lines of a run; lines that were written while it went on stay as they are."""
    for line in lines:
        line.execution_id = execution_id
    if lines:
        LogLine.objects.bulk_create(lines, ignore_conflicts=True)


@contextmanager
def masked_records(masker: Masker) -> Iterator[None]:
    """Hide secrets in every log record that is made in the block, whatever handler gets it."""
    if not masker:
        yield
        return
    before = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        _mask(record, masker)
        return record

    logging.setLogRecordFactory(make)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def _mask(record: logging.LogRecord, masker: Masker) -> None:
    try:
        record.msg = masker.text(record.getMessage())
    except Exception:
        record.msg = _UNFORMATTED
    record.args = None
    if record.stack_info:
        record.stack_info = masker.text(record.stack_info)
    if record.exc_info:
        _mask_traceback(record, masker)


def _mask_traceback(record: logging.LogRecord, masker: Masker) -> None:
    """Hide secrets in a record's traceback; a handler that reads the exception gets none then."""
    try:
        shown = _FORMATTER.formatException(record.exc_info)  # type: ignore[arg-type]
    except Exception:
        shown, record.exc_info = "(a traceback that could not be shown)", None
    record.exc_text = masker.text(shown)
    if record.exc_text != shown:
        record.exc_info = None
