"""What a node needs before it works: a database with its tables; on SQLite, to be alone."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from automation import database
from automation.cluster.children import Wakeup
from automation.cluster.stock.naming import logger
from automation.database import node_lock
from automation.database.away import is_away
from automation.queue.messages import queue_name, serves_executions

T = TypeVar("T")

#: Seconds between looks at a database that is not ready.
PAUSE = 1


class NotReadyError(RuntimeError):
    """The node cannot work here; the text says why."""


def wait_for_database(wakeup: Wakeup) -> bool:
    """Return True once the database answers and has its tables, False if told to stop before."""
    told = ""
    while (lacking := _what_is_lacking()) and not _told_to_stop(wakeup):
        if lacking != told:
            logger.warning("%s The workers wait.", lacking)
            told = lacking
        wait([wakeup.fileno()], PAUSE)
    return not lacking


def insist(do: Callable[[], T], what: str, wakeup: Wakeup) -> T | None:
    """Return what `do` returns, repeated while the database does not answer; None if told to stop.

    Raises other errors of the database.
    """
    while True:
        try:
            return do()
        except Error as error:
            if not is_away(error):
                raise
            logger.warning("Waiting to %s: %s", what, str(error).strip())
            connection.close()
        wait([wakeup.fileno()], PAUSE)
        if _told_to_stop(wakeup):
            return None


def _told_to_stop(wakeup: Wakeup) -> bool:
    return bool({signal.SIGTERM, signal.SIGINT} & set(wakeup.signals()))


def _what_is_lacking() -> str:
    """Return a sentence about what the database lacks; "" for nothing."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        connection.close()
        return f"The database does not answer: {str(error).strip()}"
    if not plan:
        return ""
    named = ", ".join(sorted({migration.app_label for migration, _ in plan}))
    return f"The database lacks migrations of {named}: run `manage.py migrate`."


@contextmanager
def only_node_of_its_file() -> Iterator[None]:
    """On SQLite, keep other nodes from the same file; elsewhere do nothing.

    Raises NotReadyError where another node has it.
    """
    if not database.one_host():
        yield
        return
    # A node of another queue runs no executions, so it may work beside this one.
    queue = "" if serves_executions() else f".{queue_name()}"
    with ExitStack() as stack:
        try:
            stack.enter_context(node_lock.held(queue))
        except BlockingIOError as error:
            raise NotReadyError(
                f"Another qcluster works on {connection.settings_dict['NAME']} already. Stop it first; "
                "for several nodes use PostgreSQL."
            ) from error
        yield
