from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_q.models import Schedule

from automation.engine.end.cancelling import cancel
from automation.engine.end.pausing import pause
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.models import (
    Calendar,
    ConcurrencyGroup,
    Execution,
    MaintenanceWindow,
    OverlapPolicy,
    Process,
    Trigger,
)
from automation.reports.explain import StepState, explain
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

#: 07:30 in Berlin.
NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_processes(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def node():
    return NodeFactory(functions=["probes.greet", "probes.take_long", "probes.commit_then_raise"])


def nightly(**fields):
    fields = {"name": "nightly", "timezone": "Europe/Berlin", "cron": "0 8 * * *", **fields}
    return ProcessFactory(**fields)


def verdict(process: Process) -> tuple[str, str]:
    found = explain(Process.objects.get(pk=process.pk)).verdict
    return found.code, found.text


def step(process: Process, code: str):
    steps = explain(Process.objects.get(pk=process.pk)).steps
    return next(step for step in steps if step.code == code)


def by_hand(process: Process, **options) -> Execution:
    return launch(process, trigger=Trigger.MANUAL, **options)


def test_steps_come_in_the_order_in_which_they_are_looked_at(node):
    codes = [step.code for step in explain(nightly()).steps]

    assert codes == [
        *("due", "enabled", "paused", "maintenance", "excluded", "limits"),
        *("overlap", "group", "queue", "nodes", "function", "parameters", "writer"),
    ]


def test_process_that_nothing_holds_is_due_next_by_the_clocks_of_its_zone(node):
    assert verdict(nightly()) == (
        "due_next",
        "It is due next at Sun 2026-11-22 08:00 Europe/Berlin.",
    )


def test_rule_is_told_with_who_set_it_and_since_when(node):
    process = nightly()
    process._history_user = User.objects.create_user("sara")
    process.cron = "0 9 * * *"
    process.save()

    told = step(process, "due").text

    assert "In force since Sun 2026-11-22 07:30 Europe/Berlin; set by sara." in told
    assert "Sun 2026-11-22 09:00 Europe/Berlin" in told


def test_process_by_hand_waits_for_nobody_but_a_person(node):
    assert verdict(ProcessFactory())[0] == "by_hand"


def test_rule_that_cannot_be_followed_blocks_first(node):
    process = nightly()
    Process.objects.filter(pk=process.pk).update(timezone="Europe/Berlim", is_enabled=False)

    code, text = verdict(process)

    assert code == "due"
    assert "Europe/Berlin" in text


def test_once_that_is_over_blocks(node):
    process = nightly(cron="", trigger_type="time_based", schedule_kind="once", run_at=NOW)

    assert verdict(process)[0] == "due"
    assert "Nothing is due any more." in verdict(process)[1]


def test_schedule_row_that_is_gone_blocks_and_is_repaired_by_a_command(node):
    process = nightly()
    Schedule.objects.all().delete()

    found = explain(process).verdict

    assert (found.code, found.remedy) == ("due", "Run the command sync_schedules.")


def test_process_that_is_off_is_so_since_when_by_whom(node, time_machine):
    process = nightly()
    time_machine.move_to(NOW + timedelta(minutes=5), tick=False)
    Process.objects.filter(pk=process.pk).disable(by=User.objects.create_user("sara"))
    time_machine.move_to(NOW + timedelta(hours=1), tick=False)
    process.refresh_from_db()
    process.save()

    assert verdict(process) == (
        "enabled",
        "Switched off since Sun 2026-11-22 07:35 Europe/Berlin, by sara.",
    )


def test_process_that_was_never_on_is_off_since_it_was_created(node):
    assert (
        "since Sun 2026-11-22 07:30 Europe/Berlin, by the system"
        in verdict(nightly(is_enabled=False))[1]
    )


def test_pause_of_it_says_by_whom_why_and_until_when(node):
    process = nightly()
    sara = User.objects.create_user("sara")
    pause([process], why="flood", until=NOW + timedelta(hours=2), by=sara)

    code, text = verdict(process)

    assert code == "paused"
    assert (
        text
        == "Paused by sara since Sun 2026-11-22 07:30 Europe/Berlin, until Sun 2026-11-22 09:30 Europe/Berlin: flood"
    )


def test_pause_of_everything_is_ended_elsewhere(node):
    process = nightly()
    pause(None, why="flood")

    found = explain(process).verdict

    assert found.code == "paused"
    assert "Everything paused by the system" in found.text
    assert "without an end" in found.text
    assert found.remedy.startswith("Resume everything")


def test_maintenance_window_blocks(node):
    process = nightly()
    hour = timedelta(hours=1)
    MaintenanceWindow.objects.create(label="move", starts_at=NOW - hour, ends_at=NOW + hour)

    code, text = verdict(process)

    assert (code, text) == (
        "maintenance",
        "Maintenance from Sun 2026-11-22 06:30 Europe/Berlin until Sun 2026-11-22 08:30 Europe/Berlin: move",
    )


def test_excluded_day_blocks_from_when_it_would_have_been_due(node, time_machine):
    calendar = Calendar.objects.create(name="rest", days="2026-11-22 Rest day")
    process = nightly(calendar=calendar)
    assert verdict(process)[0] == "due_next"

    time_machine.move_to(NOW + timedelta(hours=1), tick=False)

    code, text = verdict(process)
    assert code == "excluded"
    assert "Sun 2026-11-22 08:00 Europe/Berlin: Rest day" in text


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (
            {"starts_at": NOW + timedelta(days=2)},
            "It counts from Tue 2026-11-24 07:30 Europe/Berlin on.",
        ),
        ({"ends_at": NOW - timedelta(days=2)}, "It ended at Fri 2026-11-20 07:30 Europe/Berlin."),
        (
            {"starts_at": NOW - timedelta(days=9), "max_occurrences": 3},
            "All its 3 times are over.",
        ),
    ],
)
def test_limit_that_holds_it_blocks(node, time_machine, limits, told):
    time_machine.move_to(NOW - timedelta(days=9), tick=False)
    process = nightly(**limits)
    time_machine.move_to(NOW, tick=False)
    due.tick()
    Execution.objects.all().delete()

    assert verdict(process) == ("limits", told)


