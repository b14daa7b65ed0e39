"""What must be true after every fault, whichever it was."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from automation.database.listen import SCHEDULE, notify
from automation.engine.start.launch import launch
from automation.models import Execution, Process, Status, Trigger
from automation.tests.factories import ProcessFactory
from automation.tests.probes.hostile import effect_of
from conftest import Child, parents_of_the_living, wait_until

#: Functions that write an effect, and only together with their success.
WITH_EFFECT = ("probes.work", "probes.work_of_new_code", "probes.cut_the_connection")

#: Seconds that anything may take on a machine with other work.
LONG = 60


@dataclass
class Stretch:
    """The time from the first to the last sign of life of one run in one process."""

    execution: int
    pid: int
    first: float
    last: float


class Journal:
    """What the runs wrote of themselves, whatever became of their database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def stretches(self) -> dict[int, list[Stretch]]:
        """Return the stretches of each process, in the order they began."""
        found: dict[tuple[int, int, int], Stretch] = {}
        for line in self.path.read_text().splitlines():
            process, execution, pid, at = line.split()
            key = int(process), int(execution), int(pid)
            stretch = found.setdefault(key, Stretch(key[1], key[2], float(at), float(at)))
            stretch.last = float(at)
        by_process: dict[int, list[Stretch]] = {}
        for (process_id, *_), stretch in found.items():
            by_process.setdefault(process_id, []).append(stretch)
        return by_process

    def of(self, execution: Execution) -> list[Stretch]:
        every = [stretch for found in self.stretches().values() for stretch in found]
        return [stretch for stretch in every if stretch.execution == execution.pk]

    def wait_for(self, execution: Execution, why: object = "") -> int:
        """Wait until it has begun; return the id of its worker."""
        wait_until(lambda: self.of(execution), LONG, why)
        return self.of(execution)[-1].pid

    def last_sign_of(self, execution: Execution) -> float:
        """When it was last alive, by its own word: whoever looks may look late."""
        return self.of(execution)[-1].last

    def process(self, function: str = "work", **columns: object) -> Process:
        parameters = {"journal": str(self.path)}
        columns = {"time_limit": 30, "max_retries": 1, "retry_delay": 0, **columns}
        return ProcessFactory(function=f"probes.{function}", parameters=parameters, **columns)

    def foreign(self, function: str, time_limit: int = 30) -> Process:
        """A process whose function keeps no journal, or whose run gets it."""
        return ProcessFactory(function=f"probes.{function}", time_limit=time_limit)

    def launch_of(self, process: Process, **parameters: object) -> Execution:
        given = {k: str(v.path) if v is self else v for k, v in parameters.items()}
        return launch(process, trigger=Trigger.MANUAL, parameters=given)

    def launch(self, function: str = "work", seconds: float = 0.0, **columns: object) -> Execution:
        process = self.process(function, **columns)
        return launch(process, trigger=Trigger.MANUAL, parameters={"seconds": seconds})


def last_attempt(execution: Execution) -> Execution:
    execution.refresh_from_db()
    retry = execution.retries.order_by("pk").last()
    return last_attempt(retry) if retry else execution


def wait_for(execution: Execution, status: Status, why: object = "") -> Execution:
    """Wait until its last attempt has this status; return that attempt."""
    try:
        wait_until(lambda: last_attempt(execution).status == status, LONG)
    except AssertionError as error:
        seen = list(Execution.objects.values("pk", "status", "reason", "error_message", "retry_of"))
        raise AssertionError(f"{execution.pk} is not {status}: {seen} {why}") from error
    return last_attempt(execution)


def assert_history_is_true(journal: Journal, *, dead_by: float = 0.0, why: object = "") -> None:
    """`dead_by`: until then a run that was resumed may go on beside its successor."""
    open_ = Execution.objects.filter(status__in=[Status.PENDING, Status.RUNNING])
    wait_until(lambda: not open_.exists(), LONG, f"{list(open_.values())} {why}")
    _assert_messages_are_gone()
    _assert_nothing_ran_twice_at_once(journal, dead_by)
    _assert_effects_go_with_success()
    _assert_runs_are_accounted_for(journal)


def _assert_messages_are_gone() -> None:
    carried = Execution.objects.filter(message__isnull=False).values("message")
    assert not OrmQ.objects.filter(pk__in=carried).exists()


def _assert_nothing_ran_twice_at_once(journal: Journal, dead_by: float) -> None:
    for stretches in journal.stretches().values():
        for one, other in pairwise(sorted(stretches, key=lambda stretch: stretch.first)):
            assert one.last <= max(other.first, dead_by), (one, other, dead_by)


def _assert_effects_go_with_success() -> None:
    for execution in Execution.objects.filter(function__in=WITH_EFFECT):
        effects = Group.objects.filter(name=effect_of(execution.pk)).count()
        assert effects == (execution.status == Status.COMPLETED), execution.__dict__


def _assert_runs_are_accounted_for(journal: Journal) -> None:
    """What ran has a row that says so, and what says that it completed ran once."""
    runs: dict[int, int] = {}
    for stretch in (s for found in journal.stretches().values() for s in found):
        runs[stretch.execution] = runs.get(stretch.execution, 0) + 1
    rows = Execution.objects.in_bulk(runs)
    assert set(rows) == set(runs)
    for pk, row in rows.items():
        assert row.status not in {Status.SKIPPED, Status.MISSED}, row.__dict__
        assert runs[pk] == 1, row.__dict__


def assert_works(journal: Journal, node: Child) -> None:
    """The node works again by itself, within seconds."""
    before = time.monotonic()
    wait_for(journal.launch(), Status.COMPLETED, why=node)
    process = journal.process(**once_an_hour())
    make_due(process)
    done = process.executions.filter(status=Status.COMPLETED)
    wait_until(done.exists, LONG, node)
    assert time.monotonic() - before < LONG
    process.delete()


def once_an_hour() -> dict[str, str]:
    """A rule whose next occurrence is made due by hand: at this minute of every hour.

    One of each minute would have a second occurrence as soon as the minute is over.
    """
    return {"cron": f"{timezone.now().minute} * * * *", "timezone": "UTC", "catch_up": "latest"}


def make_due(*processes: Process) -> datetime:
    """Let the latest occurrence of these be due; return it. All have one rule."""
    now = timezone.now()
    due = now.replace(minute=int(processes[0].cron.split()[0]), second=0, microsecond=0)
    due -= timedelta(hours=1) if due > now else timedelta()
    names = [f"process:{process.pk}" for process in processes]
    with transaction.atomic():
        Schedule.objects.filter(name__in=names).update(next_run=due)
        notify(SCHEDULE)
    return due


def assert_stops(node: Child) -> None:
    """The node stops without leaving a process."""
    tree = node.tree
    assert node.stop(seconds=LONG) == 0, node
    wait_until(lambda: not living(tree), LONG, node)


def assert_all_is_well(
    journal: Journal, node: Child, *, dead_by: float = 0.0, others: tuple[Child, ...] = ()
) -> None:
    """Everything that must hold once the fault is over."""
    assert_works(journal, node)
    assert_history_is_true(journal, dead_by=dead_by, why=node)
    for one in (node, *others):
        assert_stops(one)


def living(pids: list[int]) -> list[int]:
    parents = parents_of_the_living()
    return [pid for pid in pids if pid in parents]
