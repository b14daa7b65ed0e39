"""Prepared statements of PostgreSQL: planning a statement takes as long as executing it."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import DatabaseError, connection, transaction

logger = logging.getLogger(__name__)

#: Seconds for which plans are kept, and the number of statements that a session keeps.
KEPT_FOR, MOST = 900, 500
#: Milliseconds that planning in advance may wait for a locked table.
LOCK_TIMEOUT = 500


class Statement(Protocol):
    """The parts of a compiled statement that are needed here."""

    name: str

    @property
    def places(self) -> str:
        """The placeholders for the values of an EXECUTE."""

    @property
    def nothing(self) -> list[None]:
        """NULL for each value."""

    def as_prepared(self) -> str:
        """The statement's text with numbered parameters."""


@dataclass
class _Session:
    """What was prepared in one session of the database."""

    raw: Any  # the driver's connection
    names: set[str] = field(default_factory=set)
    until: float = field(default_factory=lambda: time.monotonic() + KEPT_FOR)


class _Plans:
    """Prepares statements in a session and executes them there.

    Only on PostgreSQL, in a process that has its session for itself. Plans are made anew after a
    while: one that was made while a table was small may be bad for ever.
    """

    def __init__(self) -> None:
        self._process, self._is_warm = 0, False
        #: Functions that compose the usual shapes of each statement.
        self.usual: list[Callable[[], Statement]] = []

    def compose(self) -> None:
        """Compose the usual statements now: whoever needs one first does not wait for that."""
        with transaction.atomic():  # Locks are composed nowhere else.
            for composed in self.usual:
                composed()

    @property
    def are_kept(self) -> bool:
        return self._process == os.getpid()

    def keep(self, *, on: bool) -> None:
        """Keep plans in this process, but in none that it forks: a worker cleans its session.

        Not where psycopg 3 sends values apart from their statement: an EXECUTE takes none.
        """
        options = connection.settings_dict.get("OPTIONS", {})
        self._process = os.getpid() if on and not options.get("server_side_binding") else 0

    def prepare(self, cursor: Any, statement: Statement) -> None:
        session: _Session | None = getattr(cursor.db, "kept_plans", None)
        if session is None or session.raw is not cursor.db.connection:
            session = cursor.db.kept_plans = _Session(cursor.db.connection)
            cursor.execute("SET plan_cache_mode = force_generic_plan")
            self._warm_up(cursor, session)
        elif time.monotonic() > session.until:
            cursor.execute("DISCARD PLANS")
            session.until = time.monotonic() + KEPT_FOR
        self._prepare(cursor, session, statement)

    def _warm_up(self, cursor: Any, session: _Session) -> None:
        """Plan the usual statements once, so that the first to need one does not wait for that.

        Where somebody changes a table just now, or the tables are others, that is left out.
        """
        if self._is_warm or cursor.db.in_atomic_block:
            return
        self._is_warm = True
        try:
            with transaction.atomic():
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
                for composed in self.usual:
                    statement = composed()
                    self._prepare(cursor, session, statement)
                    call = f"EXPLAIN EXECUTE {statement.name}{statement.places}"
                    cursor.execute(call, statement.nothing)
        except DatabaseError as error:
            logger.info("Not all statements were planned beforehand: %s", str(error).strip())

    def _prepare(self, cursor: Any, session: _Session, statement: Statement) -> None:
        if statement.name in session.names:
            return
        if len(session.names) >= MOST:
            cursor.execute("DEALLOCATE ALL")
            session.names.clear()
        cursor.execute(f"PREPARE {statement.name} AS {statement.as_prepared()}")
        session.names.add(statement.name)


plans = _Plans()
