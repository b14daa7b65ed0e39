from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from django_q.conf import Conf
from django_q.models import Schedule

from automation.adoption import compare, create, django_q
from automation.queue import stock_times
from automation.tests.factories import ProcessFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)  # Five days before clocks go back in Berlin.
GREET = "automation.tests.probes.processes.greet"
TOMORROW_0230 = datetime(2026, 10, 21, 0, 30, tzinfo=UTC)  # in Berlin


class Croniter:
    """A stand-in: 02:30 on the wall whenever that is; so does croniter 7 where an hour comes twice."""

    def __init__(self, cron, start):
        self.at = start.astimezone(UTC).replace(second=0, microsecond=0)
        self.zone = start.tzinfo

    @staticmethod
    def is_valid(cron):
        return cron == "30 2 * * *"

    def get_next(self, kind):
        self.at += timedelta(minutes=1)
        while f"{self.at.astimezone(self.zone):%H:%M}" != "02:30":
            self.at += timedelta(minutes=1)
        return self.at.astimezone(self.zone)


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch):
    monkeypatch.setattr(Conf, "TIME_ZONE", "Europe/Berlin")


def only(**columns):
    # In bulk: without croniter, django-q2 saves no CRON row otherwise.
    row = Schedule(**{"func": GREET, "next_run": TOMORROW_0230, **columns})
    Schedule.objects.bulk_create([row])
    [entry] = django_q.read(NOW).found
    return entry


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"schedule_type": "I", "minutes": 45}, "every 45 minutes from 2026-10-21T00:30:00+00:00"),
        ({"schedule_type": "H"}, "every 60 minutes from 2026-10-21T00:30:00+00:00"),
        ({"schedule_type": "D"}, "30 2 * * *"),
        ({"schedule_type": "W"}, "30 2 * * 3"),
        ({"schedule_type": "M"}, "30 2 21 * *"),
        ({"schedule_type": "BM"}, "30 2 21 2,4,6,8,10,12 *"),
        ({"schedule_type": "Q"}, "30 2 21 1,4,7,10 *"),
        ({"schedule_type": "Y"}, "30 2 21 10 *"),
        ({"schedule_type": "O"}, "once 2026-10-21T00:30:00+00:00"),
        ({"schedule_type": "C", "cron": "0 5 * * 1"}, "0 5 * * 1"),
        ({"schedule_type": "C", "cron": "0 5 * * 1", "next_run": None}, "0 5 * * 1"),
    ],
)
def test_each_type_becomes_a_rule_in_the_zone_of_django_q2(columns, rule):
    entry = only(**columns)

    assert not entry.problems
    ours = entry.times.ours
    assert str(ours) in {rule, f"{rule} Europe/Berlin"}
    assert ours.zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"schedule_type": "O", "next_run": NOW}, "at Tue 2026-10-20 12:00 UTC: that is over"),
        ({"schedule_type": "D", "next_run": None}, "no next run to count from"),
        ({"schedule_type": "BW"}, "every two weeks by the clock on the wall"),
        ({"schedule_type": "M", "next_run": datetime(2026, 10, 31, tzinfo=UTC)}, "runs on day 31"),
        ({"schedule_type": "??"}, "There is no type '??'"),
        ({"schedule_type": "C", "cron": None}, "has 0 fields"),
        ({"schedule_type": "C", "cron": "0 0 0 * * *"}, "has 6 fields"),
        ({"schedule_type": "C", "cron": "R R * * *"}, "leaves its times to chance"),
        ({"schedule_type": "C", "cron": "H(0-10) 2 * * *"}, "leaves its times to chance"),
    ],
)
def test_schedule_that_no_rule_says_is_refused(columns, why):
    assert why in refused(**columns)


def refused(**columns):
    [problem] = only(**columns).problems
    return problem


def test_every_two_weeks_is_an_interval_where_clocks_do_not_change(monkeypatch):
    monkeypatch.setattr(Conf, "TIME_ZONE", "Asia/Tehran")

    assert str(only(schedule_type="BW").times.ours).startswith("every 20160 minutes from ")


@pytest.mark.parametrize("kwargs", ["name='Sara', times=2", "{'name': 'Sara', 'times': 2}"])
def test_keyword_arguments_become_parameters(kwargs):
    entry = only(schedule_type="D", kwargs=kwargs, name="Greet Sara")

    assert (entry.name, entry.work.function) == ("greet-sara", "probes.greet")
    assert entry.work.parameters == {"name": "Sara", "times": 2}


def test_options_of_django_q2_do_not_count():
    entry = only(schedule_type="D", kwargs="{'q_options': {'timeout': 3}}")

    assert entry.work.parameters == {}
    assert entry.notes == ("Its q_options, timeout, do not come along.",)


def test_command_called_by_a_schedule_is_that_of_a_process():
    call = "'check', '--fail-level', 'ERROR'"
    entry = only(schedule_type="D", func=django_q.CALL_COMMAND, args=call)

    assert entry.work.function == "probes.check"


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"func": "math.copysign"}, '@process(aliases={"math.copysign"})'),
        ({"args": "'Sara', 2"}, "It gives arguments by position"),
        ({"args": "open('/etc/passwd')"}, "Its arguments cannot be read"),
        ({"kwargs": "name=open('/etc/passwd')"}, "Its keyword arguments cannot be read"),
        ({"kwargs": "**{'name': 'Sara'}"}, "Its keyword arguments cannot be read"),
        ({"kwargs": "**{}, 3"}, "Its keyword arguments cannot be read"),
        ({"kwargs": "{1: 2}"}, "Its keyword arguments cannot be read"),
        ({"kwargs": "{'times': {1, 2}}"}, "probes.greet does not take its arguments"),
        (
            {"func": django_q.CALL_COMMAND, "args": "'clearsessions'", "kwargs": "verbosity=0"},
            'command_process("clearsessions", verbosity=0)',
        ),
        ({"func": django_q.CALL_COMMAND}, "@process(aliases="),
    ],
)
def test_work_that_no_function_does_is_refused(columns, why):
    assert why in refused(schedule_type="D", **columns)


