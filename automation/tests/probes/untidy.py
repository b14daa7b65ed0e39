"""Process functions that leave their worker's process other than they found it."""

import decimal
import gc
import locale
import logging
import logging.config
import multiprocessing
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
import warnings
from contextlib import nullcontext, suppress
from contextvars import ContextVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone, translation

from automation import Run, process

_left: ContextVar[str] = ContextVar("_left", default="")


@process(atomic=False)
def look_around(run: Run) -> dict:
    """What of its process a run can see that another may have changed."""
    run.log.info("Looked")
    logging.getLogger("probes.untidy").info("Looked too")
    return {
        "directory": os.getcwd(),
        "umask": os.umask(0o22) and os.umask(0o22),
        "environment": [os.environ.get("LEFT_BEHIND"), os.environ.get("TZ"), time.tzname[0]],
        "language": [translation.get_language(), timezone.get_current_timezone_name()],
        "decimal": [decimal.getcontext().prec, str(decimal.getcontext().rounding)],
        "collector": gc.isenabled(),
        "timeout": socket.getdefaulttimeout(),
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": [str(signal.getsignal(n)).split(" at ")[0] for n in (15, 2, 10, 1, 12)],
        "mask": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "path": "/left/behind" in sys.path,
        "stdout": type(sys.stdout).__name__,
        "warnings": len(warnings.filters),
        "context": _left.get(),
        "queries": len(connection.queries_log),
        "levels": [logging.root.level, logging.getLogger("automation.run").disabled],
    }


@process(atomic=False)
def leave_everything_changed() -> str:
    """All that can be put back."""
    os.chdir("/")
    os.umask(0)
    os.environ["LEFT_BEHIND"] = "yes"
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    translation.activate("fa")
    timezone.activate("Asia/Tokyo")
    decimal.getcontext().prec = 3
    gc.disable()
    socket.setdefaulttimeout(0.01)
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    sys.path.insert(0, "/left/behind")
    warnings.simplefilter("error")
    _left.set("behind")
    random.seed(1)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    logging.config.dictConfig({"version": 1, "root": {"level": "CRITICAL"}})
    logging.disable()
    return "done"


@process(atomic=False)
def leave_a_thread() -> str:
    def log_on() -> None:
        while True:
            logging.getLogger("probes").warning("The thread goes on")
            time.sleep(0.05)

    threading.Thread(target=log_on, name="left behind", daemon=True).start()
    return "done"


@process(atomic=False)
def write_to_every_descriptor(*, what: str) -> str:
    for number in range(3, 40):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, bytes.fromhex(what))
    return "done"


@process
def use_a_pool_of_processes(run: Run, *, rounds: int = 3) -> list:
    """Each process of the pool asks the database by itself, beside the transaction of the run."""
    Group.objects.create(name=f"seen by no process of the pool in run {run.execution_id}")
    found = []
    for number in range(rounds):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found += pool.map(_ask, range(number, number + 8))
        assert Group.objects.filter(name__startswith="seen by no process").count() == 1
    return found


def _ask(number: int) -> list:
    # On SQLite a transaction would wait for that of the run.
    block = nullcontext() if connection.vendor == "sqlite" else transaction.atomic()
    with block, connection.cursor() as cursor:
        cursor.execute("SELECT %s + 0", [number])
        seen = Group.objects.filter(name__startswith="seen by no process").count()
        return [int(cursor.fetchone()[0]) - number, seen]


@process(atomic=False)
def ask_much(*, statements: int, size: int) -> int:
    """Ask much, which Django keeps with DEBUG; return how many bytes it keeps."""
    for _ in range(statements):
        with connection.cursor() as cursor:
            cursor.execute("SELECT length(%s)", ["x" * size])
    return sum(len(query["sql"]) for query in connection.queries_log)


@process(atomic=False)
def leave_what_cannot_be_put_back(*, what: str) -> str:
    if what == "niceness":
        os.nice(1)
    elif what == "settings":
        settings.AUTOMATION["LEASE"] = 1_000
    elif what == "streams":
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    return "done"


@process(atomic=False)
def set_the_alarm_itself(*, seconds: float = 30) -> str:
    """Set an alarm, as libraries do that know no other way to wait at most so long."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(100)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.1)
    return "done"


@process(atomic=False)
def wait_for_a_command(*, seconds: float = 30) -> int:
    return os.system(f"sleep {seconds:.0f}")  # noqa: S605
