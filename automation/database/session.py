"""The database session of a run: whose it is, how it is cleaned, and its limit for statements."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.db.backends.signals import connection_created

#: Milliseconds after which PostgreSQL notices that the process of a session is gone.
_CHECK = 1_000
#: The most milliseconds that PostgreSQL can hold as a limit: 24.8 days.
_MOST = 2**31 - 1
#: Seconds by which the time limit of a run comes before the end of its statement, where a thread
#: ends that, and between attempts to end it.
_AFTER, _AGAIN = 0.1, 1

#: The driver's connection that `clean` cleaned last, and its limit for statements (s).
_cleaned: tuple[Any, int] = (None, 0)
#: The driver's connection whose session is known to be this process's own, by Django's: a thread,
#: or a copy of the connection, has another.
_ours: "WeakKeyDictionary[Any, Any]" = WeakKeyDictionary()


def without_pool() -> None:
    """Do without Django's own pool in this process and those that it forks, which cannot share it.

    A worker has one session and keeps it: there is nothing to pool.
    """
    for one in connections.all():
        options = one.settings_dict.get("OPTIONS", {})
        if options.get("pool"):
            one.close()
            close_pool: Any = getattr(one, "close_pool", None)
            if close_pool is not None:
                close_pool()
            one.settings_dict["OPTIONS"] = {k: v for k, v in options.items() if k != "pool"}


#: The project's own options of the connection, where this process or its parent has others.
_options: dict[str, Any] | None = None


def give_way_after(seconds: float) -> None:
    """On SQLite, take it for an answer when somebody else writes for so long."""
    global _options
    if connection.vendor == "sqlite":
        _options = connection.settings_dict.get("OPTIONS", {})
        connection.settings_dict["OPTIONS"] = {**_options, "timeout": seconds}


def settle() -> None:
    """Keep one connection for all runs of this process, and learn of each whether it is its own."""
    wanted = connection.settings_dict
    if _options is not None:
        wanted["OPTIONS"] = _options
    # A look at its socket before each run shows whether it still is there.
    wanted["CONN_MAX_AGE"], wanted["CONN_HEALTH_CHECKS"] = None, False
    connection_created.connect(_meet, dispatch_uid="automation.session")


def _meet(*, connection: Any, **_: Any) -> None:
    """Let the server notice when this process is killed, where the session is ours.

    That is so where the server's process has the number that was told when connecting. A pooler
    tells one of its own: what it is told stays in sessions that it lends to others. Nor may
    settings come with the connecting itself: a pooler refuses that.
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
    # Its rows would be in another session than the one that is asked for more.
    if not is_ours:
        connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True


def is_ours() -> bool:
    """Whether nobody else uses the session of the connection, as far as is known."""
    raw = connection.connection
    return raw is not None and _ours.get(connections[DEFAULT_DB_ALIAS]) is raw


def clean(seconds: int) -> None:
    """Forget what an earlier run left in the database session, and limit statements to `seconds`.

    Only for a session that is ours. PostgreSQL's DISCARD ALL, in parts that go through in one round
    trip together with the limit and with what is set when connecting; but the plans of foreign keys
    stay, of which nothing is to be seen.
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
    """What Django sets when it connects."""
    zone = connection.timezone_name.replace("'", "''")
    role = connection.settings_dict.get("OPTIONS", {}).get("assume_role")
    as_role = f"SET ROLE {connection.ops.quote_name(role)}; " if role else ""
    return f"SET TimeZone = '{zone}'; {as_role}"


def _milliseconds(seconds: int) -> int:
    """0, which is no limit, where PostgreSQL cannot hold it: the run is ended without its help."""
    wanted = int(seconds * 1000)
    return wanted if wanted <= _MOST else 0


@contextmanager
def statement_limit(seconds: int) -> Iterator[None]:
    """On PostgreSQL, end a statement inside the block after `seconds`.

    Python handles no signal while it waits for one: it would be ended too late. In a session that
    is not known to be ours the limit is one of the transaction; without a transaction a thread
    cancels what goes on.
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
            with suppress(Exception):  # It may be closed just now.
                of_run.connection.cancel()

    thread = Thread(target=cancel, name="statement limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
