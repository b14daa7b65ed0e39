from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import Schedule

from automation.engine.upkeep import pruning
from automation.engine.upkeep.pruning import prune
from automation.engine.upkeep.reconciling import reconcile
from automation.models import (
    DefaultProcess,
    Execution,
    LogLine,
    Node,
    Notice,
    Pause,
    Process,
    Status,
    Trigger,
)
from automation.reports.ledger import prove
from automation.testing import run
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(time_machine):
    time_machine.move_to(NOW, tick=False)
    Process.objects.all().delete()


@pytest.fixture
def process():
    return ProcessFactory()


def ended(process, days: float, status=Status.COMPLETED, **columns) -> Execution:
    """An execution that ended so many days ago."""
    at = NOW - timedelta(days=days)
    return ExecutionFactory(process=process, status=status, completed_at=at, **columns)


def keep(days: int = 90, runs: int = 10_000) -> dict[str, int]:
    return prune(keep_days=days, keep_runs=runs, on_progress=lambda *_: None)


def kept() -> set[int]:
    return set(Execution.objects.values_list("pk", flat=True))


def test_what_ended_before_goes_and_the_rest_stays(process):
    ended(process, 100)
    recent, newest = ended(process, 80), ended(process, 1)

    assert keep()["executions"] == 1
    assert kept() == {recent.pk, newest.pk}


def test_at_most_so_many_stay(process):
    rows = [ended(process, 1) for _ in range(5)]

    assert keep(runs=3)["executions"] == 2
    assert kept() == {row.pk for row in rows[2:]}


def test_process_says_itself_how_much_of_it_is_kept():
    long, short = ProcessFactory(keep_days=1_000, keep_runs=3), ProcessFactory(keep_days=2)
    rows = [ended(long, 500) for _ in range(4)]
    ended(short, 3)
    last = ended(short, 1)

    keep()

    assert kept() == {*(row.pk for row in rows[1:]), last.pk}


def test_last_success_and_last_failure_stay_however_old_they_are(process):
    ended(process, 900)
    success = ended(process, 800)
    ended(process, 700, Status.LOST)
    failure = ended(process, 600, Status.TIMED_OUT)
    ended(process, 500, Status.SKIPPED)

    assert keep(runs=1)["executions"] == 3
    assert kept() == {success.pk, failure.pk}


def test_what_runs_or_waits_stays(process):
    old = NOW - timedelta(days=300)
    waiting = ExecutionFactory(process=process, created_at=old)
    running = ExecutionFactory(process=process, running=True, created_at=old)
    newest = [ended(process, 1) for _ in range(3)]

    keep(runs=1)

    assert kept() == {waiting.pk, running.pk, newest[-1].pk}


def test_retry_and_undo_outlive_what_they_were_of(process):
    failed, done = ended(process, 200, Status.FAILED), ended(process, 200)
    retry = ended(process, 10, Status.FAILED, trigger=Trigger.RETRY, retry_of=failed)
    undo = ended(process, 10, kind="undo", undo_of=done)

    keep()

    assert kept() == {retry.pk, undo.pk}
    retry.refresh_from_db()
    assert retry.retry_of is None


def test_log_lines_go_with_their_execution(process):
    old, recent = ended(process, 100), ended(process, 1)
    for execution in (old, recent):
        LogLine.objects.create(execution=execution, message="done")

    keep()

    assert [line.execution for line in LogLine.objects.all()] == [recent]


def test_executions_of_deleted_processes_go_too():
    ended(None, 100)
    recent = ended(None, 1)

    assert keep()["executions"] == 1
    assert kept() == {recent.pk}


def test_row_that_accounts_for_a_long_time_is_as_old_as_its_end(process):
    shared = ended(
        process,
        200,
        Status.SKIPPED,
        trigger=Trigger.SCHEDULE,
        scheduled_for=NOW - timedelta(days=200),
        scheduled_until=NOW - timedelta(days=20),
        occurrences=181,
    )

    keep()

    assert kept() == {shared.pk}


