"""A real qcluster, in processes of its own, on the database of the test."""

import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from automation.database import driver, listen
from automation.database.listen import SCHEDULE, notify
from automation.engine.start.launch import launch
from automation.models import (
    Execution,
    Node,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
    coming,
    reasons,
)
from automation.queue import schedules
from automation.reports.state import State, state_of
from automation.tests.factories import ProcessFactory
from automation.tests.written import written
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def started(function: str, time_limit: int = 30, **parameters) -> Execution:
    process = ProcessFactory(function=f"probes.{function}", time_limit=time_limit)
    return launch(process, trigger=Trigger.MANUAL, parameters=parameters)


def status_of(execution: Execution) -> str:
    execution.refresh_from_db()
    return execution.status


def wait_for(execution: Execution, status: Status, seconds: float = 30, why: object = "") -> None:
    wait_until(lambda: status_of(execution) == status, seconds, why)


def test_worker_runs_what_is_queued_and_stops_without_leaving_a_process(qcluster):
    execution = started("greet", name="Sara")

    cluster = qcluster()
    wait_for(execution, Status.COMPLETED, why=cluster)
    tree = cluster.tree
    code = cluster.stop()

    assert execution.result == {"greeting": "Hello Sara! "}
    assert execution.node == Node.objects.get().name
    assert len(tree) == 5  # the parent, a dispatcher, a clock, two workers
    assert (code, cluster.tree) == (0, [])
    assert not any(Path(f"/proc/{pid}").exists() for pid in tree)
    assert Node.objects.get().stopped_at is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_at_any_moment_of_the_start_stops_it(qcluster, number):
    for text in ("starting.", "next run", "running.", "ready for work"):
        cluster = qcluster(wait_for=text)

        assert cluster.stop(number) == 0, cluster
        assert cluster.tree == []


@pytest.mark.parametrize("place", [0, 1], ids=["first child", "second child"])
def test_part_that_dies_is_started_again_and_the_rest_goes_on(qcluster, place):
    cluster = qcluster()

    os.kill(cluster.children_of(cluster.process.pid)[place], signal.SIGKILL)

    wait_until(lambda: "died (-9)" in cluster.text, why=cluster)
    wait_for(started("greet"), Status.COMPLETED, why=cluster)
    process = ProcessFactory(cron="* * * * *", timezone="UTC", catch_up="latest")
    due = timezone.now().replace(second=0, microsecond=0)
    make_due(process, due)
    wait_until(process.executions.filter(status=Status.COMPLETED).exists, why=cluster)
    assert cluster.stop() == 0


def test_default_zone_that_changed_between_two_starts_is_followed_and_said(qcluster):
    main_job = Process.objects.get(name="reschedule_remaining_tasks")
    kept = ProcessFactory(cron="30 7 * * *", timezone="Asia/Tehran")
    qcluster("--run-once", wait_for="has stopped.")

    cluster = qcluster("--run-once", wait_for="has stopped.", BEHFLOW_TIMEZONE="Europe/Berlin")

    assert "The default time zone is Europe/Berlin; on node" in cluster.text
    assert "it was Asia/Tehran." in cluster.text
    for process, zone in ((main_job.pk, "Europe/Berlin"), (kept.pk, "Asia/Tehran")):
        at = schedules.next_run_of(process).astimezone(ZoneInfo(zone))
        assert f"{at:%H:%M}" == "07:30"
    versions = ScheduleVersion.objects.filter(process=main_job).order_by("pk")
    assert [version.rule.zone.key for version in versions] == ["Asia/Tehran", "Europe/Berlin"]
    assert ScheduleVersion.objects.filter(process=kept).count() == 1


def only_zones(folder: Path, *names: str) -> str:
    """A folder of zones, as an image has it that leaves out the old names."""
    for name in names:
        source = next(Path(place) / name for place in TZPATH if (Path(place) / name).is_file())
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / name)
    return str(folder)


def test_zone_that_the_machine_has_not_is_said_everywhere_and_a_person_may_still_start_it(
    qcluster, tmp_path
):
    process = ProcessFactory(name="old", timezone="US/Pacific", cron="* * * * *")
    by_hand = launch(process, trigger=Trigger.MANUAL)
    zones = only_zones(tmp_path / "zones", "UTC", "Asia/Tehran", "America/Los_Angeles")

    cluster = qcluster(wait_for="automation.W005", PYTHONTZPATH=zones)

    assert "old: its rule cannot be read: There is no time zone 'US/Pacific'." in cluster.text
    assert "automation.W005" in cluster.text
    [row] = process.executions.filter(reason=reasons.RULE_UNREADABLE)
    assert row.status == Status.SKIPPED
    assert state_of(process) == State.BROKEN
    wait_for(by_hand, Status.COMPLETED, why=cluster)
    assert cluster.stop() == 0

    cluster = qcluster("--run-once", wait_for="has stopped.")
    assert state_of(process) != State.BROKEN
    assert schedules.next_run_of(process.pk) is not None


