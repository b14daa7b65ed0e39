"""The database session of a run: who else uses it, how it is cleaned, and its statement limit."""

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    Error,
    close_old_connections,
    connection,
    connections,
)
from django.db.backends.signals import connection_created

#: Milliseconds between the looks of PostgreSQL whether the client of a session is still there.
_CHECK = 1_000
#: The longest limit of PostgreSQL in milliseconds: 24.8 days.
_MOST = 2**31 - 1
#: Seconds by which the time limit of a run comes before the end of its statement, where a thread
#: ends that, and between attempts to end it.
_AFTER, _AGAIN = 0.1, 1

#: libpq's number for a session outside any transaction.
_IDLE = 0

#: The driver's connection that `clean` cleaned last, and its limit for statements (s).
_cleaned: tuple[Any, int] = (None, 0)
#: The driver's connection whose session is known to be this process's own, by Django's: a thread,
#: or a copy of the connection, has another.
_ours: "WeakKeyDictionary[Any, Any]" = WeakKeyDictionary()


def without_pool() -> None:
    """Do without Django's own connection pool in this process and those that it forks.

    They cannot share a pool, and a worker keeps its one session: there is nothing to pool.
    """
    for one in connections.all():
        options = one.settings_dict.get("OPTIONS", {})
        if options.get("pool"):
            one.close()
            close_pool: Any = getattr(one, "close_pool", None)
            if close_pool is not None:
                close_pool()
            one.settings_dict["OPTIONS"] = {k: v for k, v in options.items() if k != "pool"}


#: The project's own options of the connection, where this process or its parent has changed them.
_options: dict[str, Any] | None = None


def give_way_after(seconds: float) -> None:
    """On SQLite, give up on a lock after so many seconds, for the whole process."""
    global _options
    if connection.vendor == "sqlite":
        _options = connection.settings_dict.get("OPTIONS", {})
        connection.settings_dict["OPTIONS"] = {**_options, "timeout": seconds}


def settle() -> None:
    """Keep one connection for all runs of this process, and learn whether its session is shared."""
    wanted = connection.settings_dict
    if _options is not None:
        wanted["OPTIONS"] = _options
    # Without Django's check of the connection: before each run a look at its socket is enough.
    wanted["CONN_MAX_AGE"], wanted["CONN_HEALTH_CHECKS"] = None, False
    connection_created.connect(_meet, dispatch_uid="automation.session")


def _meet(*, connection: Any, **_: Any) -> None:
    """Let the server notice when this process is killed, where the session is ours.

    It is ours where the server's process has the number that it gave when connecting. A pooler
    gives a number of its own, and what is set in its sessions stays in those that it lends to
    others. Nor can the setting be given when connecting: a pooler refuses that.
    """
    if connection.vendor != "postgresql" or connection.alias != DEFAULT_DB_ALIAS:
        return
    raw = connection.connection
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN pg_backend_pid() = %s "
            "THEN set_config('client_connection_check_interval', %s, false) END",
            [raw.info.backend_pid, str(_CHECK)],
        )
        is_ours = cursor.fetchone()[0] is not None
    _ours[connection] = raw if is_ours else None
    # A pooler may ask another session for further rows, which does not have the cursor.
    if not is_ours:
        connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True


def is_ours() -> bool:
    """Whether no other process uses the session of the connection, as far as that is known."""
    raw = connection.connection
    return raw is not None and _ours.get(connections[DEFAULT_DB_ALIAS]) is raw


def ready(seconds: int) -> None:
    """Let the next run see nothing of what this one left in its database session.

    While nobody waits for it: the next will most likely have the limit `seconds`, too. A session that
    a pooler lent goes back: nothing is told to it, and what is to be cleaned there is the pooler's.
    """
    close_old_connections()
    raw = connection.connection
    if connection.vendor == "postgresql" and raw is not None:
        try:
            if is_ours() and _is_between_transactions(raw):
                clean(seconds)
            else:
                connections.close_all()  # Or it left a transaction open, by SQL of its own.
        except DatabaseError:
            connections.close_all()


def _is_between_transactions(raw: Any) -> bool:
    return not raw.closed and int(raw.info.transaction_status) == _IDLE


def close_if_cut_off() -> None:
    """Let a run begin on a new connection where the server closed the old one meanwhile.

    A connection on which something is to be read while nothing was asked was closed.
    """
    raw = connection.connection
    if connection.vendor == "postgresql" and raw is not None:
        try:
            is_cut_off = raw.closed or select.select([raw], [], [], 0)[0]
        except (OSError, ValueError):
            is_cut_off = True
        if is_cut_off:
            connections.close_all()


def clean(seconds: int) -> None:
    """Remove what an earlier run left in the session, and limit statements to `seconds`.

    Only for a session that is ours. It is PostgreSQL's DISCARD ALL, in parts that take one round
    trip together with the limit and with what is set when connecting. The plans of foreign key
    checks stay, as they cannot be seen.
    """
    global _cleaned
    with connection.cursor() as cursor:
        cursor.execute(
            "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; DEALLOCATE ALL; UNLISTEN *; "
            "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; "
            f"{_of_django()}SET client_connection_check_interval = {_CHECK}; "
            f"SET statement_timeout = {_milliseconds(seconds)}"
        )
    _cleaned = connection.connection, seconds


def _of_django() -> str:
    """Return the settings that Django makes when it connects."""
    zone = connection.timezone_name.replace("'", "''")
    role = connection.settings_dict.get("OPTIONS", {}).get("assume_role")
    as_role = f"SET ROLE {connection.ops.quote_name(role)}; " if role else ""
    return f"SET TimeZone = '{zone}'; {as_role}"


def _milliseconds(seconds: int) -> int:
    """Return a limit in ms; 0, which is none, above what PostgreSQL takes.

    The time limit of the run holds all the same.
    """
    wanted = int(seconds * 1000)
    return wanted if wanted <= _MOST else 0


@contextmanager
def statement_limit(seconds: int) -> Iterator[None]:
    """On PostgreSQL, end a statement in the block after `seconds`.

    Python handles no signal while it waits for a statement, so the time limit of a run would come
    too late. Where the session may be shared, the limit belongs to the transaction; without a
    transaction a thread cancels the statement.
    """
    if connection.vendor != "postgresql" or _cleaned == (connection.connection, seconds):
        yield
        return
    limit = f"statement_timeout = {_milliseconds(seconds)}"
    with connection.cursor() as cursor:
        if connection.in_atomic_block:
            cursor.execute(f"SET LOCAL {limit}")
        elif is_ours():
            cursor.execute(f"SET SESSION {limit}")
    if connection.in_atomic_block:
        yield
    elif is_ours():
        yield from _then_reset()
    else:
        yield from _cancelled_after(seconds)


def _then_reset() -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def _cancelled_after(seconds: int) -> Iterator[None]:
    over, of_run = Event(), connections[DEFAULT_DB_ALIAS]

    def cancel() -> None:
        wait = seconds + _AFTER
        while not over.wait(wait):
            wait = _AGAIN
            with suppress(Exception):  # The connection may be closed at this moment.
                of_run.connection.cancel()

    thread = Thread(target=cancel, name="statement limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
