"""What a function does to the transactions of the default database, undone."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

#: libpq's number for a session in which a statement goes on.
_ACTIVE = 1


def failing_alone() -> AbstractContextManager[object]:
    """Let what fails in the block spoil no transaction around it.

    On SQLite a statement that fails spoils none.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        return transaction.atomic()
    return nullcontext()


def take_commit_hooks() -> list[Callable[[], object]]:
    """Take what `transaction.on_commit` was given, so that Django does not call it.

    Nothing where the transaction is part of another one, after which Django calls it.
    """
    if len(connection.atomic_blocks) != 1:
        return []
    taken: list[Any] = connection.run_on_commit
    connection.run_on_commit = []
    return [hook for _savepoints, hook, _robust in taken]


class LeftOpenError(RuntimeError):
    """The function ended, but a transaction that it began did not."""


@contextmanager
def transactions_as_found() -> Iterator[None]:
    """Roll back transactions that the block begins and leaves open.

    Raises LeftOpenError where no other error is raised.
    """
    before = _open_transactions()
    blocks, was_atomic = len(connection.atomic_blocks), connection.in_atomic_block
    try:
        yield
        if _open_transactions() != before:
            raise LeftOpenError("The function left a transaction open; it was rolled back.")
    finally:
        if _statement_goes_on():
            connection.close()  # Nothing else can be asked on it.
        if _open_transactions() != before:
            if was_atomic:  # The transaction of the engine, which this error ends.
                del connection.savepoint_ids[before[1] :], connection.atomic_blocks[blocks:]
                connection.needs_rollback = True
            else:
                connection.close()
                connection.connect()


def _open_transactions() -> tuple[bool, int, bool]:
    own = connections[DEFAULT_DB_ALIAS]  # Asked once: `connection` looks it up each time.
    is_atomic = own.in_atomic_block
    is_manual = own.connection is not None and not is_atomic and not own.autocommit
    return is_atomic, len(own.savepoint_ids), is_manual


def _statement_goes_on() -> bool:
    """Whether an exception left the middle of a statement: psycopg 3 lets a signal raise one there."""
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or raw.closed:
        return False
    return int(raw.info.transaction_status) == _ACTIVE
