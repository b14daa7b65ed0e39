"""Process functions that leave a trace while they run, and those that mean harm."""

import ctypes
import faulthandler
import itertools
import os
import time

from django.contrib.auth.models import Group
from django.db import connection, transaction

from automation import Run, process

#: Seconds between the signs of life of a run.
BEAT = 0.02


def effect_of(execution_id: int) -> str:
    """The name of the group that stands for what a run wrote."""
    return f"effect of {execution_id}"


@process
def work(run: Run, *, journal: str, seconds: float = 0.0) -> str:
    """Write in the run's own transaction, and show signs of life."""
    Group.objects.create(name=effect_of(run.execution.pk))
    _show_signs_of_life(run, journal, seconds)
    return "done"


@process(atomic=False)
def work_as_it_goes(run: Run, *, journal: str, seconds: float = 0.0) -> str:
    """Show signs of life only: with no transaction it is in nobody's way on SQLite either."""
    _show_signs_of_life(run, journal, seconds)
    return "done"


def _show_signs_of_life(run: Run, journal: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    with open(journal, "ab", buffering=0) as file:
        while True:
            now = time.monotonic()
            who = f"{run.execution.process_id} {run.execution.pk} {os.getpid()}"
            file.write(f"{who} {now}\n".encode())
            if now >= end:
                return
            time.sleep(BEAT)


if "TESTS_OLD_CODE" not in os.environ:

    @process
    def work_of_new_code(run: Run, *, journal: str) -> str:
        """Nothing that a node with the code of before knows."""
        return work(run, journal=journal)


# Ignores every signal


@process(atomic=False)
def hold_the_gil() -> None:
    """A loop in C, in which Python handles no signal."""
    sum(itertools.repeat(1, 10**12))


@process(atomic=False)
def swallow_everything(*, seconds: float = 60) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:  # noqa: SIM105  # as it is written by those who should not
            time.sleep(0.05)
        except:  # noqa: E722, S110
            pass
    return "awake"


# Hard on their worker


@process
def segfault() -> None:
    faulthandler.disable()
    ctypes.string_at(0)


@process
def fork_and_let_the_child_return(run: Run, *, journal: str) -> str:
    if os.fork() == 0:
        return "the child"
    return work(run, journal=journal)


@process
def leave_a_child_behind(run: Run, *, journal: str) -> str:
    """One that outlives the run, in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    return work(run, journal=journal)


# Hard on their connection


@process
def cut_the_connection(run: Run) -> str:
    Group.objects.create(name=effect_of(run.execution.pk))
    os.close(connection.connection.fileno())
    return "done"


@process(atomic=False)
def leave_the_connection_closed() -> str:
    connection.ensure_connection()
    connection.connection.close()
    return "done"


@process(atomic=False)
def leave_a_transaction_open() -> str:
    transaction.atomic().__enter__()
    Group.objects.create(name="written in a transaction that was left open")
    return "done"


@process
def leave_a_transaction_open_in_that_of_the_run() -> str:
    transaction.atomic().__enter__()
    Group.objects.create(name="written in a transaction that was left open")
    return "done"


@process(atomic=False)
def leave_autocommit_off() -> str:
    connection.set_autocommit(False)
    Group.objects.create(name="written with autocommit left off")
    return "done"


@process(atomic=False)
def leave_a_transaction_broken() -> str:
    transaction.atomic().__enter__()
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT no_such_column")
        except Exception:
            return "done"
    return "unexpected"


@process(atomic=False)
def spoil_the_session(*, statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    return "done"


@process
def spoil_the_session_of_the_transaction(run: Run, *, statement: str) -> str:
    Group.objects.create(name=effect_of(run.execution.pk))
    with connection.cursor() as cursor:
        cursor.execute(statement)
    return "done"