def test_process_that_runs_is_running_whatever_holds_its_next_start(node):
    process = nightly()
    execution = ExecutionFactory(process=process, running=True)
    pause([process], why="flood")

    code, text = verdict(process)

    assert code == "running"
    assert f"#{execution.pk}" in text
    assert explain(process).executions == [execution]


def test_execution_that_waits_for_another_of_its_process_is_told_which(node):
    process = ProcessFactory(
        function="probes.commit_then_raise", overlap_policy=OverlapPolicy.WAIT, name="w"
    )
    execution = ExecutionFactory(process=process, running=True)
    waiting = by_hand(process)

    code, text = verdict(process)

    assert code == "overlap"
    assert f"Running at once: 1 of 1 (w #{execution.pk})." in text
    assert "let the new one wait" in text
    assert explain(process).executions == [execution, waiting]


def test_preview_that_runs_takes_no_slot(node):
    process = ProcessFactory(function="probes.commit_then_raise")
    ExecutionFactory(process=process, running=True, kind="preview")
    by_hand(process)

    assert verdict(process)[0] == "starting"


def test_execution_that_waits_for_its_group_is_told_for_whom(node):
    group = ConcurrencyGroup.objects.create(name="service", max_concurrency=1)
    other = ProcessFactory(function="probes.commit_then_raise", concurrency_group=group)
    running = ExecutionFactory(process=other, running=True, concurrency_group=group, group_slot=0)
    process = ProcessFactory(function="probes.commit_then_raise", concurrency_group=group)
    by_hand(process)

    code, text = verdict(process)

    assert code == "group"
    assert text == f"Running in the group service: 1 of 1 ({running})."


def test_execution_that_waits_for_a_worker_is_told_its_place(node):
    for process in (ProcessFactory(), ProcessFactory()):
        ExecutionFactory(process=process, running=True, function="probes.commit_then_raise")
    by_hand(ProcessFactory(priority=5))
    process = ProcessFactory(function="probes.commit_then_raise")
    waiting = by_hand(process)
    by_hand(ProcessFactory())

    code, text = verdict(process)

    assert code == "queue"
    assert text == f"#{waiting.pk} waits; 1 is before it. Busy workers: 2 of 2."


