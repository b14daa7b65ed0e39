from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from automation.engine.run import claims
from automation.engine.run.claims import LEASE_GRACE, claim_next, claim_one, give_back
from automation.engine.start.launch import launch
from automation.models import (
    ConcurrencyGroup,
    Execution,
    OverlapPolicy,
    Process,
    Status,
    Trigger,
    claiming,
    reasons,
)
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.races import at_once

pytestmark = pytest.mark.usefixtures("statements")


@pytest.mark.django_db
def test_claim_gives_the_execution_a_slot_a_token_and_a_lease():
    pending = launch(ProcessFactory(time_limit=60), trigger=Trigger.MANUAL)

    claim = claim_one(pending.pk, node="here")

    assert claim
    pending.refresh_from_db()
    assert (pending.status, pending.slot) == (Status.RUNNING, 0)
    assert (pending.token, pending.node) == (claim.token, "here")
    lasts = pending.lease_until - timezone.now()
    assert timedelta(seconds=60) < lasts <= timedelta(seconds=60 + LEASE_GRACE)


@pytest.mark.django_db
def test_claim_of_a_message_delivered_twice_is_had_once():
    pending = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    assert claim_one(pending.pk, node="one")
    assert claim_one(pending.pk, node="two") is None


@pytest.mark.django_db
def test_claim_without_a_free_slot_sends_the_message_again_later():
    process = ProcessFactory(overlap_policy=OverlapPolicy.WAIT)
    ExecutionFactory(process=process, running=True)
    waiting = launch(process, trigger=Trigger.MANUAL)
    before = OrmQ.objects.get()

    assert claim_one(waiting.pk, node="here") is None

    waiting.refresh_from_db()
    message = OrmQ.objects.get()
    assert waiting.status == Status.PENDING
    assert waiting.message == message.pk != before.pk
    assert message.lock > timezone.now()


@pytest.mark.django_db
def test_claim_takes_the_slot_of_a_dead_worker():
    process = ProcessFactory(overlap_policy=OverlapPolicy.WAIT)
    waiting = launch(process, trigger=Trigger.MANUAL)
    dead = ExecutionFactory(
        process=process, running=True, lease_until=datetime(2026, 1, 1, tzinfo=UTC)
    )

    assert claim_one(waiting.pk, node="here")

    dead.refresh_from_db()
    assert dead.status == Status.LOST


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_enabled": False}, reasons.DISABLED),
        ({"function": "probes.removed"}, reasons.FUNCTION_GONE),
    ],
)
def test_claim_of_a_scheduled_execution_that_must_not_start_any_more_skips_it(change, reason):
    process = ProcessFactory(cron="0 * * * *")
    pending = launch(process, trigger=Trigger.SCHEDULE, scheduled_for=timezone.now())
    Process.objects.filter(pk=process.pk).update(**change)
    Execution.objects.filter(pk=pending.pk).update(function=change.get("function", "probes.greet"))

    assert claim_one(pending.pk, node="here") is None

    pending.refresh_from_db()
    assert (pending.status, pending.reason) == (Status.SKIPPED, reason)
    assert not OrmQ.objects.exists()


@pytest.mark.django_db
def test_claim_of_what_a_person_asked_for_works_on_a_process_that_is_switched_off():
    pending = launch(ProcessFactory(is_enabled=False), trigger=Trigger.MANUAL)

    assert claim_one(pending.pk, node="here")


@pytest.mark.django_db
def test_claim_after_the_process_was_deleted_skips_the_execution():
    pending = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    pending.process.delete()

    assert claim_one(pending.pk, node="here") is None

    pending.refresh_from_db()
    assert pending.reason == reasons.PROCESS_DELETED


@pytest.mark.django_db(transaction=True)
def test_claim_by_many_workers_at_once_lets_one_through():
    pending = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    claims = at_once(*[partial(claim_one, pending.pk, node=str(number)) for number in range(6)])

    assert len(claims) == 6
    assert len([claim for claim in claims if claim]) == 1


