"""Too many messages, bad ones, and schedules that nobody can read."""

import os
import pickle
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from automation.database.listen import SCHEDULE, notify
from automation.engine.start.launch import launch
from automation.models import Execution, Status, Trigger
from automation.tests.faults.truth import LONG, assert_all_is_well, wait_for
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = 10_000
#: Of those, how many are waited for; `make faults` waits for all.
DONE = int(os.environ.get("FAULTS_DONE", "300"))


def put_in_line(process, count: int) -> None:
    """Create so many pending executions, each with its message, as launching them would."""
    first = launch(process, trigger=Trigger.MANUAL)
    message = OrmQ.objects.get(pk=first.message)
    many = [OrmQ(key=message.key, payload=message.payload, lock=message.lock)] * (count - 1)
    with transaction.atomic():
        messages = OrmQ.objects.bulk_create(
            [OrmQ(key=one.key, payload=one.payload, lock=one.lock) for one in many]
        )
        Execution.objects.bulk_create(
            Execution(
                process=process,
                process_name=process.name,
                function=process.function,
                trigger=Trigger.MANUAL,
                parameters=first.parameters,
                message=one.pk,
            )
            for one in messages
        )


def test_ten_thousand_waiting_messages(start_node, journal):
    process = journal.process("work_as_it_goes", overlap_policy="wait", max_concurrency=2)
    put_in_line(process, WAITING)
    node = start_node()
    done = process.executions.filter(status=Status.COMPLETED)

    wait_until(lambda: done.count() >= DONE, 10 * LONG, node)
    urgent = launch_urgently(journal)
    wait_for(urgent, Status.COMPLETED, why=node)
    assert node.stop() == 0, node

    counts = {status: process.executions.filter(status=status).count() for status in Status}
    assert counts[Status.COMPLETED] + counts[Status.PENDING] == WAITING
    assert OrmQ.objects.count() == counts[Status.PENDING]
    after = start_node()
    wait_until(lambda: done.count() > counts[Status.COMPLETED], LONG, after)
    process.delete()  # What waits is skipped, and said.
    pending = Execution.objects.filter(process_name=process.name, status=Status.PENDING)
    wait_until(lambda: not pending.exists(), 10 * LONG, after)
    assert_all_is_well(journal, after)
    assert "silent" not in after.text, after
    assert Execution.objects.filter(process_name=process.name).count() == WAITING


def launch_urgently(journal) -> Execution:
    return launch(journal.process(priority=10), trigger=Trigger.MANUAL)


class Explosive:
    """Signed as it should be, and whoever reads it is in for it."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __reduce__(self):
        return (eval, (self.what,))


def test_message_that_cannot_be_read_becomes_a_record(start_node, journal):
    packages = {
        "bad signature": "no:such:signature",
        "raises": SignedPackage.dumps(Explosive("1/0")),
        "kills its reader": SignedPackage.dumps(Explosive("__import__('os')._exit(9)")),
        "no task": SignedPackage.dumps(["not", "a", "task"]),
        "another version": SignedPackage.dumps(pickle.loads),
    }
    past = timezone.now() - timedelta(seconds=1)
    OrmQ.objects.bulk_create(
        OrmQ(key="behflow", payload=package, lock=past) for package in packages.values()
    )
    good = async_task("math.copysign", 2, -2)
    node = start_node()

    wait_until(lambda: not OrmQ.objects.exists(), LONG, node)

    assert Task.objects.get(pk=good).result == -2.0
    failures = Task.objects.filter(func="unreadable", success=False)
    assert failures.count() == len(packages), [task.result for task in failures]
    assert_all_is_well(journal, node)


def test_malformed_schedule_stops_no_other(start_node, journal):
    due = timezone.now() - timedelta(minutes=1)
    bad = [
        Schedule(func="no.such.function", schedule_type=Schedule.ONCE, repeats=-1),
        Schedule(func="math.copysign", args="(1, ", schedule_type=Schedule.DAILY),
        Schedule(func="math.copysign", kwargs="[1]", schedule_type=Schedule.DAILY),
        Schedule(func="math.copysign", cron="no cron", schedule_type=Schedule.CRON),
        Schedule(func="math.copysign", cron=None, schedule_type=Schedule.CRON),
        Schedule(func="math.copysign", schedule_type="?"),
        Schedule(func="math.copysign", minutes=None, schedule_type=Schedule.MINUTES),
    ]
    good = [
        Schedule(func="math.copysign", args="2, -1", schedule_type=kind, name=f"good {kind}")
        for kind in (Schedule.DAILY, Schedule.ONCE)
    ]
    rows = [*bad[:4], good[0], *bad[4:], good[1]]
    for row in rows:
        row.next_run = due
    Schedule.objects.bulk_create(rows)
    node = start_node()

    with transaction.atomic():
        notify(SCHEDULE)

    wait_until(lambda: Task.objects.filter(group__startswith="good").count() == 2, LONG, node)
    assert_all_is_well(journal, node)
    # None is tried again and again: each is parked, or has moved on.
    assert not Schedule.objects.filter(next_run__lte=timezone.now()).exclude(repeats=0).exists()
    assert "The clock died" not in node.text
