from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User

from automation.engine.end.pausing import pause, resume
from automation.engine.start import due
from automation.models import (
    Calendar,
    Execution,
    MaintenanceWindow,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
)
from automation.reports.explain import StepState, explain
from automation.schedule import wall_time_from
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
CREATED = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 12, tzinfo=UTC)
#: 02:30 in Berlin.
DUE = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(CREATED, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def nightly(time_machine):
    """A process that was created in January, and is asked about in November."""

    def create(**fields) -> Process:
        fields = {"name": "nightly", "timezone": "Europe/Berlin", "cron": "30 2 * * *", **fields}
        process = ProcessFactory(**fields)
        time_machine.move_to(LATER, tick=False)
        return process

    return create


@pytest.fixture
def a_node():
    return NodeFactory(name="n1", started_at=CREATED, seen_at=datetime(2027, 1, 1, tzinfo=UTC))


def asked(process: Process, text: str):
    return explain(Process.objects.get(pk=process.pk), wall_time_from(text, BERLIN))


def recorded(process: Process, **fields) -> Execution:
    return ExecutionFactory(
        process=process, **{"trigger": Trigger.SCHEDULE, "scheduled_for": DUE, **fields}
    )


def state_of(explanation, code: str) -> StepState:
    return next(step.state for step in explanation.steps if step.code == code)


def test_instant_that_ran_leads_to_its_execution(nightly, a_node):
    process = nightly()
    execution = recorded(process, completed=True)

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "ran"
    assert (
        f"execution #{execution.pk} completed at Sun 2026-11-22 13:00:00 Europe/Berlin"
        in found.verdict.text
    )
    assert found.executions == [execution]
    assert {step.state for step in found.steps} == {StepState.OK}


def test_instant_may_be_typed_in_any_digits(nightly, a_node):
    process = nightly()
    recorded(process, completed=True)

    assert asked(process, "۲۰۲۶-۱۱-۲۱ ۰۲:۳۰").verdict.code == "ran"
    assert asked(process, "2026-11-21T01:30+00:00").verdict.code == "ran"


def test_every_attempt_is_told_and_the_last_decides(nightly, a_node):
    process = nightly()
    ended = {"completed_at": LATER}
    first = recorded(process, status=Status.FAILED, error_message="Boom\nmore", **ended)
    retry = {"trigger": Trigger.RETRY, "retry_of": first, "attempt": 2}
    second = recorded(process, status=Status.TIMED_OUT, **retry, **ended)

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "timed_out"
    assert found.executions == [first, second]


def test_failure_is_told_without_its_error_which_is_for_who_may_see_the_execution(nightly, a_node):
    process = nightly()
    row = recorded(process, status=Status.FAILED, error_message="Boom", completed_at=LATER)

    found = asked(process, "2026-11-21 02:30").verdict

    assert found.text == f"It ran and did not succeed: execution #{row.pk}, failed."


def test_row_of_several_occurrences_accounts_for_each(nightly, a_node):
    process = nightly()
    row = recorded(
        process,
        status=Status.MISSED,
        reason="nothing_running",
        scheduled_for=DUE - timedelta(days=2),
        scheduled_until=DUE + timedelta(days=2),
        occurrences=5,
        completed_at=LATER,
    )

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "nothing_running"
    assert f"#{row.pk}, missed. Nothing was there to start it in time." in found.verdict.text
    assert "by hand" in found.verdict.remedy


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"running": True}, "running"), ({"status": Status.PENDING}, "waiting")],
)
def test_execution_that_has_not_ended_says_how_it_stands(nightly, a_node, columns, code):
    process = nightly()
    recorded(process, **columns)

    assert asked(process, "2026-11-21 02:30").verdict.code == code


def test_instant_that_was_not_due_is_told_with_the_nearest(nightly, a_node):
    found = asked(nightly(), "2026-11-21 04:00")

    assert found.verdict.code == "due"
    assert found.verdict.text.startswith(
        "Not due at Sat 2026-11-21 04:00 Europe/Berlin. The nearest: Sat 2026-11-21 02:30 Europe/Berlin before, Sun 2026-11-22 02:30 Europe/Berlin after."
    )


