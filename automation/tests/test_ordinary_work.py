"""What a project queues and schedules by django-q2 itself goes on under our qcluster."""

import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.signing import SignedPackage
from django_q.status import Stat
from django_q.tasks import (
    Chain,
    Iter,
    async_chain,
    async_iter,
    async_task,
    count_group,
    delete_group,
    fetch,
    fetch_group,
    queue_size,
    result,
    result_group,
    schedule,
)

from automation.cluster.stock import project_schedules
from automation.database import listen
from automation.engine.start.launch import launch
from automation.models import Execution, Status, Trigger
from automation.tests.factories import ProcessFactory
from automation.tests.probes import ordinary
from automation.tests.probes.ordinary import PATH
from automation.tests.written import written
from conftest import ROOT, Child, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = 30_000  # milliseconds, as django-q2 counts them


@pytest.fixture
def site(qcluster, tmp_path, settings, test_database):
    """Start a qcluster of a site with a shared cache; words are added to its Q_CLUSTER."""
    folder = str(tmp_path / "cache")
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": folder,
        }
    }
    test_database |= {
        "DJANGO_SETTINGS_MODULE": "behflow.tests.ordinary_settings",
        "SHARED_CACHE": folder,
    }

    def start(*options, wait_for="running.", **more):
        return qcluster(*options, wait_for=wait_for, Q_CLUSTER_MORE=json.dumps(more))

    return start


def calls(name: str) -> int:
    return written().filter(name__startswith=name).count()


def nothing_waits() -> bool:
    return not OrmQ.objects.exists()


def test_task_by_path_or_function_is_run_and_its_hook_called(site):
    by_path = async_task(PATH + "double", 21, hook=PATH + "hook", task_name="by path")
    by_function = async_task(ordinary.double, number=4, hook=ordinary.hook, task_name="by function")
    queueing = async_task(PATH + "queue_another")

    cluster = site("--run-once", wait_for="has stopped.")

    assert (result(by_path), result(by_function)) == (42, 8), cluster
    task = fetch("by path")
    assert (task.id, task.func, task.success, task.attempt_count) == (
        by_path,
        PATH + "double",
        True,
        1,
    )
    assert calls("hook of by path: True") == calls("hook of by function: True") == 1
    assert result(result(queueing)) == 42
    assert nothing_waits()


def test_results_of_a_group_are_counted_read_and_deleted_together(site):
    for number in range(4):
        async_task(PATH + "double", number, group="numbers")
    async_task(PATH + "fail", group="numbers")

    cluster = site()

    wait_until(lambda: Task.objects.filter(group="numbers").count() == 5, why=cluster)
    assert sorted(result_group("numbers")) == [0, 2, 4, 6]
    assert (count_group("numbers"), count_group("numbers", failures=True)) == (5, 1)
    assert len(fetch_group("numbers")) == 5
    delete_group("numbers", tasks=True)
    assert not Task.objects.exists()


def test_chains_iters_and_cached_results_come_complete(site):
    site()
    links = [(PATH + "double", (number,)) for number in range(3)]
    chain = async_chain([*links, (PATH + "fail", ()), (PATH + "double", (50,))], group="chain")
    built = Chain(cached=True)
    for number in range(3):
        built.append(PATH + "double", number)
    built.run()
    numbers = list(range(20))
    spread = async_iter(PATH + "double", numbers)
    cached = Iter(PATH + "double", [1, 2, 3], cached=True)
    cached.run()
    one = async_task(PATH + "double", 5, cached=60)

    assert sorted(result_group(chain, count=5, wait=WAIT)) == [0, 2, 4, 100]
    assert sorted(built.result(wait=WAIT)) == [0, 2, 4]
    assert sorted(result(spread, wait=WAIT)) == [2 * number for number in numbers]
    assert sorted(cached.result(wait=WAIT)) == [2, 4, 6]
    assert result(one, wait=WAIT, cached=True) == 10
    assert fetch(one, cached=True).success
    assert not Task.objects.filter(pk=one).exists()


def test_save_options_are_kept_with_many_workers(site):
    for number in range(24):
        async_task(PATH + "double", number)
    unsaved = async_task(PATH + "write_and_double", 1, "unsaved", save=False)
    failing = async_task(PATH + "fail", save=False)

    cluster = site(save_limit=3, workers=3)

    wait_until(nothing_waits, why=cluster)
    wait_until(lambda: Success.objects.count() == 3, why=cluster)
    assert fetch(unsaved) is None
    assert calls("unsaved") == 1
    assert not fetch(failing).success