def test_what_a_process_does_not_have_is_told():
    at = TOMORROW_0230 + timedelta(seconds=12)
    more = {"hook": "a.b", "cluster": "slow", "intended_date_kwarg": "day", "repeats": 3}

    told = " ".join(only(schedule_type="D", next_run=at, **more).notes)

    for text in ("3 times more", "hook, a.b", "cluster slow", "as day;", "The 12 s past"):
        assert text in told


@pytest.mark.parametrize("kind", ["D", "O"])
def test_schedule_that_runs_no_more_is_not_adopted(kind):
    assert "repeats are used up there" in refused(schedule_type=kind, repeats=0)


@pytest.mark.parametrize(
    ("columns", "first"),
    [
        ({"schedule_type": "D"}, TOMORROW_0230),
        ({"schedule_type": "H"}, TOMORROW_0230),
        ({"schedule_type": "C", "cron": "30 2 * * *"}, TOMORROW_0230),
        ({"schedule_type": "C", "cron": "30 2 * * *", "next_run": None}, TOMORROW_0230),
        ({"schedule_type": "D", "next_run": TOMORROW_0230 - timedelta(days=9)}, TOMORROW_0230),
        ({"schedule_type": "D", "next_run": TOMORROW_0230 + timedelta(seconds=12)}, TOMORROW_0230),
    ],
)
def test_repeats_that_are_left_are_counted_by_the_process(time_machine, columns, first):
    time_machine.move_to(NOW, tick=False)
    entry = only(repeats=3, **columns)

    process = create(entry)

    runs = list(process.planned_rule.after(NOW))
    assert (process.max_occurrences, process.is_enabled) == (3, False)
    assert (len(runs), runs[0]) == (3, first)
    assert "It runs 3 times more there. A process counts by the clock" in entry.notes[0]


def test_more_repeats_than_a_process_counts_become_an_end(time_machine):
    time_machine.move_to(NOW, tick=False)
    process = create(only(schedule_type="H", repeats=2_000))

    assert process.max_occurrences is None
    assert len(list(process.planned_rule.after(NOW))) == 2_000


def test_old_times_end_with_the_repeats_too():
    comparison = compare(only(schedule_type="D", repeats=2).times, NOW, 5)

    assert comparison.ours == comparison.old
    assert len(comparison.ours) == 2


def test_rows_of_processes_are_not_among_them():
    ProcessFactory(cron="30 7 * * *")

    assert django_q.read(NOW).found == []


def test_daily_schedule_of_django_q2_is_an_hour_off_after_clocks_went_forward():
    back, forward = compare(only(schedule_type="D").times, NOW, 3).at_changes

    assert not back.remark("django-q")
    assert forward.only_ours[:2] == (
        datetime(2027, 3, 28, 1, 0, tzinfo=UTC),  # 03:00: clocks skip 02:30
        datetime(2027, 3, 29, 0, 30, tzinfo=UTC),  # 02:30
    )
    assert forward.only_old[:2] == (
        datetime(2027, 3, 28, 0, 30, tzinfo=UTC),  # 01:30
        datetime(2027, 3, 28, 23, 30, tzinfo=UTC),  # 01:30
    )
    assert "at other times than its rule says, and goes on so." in forward.remark("django-q")


def test_seconds_do_not_make_a_difference():
    at = TOMORROW_0230 + timedelta(seconds=12)
    comparison = compare(only(schedule_type="D", next_run=at).times, NOW, 5)

    assert comparison.ours == comparison.old


def test_interval_is_the_same_over_clock_changes():
    comparison = compare(only(schedule_type="H").times, NOW, 5)

    assert comparison.ours == comparison.old
    assert [at.remark("django-q") for at in comparison.at_changes] == ["", ""]


def test_old_times_of_a_cron_rule_are_croniter_s(monkeypatch):
    monkeypatch.setattr(stock_times, "croniter", Croniter)

    back, _forward = compare(only(schedule_type="C", cron="30 2 * * *").times, NOW, 3).at_changes

    assert back.only_old == (datetime(2026, 10, 25, 1, 30, tzinfo=UTC),)
    assert back.remark("django-q").startswith("django-q runs one time too often. Ours, as cron: ")


@pytest.mark.parametrize("installed", [None, Croniter])
def test_old_times_of_a_cron_rule_are_not_guessed(monkeypatch, installed):
    monkeypatch.setattr(stock_times, "croniter", installed)

    entry = only(schedule_type="C", cron="0 5 L * *")

    assert entry.times.old is None
    assert "When it ran is not known" in entry.notes[0]


def test_times_of_a_schedule_are_those_at_which_django_q2_would_fire_it():
    row = Schedule(schedule_type="W", next_run=TOMORROW_0230)
    first, second = islice(stock_times.stock_times(row, NOW), 2)

    assert first == TOMORROW_0230
    assert second == row.calculate_next_run()
