"""Functions of which something follows the commit, in every way there is."""

import logging
import os
import signal
import time
from contextlib import suppress
from functools import partial
from uuid import uuid4

from django.contrib.auth.models import Group
from django.db import connection, transaction

from automation import Run, process

log = logging.getLogger("probes.following")


def _divide_by_zero() -> None:
    log.info("About to divide")
    1 / 0  # noqa: B018


def _write() -> None:
    Group.objects.create(name=f"written by what follows, {uuid4()}")
    log.info("It followed")


def _exit() -> None:
    raise SystemExit("enough")


def _sleep() -> None:
    log.info("Asleep after the commit")
    time.sleep(60)


def _sleep_a_little() -> None:
    time.sleep(6)


def _sleep_whatever_is_raised() -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(BaseException):
            time.sleep(0.05)


def _sleep_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(60)")


def _die() -> None:
    os._exit(3)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _leave_a_transaction_open() -> None:
    transaction.set_autocommit(False)
    Group.objects.create(name="left open by what follows")


def _interrupt() -> None:
    raise KeyboardInterrupt


_WAYS = {
    "raise": _divide_by_zero,
    "write": _write,
    "exit": _exit,
    "sleep": _sleep,
    "sleep_a_little": _sleep_a_little,
    "heed_nothing": _sleep_whatever_is_raised,
    "sleep_in_the_database": _sleep_in_the_database,
    "die": _die,
    "kill": _kill,
    "leave_open": _leave_a_transaction_open,
    "interrupt": _interrupt,
}


@process
def follow(run: Run, *, ways: list[str], robust: bool = False) -> str:
    """Write a group, and leave things to be done after the commit."""
    Group.objects.create(name=f"written by run {run.execution_id}")
    for way in ways:
        transaction.on_commit(partial(log.info, "To follow: %s", way))
        transaction.on_commit(_WAYS[way], robust=robust)
    return "done"
