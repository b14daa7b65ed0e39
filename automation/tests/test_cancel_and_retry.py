from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from automation.engine.end.cancelling import CancelError, cancel, cancel_each
from automation.engine.end.retrying import RetryError, retry, why_not_retry
from automation.engine.start.launch import launch
from automation.models import Execution, Kind, Status, Trigger, attempts_of, reasons
from automation.tests.factories import ExecutionFactory, ProcessFactory, UserFactory

pytestmark = pytest.mark.django_db


def ended(status: Status = Status.FAILED, **fields) -> Execution:
    return ExecutionFactory(**{"status": status, "completed_at": timezone.now(), **fields})


def test_cancel_ends_what_waits_and_takes_its_message():
    execution = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    person = UserFactory(username="sara")

    cancelled = cancel(execution, by=person)

    assert (cancelled.status, cancelled.reason) == (Status.CANCELLED, reasons.CANCELLED)
    assert cancelled.cancel_requested_by_name == "sara"
    assert not OrmQ.objects.exists()


def test_cancel_of_what_runs_is_asked_for():
    execution = cancel(ExecutionFactory(running=True), by_name="sara (terminal)")

    assert execution.status == Status.RUNNING
    assert execution.cancel_requested_at is not None
    assert execution.cancel_requested_by_name == "sara (terminal)"


def test_cancel_of_what_has_ended_is_refused():
    with pytest.raises(CancelError, match="has ended already: completed"):
        cancel(ExecutionFactory(completed=True))


def test_cancel_of_several_leaves_those_that_have_ended():
    waiting = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    ExecutionFactory(running=True)
    ExecutionFactory(completed=True)

    assert cancel_each(Execution.objects.all()) == 2
    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED


def test_retry_is_another_attempt_with_the_same_parameters():
    failed = ended(parameters={"name": "Sara"}, note="why", scheduled_for=timezone.now())

    again = retry(failed, requested_by=UserFactory(username="sara"))

    assert (again.trigger, again.attempt, again.retry_of) == (Trigger.RETRY, 2, failed)
    assert (again.parameters, again.note) == (failed.parameters, failed.note)
    assert (again.requested_by_name, again.scheduled_for) == ("sara", failed.scheduled_for)
    assert OrmQ.objects.filter(pk=again.message).exists()
    with pytest.raises(RetryError, match="is tried again already"):
        retry(failed)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": Status.PENDING, "completed_at": None}, "It has not ended yet."),
        ({"status": Status.COMPLETED}, "It completed: run the process again instead."),
        ({"status": Status.MISSED}, "It never began"),
        ({"status": Status.SKIPPED, "occurrences": 3}, "It never began"),
        ({"status": Status.SKIPPED, "reason": reasons.PARAMETERS_REFUSED}, "It never began"),
        ({"kind": Kind.PREVIEW}, "Only runs are tried again"),
        ({"process": None}, "Its process was deleted."),
        ({"function": "probes.gone"}, "The function probes.gone is not in the code."),
    ],
)
def test_retry_is_refused_with_a_sentence(fields, says):
    assert says in why_not_retry(ended(**fields)).text


def test_attempts_are_the_same_from_each_of_them(django_assert_num_queries):
    first = ended()
    second = ended(process=first.process, retry_of=first, attempt=2)
    third = ExecutionFactory(
        process=first.process,
        retry_of=second,
        attempt=3,
        available_at=timezone.now() + timedelta(hours=1),
    )
    ended(process=first.process)

    for one in (first, second, third):
        with django_assert_num_queries(2):
            assert attempts_of(one) == [first, second, third]