def test_it_goes_on_batch_by_batch(process, monkeypatch):
    monkeypatch.setattr(pruning, "BATCH", 2)
    for _ in range(5):
        ended(process, 100)
    last = ended(process, 1)

    assert keep()["executions"] == 5
    assert kept() == {last.pk}


def test_proof_begins_after_what_was_pruned(time_machine):
    time_machine.move_to(NOW - timedelta(days=5, hours=1), tick=False)
    daily = ProcessFactory(timezone="UTC", cron="0 6 * * *")
    time_machine.move_to(NOW + timedelta(hours=2), tick=False)
    Schedule.objects.update(next_run=NOW + timedelta(days=1))
    for days in range(5, -1, -1):
        due = NOW - timedelta(days=days)
        ended(daily, days, trigger=Trigger.SCHEDULE, scheduled_for=due)
    assert prove(daily).occurrences == 6

    keep(days=3)

    daily.refresh_from_db()
    assert daily.history_begins_at == NOW - timedelta(days=3)
    proof = prove(daily)
    assert proof.is_sound
    assert proof.occurrences == 3
    reconcile(daily.pk)
    assert not Execution.objects.filter(status=Status.MISSED).exists()


def test_nodes_go_but_for_the_one_with_which_the_silence_began():
    far, old, recent = (NOW - timedelta(days=days) for days in (300, 200, 1))
    NodeFactory(started_at=far, seen_at=far)
    last = NodeFactory(started_at=far, seen_at=old)
    now = NodeFactory(started_at=recent, seen_at=NOW)

    assert keep()["nodes"] == 1
    assert set(Node.objects.all()) == {last, now}
    (silence,) = Node.objects.silences(NOW - timedelta(days=50), NOW)
    assert (silence.since, silence.until) == (old, recent)


def test_nodes_stay_as_long_as_the_longest_history():
    ProcessFactory(keep_days=1_000)
    for days in (300, 200):
        NodeFactory(seen_at=NOW - timedelta(days=days))

    assert keep()["nodes"] == 0


def test_pauses_that_are_over_go_but_for_the_last_of_each(process):
    old = NOW - timedelta(days=200)
    for subject in (process, process, None, None):
        Pause.objects.create(process=subject, why="move", since=old, until=old + timedelta(hours=1))
    lasting = Pause.objects.create(process=ProcessFactory(), why="move", since=old)

    assert keep()["pauses"] == 2
    assert Pause.objects.count() == 3
    assert lasting in Pause.objects.all()


def test_skipped_start_is_no_pause_since_which_failures_are_counted(process):
    old = NOW - timedelta(days=200)
    paused = Pause.objects.create(
        process=process, why="move", since=NOW - timedelta(days=210), until=old
    )
    skipped = old + timedelta(microseconds=1)
    Pause.objects.create(process=process, why="holiday", since=old, until=skipped)

    assert keep()["pauses"] == 1
    assert Pause.objects.get() == paused


def test_notices_that_went_out_go_but_for_the_last_of_each_process(process):
    old = NOW - timedelta(days=200)
    for sent_at in (old, None, old):
        Notice.objects.create(
            event="failed", process=process, execution_id=1, created_at=old, sent_at=sent_at
        )

    assert keep()["notices"] == 1
    assert set(Notice.objects.values_list("sent_at", flat=True)) == {None, old}


def test_process_of_its_own_does_it_and_says_how_far_it_is(process):
    ended(process, 20)
    ended(process, 10)

    execution = run("automation.prune_history", keep_days=15)

    assert execution.status == Status.COMPLETED, execution.error_message
    assert execution.result == {"executions": 1, "notices": 0, "nodes": 0, "pauses": 0}
    assert execution.progress_done == execution.progress_total == Process.objects.count() + 1


@pytest.mark.parametrize("parameters", [{"keep_days": 0}, {"keep_runs": -1}])
def test_keeping_nothing_is_refused(parameters, process):
    old = ended(process, 100, Status.SKIPPED)

    assert run("automation.prune_history", **parameters).status == Status.FAILED
    assert old.pk in kept()


def test_migrate_created_the_process():
    assert DefaultProcess.objects.filter(function="automation.prune_history").exists()
