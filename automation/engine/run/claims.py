"""Claim pending executions for this node, so that nobody else runs them."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.db import Error, transaction
from django.db.models.functions import Now
from django.utils import timezone

from automation import database, registry
from automation.conf import release
from automation.database.away import is_away
from automation.database.listen import RUN, notify
from automation.engine.end import recovery
from automation.engine.start.refusal import Refusal, refusal_of, skip
from automation.models import (
    ConcurrencyGroup,
    Execution,
    Hold,
    Process,
    Slot,
    Status,
    Trigger,
    claiming,
    held_now,
    holds_now,
    locking,
    reasons,
)
from automation.process_function import ProcessFunction
from automation.queue import messages

#: Seconds beyond the time limit after which an execution without a renewed lease counts as lost.
LEASE_GRACE = 10
#: Seconds until the message of an execution that found no free slot comes again.
WAIT = 1
#: Waiting executions that are looked at together, where the first ones cannot all start.
LOOK_AHEAD = 50
#: Executions that are skipped in one call at most: others have to be done, such as renewing leases.
MOST_SKIPPED = 200


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to run an execution; only whoever has the token can end it."""

    execution: Execution
    token: UUID
    time_limit: int  # seconds
    zone: str

    @property
    def function(self) -> ProcessFunction:
        return registry.get(self.execution.function)


def claim_next(count: int, *, node: str, lease: timedelta | None = None) -> list[Claim]:
    """Claim up to `count` due executions: by priority, then in the order they came.

    Only executions of functions that this code has. One without a free slot, or whose process
    somebody else has locked, is passed over; one that must not start any more is skipped.
    Without a `lease` the claims last as long as the longest of the runs may take.
    """
    claims: list[Claim] = []
    passed_over: set[int] = set()
    held: set[int] = set()
    skipped = 0
    look_ahead = count
    while len(claims) < count and skipped < MOST_SKIPPED:
        # Read before the transaction, which on SQLite keeps everybody else from writing.
        try:
            waiting = _waiting(passed_over, held, look_ahead)
            if not waiting:
                break
            if found_held := _held_of(waiting):
                held |= found_held
                continue
            with transaction.atomic():
                taking = _Taking(waiting)
                found = taking.claim(count - len(claims), node, lease)
        except Error as error:
            if not (claims and is_away(error)):
                raise
            break  # What is claimed already has to be run; the rest is still there next time.
        claims += found
        passed_over |= taking.passed_over
        skipped += taking.skipped
        if not (taking.passed_over or taking.skipped):
            break
        look_ahead = max(count, LOOK_AHEAD)
    if skipped >= MOST_SKIPPED:
        notify(RUN)  # There may be more.
    return claims


def _waiting(passed_over: Collection[int], held: Collection[int], count: int) -> list[Execution]:
    """Return what is due, but for executions of processes passed over, and retries of held ones."""
    known = registry.keys()
    if not (passed_over or held):
        return claiming.first_in_line(known, count)
    rows = claiming.in_line(known, timezone.now())
    if held:
        rows = rows.exclude(trigger=Trigger.RETRY, process__in=list(held))
    return list(rows.exclude(process__in=list(passed_over))[:count])


def _held_of(waiting: Iterable[Execution]) -> set[int]:
    """Return the processes that are off or paused, of those whose retries are waiting."""
    found = {row.process_id or 0 for row in waiting if row.trigger == Trigger.RETRY}
    return set(held_now().filter(pk__in=found).values_list("pk", flat=True)) if found else set()


def _holds_of(waiting: Iterable[Execution], processes: Iterable[Process]) -> dict[int, Hold]:
    """Return what holds processes, of those whose occurrences are waiting."""
    came = {row.process_id for row in waiting if row.trigger == Trigger.SCHEDULE}
    scheduled = [process for process in processes if process.pk in came]
    return holds_now(scheduled) if scheduled else {}