@pytest.mark.django_db(transaction=True)
def test_claims_of_many_executions_at_once_never_exceed_max_concurrency():
    process = ProcessFactory(
        function="probes.commit_then_raise", max_concurrency=2, overlap_policy=OverlapPolicy.WAIT
    )
    waiting = [launch(process, trigger=Trigger.MANUAL) for _ in range(6)]

    at_once(*[partial(claim_one, execution.pk, node="any") for execution in waiting])

    running = Execution.objects.filter(status=Status.RUNNING)
    assert set(running.values_list("slot", flat=True)) == {0, 1}
    assert running.count() == 2
    assert Execution.objects.filter(status=Status.PENDING).count() == 4


@pytest.mark.django_db
def test_claim_after_max_concurrency_was_lowered_keeps_to_it():
    process = ProcessFactory(max_concurrency=4, overlap_policy=OverlapPolicy.WAIT)
    for slot in (2, 3):
        ExecutionFactory(process=process, running=True, slot=slot)
    waiting = launch(process, trigger=Trigger.MANUAL)
    Process.objects.filter(pk=process.pk).update(max_concurrency=2)

    assert claim_one(waiting.pk, node="here") is None


@pytest.mark.sqlite
@pytest.mark.django_db
def test_claim_on_sqlite_lets_one_atomic_run_at_a_time_through():
    first = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    second = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    other = launch(ProcessFactory(function="probes.commit_then_raise"), trigger=Trigger.MANUAL)

    assert claim_one(first.pk, node="here")
    assert claim_one(second.pk, node="here") is None
    assert claim_one(other.pk, node="here")

    second.refresh_from_db()
    assert second.status == Status.PENDING


LEASE = timedelta(minutes=1)


def next_ids(count: int = 10) -> list[int]:
    return [claim.execution.pk for claim in claim_next(count, node="here", lease=LEASE)]


@pytest.mark.postgresql  # on SQLite one atomic run goes on at a time
@pytest.mark.django_db
def test_next_claims_are_by_priority_and_then_in_the_order_they_came():
    usual, urgent = ProcessFactory(), ProcessFactory(priority=5)
    later, sooner = ProcessFactory(), ProcessFactory()
    pending = [
        launch(process, trigger=Trigger.MANUAL) for process in (usual, urgent, later, sooner)
    ]
    early = timezone.now() - timedelta(hours=1)
    Execution.objects.filter(pk=pending[3].pk).update(available_at=early)

    assert next_ids() == [pending[n].pk for n in (1, 3, 0, 2)]


@pytest.mark.django_db
def test_next_claims_leave_what_is_not_due_or_not_in_this_code():
    later = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    Execution.objects.filter(pk=later.pk).update(available_at=timezone.now() + timedelta(minutes=1))
    elsewhere = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    Execution.objects.filter(pk=elsewhere.pk).update(function="probes.of_another_node")

    assert next_ids() == []
    assert set(Execution.objects.values_list("status", flat=True)) == {Status.PENDING}


@pytest.mark.django_db
def test_next_claims_pass_over_a_process_that_has_no_slot_left_however_much_waits_there():
    full = ProcessFactory(overlap_policy=OverlapPolicy.WAIT, function="probes.commit_then_raise")
    ExecutionFactory(process=full, running=True)
    for _ in range(120):
        launch(full, trigger=Trigger.MANUAL)
    free = launch(ProcessFactory(function="probes.commit_then_raise"), trigger=Trigger.MANUAL)

    assert next_ids(2) == [free.pk]


