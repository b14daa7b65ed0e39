"""The drivers of PostgreSQL, psycopg2 and psycopg 3, where they differ."""

from typing import Any

from django.db import connection


def named() -> str:
    """Return the driver and its version, for people, such as "psycopg2 2.9.13"."""
    module = _module()
    if module.__name__.startswith("sqlite3"):
        return f"SQLite {module.sqlite_version}"
    return f"{module.__name__} {str(getattr(module, '__version__', '')).partition(' ')[0]}".strip()


def tells_what_it_hears() -> bool:
    """Whether a listening connection can be waited for, and then returns what was notified."""
    return connection.vendor == "postgresql" and _module().__name__ in {"psycopg2", "psycopg"}


def heard(raw: Any) -> list[str]:
    """Return the notifications that have arrived on a listening connection, without waiting.

    Raises the driver's OperationalError where the connection is gone.
    """
    if _module().__name__ == "psycopg":
        raw.pgconn.consume_input()
        return [notice.extra.decode() for notice in iter(raw.pgconn.notifies, None)]
    raw.poll()
    payloads = [notice.payload for notice in raw.notifies]
    raw.notifies.clear()
    return payloads


def _module() -> Any:
    database: Any = connection
    return database.Database
