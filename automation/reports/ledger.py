"""The ledger: proves that each occurrence of a process has one row that accounts for it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Max, QuerySet
from django.utils import timezone

from automation.models import Execution, Kind, Node, Process, ScheduleVersion, Status, Trigger
from automation.queue import schedules
from automation.queue.ordinary import some_ordinary

#: How long an occurrence may be without a row: where a message of a stock cluster may be waiting for
#: a worker, and where none is and it is being started.
GRACE, SHORT_GRACE = timedelta(hours=1), timedelta(minutes=2)
#: Findings that are listed at most; all are counted.
MOST_LISTED = 1_000


class What(StrEnum):
    #: An instant was due, and no row accounts for it.
    GAP = "gap"
    #: Two rows account for an instant, or a row for another number of instants than it says.
    DOUBLE = "double"
    #: A row accounts for an instant at which nothing was due.
    STRAY = "stray"
    #: An instant was due, and its row is still to come.
    WAITING = "waiting"


@dataclass
class Finding:
    what: What
    since: datetime
    until: datetime
    #: The ids of the rows that the finding is about.
    executions: tuple[int, ...] = ()
    occurrences: int = 1


@dataclass
class Proof:
    """What became of the occurrences of a process after `since`, and not after `until`."""

    process: Process
    since: datetime
    until: datetime
    occurrences: int = 0
    #: The number of occurrences by status, and of skipped ones by reason.
    outcomes: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    #: The number of occurrences (of strays: of rows) for each kind of finding.
    counts: Counter[What] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    #: Spans of time whose rule cannot be read any more; nothing is said about them.
    unreadable: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.counts.keys() - {What.WAITING}

    def note(self, finding: Finding) -> None:
        self.counts[finding.what] += finding.occurrences
        if len(self.findings) < MOST_LISTED:
            self.findings.append(finding)


def prove(process: Process, since: datetime | None = None, until: datetime | None = None) -> Proof:
    """Prove what can be proven of a process: since its rules are recorded and its history is kept.

    `until` is now by default. Rows are read one after the other, so their number does not matter.
    """
    until = until or timezone.now()
    begin = beginning(process) or until
    proof = Proof(process, min(max(begin, since or begin), until), until)
    due = ScheduleVersion.objects.due(process, proof.since, until)
    account(proof, due, waiting_from=_waiting_from(process, until), repeats=_repeats(proof))
    return proof


def beginning(process: Process) -> datetime | None:
    """Return from when on there is proof; None where no rule was ever recorded."""
    versions = ScheduleVersion.objects.filter(process=process).order_by("id")
    first = versions.values_list("valid_from", flat=True).first()
    return max(first, process.history_begins_at or first) if first else None


def account(
    proof: Proof,
    due: Iterable[datetime],
    *,
    waiting_from: datetime | None = None,
    repeats: "Iterator[CoveringRow] | None" = None,
) -> None:
    """Match what was due with the rows that account for it, and note what does not fit in `proof`.

    `waiting_from`: what was due from then on may still be without a row. `repeats`: the retries and
    backfills, in the order of the instants that they repeat.
    """
    spans = ScheduleVersion.objects.spans_of(proof.process, proof.since, proof.until)
    proof.unreadable = [(span.since, span.until) for span in spans if span.version.is_unreadable]
    matching = _Matching(proof, _rows(proof), waiting_from)
    repeated = _Stream(repeats or iter(()))
    for at in due:
        proof.occurrences += 1
        rows = matching.rows_of(at)
        if rows:
            again = [row for row in repeated.take(at) if row.since == at]
            _count(proof, max([*rows, *again], key=lambda row: row.pk))
    matching.end()


@dataclass
class CoveringRow:
    """The columns of an execution that the proof needs, and the occurrences that it covers."""

    pk: int
    since: datetime
    until: datetime
    occurrences: int
    status: str
    reason: str
    first: datetime | None = None
    last: datetime | None = None
    covered: int = 0

    def cover(self, at: datetime) -> None:
        self.first, self.last = self.first or at, at
        self.covered += 1


class _Stream:
    """Rows in order, read only as far as they are needed."""

    def __init__(self, rows: Iterator[CoveringRow]) -> None:
        self.rows = rows
        self.next = next(rows, None)

    def take(self, until: datetime | None) -> Iterator[CoveringRow]:
        """Yield the rows that begin at an instant or before; None: all."""
        while self.next and (until is None or self.next.since <= until):
            row, self.next = self.next, next(self.rows, None)
            yield row


class _Matching:
    def __init__(
        self, proof: Proof, rows: Iterator[CoveringRow], waiting_from: datetime | None
    ) -> None:
        self.proof, self.stream, self.waiting_from = proof, _Stream(rows), waiting_from
        self.open: list[CoveringRow] = []
        self.last: Finding | None = None

    def rows_of(self, at: datetime) -> list[CoveringRow]:
        """Return the rows that cover an occurrence; note it where they are not exactly one."""
        self._look_at(at)
        for row in self.open:
            row.cover(at)
        if len(self.open) == 1:
            self.last = None
        elif self.open:
            self._note(What.DOUBLE, at)
        else:
            is_waiting = self.waiting_from is not None and at >= self.waiting_from
            self._note(What.WAITING if is_waiting else What.GAP, at)
        return self.open

    def end(self) -> None:
        self._look_at(None)

    def _look_at(self, at: datetime | None) -> None:
        candidates = [*self.open, *self.stream.take(at)]
        self.open = [row for row in candidates if at is not None and row.until >= at]
        for row in candidates:
            if row not in self.open and self._is_within(row):
                self._judge(row)

    def _note(self, what: What, at: datetime) -> None:
        """Note an occurrence that does not fit; consecutive ones of one kind make one finding."""
        rows = tuple(sorted(row.pk for row in self.open))
        last = self.last
        if last and (last.what, last.executions) == (what, rows):
            last.until, last.occurrences = at, last.occurrences + 1
            self.proof.counts[what] += 1
        else:
            self.last = Finding(what, at, at, rows)
            self.proof.note(self.last)

    def _is_within(self, row: CoveringRow) -> bool:
        """Whether all occurrences that a row covers lie within the span that was looked at."""
        proof = self.proof
        unreadable = any(row.since <= end and row.until > begin for begin, end in proof.unreadable)
        return row.since > proof.since and row.until <= proof.until and not unreadable

    def _judge(self, row: CoveringRow) -> None:
        if (row.first, row.last) != (row.since, row.until):
            self.proof.note(Finding(What.STRAY, row.since, row.until, (row.pk,)))
        elif row.covered != row.occurrences:
            self.proof.note(Finding(What.DOUBLE, row.since, row.until, (row.pk,)))


def _count(proof: Proof, row: CoveringRow) -> None:
    proof.outcomes[row.status] += 1
    if row.status == Status.SKIPPED:
        proof.skipped[row.reason] += 1


def _rows(proof: Proof) -> Iterator[CoveringRow]:
    rows = Execution.objects.covering(proof.process, proof.since)
    return _read(rows.filter(scheduled_for__lte=proof.until))


def _repeats(proof: Proof) -> Iterator[CoveringRow]:
    rows = Execution.objects.filter(
        process=proof.process,
        kind=Kind.RUN,
        trigger__in=[Trigger.RETRY, Trigger.BACKFILL],
        scheduled_for__gt=proof.since,
        scheduled_for__lte=proof.until,
    )
    return _read(rows.order_by("scheduled_for", "id"))


def _read(rows: QuerySet[Execution]) -> Iterator[CoveringRow]:
    columns = ("pk", "scheduled_for", "scheduled_until", "occurrences", "status", "reason")
    for pk, since, until, occurrences, status, reason in rows.values_list(*columns).iterator():
        yield CoveringRow(pk, since, until or since, occurrences, status, reason)


def _waiting_from(process: Process, now: datetime) -> datetime:
    """Return from when on a due occurrence may still be without a row.

    It may be within a grace, or since nobody was there to start it. Where its Schedule row has
    moved beyond it, or is gone, nothing but a message could still bring the row.
    """
    recently = now - (GRACE if some_ordinary() else SHORT_GRACE)
    due_since: datetime | None = schedules.next_run_of(process.pk)
    if due_since is None or due_since > now:
        return recently
    if due_since < now - GRACE:
        seen = Node.objects.aggregate(at=Max("seen_at"))["at"] or due_since
        due_since = max(due_since, seen - GRACE)
    return min(recently, due_since)
