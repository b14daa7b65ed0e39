"""What may be set at most is held by every layer below: columns, the driver, timers, statements."""

import pytest
from django.core.validators import MaxValueValidator, MinValueValidator

from automation.engine.end.cancelling import cancel
from automation.engine.end.pausing import pause, resume
from automation.engine.end.retrying import retry
from automation.engine.run import claims, runner
from automation.engine.start import due
from automation.engine.start.launch import launch
from automation.engine.upkeep import pruning
from automation.limits import MAX_CONCURRENCY
from automation.models import (
    ConcurrencyGroup,
    Execution,
    Pause,
    Process,
    ScheduleKind,
    Status,
    Trigger,
    TriggerType,
)
from automation.tests.factories import ProcessFactory, UserFactory


def edges() -> list[tuple[str, int]]:
    """Each number of a process, at both of its ends."""
    found = []
    for field in Process._meta.concrete_fields:
        for validator in field.validators:
            if isinstance(validator, MaxValueValidator | MinValueValidator):
                found.append((field.name, int(validator.limit_value)))
    return sorted({edge for edge in found if abs(edge[1]) < 2**31 - 1})  # Not those of columns.


def ran(process: Process) -> Execution:
    """Run an execution as a worker does: claimed among others, with the limits of its process."""
    execution = launch(process, trigger=Trigger.MANUAL)
    [claim] = claims.claim_next(1, node="host:1")
    runner.run(claim)
    execution.refresh_from_db()
    return execution


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "value"), edges())
@pytest.mark.parametrize("function", ["greet", "commit_then_raise"])
def test_process_runs_at_the_edge_of_each_limit(field, value, function):
    fields = {"cron": "0 7 * * *", "max_retries": 1, field: value}
    if field == "every":
        fields |= {"schedule_kind": ScheduleKind.INTERVAL, "cron": ""}
        fields |= {"trigger_type": TriggerType.TIME_BASED}
    process = ProcessFactory(function=f"probes.{function}", **fields)
    process.clean_fields(exclude=["cron"])
    process.refresh_from_db()

    ended = ran(process)

    assert ended.status == (Status.COMPLETED if function == "greet" else Status.FAILED)
    assert "no luck" not in ended.error_message
    if function != "greet":
        assert "half way" in ended.error_message
        assert ended.retries.count() == min(1, process.max_retries)
    due.tick()
    pruning.prune(keep_days=36_500, keep_runs=1, on_progress=lambda *_: None)


@pytest.mark.django_db
@pytest.mark.parametrize("length", [150, 200, 254])
def test_longest_name_of_a_person_is_kept_or_cut(length, monkeypatch):
    """A project's own users may be called by e-mail addresses, of up to 254 characters."""
    sara = UserFactory()
    monkeypatch.setattr(type(sara), "get_username", lambda self: "s" * length)
    process = ProcessFactory(function="probes.commit_then_raise")
    kept = "s" * min(length, 200)

    waiting = launch(process, trigger=Trigger.MANUAL, requested_by=sara)
    assert cancel(waiting, by=sara).cancel_requested_by_name == kept
    again = retry(ran(process), requested_by=sara)
    pause([process], why="for a while", by=sara)
    resume([process], by=sara)

    assert {waiting.requested_by_name, again.requested_by_name} == {kept}
    assert set(Pause.objects.values_list("by_name", "ended_by_name")) == {(kept, kept)}


@pytest.mark.django_db
def test_slots_reach_as_far_as_processes_and_groups_may_run_at_once():
    limit = MAX_CONCURRENCY
    group = ConcurrencyGroup.objects.create(name="g" * 100, max_concurrency=limit)
    process = ProcessFactory(max_concurrency=limit, concurrency_group=group)
    execution = launch(process, trigger=Trigger.MANUAL)
    [claim] = claims.claim_next(1, node="n" * 200)

    Execution.objects.filter(pk=execution.pk).update(slot=limit - 1, group_slot=limit - 1)

    assert runner.run(claim) == Status.COMPLETED
