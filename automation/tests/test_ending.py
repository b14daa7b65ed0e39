from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from automation.engine.end import ending, recovery, retrying
from automation.engine.run.claims import claim_one
from automation.engine.run.runner import run
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, Process, Status, Trigger, reasons
from automation.tests.factories import ExecutionFactory, ProcessFactory

pytestmark = pytest.mark.django_db


def ended(
    process: Process, status: Status = Status.FAILED, reason: str = "", **fields
) -> Execution:
    """An execution of the process that ended so."""
    execution = ExecutionFactory(process=process, running=True, **fields)
    ending.end(execution, status, token=execution.token, reason=reason)
    return execution


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.LOST])
def test_bad_end_is_tried_again_as_the_process_says(status):
    process = ProcessFactory(max_retries=1, retry_delay=60, retry_jitter=0)
    due = timezone.now()

    first = ended(process, status, scheduled_for=due, parameters={"name": "Sara"})

    retry = first.retries.get()
    assert (retry.status, retry.trigger, retry.attempt) == (Status.PENDING, Trigger.RETRY, 2)
    assert (retry.scheduled_for, retry.parameters) == (due, {"name": "Sara"})
    wait = retry.available_at - timezone.now()
    assert timedelta(seconds=55) < wait <= timedelta(seconds=60)
    assert OrmQ.objects.get(pk=retry.message).lock == retry.available_at


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.CANCELLED])
def test_good_end_and_a_person_s_are_not_tried_again(status):
    assert not ended(ProcessFactory(max_retries=3), status).retries.exists()


def test_last_attempt_is_not_tried_again():
    assert not ended(ProcessFactory(max_retries=2), attempt=3).retries.exists()
    assert ended(ProcessFactory(max_retries=2), attempt=2).retries.exists()


def test_nothing_is_tried_again_while_the_process_is_switched_off():
    assert not ended(ProcessFactory(max_retries=3, is_enabled=False)).retries.exists()


@pytest.mark.parametrize("kind", [Kind.PREVIEW, Kind.UNDO])
def test_previews_and_undoings_are_not_tried_again(kind):
    assert not ended(ProcessFactory(max_retries=3), kind=kind).retries.exists()


def test_delays_grow_by_the_factor_up_to_the_longest():
    process = ProcessFactory(
        retry_delay=10, retry_backoff=3, retry_max_delay=100, retry_jitter=0, max_retries=5
    )

    delays = [retrying.delay_of(process, attempt).total_seconds() for attempt in range(1, 6)]

    assert delays == [10, 30, 90, 100, 100]


def test_jitter_makes_a_delay_longer_by_at_most_its_share():
    process = ProcessFactory(retry_delay=100, retry_jitter=50)

    delays = {retrying.delay_of(process, 1).total_seconds() for _ in range(50)}

    assert len(delays) > 1
    assert all(100 <= delay <= 150 for delay in delays)


def test_atomic_run_whose_node_was_stopped_is_put_in_line_again_uncounted():
    first = ended(ProcessFactory(), Status.LOST, reasons.NODE_STOPPED, attempt=1)

    again = first.retries.get()
    assert (again.attempt, again.status) == (1, Status.PENDING)
    assert again.available_at <= timezone.now()


def test_run_that_commits_as_it_goes_is_not_begun_again_by_a_stop():
    process = ProcessFactory(function="probes.commit_then_raise")

    assert not ended(process, Status.LOST, reasons.NODE_STOPPED).retries.exists()


def test_end_with_a_claim_that_is_gone_writes_nothing():
    execution = ExecutionFactory(process=ProcessFactory(max_retries=3), running=True)
    Execution.objects.filter(pk=execution.pk).lose(reasons.LEASE_EXPIRED)

    with pytest.raises(ending.ClaimLostError):
        ending.end(execution, Status.FAILED, token=execution.token)

    assert not execution.retries.exists()


def test_run_that_fails_is_tried_until_it_succeeds_or_its_retries_are_used_up():
    process = ProcessFactory(function="probes.write_then_raise", max_retries=2, retry_delay=1)
    execution = launch(process, trigger=Trigger.MANUAL)

    for _ in range(3):
        Execution.objects.filter(status=Status.PENDING).update(available_at=timezone.now())
        claim = claim_one(Execution.objects.get(status=Status.PENDING).pk, node="here")
        assert claim
        run(claim)

    attempts = Execution.objects.order_by("pk").values_list("attempt", "status", "retry_of")
    assert list(attempts) == [
        (1, "failed", None),
        (2, "failed", execution.pk),
        (3, "failed", execution.pk + 1),
    ]


def test_what_ran_on_a_dead_node_is_lost_and_tried_again():
    process = ProcessFactory(max_retries=1, max_concurrency=2)
    there = ExecutionFactory(process=process, running=True, node="dead")
    elsewhere = ExecutionFactory(process=process, running=True, slot=1, node="alive")

    assert recovery.mark_lost_of_node("dead", reasons.NODE_DIED) == 1

    there.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (there.status, there.reason) == (Status.LOST, reasons.NODE_DIED)
    assert elsewhere.status == Status.RUNNING
    assert there.retries.exists()
