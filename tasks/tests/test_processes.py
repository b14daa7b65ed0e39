import json
from datetime import UTC, datetime, time, timedelta
from functools import cache
from threading import Event
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.engine.run.runner import run_execution
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Status, Trigger
from automation.tests.factories import UserFactory
from automation.tests.oracle import clock_changes
from automation.tests.races import at_once
from conftest import wait_until
from tasks import processes
from tasks.models import Task, TaskMove, TaskQuerySet, TaskStatus
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # 07:30 in Tehran


def at(text: str) -> datetime:
    """A local time in Tehran."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Tehran"))


def reschedule(zone: str = "Asia/Tehran", **parameters) -> Execution:
    process = Process.objects.get(name="reschedule_remaining_tasks")
    Process.objects.filter(pk=process.pk).update(timezone=zone)
    execution = launch(process, trigger=Trigger.MANUAL, parameters=parameters)
    run_execution(execution.pk)
    execution.refresh_from_db()
    return execution


@pytest.fixture
def morning(time_machine):
    time_machine.move_to(NOW, tick=False)


def test_overdue_task_moves_to_today_at_the_time_of_day_it_had(morning):
    task = TaskFactory(due_at=at("2026-11-19 14:45:30.123456"), owner=UserFactory(username="sara"))

    execution = reschedule()

    task.refresh_from_db()
    assert execution.status == Status.COMPLETED
    assert task.due_at == at("2026-11-22 14:45:30.123456")
    assert execution.result == {
        "success": True,
        "tasks_found": 1,
        "tasks_rescheduled": 1,
        "execution_time": "2026-11-22T07:30:00+03:30",
        "task_details": [
            {
                "task": task.pk,
                "name": task.name,
                "owner": "sara",
                "old_due_at": "2026-11-19T14:45:30.123456+03:30",
                "new_due_at": "2026-11-22T14:45:30.123456+03:30",
            }
        ],
    }


def test_each_move_is_an_audit_row_and_a_log_line(morning):
    task = TaskFactory(due_at=at("2026-11-21 09:00"))

    execution = reschedule()

    move = TaskMove.objects.get()
    assert (move.task, move.execution, move.task_name) == (task, execution, task.name)
    assert move.moved_at == NOW
    assert (move.old_due_at, move.new_due_at) == (at("2026-11-21 09:00"), at("2026-11-22 09:00"))
    lines = [line.message for line in execution.log_lines.all()]
    assert lines == [
        "At 2026-11-22T07:30:00+03:30: success, 1 overdue tasks found, 1 rescheduled.",
        f"Task {task.pk} {task.name!r} of '': 2026-11-21T09:00:00+03:30 → "
        "2026-11-22T09:00:00+03:30",
    ]


@pytest.mark.parametrize(
    ("fields", "moves"),
    [
        ({"due_at": "2026-11-21 23:59:59.999999"}, True),
        ({"due_at": "2026-11-22 00:00"}, False),
        ({"due_at": "2026-11-22 07:00"}, False),
        ({"due_at": "2026-11-23 07:00"}, False),
        ({"status": TaskStatus.IN_PROGRESS}, True),
        ({"status": TaskStatus.CANCELLED}, False),
        ({"status": TaskStatus.COMPLETED, "completed_at": NOW}, False),
        ({"keep_due_date": True}, False),
        ({"due_at": None}, False),
    ],
)
def test_only_unfinished_tasks_of_earlier_days_move(morning, fields, moves):
    fields = {"due_at": "2026-11-20 10:00", **fields}
    due_at = at(fields.pop("due_at")) if fields["due_at"] else fields.pop("due_at")
    task = TaskFactory(due_at=due_at, **fields)

    execution = reschedule()

    task.refresh_from_db()
    assert (task.due_at != due_at) == moves
    assert execution.result["tasks_found"] == execution.result["tasks_rescheduled"] == int(moves)


def test_tasks_in_progress_can_be_left_where_they_are(morning):
    task = TaskFactory(due_at=at("2026-11-20 10:00"), status=TaskStatus.IN_PROGRESS)

    reschedule(include_in_progress=False)

    task.refresh_from_db()
    assert task.due_at == at("2026-11-20 10:00")


def test_second_run_on_a_day_moves_nothing(morning):
    TaskFactory(due_at=at("2026-11-20 10:00"))
    reschedule()

    execution = reschedule()

    assert execution.result["tasks_found"] == 0
    assert TaskMove.objects.count() == 1


def test_run_that_fails_moves_nothing_and_says_so(morning, monkeypatch):
    task = TaskFactory(due_at=at("2026-11-20 10:00"))

    def fail(self, execution_id):
        raise OSError("No space left on device")

    monkeypatch.setattr(TaskQuerySet, "apply_moves_of", fail)

    execution = reschedule()

    task.refresh_from_db()
    assert execution.status == Status.FAILED
    assert execution.result == {"success": False, "error": "OSError: No space left on device"}
    assert task.due_at == at("2026-11-20 10:00")
    assert not TaskMove.objects.exists()


def test_result_and_log_show_the_first_hundred_moves(morning):
    Task.objects.bulk_create(
        Task(name=f"task {n}", due_at=at("2026-11-20 10:00")) for n in range(120)
    )

    execution = reschedule()

    assert execution.result["tasks_rescheduled"] == 120
    assert len(execution.result["task_details"]) == processes.DETAILS == 100
    assert TaskMove.objects.count() == 120
    assert "20 more moves are in the audit rows" in execution.log_lines.last().message


def statements_of_the_function(number: int) -> int:
    Task.objects.all().delete()
    due_at = timezone.now() - timedelta(days=3)
    Task.objects.bulk_create(Task(name=f"task {n}", due_at=due_at) for n in range(number))
    with CaptureQueriesContext(connection) as captured:
        reschedule()
    tables = (Task._meta.db_table, TaskMove._meta.db_table)
    return len([q for q in captured if any(f'"{table}"' in q["sql"] for table in tables)])


def test_number_of_statements_does_not_grow_with_the_tasks():
    # Above every limit on the parameters of one statement.
    few, many = statements_of_the_function(2), statements_of_the_function(5_000)

    assert few == many <= 5
    assert Task.objects.filter(due_at__date__gte=timezone.localdate()).count() == 5_000


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_task_completed_while_the_main_job_looks_is_not_moved():
    """Whoever completes a task first wins; the main job waits for them and looks again."""
    task = TaskFactory(due_at=timezone.now() - timedelta(days=3))
    due_at, completed, looking = task.due_at, Event(), Event()

    def complete() -> None:
        with transaction.atomic():
            Task.objects.update(status=TaskStatus.COMPLETED, completed_at=NOW)
            completed.set()
            assert looking.wait(10)
            sleep_until_somebody_waits_for_a_lock()

    def look() -> None:
        assert completed.wait(10)
        looking.set()
        with transaction.atomic():
            assert Task.objects.moves_to(timezone.localtime()) == []

    at_once(complete, look)

    task.refresh_from_db()
    assert (task.status, task.due_at) == (TaskStatus.COMPLETED, due_at)


def sleep_until_somebody_waits_for_a_lock() -> None:
    with connection.cursor() as cursor:

        def somebody_waits() -> bool:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])

        wait_until(somebody_waits)


# Clock changes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2026-03-07T02:30:00-05:00", "2026-03-08T03:30:00-04:00"),  # does not exist today
        ("2026-03-07T01:59:59-05:00", "2026-03-08T01:59:59-05:00"),
        ("2026-03-07T03:00:00-05:00", "2026-03-08T03:00:00-04:00"),
    ],
)
def test_time_that_clocks_skip_today_keeps_its_distance_into_the_gap(time_machine, old, new):
    time_machine.move_to(datetime(2026, 3, 8, 12, tzinfo=UTC), tick=False)
    task = TaskFactory(due_at=datetime.fromisoformat(old))

    reschedule("America/New_York")

    task.refresh_from_db()
    assert task.due_at == datetime.fromisoformat(new)


def test_time_that_clocks_show_twice_today_is_its_first_pass(time_machine):
    time_machine.move_to(datetime(2026, 11, 1, 12, tzinfo=UTC), tick=False)
    task = TaskFactory(due_at=datetime.fromisoformat("2026-10-31T01:30:00-04:00"))

    reschedule("America/New_York")

    task.refresh_from_db()
    assert task.due_at == datetime.fromisoformat("2026-11-01T01:30:00-04:00")


@cache
def changing_zones() -> list[tuple[str, tuple[datetime, ...]]]:
    zones = ((name, clock_changes(ZoneInfo(name), 2000, 2027)) for name in _sample_of_zones())
    return [(name, tuple(changes)) for name, changes in zones if changes]


def _sample_of_zones() -> list[str]:
    """Every fifth zone, and those with odd changes: at midnight, of half an hour, of a day."""
    odd = {"Asia/Tehran", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut"}
    odd |= {"Africa/Cairo", "America/Havana", "America/Sao_Paulo", "Asia/Amman"}
    return sorted({*sorted(available_timezones())[::5], *odd})


@st.composite
def days_with_tasks(draw):
    """A zone, a moment near one of its clock changes, and due times around it."""
    zone, changes = draw(st.sampled_from(changing_zones()))
    near = st.timedeltas(timedelta(days=-3), timedelta(days=3))
    change = draw(st.sampled_from(changes))
    dues = st.lists(near.map(lambda distance: change + distance), min_size=1, max_size=12)
    return zone, change + draw(near), draw(dues)


def expected(due: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """One task at a time, straight from the words of the promise."""
    today, was = now.astimezone(zone).date(), due.astimezone(zone)
    if was.date() >= today:
        return due
    wall = time(was.hour, was.minute, was.second, was.microsecond)
    return datetime.combine(today, wall, tzinfo=zone).astimezone(UTC)


@given(days_with_tasks())
@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_task_lands_where_a_look_at_it_alone_would_put_it(case):
    zone_name, now, dues = case
    zone = ZoneInfo(zone_name)
    Task.objects.all().delete()
    TaskMove.objects.all().delete()
    tasks = Task.objects.bulk_create(Task(name=str(due), due_at=due) for due in dues)

    moves = Task.objects.moves_to(now.astimezone(zone))
    TaskMove.objects.record(moves, execution_id=1)
    moved = Task.objects.apply_moves_of(1)

    found = dict(Task.objects.values_list("pk", "due_at"))
    assert found == {
        task.pk: expected(due, now, zone) for task, due in zip(tasks, dues, strict=True)
    }
    assert moved == len(moves) == TaskMove.objects.count()
    assert Task.objects.moves_to(now.astimezone(zone)) == []


def test_result_is_the_same_json_on_every_database(morning):
    TaskFactory(name="گزارش", due_at=at("2026-11-21 09:00"))

    result = reschedule().result

    assert json.loads(json.dumps(result)) == result
    assert result["task_details"][0]["name"] == "گزارش"