@pytest.mark.django_db
def test_next_claims_keep_to_the_limit_of_a_group():
    group = ConcurrencyGroup.objects.create(name="mail", max_concurrency=2)
    members = [
        ProcessFactory(concurrency_group=group, function="probes.commit_then_raise")
        for _ in range(3)
    ]
    pending = [launch(process, trigger=Trigger.MANUAL) for process in members]

    assert next_ids() == [pending[0].pk, pending[1].pk]
    assert next_ids() == []

    running = Execution.objects.filter(status=Status.RUNNING, concurrency_group=group)
    assert set(running.values_list("group_slot", flat=True)) == {0, 1}
    first = running.order_by("pk")[0]
    assert first.token
    assert claiming.finish(first.pk, Status.COMPLETED, token=first.token)
    assert next_ids() == [pending[2].pk]


@pytest.mark.django_db
def test_next_claims_skip_what_must_not_start_any_more():
    gone = launch(ProcessFactory(), trigger=Trigger.MANUAL)
    gone.process.delete()
    off = launch(ProcessFactory(cron="0 * * * *"), trigger=Trigger.SCHEDULE)
    Process.objects.filter(pk=off.process_id).update(is_enabled=False)
    fine = launch(ProcessFactory(), trigger=Trigger.MANUAL)

    assert next_ids() == [fine.pk]

    reasons_of = dict(Execution.objects.values_list("pk", "reason"))
    assert (reasons_of[gone.pk], reasons_of[off.pk]) == (reasons.PROCESS_DELETED, reasons.DISABLED)


@pytest.mark.django_db(transaction=True)
def test_next_claims_by_many_nodes_at_once_share_the_work_without_a_double():
    process = ProcessFactory(
        function="probes.commit_then_raise", max_concurrency=3, overlap_policy=OverlapPolicy.WAIT
    )
    for _ in range(5):
        launch(process, trigger=Trigger.MANUAL)
    for _ in range(3):
        other = ProcessFactory(function="probes.commit_then_raise")
        launch(other, trigger=Trigger.MANUAL)

    claimed = at_once(*[partial(next_ids, 2) for _ in range(4)])

    every = [pk for ids in claimed for pk in ids]
    assert len(every) == len(set(every))
    running = Execution.objects.filter(status=Status.RUNNING)
    assert running.filter(process=process).count() <= 3
    assert running.count() == len(every)


@pytest.mark.django_db
def test_claim_that_was_given_back_is_as_it_was_and_can_be_had_again():
    launch(ProcessFactory(), trigger=Trigger.MANUAL)
    (claim,) = claim_next(1, node="here", lease=LEASE)

    give_back([claim])

    execution = Execution.objects.get()
    assert (execution.status, execution.slot, execution.token) == (Status.PENDING, None, None)
    assert execution.message == OrmQ.objects.get().pk
    assert len(claim_next(1, node="there", lease=LEASE)) == 1


@pytest.mark.django_db
def test_renewing_tells_which_claims_are_gone_and_takes_a_good_end_for_none():
    kept, ended, lost, given = [ExecutionFactory(running=True) for _ in range(4)]
    claiming.finish(ended.pk, Status.COMPLETED, token=ended.token)
    Execution.objects.filter(pk=lost.pk).lose(reasons.LEASE_EXPIRED)
    Execution.objects.filter(pk=given.pk).update(token=uuid4())
    tokens = {execution.pk: execution.token for execution in (kept, ended, lost, given)}

    assert Execution.objects.all().renew(tokens, LEASE) == {lost.pk, given.pk}


@pytest.mark.django_db(transaction=True)
def test_claims_are_kept_where_the_database_fails_before_the_next(monkeypatch):
    process = ProcessFactory(overlap_policy=OverlapPolicy.WAIT)
    first = launch(process, trigger=Trigger.MANUAL)
    launch(process, trigger=Trigger.MANUAL)
    calls = []

    def waiting(passed_over, held, count):
        calls.append(passed_over)
        if passed_over:
            raise OperationalError("database is locked")
        return original(passed_over, held, count)

    original = claims._waiting
    monkeypatch.setattr(claims, "_waiting", waiting)

    assert [claim.execution for claim in claim_next(2, node="here")] == [first]
    assert len(calls) == 2
