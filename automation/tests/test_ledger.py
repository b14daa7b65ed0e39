from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import OrmQ, Schedule

from automation.engine.start import due
from automation.models import Execution, Pause, Process, ScheduleVersion, Status, Trigger
from automation.reports.ledger import What, prove
from automation.tests.factories import (
    ExecutionFactory,
    NodeFactory,
    ProcessFactory,
    a_message_waits,
)

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 22, 6, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(START, tick=False)
    Process.objects.all().delete()


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


@pytest.fixture
def hourly():
    return ProcessFactory(name="hourly", timezone="UTC", cron="0 * * * *", max_concurrency=99)


def row(process, hour: int, until: int | None = None, **columns) -> Execution:
    return ExecutionFactory(
        process=process,
        trigger=columns.pop("trigger", Trigger.SCHEDULE),
        scheduled_for=at(hour),
        scheduled_until=at(until) if until else None,
        **{"completed": True, **columns},
    )


def findings(proof) -> list[tuple]:
    return [(f.what, f.since, f.until, f.occurrences) for f in proof.findings]


def moved_on(time_machine, hour: int, minute: int = 30) -> None:
    """Let the time pass, and the Schedule rows with it, as a stock cluster does that fires them."""
    a_message_waits()
    time_machine.move_to(at(hour, minute), tick=False)
    Schedule.objects.update(next_run=at(hour + 1))


def test_history_that_the_clock_made_is_proven_sound(time_machine, hourly):
    for hour in (7, 8, 9):
        time_machine.move_to(at(hour), tick=False)
        due.tick()
    time_machine.move_to(at(12, 30), tick=False)
    due.tick()

    proof = prove(hourly)

    assert proof.is_sound
    assert (proof.since, proof.until, proof.occurrences) == (START, at(12, 30), 6)
    assert proof.outcomes == {Status.PENDING: 4, Status.MISSED: 2}
    assert proof.findings == []


def test_occurrences_without_a_row_are_one_gap(time_machine, hourly):
    row(hourly, 7)
    moved_on(time_machine, 14)
    row(hourly, 11)

    assert findings(prove(hourly)) == [
        (What.GAP, at(8), at(10), 3),
        (What.GAP, at(12), at(13), 2),
        (What.WAITING, at(14), at(14), 1),
    ]
    assert not prove(hourly).is_sound


def test_what_has_been_due_for_a_moment_waits_for_its_row(time_machine, hourly):
    moved_on(time_machine, 7, minute=0)

    assert findings(prove(hourly)) == [(What.WAITING, at(7), at(7), 1)]
    assert prove(hourly).is_sound


def test_what_nothing_could_bring_any_more_is_a_gap_at_once(time_machine, hourly):
    moved_on(time_machine, 7)
    assert findings(prove(hourly)) == [(What.WAITING, at(7), at(7), 1)]

    OrmQ.objects.all().delete()
    assert findings(prove(hourly)) == [(What.GAP, at(7), at(7), 1)]

    Schedule.objects.all().delete()
    assert findings(prove(hourly)) == [(What.GAP, at(7), at(7), 1)]


def test_what_came_due_while_no_node_was_there_waits_for_one(time_machine, hourly):
    NodeFactory(started_at=START, seen_at=at(6, 59))
    time_machine.move_to(at(12, 30), tick=False)
    assert findings(prove(hourly)) == [(What.WAITING, at(7), at(12), 6)]

    NodeFactory(started_at=at(9), seen_at=at(12, 30))
    assert [f.what for f in prove(hourly).findings] == [What.GAP, What.WAITING]


def test_two_rows_for_an_occurrence_are_a_double(time_machine, hourly):
    first = row(hourly, 7, until=9, occurrences=3)
    second = row(hourly, 8)
    moved_on(time_machine, 9)

    (finding,) = prove(hourly).findings
    assert (finding.what, finding.since, finding.executions) == (
        What.DOUBLE,
        at(8),
        (first.pk, second.pk),
    )


def test_row_for_another_number_than_it_covers_is_a_double(time_machine, hourly):
    wrong = row(hourly, 7, until=9, occurrences=2)
    moved_on(time_machine, 9)

    (finding,) = prove(hourly).findings
    assert (finding.what, finding.executions) == (What.DOUBLE, (wrong.pk,))


@pytest.mark.parametrize(
    "columns",
    [
        {"scheduled_for": at(7, 15)},
        {"scheduled_for": at(7, 15), "scheduled_until": at(8), "occurrences": 1},
        {"scheduled_for": at(8), "scheduled_until": at(8, 15)},
    ],
)
def test_row_for_what_was_not_due_is_a_stray(time_machine, hourly, columns):
    row(hourly, 7)
    if columns["scheduled_for"] == at(7, 15) and len(columns) == 1:
        row(hourly, 8)
    ExecutionFactory(process=hourly, trigger=Trigger.SCHEDULE, completed=True, **columns)
    moved_on(time_machine, 8)

    assert [f.what for f in prove(hourly).findings] == [What.STRAY]
    assert not prove(hourly).is_sound