def make_due(process: Process, at) -> None:
    """Let a process be due as if the clock had not looked since."""
    with transaction.atomic():
        Schedule.objects.filter(name=f"process:{process.pk}").update(next_run=at)
        notify(SCHEDULE)


def test_stop_lets_running_work_finish_and_then_does_not_wait(qcluster):
    cluster = qcluster("--grace", "60")
    running = started("take_long", seconds=2)
    wait_for(running, Status.RUNNING, why=cluster)

    assert cluster.stop(seconds=20) == 0

    assert status_of(running) == Status.COMPLETED


def test_stop_puts_what_outlives_its_grace_in_line_again(qcluster):
    cluster = qcluster("--grace", "0.5")
    running = started("take_long", seconds=30)
    wait_for(running, Status.RUNNING, why=cluster)
    cluster.wait_for("Asleep")

    assert cluster.stop() == 0

    assert (status_of(running), running.reason) == (Status.LOST, reasons.NODE_STOPPED)
    again = running.retries.get()
    assert (again.status, again.attempt) == (Status.PENDING, 1)


def test_run_once_runs_what_waits_and_ends(qcluster):
    executions = [started("greet", name=str(number)) for number in range(3)]

    cluster = qcluster("--run-once", wait_for="has stopped.")

    assert cluster.process.wait(30) == 0
    assert [status_of(execution) for execution in executions] == [Status.COMPLETED] * 3


def test_node_whose_workers_are_all_busy_does_not_spin(qcluster):
    cluster = qcluster(WORKERS="1")
    long = started("take_long", seconds=8)  # beyond the time after which it looks by itself
    cluster.wait_for("Asleep")
    before = sum(map(cpu_seconds, cluster.tree))

    wait_for(long, Status.COMPLETED, why=cluster)

    assert sum(map(cpu_seconds, cluster.tree)) - before < 2


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_start_logs_each_scheduled_process_with_its_next_run_and_zone(qcluster):
    text = qcluster(wait_for="reschedule_remaining_tasks: next run").text

    next_run = coming(Process.objects.get(name="reschedule_remaining_tasks")).next_run
    assert f"reschedule_remaining_tasks: next run {next_run.isoformat()} (Asia/Tehran)" in text


def test_start_logs_the_driver_and_whether_the_node_listens(qcluster):
    text = qcluster(wait_for="The database driver is").text

    how = "LISTEN receives" if listen.can_listen() else "There is no LISTEN: work is looked for"
    assert f"The database driver is {driver.named()}. {how}" in text


def test_occurrence_that_passed_while_nothing_ran_is_started_once_at_the_next_start(qcluster):
    process = ProcessFactory(cron="* * * * *", timezone="UTC")
    now = timezone.now().replace(second=0, microsecond=0)
    Schedule.objects.filter(name=f"process:{process.pk}").update(next_run=now - timedelta(hours=2))

    cluster = qcluster()

    done = process.executions.filter(trigger=Trigger.SCHEDULE, status=Status.COMPLETED)
    wait_until(done.exists, why=cluster)
    missed = process.executions.get(status=Status.MISSED)
    assert missed.scheduled_for == now - timedelta(hours=2)
    assert missed.occurrences in {120, 121}
    assert done.earliest("pk").scheduled_for == missed.scheduled_until + timedelta(minutes=1)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_outage_is_named_by_what_was_missed_in_it(qcluster, manage, end):
    process = ProcessFactory(cron=past_minutes(), timezone="UTC")
    before = qcluster(RELEASE="old")
    before.stop(end)
    ten_minutes_pass()

    after = qcluster(RELEASE="new")

    wait_until(process.executions.filter(status=Status.MISSED).exists, why=after)
    earlier, later = Node.objects.order_by("pk")
    missed = process.executions.get(status=Status.MISSED)
    assert (missed.reason, missed.reason_data) == (
        reasons.NOTHING_RUNNING,
        {
            "since": (earlier.stopping_at or earlier.seen_at).isoformat(),
            "until": later.started_at.isoformat(),
        },
    )
    assert "No worker was running from" in missed.reason_in_words
    at = missed.scheduled_for.isoformat()
    assert missed.reason_in_words in manage("explain", process.name, "--at", at).stdout


def past_minutes() -> str:
    """A rule that was due six, five and four minutes ago, and is not again during a test."""
    now = timezone.now()
    return ",".join(str((now - timedelta(minutes=n)).minute) for n in (6, 5, 4)) + " * * * *"