def test_retry_that_waits_for_its_time_says_when(node):
    process = ProcessFactory()
    ExecutionFactory(
        process=process, trigger=Trigger.RETRY, available_at=NOW + timedelta(minutes=10)
    )

    code, text = verdict(process)

    assert code == "queue"
    assert "Sun 2026-11-22 10:10" in text  # in Tehran


def test_without_nodes_it_is_told_since_when():
    NodeFactory(
        name="old", started_at=NOW - timedelta(days=3650), seen_at=NOW - timedelta(days=3650)
    )
    process = nightly()

    code, text = verdict(process)

    assert code == "nodes"
    assert text.startswith("No node works; the last, old, was seen at Thu 2016-11-24")
    assert step(process, "function").state == StepState.UNKNOWN


def test_execution_that_waits_without_nodes_waits_for_one_not_for_its_turn():
    process = ProcessFactory()
    by_hand(process)

    assert verdict(process)[0] == "nodes"


def test_without_any_node_ever_a_command_is_named():
    found = explain(nightly()).verdict

    assert (found.code, found.remedy) == ("nodes", "Start one: manage.py qcluster.")


def test_function_that_no_live_node_has_blocks():
    NodeFactory(functions=["probes.other"])

    assert verdict(nightly()) == ("function", "No live node has probes.greet in its code.")


def test_parameters_that_no_longer_fit_block(node):
    process = nightly(parameters={"times": "many"})

    code, text = verdict(process)

    assert code == "parameters"
    assert "times" in text


@pytest.mark.sqlite
def test_on_sqlite_an_atomic_run_waits_for_another(node):
    running = ExecutionFactory(process=ProcessFactory(), running=True)
    process = ProcessFactory()
    by_hand(process)

    code, text = verdict(process)

    assert code == "writer"
    assert str(running) in text


def test_what_a_person_started_is_held_by_no_pause_nor_switch(node):
    process = nightly(is_enabled=False)
    pause([process], why="flood")
    waiting = by_hand(process)

    assert verdict(process) == ("starting", f"It starts in a moment: #{waiting.pk} is next.")
    assert f"That does not hold #{waiting.pk}" in step(process, "paused").text


def test_retry_is_held_by_a_pause(node):
    process = ProcessFactory()
    ExecutionFactory(process=process, trigger=Trigger.RETRY)
    pause([process], why="flood")

    assert verdict(process)[0] == "paused"


def test_what_came_due_and_was_not_started_yet_starts_at_once(node, time_machine):
    process = nightly()
    time_machine.move_to(NOW + timedelta(minutes=30, seconds=20), tick=False)

    code, text = verdict(process)

    assert code == "starting"
    assert "due since Sun 2026-11-22 08:00 Europe/Berlin" in text


def test_what_is_long_overdue_though_nodes_work_leads_to_their_log(node, time_machine):
    process = nightly()
    time_machine.move_to(NOW + timedelta(hours=3), tick=False)

    found = explain(process).verdict

    assert found.code == "overdue"
    assert "log" in found.remedy


def test_number_of_queries_does_not_grow(
    node, django_assert_num_queries, django_assert_max_num_queries
):
    process = nightly()
    with django_assert_max_num_queries(25) as few:
        explain(Process.objects.get(pk=process.pk))
    for _ in range(10):
        ExecutionFactory(process=process, completed=True)
        ExecutionFactory(process=ProcessFactory(name=f"other-{_}"), running=True)
        NodeFactory()

    with django_assert_num_queries(len(few)):
        explain(Process.objects.get(pk=process.pk))


def test_explaining_writes_nothing(node):
    process = nightly()
    cancel(by_hand(process), by_name="sara")
    before = list(Execution.objects.values()), list(Schedule.objects.values())

    explain(process)
    explain(process, timezone.now() - timedelta(hours=2))

    assert before == (list(Execution.objects.values()), list(Schedule.objects.values()))