def test_what_was_due_by_each_rule_in_its_time_is_what_counts(time_machine, hourly):
    row(hourly, 7)
    time_machine.move_to(at(7, 30), tick=False)
    hourly.cron = "15 8 * * *"
    hourly.save()
    time_machine.move_to(at(9, 30), tick=False)
    Process.objects.disable()
    time_machine.move_to(at(11, 30), tick=False)
    hourly.refresh_from_db()
    hourly.is_enabled, hourly.cron = True, "0 * * * *"
    hourly.save()
    moved_on(time_machine, 13)
    for known in (12, 13):
        row(hourly, known)

    # 8:15 was recorded by the switching off, as missed.
    assert prove(hourly).is_sound
    assert prove(hourly).occurrences == 4
    assert prove(hourly).outcomes == {Status.COMPLETED: 3, Status.MISSED: 1}


def test_outcome_of_an_occurrence_is_that_of_its_last_row(time_machine, hourly):
    failed = row(hourly, 7, status=Status.FAILED)
    row(hourly, 7, trigger=Trigger.RETRY, retry_of=failed)
    row(hourly, 8, until=10, occurrences=3, status=Status.SKIPPED, reason="paused")
    row(hourly, 9, trigger=Trigger.BACKFILL)
    row(hourly, 9, trigger=Trigger.BACKFILL, status=Status.FAILED)
    moved_on(time_machine, 10)

    proof = prove(hourly)

    assert proof.is_sound
    assert proof.outcomes == {Status.COMPLETED: 1, Status.SKIPPED: 2, Status.FAILED: 1}
    assert proof.skipped == {"paused": 2}


def test_what_a_person_started_and_backfilled_beside_the_rule_is_no_stray(time_machine, hourly):
    row(hourly, 7)
    moved_on(time_machine, 7)
    ExecutionFactory(process=hourly, completed=True)
    ExecutionFactory(
        process=hourly, completed=True, trigger=Trigger.BACKFILL, scheduled_for=at(7, 10)
    )

    assert prove(hourly).findings == []


def test_proof_begins_where_history_does(time_machine, hourly):
    moved_on(time_machine, 12)
    Process.objects.update(history_begins_at=at(9))
    hourly.refresh_from_db()

    assert findings(prove(hourly))[0] == (What.GAP, at(10), at(11), 2)
    assert prove(hourly, since=at(10)).occurrences == 2
    assert prove(hourly, since=at(1)).since == at(9)


def test_row_that_began_before_the_proof_accounts_for_what_lies_within(time_machine, hourly):
    row(hourly, 7, until=11, occurrences=5, status=Status.SKIPPED, reason="paused")
    moved_on(time_machine, 11)

    proof = prove(hourly, since=at(9))

    assert proof.is_sound
    assert (proof.occurrences, proof.outcomes) == (2, {Status.SKIPPED: 2})


def test_nothing_is_said_of_a_time_whose_rule_cannot_be_read_any_more(time_machine, hourly):
    row(hourly, 7)
    moved_on(time_machine, 12)
    ScheduleVersion.objects.update(schedule={"version": 1, "kind": "cron", "timezone": "Mars"})

    proof = prove(hourly)

    assert proof.is_sound
    assert proof.unreadable == [(START, at(12, 30))]


def test_process_whose_rules_were_never_written_down_has_nothing_to_prove(time_machine):
    process = ProcessFactory()
    time_machine.move_to(at(12), tick=False)

    assert prove(process).occurrences == 0
    assert prove(process).is_sound


def test_paused_time_is_accounted_for_by_shared_rows_across_an_edit(time_machine, hourly):
    pause = Pause.objects.create(process=hourly, why="move", since=START)
    for hour in (7, 8):
        time_machine.move_to(at(hour), tick=False)
        due.tick()
    hourly.cron = "*/30 * * * *"
    hourly.save()
    for minute in (30, 59):
        time_machine.move_to(at(8, minute), tick=False)
        due.tick()

    shared = Execution.objects.get()
    assert (shared.reason_data["pause"], shared.occurrences) == (pause.pk, 3)
    assert prove(hourly).is_sound
    assert prove(hourly).skipped == {"paused": 3}


def test_months_of_a_minute_rule_are_proven_in_a_constant_number_of_statements(
    time_machine, django_assert_max_num_queries
):
    process = ProcessFactory(timezone="Asia/Tehran", cron="* * * * *")
    time_machine.move_to(START + timedelta(days=60), tick=False)
    due.tick()

    with django_assert_max_num_queries(12):
        proof = prove(process)

    assert proof.is_sound
    assert proof.occurrences == 60 * 24 * 60