def test_failures_are_acknowledged_as_they_say(site):
    acknowledged = async_task(PATH + "fail", "one", hook=PATH + "hook", task_name="one")
    repeated = async_task(PATH + "fail", "two", ack_failure=False)
    unknown = async_task("no.such.function")

    cluster = site(timeout=1, retry=2, max_attempts=2)

    wait_until(lambda: fetch(unknown), why=cluster)
    assert "ValueError: no luck" in fetch(acknowledged).result
    assert "is not defined" in fetch(unknown).result
    assert (calls("one"), calls("hook of one: False")) == (1, 1)
    wait_until(nothing_waits, why=cluster)
    assert (calls("two"), fetch(repeated).attempt_count) == (2, 2)


def test_signals_are_sent_where_they_were(site, caplog):
    caplog.set_level("INFO")
    async_task(PATH + "double", 1, task_name="signalled one")

    cluster = site("--run-once", wait_for="has stopped.")

    assert "heard pre_enqueue of signalled one" in caplog.text
    for name in ("pre_execute", "post_execute_in_worker", "post_execute"):
        assert cluster.text.count(f"heard {name} of signalled one") == 1
    assert "heard post_spawn of worker 1" in cluster.text


def test_worker_process_begins_once_and_keeps_what_was_made_for_it(site):
    tasks = [async_task(PATH + "spawned_for") for _ in range(3)]

    cluster = site("--run-once", wait_for="has stopped.", workers=1)

    assert [fetch(task).result for task in tasks] == ["worker 1"] * 3
    for line in ("heard post_spawn", "ready for work"):
        assert cluster.text.count(line) == 1
    assert cluster.text.count("worker 1 processing") == 3


def test_task_that_harms_its_worker_is_recorded_once_and_the_rest_goes_on(site):
    harmful = {
        "killed": async_task(PATH + "be_killed", hook=PATH + "hook", task_name="be killed"),
        "left": async_task(PATH + "leave"),
        "too long": async_task(PATH + "take_long", timeout=1),
        "hung": async_task(PATH + "hang_in_c", timeout=1),
        "unpicklable": async_task(PATH + "give_back_what_cannot_be_pickled"),
        "odd": async_task(PATH + "double", 1, timeout="soon"),
    }

    cluster = site()

    for task in harmful.values():
        wait_until(lambda task=task: fetch(task), why=cluster)
    told = {name: str(fetch(task).result) for name, task in harmful.items()}
    assert told["killed"] == "Its worker died (signal SIGKILL)."
    assert "SystemExit: enough" in told["left"]
    assert "exceeded maximum timeout value (1 seconds)" in told["too long"]
    assert told["hung"].endswith("(1 seconds), and was killed")
    assert told["unpicklable"].startswith("Its result cannot be stored: TypeError")
    assert "ValueError" in told["odd"]
    wait_until(nothing_waits, why=cluster)
    assert Failure.objects.count() == len(harmful)
    assert not Success.objects.exists()
    assert all(calls(name) == 1 for name in ("killed", "took long", "hung", "unpicklable"))
    assert calls("hook of be killed: False") == 1
    assert result(async_task(PATH + "double", 21), wait=WAIT) == 42


def message(payload: str) -> int:
    return OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload=payload, lock=timezone.now()).pk


def test_message_that_cannot_be_read_is_recorded_and_goes(site):
    whole: dict[str, Any] = {"id": "1" * 32, "name": "fine", "func": PATH + "double", "kwargs": {}}
    whole |= {"args": (1,), "started": timezone.now()}
    unreadable = {
        message("rubbish"): "BadSignature",
        message(SignedPackage.dumps(whole)[:-1]): "BadSignature",
        message(SignedPackage.dumps(whole | {"args": ordinary.RaisesOnReading()})): "no such class",
        message(SignedPackage.dumps(["a list"])): "AttributeError",
        message(SignedPackage.dumps({"id": "1"})): "It lacks args, func, kwargs, name, started.",
        message(SignedPackage.dumps(whole | {"args": ordinary.KillsItsReader()})): "exit code 7",
    }

    cluster = site()

    wait_until(nothing_waits, seconds=60, why=cluster)
    for number, why in unreadable.items():
        assert why in Failure.objects.get(name=f"message {number}").result
    assert Task.objects.count() == len(unreadable)
    assert result(async_task(PATH + "double", 21), wait=WAIT) == 42


