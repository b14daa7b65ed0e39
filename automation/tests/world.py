"""A world in which time passes, nodes come and go and people change things, over the real engine."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from automation.engine.end import cancelling, ending, pausing
from automation.engine.run import claims, runner
from automation.engine.start import due
from automation.engine.upkeep import repairing
from automation.models import (
    Calendar,
    CatchUp,
    Execution,
    MaintenanceWindow,
    Node,
    OverlapPolicy,
    Process,
    ScheduleKind,
    Status,
    Trigger,
    TriggerType,
)
from automation.queue import schedules
from automation.schedule import Rule
from automation.tests.factories import NodeFactory

ZONES = [
    *("Europe/Berlin", "America/New_York", "Asia/Tehran", "Australia/Lord_Howe", "UTC"),
    *("Africa/Casablanca", "America/Santiago", "Africa/Cairo", "Asia/Kolkata", "Pacific/Chatham"),
]
CRONS = [
    *("30 7 * * *", "30 2 * * *", "0 0 * * 1-5", "15 3 1 * *", "5 1,2,3 * * 0", "0 */6 * * *"),
    *("0 12 28-31 * *", "20 0 * * 6#1", "@weekly", "0 0 L * *", "30 1 * 3,10,11 0"),
    *("30 2 * * 0\n0 14 * * 3", "10 4 * * *\n10 5 * * 0"),
]
DENSE = ["0 * * * *", "*/20 * * * *", "* 2 * * *", "*/7 1-3 * * *", "* * * * *"]

#: A function that writes nothing is called in earnest; of the others only the end is recorded.
PURE = "probes.without_run"

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ENDS = [Status.COMPLETED] * 8 + [Status.FAILED, Status.TIMED_OUT]


class World:
    def __init__(self, travel: Callable[[datetime], None], seed: int) -> None:
        self.travel, self.random = travel, Random(seed)  # noqa: S311
        self.node: Node | None = None
        self.running: list[claims.Claim] = []
        #: What a stock cluster has fired, and is still in its queue.
        self.messages: list[tuple[int, datetime]] = []
        self.is_stock = False
        #: Processes of which something was lost that only the reconciler can see.
        self.robbed: set[str] = set()
        #: Written down beside the engine: which rule holds from when on.
        self.said: dict[int, list[tuple[datetime, Rule | None]]] = defaultdict(list)

    @property
    def now(self) -> datetime:
        return timezone.now()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def start_node(self) -> None:
        self.node = NodeFactory(started_at=self.now, seen_at=self.now)

    def stop_node(self) -> None:
        self.node = None

    def pass_until(self, until: datetime) -> None:
        """Let time pass; where a node is up it starts what comes due, more or less on time."""
        while self.node and (at := schedules.next_due()) and at <= until:
            late = self.random.choice([0, 0, 0, 1, 20, 200])
            self.travel(max(at, self.now) + timedelta(seconds=late))
            self.turn()
            assert schedules.next_due() != at, "the clock does not get on"
        self.travel(max(until, self.now))
        if self.node:
            self.turn()

    def turn(self) -> None:
        assert self.node
        Node.objects.filter(pk=self.node.pk).update(seen_at=self.now)
        if self.is_stock:
            self.fire()
        else:
            due.start_due()
        if self.chance(0.5):
            self.deliver()
        self.work()

    def fire(self) -> None:
        """What django-q2's scheduler does: queue a message and move the row."""
        for row in Schedule.objects.filter(next_run__lte=self.now).order_by("pk"):
            self.messages.append((int(row.args), row.next_run))
            row.next_run = row.calculate_next_run(row.next_run)
            row.save()

    def deliver(self) -> None:
        self.random.shuffle(self.messages)
        while self.messages:
            process_id, at = self.messages.pop()
            due.start_occurrence(process_id, scheduled_for=at.isoformat())

    def lose_messages(self) -> None:
        names = Process.objects.filter(pk__in=[pk for pk, _ in self.messages])
        self.robbed |= set(names.values_list("name", flat=True))
        self.messages.clear()

    def work(self) -> None:
        self.running += claims.claim_next(20, node="world")
        for claim in [claim for claim in self.running if self.chance(0.8)]:
            self.running.remove(claim)
            if claim.execution.function == PURE:
                runner.run(claim)
                continue
            with transaction.atomic():
                status = self.random.choice(ENDS)
                ending.end(claim.execution, status, token=claim.token)
        waiting = Execution.objects.filter(status=Status.PENDING).first()
        if waiting and self.chance(0.05):
            cancelling.cancel(waiting, by_name="sara")

    def say(self, process: Process) -> None:
        self.said[process.pk].append((self.now, process.usable_rule))

    def change(self, process: Process, **columns: object) -> None:
        process.refresh_from_db()
        for name, value in columns.items():
            setattr(process, name, value)
        process.save()
        self.say(process)

    def due_by_hand(self, process: Process, until: datetime) -> Iterator[datetime]:
        """What was due by what was written down beside the engine."""
        said = self.said[process.pk]
        for (since, rule), (end, _next) in zip(said, [*said[1:], (until, None)], strict=True):
            if rule:
                yield from rule.between(since, min(end, until))


def accounted(process: Process, due: list[datetime]) -> dict[datetime, int]:
    """Return by how many rows each of the instants is accounted for."""
    rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE)
    spans = [(row.scheduled_for, row.scheduled_until or row.scheduled_for) for row in rows]
    return {at: sum(since <= at <= until for since, until in spans) for at in due}


