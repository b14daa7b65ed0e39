"""Whatever happens in a year: afterwards every occurrence is accounted for, once."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.engine.upkeep import reconciling
from automation.engine.upkeep.reconciling import reconcile
from automation.models import (
    Calendar,
    CatchUp,
    Execution,
    MaintenanceWindow,
    Node,
    Pause,
    Process,
    ScheduleVersion,
    Status,
    Trigger,
    reasons,
)
from automation.reports.ledger import What, prove
from automation.tests import world as worlds
from automation.tests.factories import ProcessFactory
from automation.tests.world import ACCIDENTS, ACTIONS, CRONS, DAY, HOUR, ZONES, World, accounted

pytestmark = pytest.mark.django_db

BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)

#: At these clocks of a zone change: nodes are up then.
CHANGES = [
    datetime.fromisoformat(f"2025-{at}+00:00")
    for at in (
        *("03-09T05:00", "03-30T00:00", "04-05T14:00", "04-06T02:00", "04-24T21:00"),
        *("09-07T03:00", "09-27T13:30", "10-04T15:00", "10-26T00:00", "11-02T05:00"),
    )
]


def processes_of_every_kind(world: World, count: int) -> list[Process]:
    found: list[Process] = []
    for number in range(count):
        process = ProcessFactory(
            name=f"number-{number}",  # Its jitter follows from it.
            function="probes.commit_then_raise" if number % 10 else "probes.without_run",
            cron=CRONS[number % len(CRONS)],
            timezone=ZONES[number % len(ZONES)],
            catch_up=list(CatchUp)[number % 3],
            catch_up_limit=5,
            jitter=600 if number % 4 == 0 else 0,
            start_deadline=1_800 if number % 5 == 0 else None,
        )
        world.say(process)
        found.append(process)
        if number % 6 == 1:
            worlds.edit_to_interval(world, process)
        elif number % 12 == 2:
            worlds.edit_to_once(world, process)
        elif number % 12 == 3:
            worlds.exclude_days(world, process)
    return found


def live_through(world: World, processes: list[Process]) -> None:
    """Nodes are up around each change of clocks and now and then; people act all the time."""
    days = [
        timedelta(days=20 * number, hours=world.random.random() * 24) for number in range(1, 18)
    ]
    starts = [BEGIN + distance for distance in days]
    for start in sorted([*starts, *CHANGES]):
        for _ in range(6):
            act(world, processes, min(start, world.now + DAY))
        world.pass_until(max(start, world.now))
        world.start_node()
        for _ in range(6):
            act(world, processes, world.now + timedelta(minutes=world.random.randint(1, 60)))
        world.stop_node()
        if world.chance(0.3):
            for process in processes:
                prove_all_of(process)


def act(world: World, processes: list[Process], until: datetime) -> None:
    happening = world.random.choice(ACTIONS * 2 + ACCIDENTS)
    happening(world, world.random.choice(processes))
    world.pass_until(until)


def prove_all_of(process) -> None:
    while reconcile(process.pk):
        pass


def test_year_of_fifty_processes_is_accounted_for(time_machine, caplog):
    Process.objects.all().delete()
    time_machine.move_to(BEGIN, tick=False)
    world = World(lambda at: time_machine.move_to(at, tick=False), seed=20_250_101)
    processes = processes_of_every_kind(world, 50)
    dense = ProcessFactory(name="every-minute", timezone="Europe/Berlin", cron="* * * * *")
    world.pass_until(BEGIN + 8 * DAY)
    world.change(dense, is_enabled=False)  # It would fill the year.

    live_through(world, processes)
    world.pass_until(END)
    busy = ProcessFactory(name="busy", function="probes.commit_then_raise", cron="* * * * *")
    world.say(busy)
    world.start_node()
    world.pass_until(END + HOUR)
    world.deliver()
    world.pass_until(END + 3 * HOUR)
    for process in [*processes, dense, busy]:
        prove_all_of(process)

    proofs = [prove(process) for process in Process.objects.all()]
    outcomes, skipped, found = Counter[str](), Counter[str](), Counter[What]()
    for proof in proofs:
        outcomes += proof.outcomes
        skipped += proof.skipped
        found += proof.counts
        assert proof.is_sound, [str(proof.process), proof.findings]
        assert sum(proof.outcomes.values()) + proof.counts[What.WAITING] == proof.occurrences
    assert prove(dense).occurrences == 8 * 24 * 60
    # It would be no proof if little had happened.
    assert {*outcomes} >= {*Status} - {Status.RUNNING, Status.PENDING, Status.LOST}
    assert {*skipped} >= {
        *(reasons.PAUSED, reasons.ALL_PAUSED, reasons.MAINTENANCE, reasons.TOO_LATE),
        *(reasons.STILL_RUNNING, reasons.FUNCTION_GONE),
    }
    assert ScheduleVersion.objects.count() > 100
    # Only what was taken away needed to be put back.
    gaps = [r for r in caplog.records if r.name == reconciling.__name__]
    assert {str(record.args[1]) for record in gaps} <= world.robbed
    assert gaps, outcomes


@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(
            st.sampled_from(ACTIONS),
            st.integers(0, 1),
            st.sampled_from([1, 7, 59, 60, 61, 180, 1_440, 10_000]),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    ),
    begin=st.sampled_from(CHANGES),
)
@settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_people_do_each_occurrence_has_one_row(time_machine, seed, steps, begin):
    for model in (Execution, Process, Pause, MaintenanceWindow, Calendar, Node):
        model.objects.all().delete()
    time_machine.move_to(begin - DAY, tick=False)
    world = World(lambda at: time_machine.move_to(at, tick=False), seed)
    processes = processes_of_every_kind(world, 2)

    for happening, number, minutes, is_up in steps:
        if is_up and not world.node:
            world.start_node()
        elif not is_up:
            world.stop_node()
        happening(world, processes[number])
        world.pass_until(world.now + timedelta(minutes=minutes))
    world.start_node()
    world.is_stock = False
    world.pass_until(world.now + 2 * HOUR)
    world.deliver()

    for process in processes:
        due = list(world.due_by_hand(process, world.now))
        assert accounted(process, due) == dict.fromkeys(due, 1)
        proof = prove(process)
        assert (proof.occurrences, proof.findings) == (len(due), [])
        rows = Execution.objects.filter(process=process, trigger=Trigger.SCHEDULE)
        assert sum(row.occurrences for row in rows) == len(due)
