"""System checks of the database: which it is, and whether a node hears when there is work."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DEFAULT_DB_ALIAS, connection
from django.db import Error as DatabaseError

from automation import database
from automation.database import driver, listen


@register
def check_database_is_supported(**_: Any) -> list[CheckMessage]:
    if database.is_supported():
        return []
    return [
        Error(
            f"The default database is {database.named()}: claims and constraints there are untried.",
            hint="Use PostgreSQL 14 or newer, or SQLite.",
            id="automation.E004",
        )
    ]


@register
def check_driver_can_listen(**_: Any) -> list[CheckMessage]:
    if database.named() != "postgresql" or listen.can_listen():
        return []
    return [
        Warning(
            f"No connection of the driver {driver.named()} can be waited for: a node looks for work five "
            "times a second instead, and starts are later.",
            hint="Use psycopg2 or psycopg 3, with which the engine is tested.",
            id="automation.W006",
        )
    ]


@register(Tags.database)
def check_notifications_arrive(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Try LISTEN and NOTIFY, with `check --database default` and `migrate`; a node logs it itself."""
    is_asked = DEFAULT_DB_ALIAS in (databases or []) and listen.can_listen()
    # Inside a transaction (a test's) no notification is sent.
    if not is_asked or connection.in_atomic_block or _arrives():
        return []
    return [
        Warning(
            "Notifications of PostgreSQL do not arrive: a node looks for work each second instead, and "
            "starts are later. A pooler that lends connections by the transaction does that.",
            hint="Let qcluster connect to PostgreSQL itself, or let the pooler lend whole sessions.",
            id="automation.W006",
        )
    ]


def _arrives() -> bool:
    try:
        return listen.arrives()
    except DatabaseError:  # The database does not answer: another check's business, or nobody's.
        return True
