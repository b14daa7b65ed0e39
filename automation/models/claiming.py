"""How an execution gets from the queue to a worker, and ends, by compiled statements."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from automation.database import statements
from automation.database.statements import Placeholder, placeholders
from automation.models.execution import Execution, ExecutionQuerySet
from automation.models.execution_life import Status

_ID, _TEXT, _TIME = models.BigAutoField(), models.CharField(), models.DateTimeField()
_SMALL, _BIG, _UUID = (
    models.PositiveSmallIntegerField(),
    models.BigIntegerField(),
    models.UUIDField(),
)


@dataclass(frozen=True)
class Slot:
    """A place among the runs that may go on at once."""

    number: int
    #: Where its process has a concurrency group: its id, and the slot there.
    group: int | None = None
    in_group: int | None = None
    token: UUID = field(default_factory=uuid4)


def in_line(functions: Any, now: Any) -> ExecutionQuerySet:
    """Executions of these functions that are due, in the order in which they start."""
    due = Execution.objects.filter(status=Status.PENDING, available_at__lte=now)
    return due.filter(function__in=functions).order_by("-priority", "available_at", "id")


def first_in_line(functions: Collection[str], count: int) -> list[Execution]:
    keys = list(functions)
    return _first_in_line(len(keys), count, functions=keys, now=timezone.now()) if keys else []


@statements.select()
def _first_in_line(functions: int, count: int) -> ExecutionQuerySet:
    return in_line(placeholders("functions", _TEXT, functions), Placeholder("now", _TIME))[:count]


def next_available(now: datetime) -> datetime | None:
    """Return when the next execution that waits for its time comes due; None for none."""
    return next((at for (at,) in _next_available(now=now)), None)


@statements.select(())
def _next_available() -> "models.QuerySet[Any, Any]":
    later = Execution.objects.filter(available_at__gt=Placeholder("now", _TIME))
    return (
        later.filter(status=Status.PENDING).order_by("available_at").values_list("available_at")[:1]
    )


def slots_taken(processes: Collection[int]) -> dict[int, set[int | None]]:
    """Return the slots of each process in which something runs; previews need none."""
    pks = list(processes)
    taken: dict[int, set[int | None]] = {pk: set() for pk in pks}
    for pk, slot in _slots_taken(len(pks), pks=pks) if pks else []:
        taken[pk].add(slot)
    return taken


@statements.select((1,))
def _slots_taken(count: int) -> "models.QuerySet[Any, Any]":
    running = Execution.objects.real().filter(status=Status.RUNNING)
    of_them = running.filter(process__id__in=placeholders("pks", _ID, count))
    return of_them.order_by().values_list("process_id", "slot")


def start(*, node: str, release: str, lease: timedelta, slots: Mapping[int, Slot]) -> set[int]:
    """Claim the pending rows of `slots` (by id); return the ids of those that were still there.

    Only who holds a slot's token can end its row.
    """
    places = list(slots.values())
    grouped = any(slot.group for slot in places)
    started = _start(
        len(places),
        grouped,
        pks=list(slots),
        now=timezone.now(),
        node=node,
        release=release,
        lease=lease,
        token=[slot.token for slot in places],
        slot=[slot.number for slot in places],
        concurrency_group=[slot.group for slot in places],
        group_slot=[slot.in_group for slot in places],
    )
    if started == len(slots):
        return set(slots)
    rows = Execution.objects.filter(pk__in=list(slots))
    claimed = rows.claimed_with(slot.token for slot in places)
    return set(claimed.values_list("pk", flat=True))


@statements.update((1, False))
def _start(count: int, grouped: bool) -> tuple[ExecutionQuerySet, dict[str, Any]]:
    columns: dict[str, Any] = {"slot": _SMALL, "token": _UUID}
    if grouped:
        columns |= {"concurrency_group": _BIG, "group_slot": _SMALL}
    rows = Execution.objects.filter(pk__in=placeholders("pks", _ID, count))
    return rows.entering(
        Status.RUNNING,
        started_at=Placeholder("now", _TIME),
        node=Placeholder("node", _TEXT),
        release=Placeholder("release", _TEXT),
        lease_until=Now() + Placeholder("lease", models.DurationField()),
        message=None,
        **{name: _by_id(name, kind, count) for name, kind in columns.items()},
    )


def _by_id(name: str, kind: "models.Field[Any, Any]", count: int) -> Any:
    """An expression with another value for each row, so that one statement is enough."""
    ids, values = placeholders("pks", _ID, count), placeholders(name, kind, count)
    if count == 1:
        return values[0]
    cases = [models.When(pk=pk, then=value) for pk, value in zip(ids, values, strict=True)]
    return models.Case(*cases, output_field=kind)


def finish(pk: int, status: Status, *, token: UUID, **columns: Any) -> bool:
    """End the row that was claimed with `token`; False where the claim is gone."""
    columns["completed_at"] = timezone.now()
    return bool(_finish(status, *sorted(columns), pk=pk, claim=token, **columns))


#: The columns of a run that ends well.
_GOOD_END = ("progress_done", "progress_message", "progress_total", "result", "started_at")


@statements.update((Status.COMPLETED, "completed_at", *_GOOD_END))
def _finish(status: Status, *names: str) -> tuple[ExecutionQuerySet, dict[str, Any]]:
    row = Execution.objects.filter(pk=Placeholder("pk", _ID), token=Placeholder("claim", _UUID))
    meta: Any = Execution._meta
    columns = {name: Placeholder(name, meta.get_field(name)) for name in names}
    return row.entering(status, **columns)