def edit(world: World, process: Process) -> None:
    cron = world.random.choice(CRONS)
    world.change(process, schedule_kind=ScheduleKind.CRON, cron=cron)


def edit_to_interval(world: World, process: Process) -> None:
    every = world.random.choice([90, 24 * 60, 7 * 24 * 60, 25 * 60])
    anchor = (world.now - DAY).replace(second=0, microsecond=0)
    world.change(process, schedule_kind=ScheduleKind.INTERVAL, every=every, anchor=anchor)


def edit_to_once(world: World, process: Process) -> None:
    at = world.now + world.random.choice([MINUTE, HOUR, DAY, 20 * DAY])
    world.change(process, schedule_kind=ScheduleKind.ONCE, run_at=at)


def edit_dense(world: World, process: Process) -> None:
    """For a short while."""
    begin = world.now + world.random.choice([0, 1, 5]) * HOUR
    end = begin + world.random.choice([1, 2]) * HOUR
    cron = world.random.choice(DENSE)
    world.change(process, schedule_kind=ScheduleKind.CRON, cron=cron, starts_at=begin, ends_at=end)


def lift_limits(world: World, process: Process) -> None:
    world.change(process, starts_at=None, ends_at=None, max_occurrences=None)


def limit(world: World, process: Process) -> None:
    count = world.random.randint(1, 4)
    world.change(process, starts_at=world.now, ends_at=None, max_occurrences=count)


def move_to_zone(world: World, process: Process) -> None:
    world.change(process, timezone=world.random.choice(ZONES))


def set_policy(world: World, process: Process) -> None:
    world.change(
        process,
        catch_up=world.random.choice(list(CatchUp)),
        catch_up_limit=world.random.choice([1, 3, 20]),
        overlap_policy=world.random.choice(list(OverlapPolicy)),
        start_deadline=world.random.choice([None, None, 30, 7_200]),
        jitter=world.random.choice([0, 0, 300]),
        max_retries=world.random.choice([0, 1]),
        pause_after_failures=world.random.choice([None, 2]),
    )


def switch(world: World, process: Process) -> None:
    process.refresh_from_db()
    world.change(process, is_enabled=not process.is_enabled)


def switch_trigger(world: World, process: Process) -> None:
    process.refresh_from_db()
    by_hand = process.trigger_type == TriggerType.MANUAL
    world.change(process, trigger_type=TriggerType.TIME_BASED if by_hand else TriggerType.MANUAL)


def pause(world: World, process: Process) -> None:
    until = world.now + world.random.choice([HOUR, DAY, 9 * DAY]) if world.chance(0.7) else None
    pausing.pause([process], why="move", until=until)


def resume(world: World, process: Process) -> None:
    pausing.resume([process])


def pause_everything(world: World, _process: Process) -> None:
    pausing.pause(None, why="move", until=world.now + world.random.choice([HOUR, DAY]))


def maintain(world: World, process: Process) -> None:
    begin = world.now + world.random.choice([-HOUR, HOUR, DAY])
    end = begin + world.random.choice([3 * HOUR, DAY])
    window = MaintenanceWindow.objects.create(label="move", starts_at=begin, ends_at=end)
    if world.chance(0.8):
        window.processes.add(process)


def exclude_days(world: World, process: Process) -> None:
    first = world.now.date() + world.random.randint(0, 3) * DAY
    days = f"{first}..{first + world.random.randint(0, 5) * DAY} rest"
    calendar, is_new = Calendar.objects.get_or_create(
        name=f"of {process.name}", defaults={"days": days}
    )
    if is_new:
        world.change(process, calendar=calendar)
    else:
        calendar.days = days
        calendar.save()
        process.refresh_from_db()
        world.say(process)


def lose_function(world: World, process: Process) -> None:
    """Or find it again."""
    process.refresh_from_db()
    gone = process.function == "probes.removed"
    function = "probes.commit_then_raise" if gone else "probes.removed"
    Process.objects.filter(pk=process.pk).update(function=function)


def cluster_is_stock(world: World, _process: Process) -> None:
    world.is_stock = not world.is_stock


def deliver(world: World, _process: Process) -> None:
    world.deliver()


ACTIONS = [
    *(edit, edit_to_interval, edit_to_once, edit_dense, lift_limits, limit, move_to_zone),
    *(set_policy, switch, switch_trigger, pause, resume, pause_everything, maintain),
    *(exclude_days, lose_function, cluster_is_stock, deliver),
]


def change_past_every_door(world: World, process: Process) -> None:
    """Change a row as code of a project may, without a signal; the next start of a node sees it."""
    cron = world.random.choice(CRONS)
    Process.objects.filter(pk=process.pk).update(cron=cron)
    if world.chance(0.5):
        repairing.repair_all()


def delete_schedule_row(world: World, process: Process) -> None:
    """What was due just then stays due."""
    Schedule.objects.filter(name=f"process:{process.pk}").delete()
    repairing.repair_all()


def lose_messages(world: World, _process: Process) -> None:
    world.lose_messages()


def set_clock_back(world: World, _process: Process) -> None:
    world.travel(world.now - world.random.choice([2, 61, 200]) * MINUTE)


#: What nobody can write down beside the engine.
ACCIDENTS = [change_past_every_door, delete_schedule_row, lose_messages, set_clock_back]
