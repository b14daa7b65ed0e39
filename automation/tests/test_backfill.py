import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django_q.models import OrmQ

from automation.engine.run.claims import claim_next
from automation.engine.run.runner import run
from automation.engine.start import due
from automation.engine.start.backfill import BATCH, backfill
from automation.engine.start.launch import launch
from automation.models import (
    Execution,
    OverlapPolicy,
    Process,
    Status,
    Trigger,
)
from automation.queue.messages import without_message
from automation.reports.missed import BackfillError, plan
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from automation.tests.races import at_once

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def hourly(time_machine) -> Process:
    """Made two days ago; the workers were down since."""
    time_machine.move_to(NOW - 2 * DAY, tick=False)
    process = ProcessFactory(timezone="UTC", cron="0 * * * *", parameters={"name": "Sara"})
    time_machine.move_to(NOW, tick=False)
    return process


def at(hour: int, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def passed(process: Process) -> None:
    """The clock has accounted for what was due."""
    due.account_for(process.pk)
    Execution.objects.filter(status=Status.PENDING).delete()


def made(process: Process, hour: int, status: Status, **fields) -> Execution:
    fields = {"trigger": Trigger.SCHEDULE, "completed_at": NOW, **fields}
    return ExecutionFactory(process=process, scheduled_for=at(hour), status=status, **fields)


# What is offered


def test_plan_says_of_each_time_of_the_range_what_became_of_it(time_machine):
    time_machine.move_to(NOW, tick=False)
    hourly = ProcessFactory(timezone="UTC", cron="0 * * * *", is_enabled=False)
    made(hourly, 1, Status.MISSED, scheduled_until=at(3), occurrences=3)
    made(hourly, 2, Status.COMPLETED, trigger=Trigger.BACKFILL)
    made(hourly, 4, Status.FAILED)
    made(hourly, 5, Status.PENDING, completed_at=None)

    found = plan(hourly, at(1), at(6))

    assert [(each.at.hour, each.status) for each in found.occurrences] == [
        (1, "missed"),
        (2, "completed"),
        (3, "missed"),
        (4, "failed"),
        (5, "pending"),
        (6, ""),
    ]
    assert found.offered == [at(1), at(3), at(4), at(6)]
    assert plan(hourly, at(1), at(6), again=True).offered == [at(1), at(2), at(3), at(4), at(6)]


def test_time_that_succeeded_once_counts_as_succeeded_though_it_failed_later(hourly):
    passed(hourly)
    made(hourly, 4, Status.COMPLETED, trigger=Trigger.BACKFILL)
    made(hourly, 4, Status.FAILED, trigger=Trigger.BACKFILL)

    (only,) = plan(hourly, at(4), at(4)).occurrences

    assert (only.status, only.succeeded) == ("failed", True)
    assert plan(hourly, at(4), at(4)).offered == []


def test_plan_leaves_out_what_lies_ahead(hourly):
    passed(hourly)

    assert plan(hourly, at(11), at(23)).offered == [at(11), at(12)]
    with pytest.raises(BackfillError, match="has not come yet"):
        plan(hourly, NOW + HOUR, NOW + DAY)


def test_what_the_clock_has_yet_to_account_for_is_the_schedule_s(hourly):
    """The workers are still down: when they are back, the process catches up as it says."""
    assert plan(hourly, at(1), at(5)).offered == []

    passed(hourly)

    assert plan(hourly, at(1), at(5)).offered == [at(hour) for hour in range(1, 6)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trigger_type": "manual"}, "has no schedule"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
    ],
)
def test_process_without_a_usable_rule_is_refused_with_a_sentence(hourly, change, told):
    Process.objects.filter(pk=hourly.pk).update(**change)
    hourly.refresh_from_db()

    with pytest.raises(BackfillError, match=told):
        plan(hourly, at(1), at(5))


def test_range_that_ends_before_it_begins_is_refused(hourly):
    with pytest.raises(BackfillError, match="before its beginning"):
        plan(hourly, at(5), at(4))


def test_range_with_more_times_than_anybody_means_is_refused(hourly, monkeypatch):
    monkeypatch.setattr("automation.reports.missed.LIMIT", 3)

    assert len(plan(hourly, at(1), at(3)).occurrences) == 3
    with pytest.raises(BackfillError, match="more than 3 times"):
        plan(hourly, at(1), at(4))


