"""Reports write nothing, and what programs read is made in one of them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

import automation
from automation.engine.end import pausing
from automation.models import Calendar, Execution, Process, Status, coming
from automation.reports import (
    advice,
    as_json,
    changes,
    deployment,
    gaps,
    last_runs,
    ledger,
    masking,
    missed,
    state,
    workers,
    writer,
)
from automation.reports.explain import explain
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory

pytestmark = pytest.mark.django_db

ROOT = Path(automation.__file__).parent
DAY = timedelta(days=1)


class WriteError(AssertionError):
    pass


def refuse_writes(execute: Any, sql: str, *rest: Any) -> Any:
    if not re.match(
        r"\s*(SELECT|WITH|EXPLAIN|SET|SHOW|PRAGMA|BEGIN|SAVEPOINT|RELEASE)\b", sql, re.I
    ):
        raise WriteError(sql)
    if re.search(r"\b(INSERT INTO|DELETE FROM|FOR (NO KEY )?UPDATE)\b|^\s*UPDATE\b", sql):
        raise WriteError(sql)
    return execute(sql, *rest)


@contextmanager
def without_writes() -> Iterator[None]:
    with connection.execute_wrapper(refuse_writes):
        yield


@pytest.fixture
def process() -> Process:
    """Paused, with a history, and a node that lives."""
    NodeFactory()
    calendar = Calendar.objects.create(name="off", days="2026-01-01")
    found = ProcessFactory(cron="0 * * * *", calendar=calendar)
    Process.objects.filter(pk=found.pk).update(created_at=timezone.now() - 3 * DAY)
    ExecutionFactory(process=found, running=True)
    ExecutionFactory(process=found)
    ExecutionFactory(process=found, status=Status.FAILED, completed_at=timezone.now())
    ExecutionFactory(process=found, completed=True)
    pausing.pause([found], why="repairs")
    found.refresh_from_db()
    return found


def every_process_as_json(process: Process) -> None:
    rows = state.with_state(last_runs.with_last_status(Process.objects.all()))
    for one in rows:
        as_json.process(one, coming(one), workers.workers())


def every_execution(process: Process) -> None:
    for execution in Execution.objects.all():
        workers.why_it_waits(execution)
        workers.silence_of(execution)
        as_json.execution(execution)


REPORTS: dict[str, Callable[[Process], object]] = {
    "advice": advice.about,
    "as_json": every_process_as_json,
    "changes": lambda process: [changes.of(one) for one in process.executions.all()],
    "deployment": lambda _process: as_json.deployment(deployment.look_ahead(60)),
    "explain": lambda process: as_json.explanation(explain(process)),
    "explain then": lambda process: explain(process, timezone.now() - DAY),
    "explain ahead": lambda process: explain(process, timezone.now() + DAY),
    "gaps": gaps.gap_of,
    "last_runs": lambda process: last_runs.last_runs([process.pk], 10),
    "ledger": lambda process: as_json.proof(ledger.prove(process)),
    "masking": lambda process: [masking.masker_of(one) for one in process.executions.all()],
    "missed": lambda process: as_json.backfill(
        missed.plan(process, timezone.now() - DAY, timezone.now()), None
    ),
    "state": state.state_of,
    "workers": every_execution,
    "writer": lambda _process: writer.likely_holders(),
}


def test_every_report_is_looked_at():
    there = {path.stem for path in (ROOT / "reports").iterdir()} - {"__init__", "__pycache__"}

    assert there == {name.split()[0] for name in REPORTS}


@pytest.mark.parametrize("name", REPORTS)
def test_report_writes_nothing(name, process):
    with without_writes():
        REPORTS[name](process)


def test_a_write_would_be_noticed(process):
    with without_writes(), pytest.raises(WriteError):
        Process.objects.update(description="written")
    with without_writes(), pytest.raises(WriteError):
        ExecutionFactory(process=process)


def test_json_for_programs_is_made_in_one_module():
    """Elsewhere no instant becomes ISO text for programs, and no row a dictionary of public keys."""
    apart = {
        "reports/as_json.py",
        "reports/changes.py",  # values of a project's own rows
        "management/adoption_report.py",  # what another scheduler holds
    }
    found = [
        path.relative_to(ROOT).as_posix()
        for room in ("management", "reports")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"(?<!from)isoformat\(|def _?\w*as_json\(", path.read_text())
    ]

    assert set(found) <= apart
    assert "reports/as_json.py" in found
