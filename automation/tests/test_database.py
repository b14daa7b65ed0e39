"""The rest of the engine asks `automation.database` what the database does, and knows no driver."""

import re
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection, transaction

import automation
from automation import database
from automation.database import checks, driver, listen
from conftest import wait_until

PACKAGE = Path(automation.__file__).parent
KNOWN_THERE = re.compile(
    r"\.vendor\b|psycopg|pgcode|sqlstate|mogrify|transaction_status|connection\.connection"
    r"|atomic_blocks|savepoint_ids|run_on_commit|settings_dict\[\"OPTIONS\"\]"
)


def test_nothing_outside_knows_which_database_or_driver_it_is():
    asking = {
        str(file.relative_to(PACKAGE)): KNOWN_THERE.findall(file.read_text())
        for file in PACKAGE.rglob("*.py")
        if not {"tests", "migrations"} & set(file.relative_to(PACKAGE).parts)
    }

    inside = {name: found for name, found in asking.items() if name.startswith("database/")}
    assert sum(map(len, inside.values())) > 20
    assert {name: found for name, found in asking.items() if found and name not in inside} == {}


@pytest.mark.postgresql
def test_postgresql_has_many_writers_and_sequences():
    assert (database.is_supported(), database.named()) == (True, "postgresql")
    assert not database.one_writer()
    assert not database.one_host()
    assert not database.in_memory()
    assert database.has_sequences()
    assert re.fullmatch(r"psycopg2? [23]\.\d+\.\d+", driver.named())


@pytest.mark.sqlite
def test_sqlite_has_one_writer_on_one_host():
    assert (database.is_supported(), database.named()) == (True, "sqlite")
    assert database.one_writer()
    assert database.one_host()
    assert not database.in_memory()  # The tests have a file.
    assert not database.has_sequences()
    assert re.fullmatch(r"SQLite 3\.\d+\.\d+", driver.named())


@pytest.mark.postgresql
def test_driver_that_nothing_is_heard_by_is_warned_of(monkeypatch):
    assert checks.check_driver_can_listen() == []

    monkeypatch.setattr(
        connection, "Database", SimpleNamespace(__name__="pg8000", __version__="1.31.2")
    )

    [warning] = checks.check_driver_can_listen()
    assert warning.id == "automation.W006"
    assert "the driver pg8000 1.31.2" in warning.msg
    assert checks.check_notifications_arrive(databases=["default"]) == []


@pytest.mark.sqlite
def test_sqlite_is_not_warned_of():
    assert checks.check_driver_can_listen() == []
    assert checks.check_notifications_arrive(databases=["default"]) == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_notifications_that_arrive_are_heard_at_once_and_others_are_warned_of(monkeypatch):
    """Behind a real pooler: automation/tests/faults/test_pooler.py."""
    before = time.monotonic()
    assert checks.check_notifications_arrive(databases=["default"]) == []
    assert time.monotonic() - before < listen.HEARING

    monkeypatch.setattr(listen, "notify", lambda _topic: None)
    monkeypatch.setattr(listen, "arrives", partial(listen.arrives, 0.1))
    [warning] = checks.check_notifications_arrive(databases=["default"])
    assert warning.id == "automation.W006"
    assert checks.check_notifications_arrive(databases=[]) == []
    with transaction.atomic():
        assert checks.check_notifications_arrive(databases=["default"]) == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_connection_that_listens_says_what_it_hears_and_that_it_is_gone():
    listener = listen.Listener()
    wait_until(lambda: listener.heard() == set() and listener.hears)
    for topic in (listen.RUN, listen.TASK, listen.RUN):
        listen.notify(topic)

    heard: set[str] = set()
    deadline = time.monotonic() + 30
    while len(heard) < 2 and time.monotonic() < deadline:
        heard |= listener.heard()
    assert heard == {listen.RUN, listen.TASK}
    assert listener.heard() == set()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' "
            "AND datname = current_database()"
        )
    with pytest.raises(OperationalError):
        wait_until(lambda: listener.heard() is None)
    listener.close()
