"""The site while an atomic run goes on in a real worker: on SQLite nobody else may write then."""

import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from automation.database import locks
from automation.engine.end import cancel_requests
from automation.engine.end.cancelling import CancelError, cancel
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.models import Execution, OverlapPolicy, Status, Trigger, reasons
from automation.queue import schedules
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory
from automation.tests.pages import filled_form
from automation.tests.test_cluster import started, wait_for
from automation.tests.written import written
from conftest import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running(qcluster) -> Iterator[Execution]:
    """A running execution that has written already, so that it has the lock."""
    sara = UserFactory(username="sara", is_staff=True, is_superuser=True)
    sara.set_password("behflow")
    sara.save()
    execution = started("take_long", time_limit=60, seconds=50)
    cluster = qcluster()
    wait_until(lambda: "Asleep" in cluster.text, why=cluster)
    yield execution
    with suppress(CancelError):  # Or the stop of the workers would wait for it.
        cancel(execution)


def log_in(client) -> None:
    answer = client.post("/admin/login/?next=/admin/", {"username": "sara", "password": "behflow"})
    assert answer.status_code == 302


def test_login_and_pages_do_not_wait_and_a_run_is_cancelled_by_who_asked(client, running):
    begun = time.monotonic()
    log_in(client)
    for address in ("/admin/", "/admin/automation/execution/", "/admin/automation/process/"):
        assert client.get(address).status_code == 200
    assert time.monotonic() - begun < 15
    running.refresh_from_db()
    assert running.status == Status.RUNNING

    asked = client.post(f"/admin/automation/execution/{running.pk}/cancel/", follow=True)

    assert asked.status_code == 200
    wait_for(running, Status.CANCELLED)
    assert (running.reason, running.cancel_requested_by_name) == (reasons.CANCELLED, "sara")
    assert running.cancel_requested_by == User.objects.get()
    assert time.monotonic() - begun < 30
    assert not written().exists()
    wait_until(lambda: not cancel_requests.asked())


@pytest.mark.sqlite
def test_page_that_has_to_write_says_soon_for_whom_it_would_wait(client, running):
    log_in(client)
    process = ProcessFactory.build(name="another")
    form = filled_form(name=process.name, function=process.function)
    begun = time.monotonic()

    answer = client.post("/admin/automation/process/add/", form)

    assert answer.status_code == 503
    assert time.monotonic() - begun < 15
    assert running.title in answer.text
    assert f'href="/admin/automation/execution/{running.pk}/cancel/"' in answer.text


def test_run_is_cancelled_at_a_terminal(running, manage):
    done = manage("cancel_execution", str(running.pk), "--wait", "20")

    assert done.returncode == 0, done.stderr + done.stdout
    running.refresh_from_db()
    assert running.status == Status.CANCELLED
    assert "terminal" in running.cancel_requested_by_name


@pytest.mark.sqlite
def test_start_that_cancels_the_running_one_does_not_wait_for_its_end(qcluster, manage):
    process = ProcessFactory(
        function="probes.take_long", time_limit=60, overlap_policy=OverlapPolicy.CANCEL_RUNNING
    )
    first = launch(process, trigger=Trigger.MANUAL, parameters={"seconds": 50})
    cluster = qcluster()
    wait_until(lambda: "Asleep" in cluster.text, why=cluster)

    done = manage("run_process", process.name, "--param", "seconds=0")

    assert done.returncode == 0, done.stderr + done.stdout
    first.refresh_from_db()
    assert (first.status, first.cancel_requested_by_name) == (Status.CANCELLED, process.name)


@pytest.mark.sqlite
def test_clock_asks_the_running_one_to_end_though_it_cannot_write(time_machine):
    process = ProcessFactory(
        function="probes.take_long", cron="0 7 * * *", overlap_policy=OverlapPolicy.CANCEL_RUNNING
    )
    other = ProcessFactory(function="probes.take_long", cron="0 7 * * *")
    running = [ExecutionFactory(process=one, running=True) for one in (process, other)]
    time_machine.move_to(schedules.next_run_of(process.pk))
    over, writes = Event(), Event()
    writer = Thread(target=_write_until, args=[over, writes])
    writer.start()
    assert writes.wait(10)

    with pytest.raises(OperationalError), locks.waiting_at_most(0.2):
        due.start_due()

    over.set()
    writer.join()
    assert cancel_requests.asked() == [running[0].pk]
    assert cancel_requests.who_asked(running[0])["cancel_requested_by_name"] == process.name
    cancel_requests.forget(running[0].pk)


def _write_until(over: Event, writes: Event) -> None:
    try:
        with transaction.atomic():
            ProcessFactory()
            writes.set()
            over.wait(30)
    finally:
        connection.close()
