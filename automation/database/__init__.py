"""Everything that depends on PostgreSQL, SQLite or a driver; no model is known here.

The rest of the engine asks here what the database does, not which one it is.
"""

from typing import Any

from django.db import connection


def is_supported() -> bool:
    """Whether claims and constraints are tried on this database."""
    return connection.vendor in {"postgresql", "sqlite"}


def named() -> str:
    """Which database it is, as Django calls it."""
    return connection.vendor


def one_writer() -> bool:
    """Whether a transaction that writes keeps every other writer waiting until it ends.

    So on SQLite: an atomic run lets nobody else write, and no lease can be renewed beside it.
    """
    return connection.vendor == "sqlite"


def one_host() -> bool:
    """Whether all who use the database are on this host, so that locks of files tell who lives.

    So on SQLite.
    """
    return connection.vendor == "sqlite"


def in_memory() -> bool:
    """Whether no other process can see the database."""
    database: Any = connection
    return database.vendor == "sqlite" and bool(database.is_in_memory_db())


def has_sequences() -> bool:
    """Whether the id of a row can be had before the row is written. So on PostgreSQL."""
    return connection.vendor == "postgresql"
