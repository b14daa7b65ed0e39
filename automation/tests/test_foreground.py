"""Runs in this process, on real connections: in a process that is guarded."""

import threading
import time

import pytest
from django.db import connection, transaction

from automation.engine.end.cancelling import cancel
from automation.engine.run import foreground
from automation.models import Execution, Status, reasons
from automation.tests.factories import ProcessFactory
from automation.tests.written import written
from conftest import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


def in_a_thread(do) -> threading.Thread:
    def call() -> None:
        try:
            do()
        finally:
            connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def run_while(execution_and_claim, do) -> Execution:
    """Run it here while something else is done elsewhere."""
    other = in_a_thread(do)
    try:
        return foreground.run_here(*execution_and_claim)
    finally:
        other.join()


def sleeping(function: str = "take_long", **parameters):
    process = ProcessFactory(function=f"probes.{function}")
    return foreground.start_here(process, parameters={"seconds": 30, **parameters})


@pytest.mark.parametrize("function", ["take_long", "sleep_in_the_database"])
def test_run_at_a_terminal_is_cancelled_by_somebody_else(function):
    held = sleeping(function)
    begun = time.monotonic()

    ended = run_while(held, lambda: cancel(Execution.objects.get(), by_name="sara"))

    assert (ended.status, ended.reason) == (Status.CANCELLED, reasons.CANCELLED)
    assert time.monotonic() - begun < 10
    assert not written().exists()


def test_lease_of_a_run_at_a_terminal_is_short_and_renewed(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "LEASE": 3}
    execution, claim = sleeping()
    first = Execution.objects.get().lease_until

    def look_and_cancel() -> None:
        wait_until(lambda: Execution.objects.get().lease_until > first, seconds=5)
        cancel(Execution.objects.get())

    assert run_while((execution, claim), look_and_cancel).status == Status.CANCELLED
    assert (first - execution.started_at).total_seconds() == pytest.approx(3, abs=1)


def test_run_that_was_given_to_another_is_ended(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "LEASE": 3}
    held = sleeping()

    def take_it_away() -> None:
        with transaction.atomic():
            Execution.objects.all().lose(reasons.LEASE_EXPIRED)

    ended = run_while(held, take_it_away)

    assert ended.status == Status.LOST
    assert not written().exists()
