import pytest
from django_q.models import OrmQ

from automation.engine.end.cancelling import CancelError, cancel
from automation.engine.end.retrying import RetryError, retry, why_not_retry
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, OverlapPolicy, Status, Trigger, reasons
from automation.testing import run
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_cancelling_what_waits_ends_it_at_once():
    sara = UserFactory(username="sara")
    waiting = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    cancelled = cancel(waiting, by=sara)

    assert (cancelled.status, cancelled.reason) == (Status.CANCELLED, reasons.CANCELLED)
    assert (cancelled.cancel_requested_by, cancelled.cancel_requested_by_name) == (sara, "sara")
    assert not OrmQ.objects.exists()


def test_cancelling_what_runs_is_noted_for_its_worker():
    running = cancel(ExecutionFactory(running=True), by_name="reza (terminal)")

    assert running.status == Status.RUNNING
    assert running.cancel_requested_at is not None
    assert running.cancel_requested_by_name == "reza (terminal)"


def test_cancelling_what_has_ended_is_refused_with_its_end():
    ended = ExecutionFactory(completed=True)

    with pytest.raises(CancelError, match="has ended already: completed"):
        cancel(ended)


def test_policy_can_cancel_the_running_one_in_favour_of_the_new():
    process = ProcessFactory(overlap_policy=OverlapPolicy.CANCEL_RUNNING)
    old = ExecutionFactory(process=process, running=True)

    new = launch(process, trigger=Trigger.MANUAL)

    old.refresh_from_db()
    assert old.cancel_requested_by_name == process.name
    assert new.status == Status.PENDING


def test_retry_by_hand_is_a_new_execution_with_the_old_parameters():
    sara = UserFactory(username="sara")
    failed = run("probes.give_back", what="set")

    again = retry(failed, requested_by=sara)

    assert (again.status, again.trigger, again.retry_of) == (Status.PENDING, Trigger.RETRY, failed)
    assert (again.attempt, again.parameters) == (2, {"what": "set"})
    assert (again.requested_by, again.requested_by_name) == (sara, "sara")
    assert again.available_at <= again.created_at


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"running": True}, "not ended yet"),
        ({"completed": True}, "It completed"),
        ({"completed": True, "status": Status.FAILED, "kind": Kind.PREVIEW}, "Only runs"),
        ({"completed": True, "status": Status.FAILED, "process": None}, "was deleted"),
        (
            {"completed": True, "status": Status.FAILED, "function": "probes.gone"},
            "not in the code",
        ),
        ({"completed": True, "status": Status.MISSED}, "never began"),
    ],
)
def test_what_cannot_be_tried_again_says_why(fields, why):
    execution = ExecutionFactory(**fields)

    assert why in why_not_retry(execution).text
    with pytest.raises(RetryError, match=why):
        retry(execution)


def test_execution_is_retried_by_hand_once_at_a_time():
    failed = run("probes.write_then_raise")
    first = retry(failed)

    with pytest.raises(RetryError, match=f"It is tried again already: {first}"):
        retry(failed)

    Execution.objects.filter(pk=first.pk).skip(reasons.DISABLED)
    assert why_not_retry(failed) is None
