"""The clock was there and did not look: its host was suspended, or its database away."""

import logging
from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import Schedule

from automation.cluster import clock
from automation.database import listen
from automation.engine.run import lease
from automation.models import Execution, Process, Status, reasons
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

MINUTES = 10


@pytest.fixture
def process() -> Process:
    """Due each minute, and not looked at for ten."""
    process = ProcessFactory(cron="* * * * *", timezone="UTC")
    since = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    process.schedule_versions.update(valid_from=since - timedelta(minutes=MINUTES))
    Schedule.objects.filter(name=f"process:{process.pk}").update(next_run=since)
    return process


@pytest.fixture(autouse=True)
def nobody_around(monkeypatch) -> None:
    monkeypatch.setattr(clock, "Wakeup", mock.Mock())
    monkeypatch.setattr(listen, "can_listen", lambda: False)
    monkeypatch.setattr(clock.Clock, "_keep_house", lambda _self: None)


@pytest.fixture
def timekeeper() -> clock.Clock:
    return clock.Clock(silent())


def silent() -> mock.Mock:
    """A pipe of a parent that says nothing."""
    return mock.Mock(**{"poll.return_value": False})


def missed() -> Execution:
    return Execution.objects.get(status=Status.MISSED)


def assert_named(row: Execution) -> None:
    since = datetime.fromisoformat(row.reason_data["since"])
    assert row.reason == reasons.NOTHING_RUNNING
    assert abs(since - timezone.now() + timedelta(minutes=MINUTES)) < timedelta(seconds=20)
    assert row.scheduled_for > since


def test_suspended_host_is_named(process, timekeeper, monkeypatch):
    timekeeper.looked_at = lease.now()
    monkeypatch.setattr(timekeeper, "_wait", lambda _seconds: True)
    now = lease.now
    monkeypatch.setattr(lease, "now", lambda: now() + 60 * MINUTES)
    timekeeper._sleep(-60 * MINUTES + 5)  # It was to wake so long ago.

    timekeeper._turn()

    assert_named(missed())
    assert "No worker was running from" in missed().reason_in_words


def test_database_that_was_away_is_named(process, timekeeper, caplog, monkeypatch):
    monkeypatch.setattr(clock, "connection", mock.Mock())  # The test goes on with its own.
    timekeeper.looked_at = lease.now() - 60 * MINUTES
    with caplog.at_level(logging.CRITICAL):
        timekeeper._get_over(OperationalError("server closed the connection"))

    timekeeper._turn()

    assert_named(missed())
    assert "The database did not answer the workers from" in missed().reason_in_words


def test_clock_that_was_killed_leaves_its_successor_the_time_of_its_last_look(process):
    successor = clock.Clock(silent(), lease.now() - 60 * MINUTES)

    successor._turn()

    assert_named(missed())


def test_clock_that_looked_all_along_names_no_silence(process, timekeeper):
    timekeeper.looked_at = lease.now() - 60 * MINUTES

    timekeeper._turn()

    assert missed().reason_data == {}