def ten_minutes_pass() -> None:
    """Move everything that happened ten minutes back; what was due since then still is."""
    span = timedelta(minutes=10)
    times = ("started_at", "seen_at", "stopping_at", "stopped_at")
    Node.objects.update(**{name: F(name) - span for name in times})
    process = Process.objects.get(cron__contains=",")
    due = process.usable_rule.next_after(timezone.now() - span)
    Schedule.objects.filter(name=f"process:{process.pk}").update(next_run=due)
    ScheduleVersion.objects.update(valid_from=F("valid_from") - span)


def test_what_was_missed_before_the_first_node_says_that_none_had_run(qcluster):
    process = ProcessFactory(cron=past_minutes(), timezone="UTC")
    ten_minutes_pass()

    cluster = qcluster()

    wait_until(process.executions.filter(status=Status.MISSED).exists, why=cluster)
    missed = process.executions.get(status=Status.MISSED)
    assert missed.reason_data == {"until": Node.objects.get().started_at.isoformat()}
    assert "No worker had ever run before" in missed.reason_in_words


def test_table_of_schedules_that_somebody_empties_is_filled_again_within_the_minute(
    qcluster, manage
):
    process = ProcessFactory(cron="* * * * *", timezone="UTC")
    cluster = qcluster(wait_for="next run")
    lost = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=5)
    ScheduleVersion.objects.filter(process=process).update(valid_from=lost)
    Node.objects.update(started_at=lost)

    Schedule.objects.all().delete()  # As if it had been five minutes ago.

    cluster.wait_for("Schedule rows had vanished and are there again: ")
    assert Schedule.objects.filter(name=f"process:{process.pk}").count() == 1
    missed = process.executions.get(status=Status.MISSED)
    assert missed.scheduled_for == lost + timedelta(minutes=1)
    assert "Its row in django-q2's table of schedules was gone until" in missed.reason_in_words
    wait_until(process.executions.filter(status=Status.COMPLETED).exists, why=cluster)
    audit = manage("audit_schedule", process.name)
    assert (audit.returncode, "gap" in audit.stdout) == (0, False), audit.stdout


def test_runs_that_begin_together_all_complete(qcluster):
    # On SQLite each holds the one write lock: they take turns.
    executions = [started("take_long", seconds=1, name=str(number)) for number in range(3)]

    cluster = qcluster()

    for execution in executions:
        wait_for(execution, Status.COMPLETED, why=cluster)


def test_process_that_comes_due_is_started_while_the_cluster_runs(qcluster):
    process = ProcessFactory(cron="0 0 1 1 *", timezone="UTC")
    cluster = qcluster()
    just_now = timezone.now().replace(microsecond=0)

    make_due(process, process.rule.next_after(just_now - timedelta(days=367)))

    done = process.executions.filter(status=Status.COMPLETED)
    wait_until(done.exists, why=cluster)
    assert done.get().trigger == Trigger.SCHEDULE
    assert Schedule.objects.get(name=f"process:{process.pk}").next_run == coming(process).next_run


def test_function_that_kills_its_worker_or_never_ends_harms_no_other(qcluster):
    dying = started("die", time_limit=1)
    endless = started("take_long_and_ignore_all", time_limit=1)
    fine = [started("greet", name=str(number)) for number in range(4)]

    cluster = qcluster()

    for execution in fine:
        wait_for(execution, Status.COMPLETED, seconds=40, why=cluster)
    wait_for(dying, Status.LOST, why=cluster)
    assert (dying.reason, dying.exit_code) == (reasons.WORKER_DIED, 1)
    wait_for(endless, Status.TIMED_OUT, why=cluster)
    assert endless.reason == reasons.TIME_LIMIT_IGNORED
    assert written().count() == 4


@pytest.mark.postgresql
def test_database_connections_cut_in_the_middle_of_a_run_fail_it_and_nothing_else(qcluster):
    cluster = qcluster()
    running = started("take_long", seconds=5)
    wait_for(running, Status.RUNNING, why=cluster)

    with connection.cursor() as cursor:
        # It has written and sleeps.
        wait_until(lambda: _is_in_a_transaction(cursor), why=cluster)
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    after = started("greet")

    wait_for(running, Status.FAILED, why=cluster)
    assert "OperationalError" in running.error_message
    assert not written().filter(name="written before the long sleep").exists()
    wait_for(after, Status.COMPLETED, seconds=60, why=cluster)
    wait_until(lambda: not OrmQ.objects.exists(), seconds=30, why=cluster)


def _is_in_a_transaction(cursor) -> bool:
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state = 'idle in transaction' AND query ILIKE 'INSERT INTO \"auth_group\"%'"
    )
    return cursor.fetchone()[0] == 1


def test_queued_run_process_waits_for_the_workers(qcluster, manage):
    ProcessFactory(name="greet")
    qcluster()

    done = manage("run_process", "greet", "--queue", "--wait", "30", "--json")

    assert done.returncode == 0, done.stderr
    assert '"status": "completed"' in done.stdout
