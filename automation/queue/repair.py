"""Schedule rows and schedule versions, compared with their processes and repaired.

Many processes at a time, in a number of statements that does not grow with them. What is not simple
is left to `schedules.sync`, one process after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.db import models, transaction
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django_q.models import Schedule

from automation.database.listen import SCHEDULE, notify
from automation.models import Execution, Process, ScheduleVersion
from automation.queue import rules, schedules
from automation.queue.schedules import PREFIX, RowChange
from automation.schedule import Rule, Unreadable

#: Processes that are compared together.
BATCH = 50


@dataclass(frozen=True)
class _Examined:
    """A process, and the rows that there are of its schedule."""

    process: Process
    rule: Rule | None
    newest: ScheduleVersion | None
    rows: list[Schedule]

    @property
    def is_written_down(self) -> bool:
        stored = self.newest.schedule if self.newest else None
        return bool(stored == (self.rule.as_json() if self.rule else None))

    @property
    def is_in_step(self) -> bool:
        if self.rule is None:
            return self.is_written_down and not self.rows
        wanted = schedules.columns(self.process.pk, self.rule)
        is_right = len(self.rows) == 1 and schedules.is_right(self.rows[0], wanted, self.rule)
        return is_right and self.is_written_down


def out_of_step(ids: Sequence[int]) -> list[int]:
    """Return the processes whose Schedule row is not what they say, in a few statements."""
    processes = Process.objects.filter(pk__in=ids).prefetch_related("calendar").order_by("pk")
    return [found.process.pk for found in _find(processes) if not found.is_in_step]


def without_row() -> list[int]:
    """Return the processes that are due by a rule and have no Schedule row, in one statement."""
    rows = Schedule.objects.filter(name__startswith=PREFIX)
    name = Concat(models.Value(PREFIX), Cast("pk", models.CharField()))
    lacking = Process.objects.on_time().annotate(row=name).exclude(row__in=rows.values("name"))
    return list(lacking.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def put_right(ids: Sequence[int], *, skip_locked: bool = False) -> list[RowChange]:
    """Repair the Schedule rows of these processes; return what was changed.

    They are locked, so that nobody changes them meanwhile. With `skip_locked`, not of those that
    somebody else holds.
    """
    if not ids:
        return []
    rows = Process.objects.lock(skip_locked=skip_locked).filter(pk__in=ids)
    locked = rows.prefetch_related("calendar").order_by("pk")
    wrong = [found for found in _find(locked) if not found.is_in_step]
    repairs = _RowRepairs(timezone.now(), accounted=_accounted([found.process for found in wrong]))
    for found in wrong:
        repairs.put_right(found)
    repairs.write()
    return repairs.changes


def delete_orphans() -> list[RowChange]:
    """Delete the Schedule rows of processes that are gone."""
    known = {schedules.name_of(pk) for pk in Process.objects.values_list("pk", flat=True)}
    rows = Schedule.objects.filter(name__startswith=PREFIX).values_list("pk", "name")
    orphans = {pk: name for pk, name in rows if name not in known}
    Schedule.objects.filter(pk__in=orphans).delete()
    return [RowChange(name, "deleted", None) for name in orphans.values()]


def _find(processes: Iterable[Process]) -> list[_Examined]:
    chosen = list(processes)
    numbers = {schedules.name_of(process.pk): process.pk for process in chosen}
    rows: dict[int, list[Schedule]] = defaultdict(list)
    for row in Schedule.objects.filter(name__in=numbers).order_by("pk"):
        rows[numbers[row.name]].append(row)
    of_them = ScheduleVersion.objects.filter(process__in=numbers.values()).order_by()
    newest = of_them.values("process").annotate(last=models.Max("pk")).values("last")
    versions = {one.process_id: one for one in of_them.filter(pk__in=newest)}
    live = cache(rules.live_defaults)
    return [
        _Examined(
            process=process,
            rule=rules.rule_in_force(process, versions.get(process.pk), live),
            newest=versions.get(process.pk),
            rows=rows[process.pk],
        )
        for process in chosen
    ]


def _accounted(processes: Iterable[Process]) -> dict[int, datetime | None]:
    """Return the last instant that a row accounts for, by the id of its process."""
    ends = Execution.objects.ends_of_occurrences().filter(process=models.OuterRef("pk"))
    rows = Process.objects.filter(pk__in=[process.pk for process in processes])
    return dict(rows.values_list("pk", models.Subquery(ends.values("end")[:1])))


@dataclass
class _RowRepairs:
    """Collects what is to be written."""

    now: datetime
    accounted: dict[int, datetime | None]
    changes: list[RowChange] = field(default_factory=list)
    versions: list[ScheduleVersion] = field(default_factory=list)
    created: list[Schedule] = field(default_factory=list)
    changed: list[Schedule] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def put_right(self, found: _Examined) -> None:
        """Repair a row as `schedules.sync` does, in its simple cases."""
        process, rule, accounted = found.process, found.rule, self.accounted.get(found.process.pk)
        vanished = None
        if not found.rows:
            vanished = schedules.vanished_row(process, found.newest, accounted, self.now)
        known = found.rows[0] if found.rows else vanished
        is_due = known is not None and schedules.is_due(known, self.now)
        has_rule = known is not None and schedules.rule_of(known) == str(rule)
        is_simple = rule is not None and not isinstance(rule, Unreadable) and len(found.rows) < 2
        if rule is None or not is_simple or (is_due and not has_rule):
            if change := schedules.sync(process):
                self.changes.append(change)
            return
        begin, next_run = self.now, rule.next_after(self.now)
        if known is not None and is_due:
            begin, next_run = known.next_run - rules.SECOND, known.next_run
        self._write_down(found, schedules.not_before_what_is_past(accounted, begin))
        row = known or Schedule()
        columns = schedules.columns(process.pk, rule)
        self.fields = [*columns, "next_run"]
        for name, value in columns.items():
            setattr(row, name, value)
        row.next_run = next_run
        if not found.rows:
            self.created.append(row)
            self._note(process, "created", next_run, vanished=process if vanished else None)
        else:
            self.changed.append(row)
            self._note(process, "repaired" if has_rule else "moved to its rule", next_run)

    def _write_down(self, found: _Examined, since: datetime) -> None:
        if found.is_written_down:
            return
        schedule = found.rule.as_json() if found.rule else None
        since = max(since, found.newest.valid_from) if found.newest else since
        version = ScheduleVersion(process=found.process, valid_from=since, schedule=schedule)
        self.versions.append(version)

    def _note(
        self,
        process: Process,
        what: str,
        next_run: datetime | None,
        vanished: Process | None = None,
    ) -> None:
        self.changes.append(RowChange(process.name, what, next_run, vanished))

    def write(self) -> None:
        """Write all of it, without signals, whose receivers would compute the same again."""
        ScheduleVersion.objects.bulk_create(self.versions)
        Schedule.objects.bulk_create(self.created)
        if self.changed:
            Schedule.objects.bulk_update(self.changed, self.fields)
        if self.created or self.changed:
            notify(SCHEDULE)
