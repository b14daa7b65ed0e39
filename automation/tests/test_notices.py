"""Which ends of executions people are told of, and how the notices are taken and put off."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from automation.engine.end import ending, recovery
from automation.engine.run.runner import run_execution
from automation.models import Execution, Notice, NoticeEvent, Status, reasons
from automation.notifications import sending
from automation.testing import preview, run
from automation.tests.factories import ExecutionFactory, ProcessFactory
from automation.tests.post import send_next
from automation.tests.races import at_once

pytestmark = pytest.mark.django_db

LEASE = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def somebody_to_tell(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": ["sara@example.org"]}


def events() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("event", flat=True))


def failing(**fields):
    return ProcessFactory(function="probes.write_then_raise", **fields)


def mend(process) -> None:
    process.function = "probes.greet"
    process.save()


def older(seconds: float, *names: str) -> None:
    """Let notices be from before."""
    rows = Notice.objects.all()
    for notice in rows:
        past = {name: getattr(notice, name) - timedelta(seconds=seconds) for name in names}
        rows.filter(pk=notice.pk).update(**past)


# Which ends


def test_failure_without_a_retry_to_come_is_recorded_with_the_end_of_the_run():
    execution = run(failing())

    notice = Notice.objects.get()
    assert (notice.event, notice.execution_id) == (NoticeEvent.FAILED, execution.pk)
    assert (notice.process_id, notice.process_name) == (
        execution.process_id,
        execution.process_name,
    )


def test_only_the_last_attempt_is_told():
    process = failing(max_retries=1)
    first = run(process)
    assert events() == []

    retry = first.retries.get()
    Execution.objects.filter(pk=retry.pk).update(available_at=timezone.now())
    run_execution(retry.pk)

    assert Notice.objects.get().execution_id == retry.pk


def test_run_over_its_time_limit_is_told():
    run(ProcessFactory(function="probes.take_long", time_limit=1))

    assert events() == [NoticeEvent.TIMED_OUT]


def test_run_whose_lease_ran_out_is_told():
    ExecutionFactory(running=True, lease_until=timezone.now() - timedelta(seconds=1))

    recovery.mark_all_lost()

    assert events() == [NoticeEvent.LOST]


def test_run_that_only_its_stopping_node_cut_short_is_told_unless_it_comes_again():
    atomic = ExecutionFactory(running=True)
    other = ExecutionFactory(
        running=True, process=ProcessFactory(function="probes.commit_then_raise")
    )

    with transaction.atomic():
        ending.lose([atomic, other], reasons.NODE_STOPPED)

    assert Notice.objects.get().execution_id == other.pk


def test_success_is_not_told_nor_are_previews_undoings_and_cancelled_runs():
    run("probes.greet")
    preview("probes.write_and_promise")
    execution = ExecutionFactory(running=True)
    with transaction.atomic():
        ending.end(execution, Status.CANCELLED, token=execution.token, reason="cancelled")

    assert events() == []


def test_failed_run_of_a_process_that_is_switched_off_is_told_though_it_has_retries():
    execution = ExecutionFactory(running=True, process=failing(max_retries=3, is_enabled=False))

    with transaction.atomic():
        ending.end(execution, Status.FAILED, token=execution.token)

    assert events() == [NoticeEvent.FAILED]


def test_failed_run_of_a_process_that_was_deleted_meanwhile_is_told():
    execution = ExecutionFactory(running=True)
    stored = Execution.objects.get(pk=execution.pk)
    execution.process.delete()

    with transaction.atomic():
        ending.end(stored, Status.FAILED, token=execution.token)

    assert events() == [NoticeEvent.FAILED]


def test_nothing_is_recorded_where_nobody_is_to_be_told(settings):
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": []}

    process = failing()
    run(process)
    mend(process)
    run(process)

    assert events() == []


def test_recovery_is_told_once():
    process = failing()
    run(process)
    run(process)
    mend(process)
    run(process)
    run(process)

    assert events() == [NoticeEvent.FAILED, NoticeEvent.FAILED, NoticeEvent.RECOVERED]


def test_second_failure_after_a_recovery_has_a_recovery_of_its_own():
    process = failing()
    run(process)
    mend(process)
    run(process)
    process.function = "probes.write_then_raise"
    process.save()
    run(process)
    mend(process)
    run(process)

    assert events() == [NoticeEvent.FAILED, NoticeEvent.RECOVERED] * 2


def test_other_processes_do_not_recover_a_process():
    run(failing())
    run("probes.greet")

    assert events() == [NoticeEvent.FAILED]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_runs_that_complete_at_once_one_is_the_recovery():
    process = failing(max_concurrency=2)
    run(process)
    mend(process)
    running = [ExecutionFactory(process=process, running=True, slot=slot) for slot in (0, 1)]

    def complete(execution):
        with transaction.atomic():
            ending.end(execution, Status.COMPLETED, token=execution.token)

    at_once(*(lambda execution=execution: complete(execution) for execution in running))

    assert events() == [NoticeEvent.FAILED, NoticeEvent.RECOVERED]


def test_run_that_is_rolled_back_leaves_no_notice():
    execution = ExecutionFactory(running=True)

    with transaction.atomic():
        ending.end(execution, Status.FAILED, token=execution.token)
        transaction.set_rollback(True)

    assert events() == []


def test_notices_outlive_their_process_and_execution():
    process = failing()
    execution = run(process)
    execution.delete()
    process.delete()

    assert events() == [NoticeEvent.FAILED]


# Taking them for a mail


def test_taken_notices_are_nobody_else_s_until_the_lease_ends():
    run(failing(name="nightly"))

    assert sending.take_due() is not None
    assert sending.take_due() is None
    older(121, "available_at")
    assert sending.take_due() is not None


def test_notices_of_one_process_are_taken_together_and_of_others_one_by_one():
    process = failing(name="nightly")
    run(process)
    run(process)
    run(failing(name="hourly"))

    tokens = [sending.take_due(), sending.take_due(), sending.take_due()]

    assert [Notice.objects.filter(token=token).count() for token in tokens[:2]] == [2, 1]
    assert tokens[2] is None


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_many_nodes_at_once_one_takes_a_notice():
    run(failing())

    tokens = at_once(*[sending.take_due] * 6)

    assert len([token for token in tokens if token is not None]) == 1


def test_second_mail_of_a_process_waits_five_minutes_and_those_of_others_do_not(mailoutbox):
    process = failing(name="nightly")
    run(process)
    assert send_next()
    run(process)
    run(process)
    run(failing(name="hourly"))

    assert send_next()
    assert sending.take_due() is None
    sent = Notice.objects.filter(sent_at__isnull=False)
    sent.update(sent_at=timezone.now() - timedelta(seconds=301))
    assert send_next()

    assert [mail.subject.partition("] ")[2] for mail in mailoutbox] == [
        "nightly failed",
        "hourly failed",
        "nightly failed",
    ]
    assert "One earlier notice of this process is gathered in this mail" in mailoutbox[2].body


def test_notice_that_could_not_be_sent_comes_again_later_and_is_given_up_after_a_day(
    settings, monkeypatch
):
    run(failing())
    monkeypatch.setattr(sending, "deliver", lambda *_: 1 / 0)

    assert not send_next()

    notice = Notice.objects.get()
    assert notice.error == "ZeroDivisionError: division by zero"
    delay = (notice.available_at - timezone.now()).total_seconds()
    assert 50 < delay <= 60
    assert sending.take_due() is None
    older(61, "available_at")
    older(86_401, "created_at")
    assert not send_next()
    assert Notice.objects.get().given_up_at is not None
    assert sending.take_due() is None


def test_delays_grow_to_an_hour():
    minutes = [sending.delay_after(n) / timedelta(minutes=1) for n in (1, 2, 3, 6, 7, 500)]

    assert minutes == [1, 2, 4, 32, 60, 60]


def test_failures_wait_for_the_mail_that_could_not_be_sent(monkeypatch):
    process = failing()
    run(process)
    monkeypatch.setattr(sending, "deliver", lambda *_: 1 / 0)
    send_next()

    run(process)

    assert sending.take_due() is None


def test_mail_that_comes_after_its_lease_does_not_hide_that_another_sent_it(mailoutbox):
    run(failing())
    slow = sending.take_due()
    assert slow is not None
    older(121, "available_at")
    assert send_next()

    assert not sending.send(slow)
    assert len(mailoutbox) == 1


def test_notices_wait_where_nobody_is_to_be_told_any_more(settings):
    run(failing())
    settings.AUTOMATION = {**settings.AUTOMATION, "NOTIFY_EMAILS": []}

    assert sending.take_due() is None