def test_nearest_of_a_rare_rule_is_found_years_away(nightly, a_node):
    found = asked(nightly(cron="0 0 29 2 *"), "2026-11-21 04:00")

    assert (
        "Thu 2024-02-29 00:00 Europe/Berlin before, Tue 2028-02-29 00:00 Europe/Berlin after"
        in found.verdict.text
    )


def test_rule_of_then_counts_and_who_changed_it(nightly, a_node, time_machine):
    process = nightly()
    time_machine.move_to(datetime(2026, 6, 1, tzinfo=UTC), tick=False)
    process._history_user = User.objects.create_user("sara")
    process.cron = "0 9 * * *"
    process.save()
    time_machine.move_to(LATER, tick=False)

    before, after = asked(process, "2026-05-30 02:30"), asked(process, "2026-06-02 02:30")

    assert state_of(before, "due") == StepState.OK
    assert "set by the system" in before.steps[0].text
    assert after.verdict.code == "due"
    assert "In force since Mon 2026-06-01 02:00 Europe/Berlin; set by sara." in after.verdict.text


def test_time_that_clocks_jumped_over_ran_right_after(nightly, a_node):
    process = nightly()
    at = datetime(2026, 3, 29, 1, tzinfo=UTC)
    execution = recorded(process, completed=True, scheduled_for=at)

    found = asked(process, "2026-03-29 02:30")

    assert "02:30 does not exist, runs 03:00" in found.steps[0].text
    assert found.verdict.code == "ran"
    assert found.executions == [execution]


def test_time_that_does_not_exist_and_was_not_due_says_so(nightly, a_node):
    found = asked(nightly(), "2026-03-29 02:40")

    assert found.verdict.code == "due"
    assert "02:40 does not exist on this day" in found.verdict.text


def test_time_that_does_not_exist_is_not_taken_for_the_one_an_hour_later(nightly, a_node):
    assert asked(nightly(cron="30 3 * * *"), "2026-03-29 02:30").verdict.code == "due"


def test_time_that_came_twice_ran_at_the_first(nightly, a_node):
    process = nightly()
    recorded(process, completed=True, scheduled_for=datetime(2026, 10, 25, 0, 30, tzinfo=UTC))

    found = asked(process, "2026-10-25 02:30")

    assert found.verdict.code == "ran"
    assert "runs once, at the first 02:30" in found.steps[0].text


def test_process_that_was_off_then_says_by_whom(nightly, a_node, time_machine):
    process = nightly()
    time_machine.move_to(DUE - timedelta(days=1), tick=False)
    Process.objects.filter(pk=process.pk).disable(by=User.objects.create_user("sara"))
    time_machine.move_to(DUE + timedelta(days=1), tick=False)
    Process.objects.filter(pk=process.pk).enable()
    time_machine.move_to(LATER + timedelta(days=1), tick=False)

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "enabled"
    assert "since Fri 2026-11-20 02:30 Europe/Berlin, by sara" in found.verdict.text
    assert found.verdict.remedy == ""


def test_process_that_ran_by_hand_then_was_not_due(nightly, a_node):
    assert asked(nightly(cron=""), "2026-11-21 02:30").verdict.code == "due"


def test_process_that_was_not_there_yet(nightly, a_node):
    found = asked(nightly(), "2025-11-21 02:30")

    assert state_of(found, "enabled") == StepState.UNKNOWN
    assert found.verdict.text == (
        "The process did not exist then: it was created at Thu 2026-01-01 13:00 Europe/Berlin."
    )


def test_pause_of_then_is_told_where_nothing_is_on_record(nightly, a_node, time_machine):
    process = nightly()
    time_machine.move_to(DUE - timedelta(hours=1), tick=False)
    pause([process], why="flood")
    time_machine.move_to(DUE + timedelta(hours=1), tick=False)
    resume([process])
    time_machine.move_to(LATER, tick=False)

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "paused"
    assert found.verdict.text.endswith("until Sat 2026-11-21 03:30 Europe/Berlin: flood")


def test_maintenance_of_then_is_told_where_nothing_is_on_record(nightly, a_node):
    hour = timedelta(hours=1)
    MaintenanceWindow.objects.create(label="move", starts_at=DUE - hour, ends_at=DUE + hour)

    assert asked(nightly(), "2026-11-21 02:30").verdict.code == "maintenance"


