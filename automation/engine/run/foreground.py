"""Run a process here and now, in this terminal, instead of in a worker."""

import time
from typing import Any

from django.db import transaction

from automation.database import terminal_locks
from automation.engine.end import recovery, retrying
from automation.engine.run import lease
from automation.engine.run.claims import Claim, claim_one
from automation.engine.run.guarding import Signals, run_guarded
from automation.engine.run.runner import node_name
from automation.engine.start.launch import launch, make_way
from automation.engine.start.undo import launch_undo
from automation.models import Execution, Process, Status, Trigger

#: Seconds between looks at an execution that somebody else runs, or that waits.
LOOK = 0.3


def start_here(process: Process, **options: Any) -> tuple[Execution, Claim | None]:
    """Launch a process for this terminal; return its execution, claimed unless it cannot run now.

    `options` are those of `launch`. An execution that has to wait for a slot is queued, so that
    it is run even if this terminal goes away.
    """
    recovery.mark_lost_of_the_dead()
    make_way(process, **options)
    with transaction.atomic():
        return _claimed(launch(process, trigger=Trigger.MANUAL, queue=False, **options))


def undo_here(execution: Execution, **options: Any) -> tuple[Execution, Claim | None]:
    """Launch the undoing of an execution for this terminal, as `start_here` does a process.

    Raises UndoError.
    """
    recovery.mark_lost_of_the_dead()
    with transaction.atomic():
        return _claimed(launch_undo(execution, queue=False, **options))


def retry_here(execution: Execution, **options: Any) -> tuple[Execution, Claim | None]:
    """Launch another attempt of an execution for this terminal, as `start_here` does a process.

    Raises RetryError.
    """
    recovery.mark_lost_of_the_dead()
    with transaction.atomic():
        return _claimed(retrying.retry(execution, **options))


def _claimed(execution: Execution) -> tuple[Execution, Claim | None]:
    claim = _claim(execution)
    execution.refresh_from_db()
    return execution, claim


def _claim(execution: Execution) -> Claim | None:
    """Claim an execution, with its lock taken before others can see that it runs.

    Without the lock they would take it for one of a dead terminal.
    """
    terminal_locks.hold(execution.pk)
    node = f"{node_name()}{terminal_locks.TERMINAL}"
    claim = claim_one(execution.pk, node=node, lease=lease.length())
    if claim is None:
        terminal_locks.let_go(execution.pk)
    return claim


def run_here(execution: Execution, claim: Claim | None) -> Execution:
    """Run an execution, claimed or as soon as it can be claimed; return it when it has ended.

    Ctrl-C, SIGTERM or SIGHUP ends it as cancelled, and is raised on as KeyboardInterrupt. Others
    may cancel it.
    """
    with Signals() as signals:
        while claim is None and execution.status == Status.PENDING:
            time.sleep(LOOK)
            recovery.mark_lost_of_the_dead()
            claim = _claim(execution)
            execution.refresh_from_db()
        if claim is not None:
            try:
                run_guarded(claim, signals)
            finally:
                terminal_locks.let_go(execution.pk)
    execution.refresh_from_db()
    return execution if claim is not None else wait_for(execution, seconds=None)


def wait_for(execution: Execution, *, seconds: float | None) -> Execution:
    """Return the execution when it has ended, or after so many seconds (None: however long)."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while not execution.is_final and (deadline is None or time.monotonic() < deadline):
        time.sleep(LOOK)
        execution.refresh_from_db()
    return execution
