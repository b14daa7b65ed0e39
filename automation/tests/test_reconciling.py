import logging
from datetime import UTC, datetime

import pytest
from django_q.models import Schedule

from automation.engine.start import due
from automation.engine.upkeep import reconciling
from automation.engine.upkeep.reconciling import reconcile, reconcile_safely
from automation.models import Execution, Process, Status, Trigger, reasons
from automation.reports.ledger import What, prove
from automation.tests.factories import (
    ExecutionFactory,
    NodeFactory,
    ProcessFactory,
    a_message_waits,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


@pytest.fixture
def hourly(time_machine):
    """Due hourly since 7:00; it is 12:30, the Schedule row is past everything, and no row is there."""
    time_machine.move_to(START, tick=False)
    Process.objects.all().delete()
    process = ProcessFactory(timezone="UTC", cron="0 * * * *")
    time_machine.move_to(at(12, 30), tick=False)
    Schedule.objects.update(next_run=at(13))
    a_message_waits()
    return process


def test_what_lost_its_row_is_recorded_as_missed_once_the_grace_is_over(hourly):
    reconcile(hourly.pk)
    reconcile(hourly.pk)

    missed = Execution.objects.get()
    assert (missed.status, missed.reason) == (Status.MISSED, reasons.NOTHING_RUNNING)
    assert (missed.scheduled_for, missed.scheduled_until) == (at(7), at(11))
    assert [finding.what for finding in prove(hourly).findings] == [What.WAITING]  # 12:00


def test_it_says_in_which_time_no_node_was_there(hourly):
    NodeFactory(started_at=START, seen_at=at(6, 59))
    NodeFactory(started_at=at(11, 30), seen_at=at(12, 30))

    reconcile(hourly.pk)

    assert Execution.objects.get().reason_data == {
        "since": at(6, 59).isoformat(),
        "until": at(11, 30).isoformat(),
    }


def test_gap_while_a_node_was_there_has_no_such_time(hourly):
    NodeFactory(started_at=START, seen_at=at(12, 30))

    reconcile(hourly.pk)

    assert Execution.objects.get().reason_data == {}


def test_what_is_still_due_is_left_to_the_clock(hourly):
    Schedule.objects.update(next_run=at(9))

    reconcile(hourly.pk)

    missed = Execution.objects.get()
    assert (missed.scheduled_for, missed.scheduled_until) == (at(7), at(8))
    due.tick()
    assert prove(hourly).is_sound


def test_gaps_between_rows_are_recorded_apart(hourly):
    ExecutionFactory(process=hourly, trigger=Trigger.SCHEDULE, completed=True, scheduled_for=at(9))

    reconcile(hourly.pk)

    missed = Execution.objects.filter(status=Status.MISSED).order_by("scheduled_for")
    found = missed.values_list("scheduled_for", "scheduled_until", "occurrences")
    assert list(found) == [(at(7), at(8), 2), (at(10), at(11), 2)]


def test_doubles_and_strays_are_said_to_be_there_and_left(hourly, caplog):
    for columns in ({"scheduled_for": at(7), "scheduled_until": at(11), "occurrences": 5}, {}):
        ExecutionFactory(
            process=hourly,
            trigger=Trigger.SCHEDULE,
            completed=True,
            **{"scheduled_for": at(8), **columns},
        )
    ExecutionFactory(
        process=hourly, trigger=Trigger.SCHEDULE, completed=True, scheduled_for=at(9, 20)
    )

    with caplog.at_level(logging.ERROR, logger=reconciling.__name__):
        reconcile(hourly.pk)

    said = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in said] == [
        "The history has a double",
        "The history has a stray",
    ]
    assert Execution.objects.count() == 3


def test_it_goes_on_where_it_was_and_a_bit_at_a_time(hourly, monkeypatch):
    monkeypatch.setattr(reconciling, "STRETCH", 2)

    assert reconcile(hourly.pk)
    hourly.refresh_from_db()
    assert hourly.proven_until == at(8)
    assert reconcile(hourly.pk)
    assert not reconcile(hourly.pk)

    hourly.refresh_from_db()
    assert hourly.proven_until == at(11, 30)
    assert Execution.objects.get().occurrences == 5


def test_history_that_was_pruned_is_not_missed(hourly):
    Process.objects.update(history_begins_at=at(10))

    reconcile(hourly.pk)

    assert Execution.objects.get().scheduled_for == at(11)


def test_process_without_rules_and_one_that_is_gone_have_nothing_to_prove(hourly):
    assert not reconcile(ProcessFactory().pk)
    assert not reconcile(0)


def test_process_that_cannot_be_proven_harms_no_other(hourly, monkeypatch, caplog):
    def fail(*args, **options):
        raise RuntimeError("out of order")

    monkeypatch.setattr(reconciling, "account", fail)

    assert not reconcile_safely(hourly.pk)
    assert "could not be proven" in caplog.text


def test_late_message_of_what_was_recorded_meanwhile_starts_nothing(hourly):
    reconcile(hourly.pk)

    due.start_occurrence(hourly.pk, scheduled_for=at(7).isoformat())

    assert Execution.objects.filter(status=Status.MISSED).get().occurrences == 5
    assert prove(hourly).is_sound