@dataclass
class _Taking:
    """One transaction that claims: what waits, the processes it locked and their free slots."""

    waiting: list[Execution]
    #: Processes of which nothing more can start now, and how many executions were skipped.
    passed_over: set[int] = field(default_factory=set)
    skipped: int = 0

    def claim(self, count: int, node: str, lease: timedelta | None) -> list[Claim]:
        self._lock(self.waiting)
        self._look_at_slots()
        self.holds = _holds_of(self.waiting, self.processes.values())
        chosen: dict[int, tuple[Execution, Process, Slot]] = {}
        for execution in self.waiting:
            if len(chosen) == count:
                break
            process = self.processes.get(execution.process_id or 0)
            if self._may_start(execution, process) and process:
                slot = self._slot(execution, process)
                if slot is not None:
                    chosen[execution.pk] = execution, process, slot
        return _start(chosen, node, lease)

    def _lock(self, waiting: list[Execution]) -> None:
        """Lock the processes of what waits.

        Whoever claims, launches or ends by force locks the row of the process first.
        """
        wanted = {execution.process_id for execution in waiting if execution.process_id}
        self.processes = {process.pk: process for process in locking.lock_free(wanted)}
        self.passed_over |= wanted - set(self.processes)
        groups = {p.concurrency_group_id for p in self.processes.values() if p.concurrency_group_id}
        locked = ConcurrencyGroup.objects.select_for_update().filter(pk__in=groups)
        self.groups = {g.pk: g for g in locked.order_by("pk")} if groups else {}

    def _look_at_slots(self) -> None:
        self.taken = claiming.slots_taken(self.processes)
        self.taken_in_group: dict[int, set[int | None]] = {pk: set() for pk in self.groups}
        if self.groups:
            running = Execution.objects.real().filter(status=Status.RUNNING)
            in_groups = running.filter(concurrency_group__in=list(self.groups))
            for pk, slot in in_groups.values_list("concurrency_group", "group_slot"):
                self.taken_in_group[pk or 0].add(slot)
        self.writer_is_busy = database.one_writer() and _an_atomic_run_goes_on()

    def _may_start(self, execution: Execution, process: Process | None) -> bool:
        if execution.process_id is not None and process is None:
            return False  # Somebody else has locked it.
        refusal = refusal_of(execution, process, self.holds)
        if refusal is not None:
            skip(execution, refusal)
            self.skipped += 1
        return refusal is None

    def _slot(self, execution: Execution, process: Process) -> Slot | None:
        if self._must_wait_for_the_only_writer(execution):
            self.passed_over.add(process.pk)
            return None
        if execution.is_preview:
            return Slot(0)
        number = _lowest_free(self.taken[process.pk], process.max_concurrency)
        group = self.groups.get(process.concurrency_group_id or 0)
        in_group = None
        if group is not None:
            in_group = _lowest_free(self.taken_in_group[group.pk], group.max_concurrency)
        if number is None or (group is not None and in_group is None):
            self.passed_over.add(process.pk)
            return None
        self.taken[process.pk].add(number)
        if group is not None:
            self.taken_in_group[group.pk].add(in_group)
        return Slot(number, process.concurrency_group_id, in_group)

    def _must_wait_for_the_only_writer(self, execution: Execution) -> bool:
        """Whether, on SQLite, another atomic run has the one write lock there is."""
        if not database.one_writer() or not registry.get(execution.function).options.atomic:
            return False
        busy, self.writer_is_busy = self.writer_is_busy, True
        return busy


def _start(
    chosen: dict[int, tuple[Execution, Process, Slot]], node: str, lease: timedelta | None
) -> list[Claim]:
    if not chosen:
        return []
    longest = max(process.effective_time_limit for _, process, _ in chosen.values())
    lease = lease or timedelta(seconds=longest + LEASE_GRACE)
    slots = {pk: slot for pk, (_execution, _process, slot) in chosen.items()}
    started = claiming.start(node=node, release=release(), lease=lease, slots=slots)
    now = timezone.now()
    claims = []
    # A stock cluster needs the message only until the execution is claimed.
    messages.delete([chosen[pk][0].message for pk in started])
    for pk, (execution, process, slot) in chosen.items():
        if pk not in started:
            continue
        execution.message = None
        execution.status, execution.started_at = Status.RUNNING, now
        execution.node, execution.token, execution.slot = node, slot.token, slot.number
        claims.append(
            Claim(
                execution=execution,
                token=slot.token,
                time_limit=process.effective_time_limit,
                zone=process.effective_timezone,
            )
        )
    return claims


@transaction.atomic
def claim_one(execution_id: int, *, node: str, lease: timedelta | None = None) -> Claim | None:
    """Claim this one; None where it is not to be run (here, or yet).

    Its process was deleted, switched off or lost its function: the execution is skipped. All its
    slots are taken: its message comes again. Not pending: another delivery was faster. Without a
    `lease` it is as long as the run may take.
    """
    rows = Execution.objects.filter(pk=execution_id, status=Status.PENDING)
    process_id = rows.values_list("process", flat=True).first()
    process = locking.lock(process_id)
    recovery.mark_lost(process)
    execution = rows.first()
    if execution is None:
        return None
    refusal = refusal_of(execution, process, _holds_of([execution], [process] if process else []))
    if process is None or refusal:
        skip(execution, refusal or Refusal(reasons.PROCESS_DELETED))
        return None
    if _held_of([execution]):
        _come_again(execution, process)
        return None
    taking = _Taking([execution])
    found = taking.claim(1, node, lease)
    if not found:
        _come_again(execution, process)
    return found[0] if found else None


@transaction.atomic
def give_back(claims: Iterable[Claim]) -> None:
    """Let others claim what was claimed here and has not begun."""
    for claim in claims:
        if Execution.objects.all().give_back([claim.token]):
            messages.push(claim.execution, time_limit=claim.time_limit)


def _lowest_free(taken: set[int | None], limit: int) -> int | None:
    if len(taken) >= limit:  # The limit may have been lowered while they ran.
        return None
    return next((slot for slot in range(limit) if slot not in taken), None)


def _an_atomic_run_goes_on() -> bool:
    """Whether an atomic run goes on; one whose lease is over locks nothing any more."""
    running = Execution.objects.filter(status=Status.RUNNING, lease_until__gt=Now())
    functions = running.values_list("function", flat=True)
    return any(registry.is_taken_for_atomic(key) for key in Counter(functions))


def _come_again(execution: Execution, process: Process) -> None:
    """Send the message again, a little later: a worker that waited would be missing elsewhere."""
    messages.delete([execution.message])
    later = timezone.now() + timedelta(seconds=WAIT)
    messages.push(execution, time_limit=process.effective_time_limit, not_before=later)