def test_range_over_an_edit_goes_by_the_rule_of_now_and_says_so(hourly):
    passed(hourly)
    hourly.cron = "30 * * * *"
    hourly.save()

    found = plan(hourly, at(1), at(2) + HOUR)

    assert found.offered == [at(1) + HOUR / 2, at(2) + HOUR / 2]
    assert found.rule_since == at(3)
    assert plan(hourly, at(1), NOW).rule_since == NOW


def test_range_within_one_rule_says_nothing_of_edits(hourly):
    hourly.is_enabled = False
    hourly.save()

    assert plan(hourly, at(1), at(5)).rule_since is None


def test_plan_says_where_the_history_may_have_forgotten(hourly):
    hourly.history_begins_at = at(3)

    assert plan(hourly, at(1), at(5)).pruned_before == at(3)
    assert plan(hourly, at(4), at(5)).pruned_before is None


def test_days_on_which_clocks_change_have_each_time_once(time_machine):
    time_machine.move_to(datetime(2026, 11, 1, tzinfo=UTC), tick=False)
    process = ProcessFactory(timezone="Europe/Berlin", cron="30 2 * * *")

    spring = plan(
        process, datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 12, tzinfo=UTC)
    )
    autumn = plan(
        process, datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    )

    assert spring.offered == [datetime(2026, 3, 29, 1, tzinfo=UTC)]  # 03:00, at once after
    assert autumn.offered == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]  # the first 02:30


def test_number_of_queries_does_not_grow_with_the_range(hourly, django_assert_max_num_queries):
    passed(hourly)

    with django_assert_max_num_queries(3):
        assert len(plan(hourly, NOW - DAY, NOW).occurrences) == 24


# Starting


def test_backfill_starts_each_time_once_in_order_and_says_who_asked_and_why(hourly):
    passed(hourly)
    person = UserFactory(username="reza")

    assert backfill(hourly, [at(3), at(2), at(3)], by=person, note="after the gap") == 2

    first, second = Execution.objects.filter(trigger=Trigger.BACKFILL).order_by("pk")
    assert (first.scheduled_for, second.scheduled_for) == (at(2), at(3))
    assert first.status == Status.PENDING
    assert first.parameters == {"name": "Sara", "times": 1}
    assert (first.requested_by, first.requested_by_name) == (person, "reza")
    assert first.note == "after the gap"
    message = OrmQ.objects.get(pk=first.message)
    assert (message.args(), message.lock) == ((first.pk,), first.available_at)


def test_backfill_leaves_alone_what_is_open_succeeded_or_yet_to_come_from_the_clock(hourly):
    assert backfill(hourly, [at(1)]) == 0
    passed(hourly)
    made(hourly, 2, Status.COMPLETED, trigger=Trigger.BACKFILL)

    assert backfill(hourly, [at(1), at(2)]) == 1
    assert backfill(hourly, [at(1), at(2)]) == 0
    assert backfill(hourly, [at(1), at(2)], again=True) == 1


def test_backfill_of_what_lies_ahead_is_refused(hourly):
    with pytest.raises(BackfillError, match="lie ahead"):
        backfill(hourly, [at(1), NOW + HOUR])

    assert not Execution.objects.exists()


def test_backfill_runs_though_the_process_is_off(hourly):
    hourly.is_enabled = False
    hourly.save()

    assert backfill(hourly, [at(1)]) == 1
    (held,) = claim_next(1, node="n")
    assert held.execution.scheduled_for == at(1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"function": "probes.removed"}, "probes.removed is not in the code"),
        ({"parameters": {"removed": 1}}, "do not fit the function"),
    ],
)
def test_backfill_of_which_nothing_could_run_is_refused_without_a_row(hourly, change, told):
    passed(hourly)
    before = Execution.objects.count()
    Process.objects.filter(pk=hourly.pk).update(**change)

    with pytest.raises(BackfillError, match=told):
        backfill(hourly, [at(1), at(2)])

    assert Execution.objects.count() == before