@pytest.mark.postgresql  # SQLite takes a text of any length.
def test_result_that_the_database_refuses_is_a_failure_on_record(site):
    task = async_task(PATH + "double", 1, task_name="x" * 101)

    cluster = site()

    wait_until(lambda: fetch(task), why=cluster)
    assert (fetch(task).success, fetch(task).name) == (False, "x" * 100)
    assert "value too long" in fetch(task).result
    assert nothing_waits()


def test_schedules_of_a_project_fire_on_time_while_others_are_parked(site):
    cluster = site()
    soon = timezone.now() + timedelta(seconds=2)
    malformed = schedule(PATH + "double", name="malformed", next_run=soon)
    Schedule.objects.filter(pk=malformed.pk).update(args="(1,")
    once = schedule(
        PATH + "write_and_double",
        4,
        kwargs_name := "once",
        name="once",
        hook=PATH + "hook",
        next_run=soon,
    )
    more = {"func": PATH + "double", "args": "4", "next_run": soon, "kwargs": "{}"}
    minutes = Schedule.objects.create(
        **more, name="minutes", schedule_type="I", minutes=5, repeats=1
    )
    daily = Schedule.objects.create(**more, name="daily", schedule_type="D", repeats=3)
    elsewhere = Schedule.objects.create(**more, name="elsewhere", cluster="reports")
    [cron] = Schedule.objects.bulk_create(
        [Schedule(**more, name="cron", schedule_type="C", cron="* * * * *")]
    )

    for name in ("once", "minutes", "daily"):
        wait_until(Task.objects.filter(group=name).exists, why=cluster)
    wait_until(lambda: not Schedule.objects.get(name="malformed").next_run, why=cluster)
    wait_until(lambda: not Schedule.objects.get(name="cron").next_run, why=cluster)
    assert calls(kwargs_name) == 1
    assert not Schedule.objects.filter(pk=once.pk).exists()
    assert calls(f"hook of {Task.objects.get(group='once').name}: True") == 1
    minutes.refresh_from_db()
    daily.refresh_from_db()
    assert (minutes.repeats, minutes.next_run) == (0, soon + timedelta(minutes=5))
    assert (daily.repeats, daily.next_run) == (2, soon + timedelta(days=1))
    assert "(malformed) cannot be fired and is parked" in cluster.text
    assert f"Schedule {cron.pk} (cron) cannot be fired" in cluster.text
    assert "Please install croniter" in cluster.text
    elsewhere.refresh_from_db()
    assert (elsewhere.task, elsewhere.next_run) == (None, soon)


def test_cron_schedule_is_refused_where_croniter_is_missing():
    with pytest.raises(ImportError, match="croniter"):
        schedule(PATH + "double", 1, schedule_type="C", cron="* * * * *")


@pytest.mark.parametrize(("catch_up", "fired"), [(False, 1), (True, 4)])
def test_schedule_that_was_missed_fires_once_or_catches_up(monkeypatch, catch_up, fired):
    monkeypatch.setattr(Conf, "CATCH_UP", catch_up)
    late = timezone.now() - timedelta(minutes=3, seconds=30)
    row = Schedule.objects.create(
        func=PATH + "double", args="1", schedule_type="I", minutes=1, next_run=late
    )

    for _ in range(6):
        project_schedules.start_due()

    row.refresh_from_db()
    assert queue_size() == fired
    assert row.next_run == late + timedelta(minutes=4)


def test_scheduler_that_the_project_switched_off_fires_nothing(monkeypatch):
    monkeypatch.setattr(Conf, "SCHEDULER", False)
    schedule(PATH + "double", 1)

    project_schedules.start_due()

    assert (queue_size(), project_schedules.next_due()) == (0, None)


@pytest.mark.postgresql
def test_who_waits_for_work_is_woken_at_once():
    listener = listen.Listener()
    try:
        async_task(PATH + "double", 1)
        wait_until(lambda: listener.heard() == {listen.TASK})
        row = schedule(PATH + "double", 1)
        wait_until(lambda: listener.heard() == {listen.SCHEDULE})
        row.delete()
        wait_until(lambda: listener.heard() == {listen.SCHEDULE})
    finally:
        listener.close()