def test_excluded_day_of_then_is_told_by_its_label(nightly, a_node):
    process = nightly(calendar=Calendar.objects.create(name="c", days="2026-11-21 Rest day"))

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "excluded"
    assert "Rest day" in found.verdict.text


def test_limit_of_then_is_told(nightly, a_node):
    process = nightly(ends_at=datetime(2026, 11, 1, tzinfo=UTC))

    assert asked(process, "2026-11-21 02:30").verdict.code == "limits"


def test_absence_of_nodes_then_is_told(nightly):
    NodeFactory(name="n1", started_at=CREATED, seen_at=DUE - timedelta(days=1))

    found = asked(nightly(), "2026-11-21 02:30")

    assert found.verdict.code == "nodes"
    assert "n1, was seen at Fri 2026-11-20 02:30:00 Europe/Berlin" in found.verdict.text


def test_occurrence_that_nothing_explains_is_not_accounted_for(nightly, a_node):
    found = asked(nightly(), "2026-11-21 02:30")

    assert found.verdict.code == "not_accounted_for"
    assert found.verdict.remedy == "Run the command audit_schedule."


def test_history_that_was_pruned_is_not_called_lost(nightly, a_node):
    process = nightly()
    Process.objects.filter(pk=process.pk).update(history_begins_at=LATER)

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "not_accounted_for"
    assert "may have been pruned" in found.verdict.text
    assert found.verdict.remedy == ""


def test_time_without_a_version_is_not_known(nightly, a_node):
    process = nightly()
    ScheduleVersion.objects.all().delete()

    found = asked(process, "2026-11-21 02:30")

    assert state_of(found, "due") == StepState.UNKNOWN


def test_outage_as_the_clock_records_it_is_explained(nightly, time_machine):
    process = nightly()
    NodeFactory(name="n1", started_at=CREATED, seen_at=LATER)
    due.tick()

    found = asked(process, "2026-11-21 02:30")

    assert found.verdict.code == "nothing_running"


# To come


def test_instant_to_come_that_nothing_holds_will_run(nightly):
    assert asked(nightly(), "2026-12-24 02:30").verdict.code == "will_run"


def test_instant_to_come_that_is_not_due_is_told_with_the_nearest(nightly):
    assert (
        "Thu 2026-12-24 02:30 Europe/Berlin before"
        in asked(nightly(), "2026-12-24 05:00").verdict.text
    )


def test_instant_to_come_is_held_by_a_pause_that_lasts_until_then(nightly):
    process = nightly()
    pause([process], why="flood", until=LATER + timedelta(days=3))

    assert asked(process, "2026-11-24 02:30").verdict.code == "paused"
    assert asked(process, "2026-11-26 02:30").verdict.code == "will_run"


def test_instant_to_come_within_a_window_is_held_by_it(nightly):
    at = datetime(2026, 12, 24, tzinfo=UTC)
    MaintenanceWindow.objects.create(label="move", starts_at=at, ends_at=at + timedelta(days=1))

    assert asked(nightly(), "2026-12-24 02:30").verdict.code == "maintenance"


def test_excluded_day_to_come_is_told(nightly):
    process = nightly(calendar=Calendar.objects.create(name="c", days="2026-12-25 Christmas"))

    assert "Christmas" in asked(process, "2026-12-25 02:30").verdict.text


def test_process_that_is_off_will_not_run(nightly):
    found = asked(nightly(is_enabled=False), "2026-12-25 02:30")

    assert (found.verdict.code, found.verdict.remedy) == ("enabled", "Switch it on.")
    assert state_of(found, "due") == StepState.OK


def test_number_of_queries_does_not_grow_with_the_history(
    nightly, a_node, django_assert_num_queries, django_assert_max_num_queries
):
    process = nightly()
    with django_assert_max_num_queries(12) as few:
        explain(process, DUE)
    for days in range(20):
        recorded(process, completed=True, scheduled_for=DUE - timedelta(days=days))
        NodeFactory()

    with django_assert_num_queries(len(few)):
        explain(process, DUE)
