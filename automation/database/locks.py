"""How long a statement waits for what somebody else has locked, and what is locked."""

import fcntl
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from zlib import crc32

from django.apps import apps
from django.db import OperationalError, connection, models, transaction

from automation import database

#: The error codes of PostgreSQL where somebody else had a lock for too long.
_NOT_AVAILABLE = "55P03"
#: Statements that may wait for a row. What only reads, or passes over locked rows, waits for nobody.
_MAY_WAIT = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|EXECUTE)\b|(?s:.)*\bFOR (NO KEY )?UPDATE\b(?!.*SKIP LOCKED)",
    re.IGNORECASE,
)


def is_locked(error: OperationalError) -> bool:
    """Whether an error says that somebody else had a lock for too long."""
    if connection.vendor == "sqlite":
        return "locked" in str(error)
    cause = error.__cause__
    return _NOT_AVAILABLE in {getattr(cause, name, None) for name in ("pgcode", "sqlstate")}


def is_locked_row(error: OperationalError) -> bool:
    """Whether it says so of a row: on SQLite it is never that, but the whole database."""
    return connection.vendor == "postgresql" and is_locked(error)


def locked_model(error: OperationalError) -> type[models.Model] | None:
    """Return the model of the row that was locked, as far as PostgreSQL names it."""
    context = getattr(getattr(error.__cause__, "diag", None), "context", None) or ""
    tables = {model._meta.db_table: model for model in apps.get_models()}
    return next((tables[name] for name in re.findall(r'"(\w+)"', context) if name in tables), None)


@contextmanager
def waiting_for_rows_at_most(seconds: float) -> Iterator[None]:
    """On PostgreSQL, let no statement in the block wait longer than `seconds` for a locked row.

    A statement that waits longer raises OperationalError, for which `is_locked` is true. It is for
    what people ask for: a function may keep a row locked for as long as its run goes on. The limit
    belongs to transactions: nothing of it stays in the session.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with connection.execute_wrapper(_Limit(seconds)):
        yield
    if connection.in_atomic_block and not connection.needs_rollback:
        _set_lock_timeout("DEFAULT")


@contextmanager
def unless_locked(seconds: float) -> Iterator[None]:
    """On PostgreSQL, leave the block without an error where a row in it stays locked for so long.

    The caller tries again later. It is for code that guards many runs, of which one may have locked
    what concerns another.
    """
    try:
        with waiting_for_rows_at_most(seconds):
            yield
    except OperationalError as error:
        if not is_locked_row(error):
            raise


class _Limit:
    def __init__(self, seconds: float) -> None:
        self.milliseconds = str(int(seconds * 1000))

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        if connection.needs_rollback or not _MAY_WAIT.match(str(sql)):
            return execute(sql, params, many, context)
        alone = nullcontext() if connection.in_atomic_block else transaction.atomic()
        with alone:
            _set_lock_timeout(self.milliseconds)
            return execute(sql, params, many, context)


def _set_lock_timeout(value: str) -> None:
    """Set the limit through the driver, so that it does not count as a statement of the caller."""
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout TO {value}")


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """On SQLite, wait at most `seconds` for another writer in the block.

    The project's own limit, which is longer, holds again afterwards.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    [before] = connection.connection.execute("PRAGMA busy_timeout").fetchone()
    _set_busy_timeout(min(int(seconds * 1000), before))
    try:
        yield
    finally:
        _set_busy_timeout(before)


@contextmanager
def alone_with(name: str) -> Iterator[None]:
    """Let one process at a time into the blocks of this name; on SQLite into all of them."""
    if database.in_memory():  # Nobody else sees it.
        yield
    elif database.one_host():
        with Path(f"{connection.settings_dict['NAME']}.groups.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    else:
        yield from _with_advisory_lock(crc32(f"automation:{name}".encode()))


def _with_advisory_lock(key: int) -> Iterator[None]:
    # A connection of its own: the block may close the other one. And a transaction of its own, for
    # a lock of the session would stay in one that a pooler lends.
    own: Any = connection.copy()
    try:
        own.set_autocommit(False)
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        yield
    finally:
        own.close()  # It rolls back.


def _set_busy_timeout(milliseconds: int) -> None:
    # Through the driver, so that it does not count as a statement of the request.
    if connection.connection is not None:
        connection.connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