def test_qcluster_of_another_queue_serves_that_queue_alone(site):
    ours = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    due = ProcessFactory(cron="* * * * *", timezone="UTC")
    Schedule.objects.filter(name=f"process:{due.pk}").update(next_run=timezone.now())
    default = async_task(PATH + "double", 1)
    reports = async_task(PATH + "double", 2, cluster="reports")
    schedule(PATH + "double", 3, cluster="reports", name="scheduled for reports")

    cluster = site("--name", "reports")

    wait_until(Task.objects.filter(group="scheduled for reports").exists, why=cluster)
    wait_until(lambda: fetch(reports), why=cluster)
    assert "Q Cluster reports running." in cluster.text
    assert len(cluster.tree) == 4  # It has one worker.
    assert fetch(default) is None
    ours.refresh_from_db()
    assert ours.status == Status.PENDING
    assert not due.executions.exists()

    beside = site()

    wait_until(lambda: fetch(default), why=beside)
    completed = Execution.objects.filter(pk=ours.pk, status=Status.COMPLETED)
    wait_until(completed.exists, why=beside)


def test_unknown_queue_is_refused(manage):
    done = manage("qcluster", "--name", "nowhere")

    assert done.returncode == 2
    assert "There is no queue nowhere: describe it in Q_CLUSTER['ALT_CLUSTERS']" in done.stderr


def test_django_q2s_commands_show_the_node(site, manage):
    cluster = site("--grace", "0")
    for _ in range(2):
        async_task(PATH + "take_long", 60)

    def shown() -> Stat | None:
        return next(iter(Stat.get_all()), None)

    wait_until(lambda: shown() and shown().status == Conf.WORKING, why=cluster)
    stat = shown()
    assert stat.pid == cluster.process.pid
    assert len(stat.workers) == 2
    assert set(stat.workers) <= set(cluster.tree)
    assert stat.task_q_size == 2
    assert stat.uptime() > 0
    assert str(stat.cluster_id) in manage("qinfo", "--ids").stdout
    for command in ("qinfo", "qmonitor", "qmemory"):
        assert manage(command, *["--run-once"][command == "qinfo" :]).returncode == 0


def test_worker_is_replaced_after_so_many_pieces_of_work_of_either_kind(site):
    process = ProcessFactory(
        function="probes.without_run", max_concurrency=1, overlap_policy="wait"
    )
    executions = [launch(process, trigger=Trigger.MANUAL).pk for _ in range(5)]
    tasks = [async_task(PATH + "pid") for _ in range(5)]

    cluster = site(workers=1, recycle=2)

    done = Execution.objects.filter(pk__in=executions, status=Status.COMPLETED)
    wait_until(lambda: done.count() == 5, why=cluster)
    wait_until(lambda: all(fetch(task) for task in tasks), why=cluster)
    pids = [result(task) for task in tasks]
    assert max(pids.count(pid) for pid in pids) <= 2
    assert cluster.text.count("stopped doing work") >= 4
    assert "ended with" not in cluster.text


def test_worker_over_its_memory_limit_is_replaced(site):
    tasks = [async_task(PATH + "pid") for _ in range(3)]

    cluster = site(workers=1, max_rss=1)

    wait_until(lambda: all(fetch(task) for task in tasks), why=cluster)
    assert len({result(task) for task in tasks}) == 3


STOCK = """
import django; django.setup()
from django_q.cluster import Cluster
Cluster().start()
"""


@pytest.fixture
def stock_cluster(test_database, tmp_path):
    """django-q2's own cluster on the database of the test."""
    command = [sys.executable, "-c", STOCK]
    env = test_database | {"PYTHONPATH": str(ROOT)}
    child = Child(command, env, tmp_path / "stock.log")
    child.wait_for("running.")
    yield child
    child.stop()


def test_stock_cluster_over_the_same_rows_runs_and_records_once(stock_cluster):
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    task = async_task(PATH + "write_and_double", 1)

    done = Execution.objects.filter(pk=execution.pk, status=Status.COMPLETED)
    wait_until(done.exists, why=stock_cluster)
    wait_until(lambda: fetch(task), why=stock_cluster)
    wait_until(nothing_waits, why=stock_cluster)
    assert (calls("greeted"), calls("doubled"), Task.objects.count()) == (1, 1, 1)


def test_stock_cluster_beside_ours_runs_nothing_twice(stock_cluster, site):
    cluster = site()
    process = ProcessFactory(max_concurrency=3, overlap_policy="wait")
    for _ in range(10):
        launch(process, trigger=Trigger.MANUAL)
        async_task(PATH + "write_and_double", 1)

    done = Execution.objects.filter(status=Status.COMPLETED)
    wait_until(lambda: done.count() == Task.objects.count() == 10, 60, f"{stock_cluster}{cluster}")
    wait_until(nothing_waits, why=stock_cluster)
    assert not list(Failure.objects.values_list("result", flat=True))
    assert (calls("greeted"), calls("doubled")) == (10, 10)