def test_backfill_of_a_deleted_process_is_refused(hourly):
    Process.objects.all().delete()

    with pytest.raises(BackfillError, match="does not exist"):
        backfill(hourly, [at(1)])


@pytest.mark.postgresql  # SQLite takes fewer values in a statement.
def test_a_batch_takes_a_constant_number_of_statements(
    hourly, django_assert_max_num_queries, time_machine
):
    hourly.cron = "* * * * *"
    hourly.save()
    minutes = [at(1) + timedelta(minutes=minute) for minute in range(BATCH)]

    with django_assert_max_num_queries(10):
        assert backfill(hourly, minutes) == BATCH
    assert not without_message().exists()


def test_a_batch_is_one_line_in_the_log(hourly, caplog, monkeypatch):
    passed(hourly)
    monkeypatch.setattr(logging.getLogger("django-q"), "propagate", True)
    caplog.clear()

    with caplog.at_level(logging.INFO):
        backfill(hourly, [at(1), at(2), at(3)])

    assert [text for text in caplog.messages if "Enqueued" in text] == ["Enqueued [behflow] 3"]


def test_more_than_a_batch_is_started_in_order(hourly, monkeypatch):
    monkeypatch.setattr("automation.engine.start.backfill.BATCH", 2)
    passed(hourly)

    assert backfill(hourly, [at(hour) for hour in range(1, 6)]) == 5

    rows = Execution.objects.filter(trigger=Trigger.BACKFILL).order_by("pk")
    assert [row.scheduled_for.hour for row in rows] == [1, 2, 3, 4, 5]


@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_start_each_time_once(hourly, time_machine):
    passed(hourly)
    hours = [at(hour) for hour in range(1, 11)]

    counts = at_once(partial(backfill, hourly, hours), partial(backfill, hourly, hours))

    assert sorted(counts) == [0, 10]
    assert Execution.objects.filter(trigger=Trigger.BACKFILL).count() == 10


# Behind what is due now


@pytest.mark.parametrize("policy", OverlapPolicy.values)
def test_what_is_due_now_goes_before_a_backfill_that_was_there_first(hourly, policy, time_machine):
    passed(hourly)
    hourly.overlap_policy = policy
    hourly.save()
    backfill(hourly, [at(1), at(2), at(3)])
    (running,) = claim_next(1, node="n")

    time_machine.move_to(NOW + HOUR, tick=False)
    due = launch(hourly, trigger=Trigger.SCHEDULE, scheduled_for=at(13))

    assert due.status == Status.PENDING
    assert claim_next(1, node="n") == []  # within its limit
    assert run(running) == Status.COMPLETED
    (held,) = claim_next(1, node="n")
    assert held.execution == due
    assert not Execution.objects.filter(status=Status.CANCELLED).exists()


def test_other_process_of_the_same_priority_goes_before_a_backfill(hourly):
    passed(hourly)
    backfill(hourly, [at(1)])
    other = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    assert [held.execution for held in claim_next(1, node="n")] == [other]


def test_retry_of_a_backfill_gives_way_as_well(hourly):
    passed(hourly)
    hourly.function, hourly.parameters = "probes.write_then_raise", {}
    hourly.max_retries = 1
    hourly.save()
    backfill(hourly, [at(1)])
    (held,) = claim_next(1, node="n")
    run(held)
    retry = Execution.objects.get(trigger=Trigger.RETRY)
    Execution.objects.filter(pk=retry.pk).update(available_at=NOW)

    due = launch(hourly, trigger=Trigger.MANUAL)

    assert retry.scheduled_for == at(1)
    assert due.status == Status.PENDING
    assert [held.execution for held in claim_next(1, node="n")] == [due]


def test_function_is_told_the_date_in_the_zone_of_its_process(time_machine):
    time_machine.move_to(datetime(2026, 11, 22, 12, tzinfo=UTC), tick=False)
    process = ProcessFactory(
        timezone="Asia/Tehran", cron="0 0 * * *", function="probes.name_its_day"
    )
    midnight = datetime(2026, 11, 19, 20, 30, tzinfo=UTC)  # of the 20th in Tehran
    backfill(process, [midnight])

    (held,) = claim_next(1, node="n")
    run(held)

    assert Execution.objects.get().result == "2026-11-20T00:00:00+03:30"
