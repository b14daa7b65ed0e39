"""What a session of the database is told, and what it can hold."""

import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created

from automation.database import session
from automation.database.transactions import transactions_as_found
from automation.limits import MAX_TIME_LIMIT


@pytest.fixture
def settled(transactional_db):
    """The connection is as in a worker."""
    connection.close()
    session.settle()
    connection.ensure_connection()
    yield
    connection_created.disconnect(dispatch_uid="automation.session")
    connection.close()
    connection.settings_dict["CONN_MAX_AGE"] = 0


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [1, 2**31 // 1000, 2**31 // 1000 + 1, MAX_TIME_LIMIT])
def test_limit_for_statements_is_one_that_the_server_can_hold(seconds):
    with session.statement_limit(seconds), connection.cursor() as cursor:
        cursor.execute("SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'")
        [limit] = cursor.fetchone()

    assert limit in {seconds * 1000, 0}
    assert (limit == 0) == (seconds * 1000 > 2**31 - 1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_session_is_cleaned_to_what_it_was_when_it_connected(settled):
    assert session.is_ours()
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = pg_catalog; SET TimeZone = 'Asia/Tehran'")

    session.clean(MAX_TIME_LIMIT)

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), current_setting('TimeZone')")
        assert cursor.fetchone() == ("public", connection.timezone_name)
        cursor.execute("SHOW client_connection_check_interval")
        assert cursor.fetchone() == ("1s",)


def test_pool_of_django_is_left_out_by_processes_that_fork(monkeypatch):
    closed = []
    options = {"pool": {"min_size": 2}, "connect_timeout": 3}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    monkeypatch.setattr(
        connection, "close_pool", lambda: closed.append(dict(options)), raising=False
    )
    monkeypatch.setattr(connection, "close", lambda: None)

    session.without_pool()

    assert connection.settings_dict["OPTIONS"] == {"connect_timeout": 3}
    assert closed == [options]


def test_worker_waits_for_the_writer_as_long_as_its_project_says(monkeypatch):
    """Unlike its dispatcher, from which it is forked."""
    monkeypatch.setattr(session, "_options", None)
    wanted = {**connection.settings_dict.get("OPTIONS", {})}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", wanted)
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", False)

    session.give_way_after(0.1)
    session.settle()
    connection_created.disconnect(dispatch_uid="automation.session")

    assert connection.settings_dict["OPTIONS"] == wanted


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_session_stays_ours_though_threads_and_copies_have_others(settled):
    assert session.is_ours()

    def connect() -> bool:
        try:
            connection.ensure_connection()
            return session.is_ours()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(connect).result()
    copy = connection.copy()
    copy.connect()
    copy.close()

    assert session.is_ours()


class TooLongError(BaseException):
    """An error as a time limit or a cancel raises it."""


def sleep_in_the_database_until_an_alarm() -> None:
    def too_long(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, too_long)
    try:
        with connection.cursor() as cursor:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            cursor.execute("SELECT pg_sleep(0.5)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("outer", [nullcontext, transaction.atomic])
def test_signal_in_the_middle_of_a_statement_leaves_a_connection_that_works(outer):
    """psycopg2 raises its exception after the statement, psycopg 3 in the middle of it."""
    with pytest.raises(TooLongError), outer(), transactions_as_found():
        sleep_in_the_database_until_an_alarm()

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
