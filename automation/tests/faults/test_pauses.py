"""Everything stops, and goes on after its lease."""

import signal
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from automation.database.listen import SCHEDULE, notify
from automation.models import Status, Trigger, reasons
from automation.tests.faults.conftest import LEASE
from automation.tests.faults.truth import LONG, assert_all_is_well, wait_for
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

#: Seconds in which a run that was resumed after its lease is killed.
KILLED_WITHIN = 1.0


@pytest.mark.postgresql  # SQLite has one node.
def test_node_that_was_suspended_for_longer_than_its_lease_does_not_finish_what_another_has(
    start_node, journal
):
    executions = [journal.launch(name, seconds=2 * LEASE) for name in ("work", "work_as_it_goes")]
    suspended = start_node()
    for execution in executions:
        journal.wait_for(execution, suspended)
    other = start_node()

    suspended.signal_all(signal.SIGSTOP)
    for execution in executions:
        process = execution.process_id
        wait_until(lambda pk=process: len(journal.stretches()[pk]) == 2, LONG, other)
    resumed_at = time.monotonic()
    suspended.signal_all(signal.SIGCONT)

    for execution in executions:
        retry = wait_for(execution, Status.COMPLETED, why=other)
        assert retry.retry_of == execution
        execution.refresh_from_db()
        assert (execution.status, execution.reason) == (Status.LOST, reasons.LEASE_EXPIRED)
    dead_by = resumed_at + KILLED_WITHIN
    assert_all_is_well(journal, suspended, dead_by=dead_by, others=(other,))


def test_host_that_was_suspended_past_due_times_makes_up_for_them(start_node, journal):
    process = journal.process(cron="* * * * *", timezone="UTC", catch_up="latest")
    running = journal.launch("work_as_it_goes", seconds=1.5 * LEASE)
    node = start_node()
    journal.wait_for(running, node)

    node.signal_all(signal.SIGSTOP)
    now = timezone.now().replace(second=0, microsecond=0)
    with transaction.atomic():  # as if it had been for ten minutes
        rows = Schedule.objects.filter(name=f"process:{process.pk}")
        rows.update(next_run=now - timedelta(minutes=10))
        notify(SCHEDULE)
    time.sleep(LEASE)
    node.signal_all(signal.SIGCONT)

    done = process.executions.filter(trigger=Trigger.SCHEDULE, status=Status.COMPLETED)
    wait_until(done.exists, LONG, node)
    missed = process.executions.get(status=Status.MISSED)
    assert missed.scheduled_for == now - timedelta(minutes=10)
    assert done.earliest("pk").scheduled_for == missed.scheduled_until + timedelta(minutes=1)
    wait_for(running, Status.COMPLETED, why=node)
    process.is_enabled = False
    process.save()
    assert_all_is_well(journal, node)
