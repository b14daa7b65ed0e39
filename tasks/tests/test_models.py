from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from tasks.models import Task, TaskMove, TaskStatus
from tasks.tests.factories import TaskFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": TaskStatus.COMPLETED},
        {"status": TaskStatus.PENDING, "completed_at": NOW},
        {"status": "done"},
        {"priority": "urgent"},
    ],
)
def test_database_refuses_a_task_that_contradicts_itself(fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        TaskFactory(**fields)


def test_completion_time_follows_the_status():
    task = TaskFactory.build(status=TaskStatus.COMPLETED)
    task.clean()
    assert task.completed_at is not None

    task.status = TaskStatus.PENDING
    task.clean()
    assert task.completed_at is None


def test_moves_are_counted_and_the_first_due_time_is_kept():
    task, still = TaskFactory(due_at=NOW), TaskFactory(due_at=NOW)
    for days in (3, 1):
        TaskMove.objects.create(
            execution_id=days,
            task=task,
            task_name=task.name,
            moved_at=NOW,
            old_due_at=NOW - timedelta(days=days),
            new_due_at=NOW,
        )

    found = {
        pk: (moved, due)
        for pk, moved, due in Task.objects.with_moves().values_list(
            "pk", "times_moved", "first_due_at"
        )
    }

    assert found == {task.pk: (2, NOW - timedelta(days=3)), still.pk: (0, NOW)}


def test_moves_outlive_their_task():
    task = TaskFactory(name="gone", due_at=NOW)
    TaskMove.objects.create(
        execution_id=1,
        task=task,
        task_name=task.name,
        moved_at=NOW,
        old_due_at=NOW,
        new_due_at=NOW,
    )
    pk = task.pk

    task.delete()

    assert TaskMove.objects.values_list("task_id", "task_name").get() == (pk, "gone")


def test_due_on_a_day_is_as_days_are_in_the_zone():
    zone = ZoneInfo("Asia/Tehran")
    inside = TaskFactory(due_at=datetime(2026, 11, 22, 23, 59, 59, 999999, tzinfo=zone))
    TaskFactory(due_at=datetime(2026, 11, 23, tzinfo=zone))

    assert list(Task.objects.due_on(datetime(2026, 11, 22).date(), zone)) == [inside]  # noqa: DTZ001
