"""Hooks that an atomic run has left to be called after its commit: `transaction.on_commit`.

Django would call these hooks in the COMMIT itself, without a limit, and none after the first that
raises. The engine calls all of them, within a time limit, and keeps their log.
"""

import logging
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from automation import logs
from automation.database.forking import cause_of
from automation.database.session import statement_limit
from automation.database.text import MAX_TEXT, storable
from automation.database.transactions import take_commit_hooks, transactions_as_found
from automation.engine.end import consequences, notices
from automation.engine.run.claims import Claim
from automation.engine.run.failure import in_words, traceback_of
from automation.engine.run.interruptions import (
    Interrupted,
    Interruptions,
    RunCancelled,
    Watcher,
)
from automation.engine.run.log import RunLog, save_lines
from automation.engine.run.recording import UNSTORABLE, write_surely
from automation.models import AfterCommit, Execution, LogLine, Status, locking

logger = logging.getLogger(__name__)

#: Seconds that the hooks of a run have at least; more where its time limit leaves more.
AT_LEAST = 10

Hook = Callable[[], object]


class CommitHooks:
    """The hooks of one run, their outcome and their errors."""

    def __init__(self, claim: Claim, log: RunLog, watcher: Watcher) -> None:
        self._claim, self._log, self._watcher = claim, log, watcher
        self._hooks: list[Hook] = []
        self._called = 0
        self._errors: list[tuple[Hook, BaseException]] = []

    def take(self) -> bool:
        """Take the hooks over at the end of the transaction; return whether there are any.

        Where the run is part of another transaction, as in tests, none are taken: Django calls them
        after that.
        """
        self._hooks = take_commit_hooks()
        if self._hooks:
            self._watcher.committing(self._limit())
        return bool(self._hooks)

    def call(self) -> None:
        """Call the hooks once the run is committed, and record where that does not go well.

        Nothing that they raise is raised on but a KeyboardInterrupt, which is recorded too.
        """
        if not self._hooks:
            return
        written = len(self._log.lines)
        try:
            with logs.of_run(self._claim.execution), self._log.captured():
                outcome, told = self._call_all()
        except KeyboardInterrupt:
            self._record(AfterCommit.CUT_OFF, "It was stopped at the terminal.", written)
            raise
        self._record(outcome, told, written)

    def _limit(self) -> int:
        now = timezone.now()
        took = now - (self._claim.execution.started_at or now)
        return limit_after(took.total_seconds(), self._claim.time_limit)

    def _call_all(self) -> tuple[AfterCommit | None, str]:
        """Call all hooks; return how that went, and a sentence where they were cut short."""
        limit = self._limit()
        try:
            with statement_limit(limit), Interruptions(limit) as interruptions:
                for hook in self._hooks:
                    self._call(hook)
                    if interruptions.happened:  # The hook caught the interruption.
                        break
            if interruptions.happened:
                return AfterCommit.TIMED_OUT, self._too_long(limit)
        except RunCancelled:
            return AfterCommit.CUT_OFF, "It was cancelled."
        except Interrupted:
            return AfterCommit.TIMED_OUT, self._too_long(limit)
        except Exception as error:  # An error of the database, before the first was called.
            self._errors.append((self._call_all, error))
        return AfterCommit.FAILED if self._errors else None, ""

    def _call(self, hook: Hook) -> None:
        process_id = os.getpid()
        try:
            self._called += 1
            with transactions_as_found():
                hook()
        except Interrupted:
            raise
        except BaseException as error:  # Even after SystemExit the next hook is called.
            if isinstance(error, KeyboardInterrupt) and self._watcher.is_at_terminal:
                raise
            self._errors.append((hook, error))
            logger.error("What follows the commit failed: %s.", _name_of(hook), exc_info=error)
        finally:
            if os.getpid() != process_id:
                os._exit(0)  # The hook forked and let its child return.

    def _too_long(self, limit: int) -> str:
        last, left = _name_of(self._hooks[self._called - 1]), len(self._hooks) - self._called
        told = f"What follows the commit took longer than its {limit} s, and was ended in {last}."
        return f"{told} Not called: {left} more." if left else told

    def _record(self, outcome: AfterCommit | None, told: str, written: int) -> None:
        """Write how the hooks went; nothing where all is well and nothing was logged."""
        execution, lines = self._claim.execution, self._log.lines[written:]
        if outcome is None and not lines and not notices.are_sent():
            return
        what = f"record what followed the commit of {execution}"
        told, trace = self._in_words(told)
        try:
            write_surely(partial(self._write, outcome, lines, told, trace), what)
        except UNSTORABLE as error:  # Nothing of what the hooks said is in what is written now.
            logger.exception("What followed the commit of %s could not be stored.", execution)
            outcome = outcome or AfterCommit.FAILED
            told = f"What it said could not be stored: {type(error).__name__}."
            write_surely(partial(self._write, outcome, [], told, ""), what)
        if outcome is not None:
            logs.after_commit(execution, outcome, told)

    def _in_words(self, told: str) -> tuple[str, str]:
        """Return the errors of the hooks and their tracebacks, as they are stored."""
        errors = [f"{_name_of(hook)}: {in_words(error)}" for hook, error in self._errors]
        traces = [traceback_of(error, below=__file__) for _hook, error in self._errors]
        texts = "\n".join([*errors, told]).strip(), "\n".join(traces)
        words, trace = (storable(self._log.masker.text(text), MAX_TEXT) for text in texts)
        return words, trace

    def _write(
        self, outcome: AfterCommit | None, lines: list[LogLine], told: str, trace: str
    ) -> None:
        execution = self._claim.execution
        with transaction.atomic():
            if outcome is None:
                consequences.after_success(execution)
                save_lines(execution.pk, lines)
            else:
                columns = {"error_message": told, "traceback": trace}
                record(execution, self._claim.token, outcome, lines, **columns)


def limit_after(took: float, time_limit: int) -> int:
    """Return for how many seconds hooks may go on, where the function took `took` of its limit."""
    return max(AT_LEAST, math.ceil(time_limit - took))


def record_death(
    claim: Claim, exit_code: int | None, *, took: float, limit: int, lines: Sequence[LogLine] = ()
) -> None:
    """Record that the process of a run died `took` seconds after its commit had begun.

    Nothing is recorded where the run was not committed.
    """
    outcome = AfterCommit.CUT_OFF
    told = f"Its process ended with {cause_of(exit_code)} over what was to follow the commit."
    if took >= limit:
        outcome = AfterCommit.TIMED_OUT
        told = f"What follows the commit took longer than its {limit} s, and was killed."
    with transaction.atomic():
        locking.lock(claim.execution.process_id)
        if not record(claim.execution, claim.token, outcome, list(lines), error_message=told):
            return
    logs.after_commit(claim.execution, outcome, told)


def record(
    execution: Execution,
    token: UUID,
    outcome: AfterCommit,
    lines: list[LogLine],
    **columns: str,
) -> bool:
    """Write that what followed the commit did not go well; False where it was not committed.

    Call it in a transaction.
    """
    rows = Execution.objects.filter(pk=execution.pk, token=token, status=Status.COMPLETED)
    if not rows.update(after_commit=outcome, **columns):
        return False
    save_lines(execution.pk, lines)
    notices.after_commit(execution)
    return True


def _name_of(hook: Hook) -> str:
    """Return the name of a hook's function, also through partial objects."""
    try:
        function = getattr(hook, "func", hook)
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return f"{getattr(function, '__module__', '?')}.{name}"
    except Exception:
        return type(hook).__name__
