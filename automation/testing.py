"""For authors of processes: run one in an ordinary test, without workers.

    from automation.testing import run

    def test_old_sessions_are_deleted(db):
        execution = run("shop.delete_old_sessions", keep_days=3)

        assert execution.status == "completed"
        assert execution.result == {"deleted": 0}

With `pytest_plugins = ["automation.testing"]` in the project's `conftest.py`, the fixture
`processes_run_at_once` lets whatever a test starts (by the admin's button, say) run on the spot.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

from automation import registry
from automation.engine.run import claims, foreground, runner
from automation.models import Execution, Kind, Process, TriggerType
from automation.queue import messages


def make_process(function: str, **fields: Any) -> Process:
    """Return a new, saved process that runs `function` (its key) by hand, unless fields say else.

    Raises ProcessNotRegisteredError, and ValidationError for fields that the admin would refuse.
    """
    name = registry.get(function).name
    defaults = {"name": name, "trigger_type": TriggerType.MANUAL}
    if Process.objects.filter(name=name).exists():
        defaults["name"] = f"{name}-{Process.objects.count()}"
    process = Process(function=function, **{**defaults, **fields})
    process.full_clean()
    process.save()
    return process


def run(
    process: Process | str, *, scheduled_for: datetime | None = None, **parameters: Any
) -> Execution:
    """Run a process here and now and return its ended execution.

    `process`: a Process, the name of one, or the key of a function (a process is made for it).
    `scheduled_for`: the occurrence that the run is told it is for.
    What the function raises is recorded in the execution, as it is in a worker.

    Raises ParameterError for parameters that do not fit, ProcessNotRegisteredError for an unknown
    name.
    """
    found = process if isinstance(process, Process) else _process_called(process)
    execution, claim = foreground.start_here(found, parameters=parameters)
    if claim is not None:
        claim.execution.scheduled_for = scheduled_for
        foreground.run_here(execution, claim)
    return execution


def preview(process: Process | str, **parameters: Any) -> Execution:
    """Run a process in a transaction that is rolled back; return its ended execution.

    `execution.previewed` holds the change rows: `{"total": …, "rows": […]}`.

    Raises what `run` raises, and PreviewError for a function that offers no preview.
    """
    found = process if isinstance(process, Process) else _process_called(process)
    return foreground.run_here(
        *foreground.start_here(found, parameters=parameters, kind=Kind.PREVIEW)
    )


def undo(execution: Execution) -> Execution:
    """Undo what an execution did; return the ended execution that undid it.

    Raises UndoError where there is nothing to undo, or no way to.
    """
    return foreground.run_here(*foreground.undo_here(execution))


def _process_called(name: str) -> Process:
    known = (
        Process.objects.filter(name=name).first() or Process.objects.filter(function=name).first()
    )
    return known or make_process(name)


@contextmanager
def run_at_once() -> Iterator[None]:
    """Inside the block, what is launched runs on the spot instead of waiting for a worker."""
    record, push_all = messages.record, messages.push_all

    def record_and_run(execution: Execution, **options: Any) -> None:
        record(execution, **options)
        _run([execution])

    def push_and_run(executions: Sequence[Execution], **options: Any) -> None:
        push_all(executions, **options)
        _run(executions)

    with mock.patch.multiple(messages, record=record_and_run, push_all=push_and_run):
        yield


def _run(executions: Sequence[Execution]) -> None:
    for execution in executions:
        claim = claims.claim_one(execution.pk, node="test")
        if claim is not None:  # Otherwise another claim was faster, or it has to wait.
            runner.run(claim)


try:
    import pytest
except ImportError:  # A project may test with unittest alone.
    pass
else:

    @pytest.fixture
    def processes_run_at_once() -> Iterator[None]:
        """Run what the test starts at once, in the test's own process."""
        with run_at_once():
            yield
