"""Schedules: a rule between a start and an end, so many times, not on excluded days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from automation.schedule import (
    CronRule,
    ExcludedDays,
    IntervalRule,
    OnceRule,
    Rule,
    Schedule,
    ScheduleError,
)
from automation.tests.clock_changes import around_a_clock_change, rules

ZONE = "Asia/Tehran"
DAILY = CronRule("30 7 * * *", ZONE)  # 04:00 UTC
START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NEW_YEAR = ExcludedDays(date(2026, 3, 21), date(2026, 3, 25), "Nowruz")


def at(day: int, hour: int = 4) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def refusal(rule: Rule = DAILY, **limits) -> ScheduleError:
    with pytest.raises(ScheduleError) as refused:
        Schedule(rule, **limits)
    return refused.value


# Start and end


def test_start_counts_and_end_does_not():
    schedule = Schedule(DAILY, starts=at(2), ends=at(4))

    assert schedule.first(9, after=START) == [at(2), at(3)]
    assert schedule.next_after(at(3)) is None


def test_without_limits_a_schedule_is_its_rule():
    schedule = Schedule(DAILY)

    assert schedule.first(9, after=START) == DAILY.first(9, after=START)
    assert str(schedule) == str(DAILY)
    assert schedule.words == DAILY.words
    assert schedule.zone == DAILY.zone


@pytest.mark.parametrize("ends", [START, START - DAY])
def test_end_that_is_not_after_the_start_is_refused(ends):
    refused = refusal(starts=START, ends=ends)

    assert "is not after the start" in str(refused)
    assert refused.field == "ends"


def test_time_without_occurrence_is_refused():
    refused = refusal(starts=at(1, 5), ends=at(2, 3))

    assert str(refused) == "Nothing is due before the end, Fri 2026-01-02 06:30."
    assert refused.field == "ends"


def test_start_after_the_only_occurrence_is_refused():
    refused = refusal(OnceRule(at(1), ZONE), starts=at(2))

    assert str(refused) == "Nothing is due any more: Once, at Thu 2026-01-01 07:30."
    assert refused.field == "starts"


@pytest.mark.parametrize("name", ["starts", "ends"])
@pytest.mark.parametrize(
    ("instant", "says"),
    [
        (datetime(2026, 1, 1), "has no time zone"),  # noqa: DTZ001
        (datetime(2200, 1, 1, tzinfo=UTC), "The year 2200 is not between 1970 and 2199"),
    ],
)
def test_start_or_end_that_is_no_usable_instant_is_refused(name, instant, says):
    refused = refusal(**{name: instant})

    assert says in str(refused)
    assert refused.field == name


# Limit


def test_limit_counts_from_the_start_wherever_one_begins_to_look():
    schedule = Schedule(DAILY, starts=at(2), limit=3)

    assert schedule.first(9, after=START) == [at(2), at(3), at(4)]
    assert schedule.first(9, after=at(3)) == [at(4)]
    assert schedule.next_after(at(4)) is None


def test_limit_does_not_count_what_is_excluded():
    away = ExcludedDays(date(2026, 1, 3), date(2026, 1, 3), "Away")

    assert Schedule(DAILY, starts=at(2), limit=2, excluded=[away]).first(9, START) == [at(2), at(4)]


def test_limit_of_an_interval_counts_from_its_anchor():
    rule = IntervalRule(timedelta(hours=1), at(1), ZONE)

    assert Schedule(rule, limit=2).first(9, after=START) == [at(1), at(1, 5)]


def test_end_before_the_limit_is_reached_ends():
    assert Schedule(DAILY, starts=at(2), ends=at(4), limit=3).first(9, START) == [at(2), at(3)]


@pytest.mark.parametrize("limit", [0, -1, 1_001])
def test_limit_that_is_none_or_too_many_is_refused(limit):
    refused = refusal(starts=START, limit=limit)

    assert str(refused) == f"{limit} times cannot be counted: from 1 to 1000 can."
    assert refused.field == "limit"


def test_limit_of_a_cron_rule_needs_a_start_to_count_from():
    refused = refusal(limit=3)

    assert "give a start" in str(refused)
    assert refused.field == "limit"


# Excluded days


def test_nothing_is_due_on_excluded_days_of_the_zone():
    early = CronRule("0 1 * * *", ZONE)  # 21:30 UTC the day before
    schedule = Schedule(early, excluded=[NEW_YEAR])

    found = schedule.first(2, after=datetime(2026, 3, 19, tzinfo=UTC))

    assert [at.astimezone(ZoneInfo(ZONE)).date() for at in found] == [
        date(2026, 3, 20),
        date(2026, 3, 26),
    ]


def test_what_exclusions_took_away_is_told_with_the_label():
    overlapping = ExcludedDays(date(2026, 3, 25), date(2026, 3, 26), "Rest")
    schedule = Schedule(DAILY, excluded=[NEW_YEAR, overlapping])

    taken = list(schedule.excluded_between(START, START + 365 * DAY))

    assert [(at.day, label) for at, label in taken] == [
        *[(day, "Nowruz") for day in range(21, 26)],
        (26, "Rest"),
    ]


excluded_days = st.lists(
    st.builds(
        lambda day, length: (timedelta(day), timedelta(length)),
        st.integers(-1, 4),
        st.integers(0, 2),
    ),
    max_size=3,
)


@given(rules, around_a_clock_change(), excluded_days, st.integers(0, 3), st.integers(1, 4))
@settings(max_examples=60)
def test_limits_leave_what_one_by_one_is_not_taken(rule, around, days, starts, length):
    zone, begin = around
    assume(begin.year > 1969)
    cron = CronRule(rule, zone)
    excluded = [
        ExcludedDays(begin.date() + day, begin.date() + day + length, "x") for day, length in days
    ]
    starts, ends = begin + starts * DAY, begin + (starts + length) * DAY
    is_out = lambda at: any(at.astimezone(cron.zone).date() in days for days in excluded)  # noqa: E731
    all_of_them = [at for at in cron.between(begin - DAY, begin + 9 * DAY) if starts <= at < ends]
    left = [at for at in all_of_them if not is_out(at)]
    if not left:
        assert refusal(cron, starts=starts, ends=ends, excluded=excluded).field in (
            "ends",
            "excluded",
        )
        return

    schedule = Schedule(cron, starts, ends, excluded)

    assert list(schedule.between(begin - DAY, begin + 9 * DAY)) == left
    taken = [at for at, _label in schedule.excluded_between(begin - DAY, begin + 9 * DAY)]
    assert taken == [at for at in all_of_them if is_out(at)]


def test_day_that_clocks_going_back_show_again_is_not_excluded_with_the_next():
    # At 00:01 of 7 November, St John's went back to 23:01 of the 6th.
    schedule = Schedule(
        CronRule("*/30 * * * *", "America/St_Johns"),
        excluded=[ExcludedDays(date(2010, 11, 7), date(2010, 11, 7))],
    )

    found = schedule.first(3, after=datetime(2010, 11, 7, 2, 0, tzinfo=UTC))

    assert [f"{at.astimezone(schedule.zone):%d %H:%M %z}" for at in found] == [
        "06 23:30 -0330",
        "08 00:00 -0330",
        "08 00:30 -0330",
    ]


def test_excluded_days_that_end_before_they_begin_are_refused():
    with pytest.raises(ScheduleError, match="end on 2026-01-01, before") as refused:
        ExcludedDays(date(2026, 1, 2), date(2026, 1, 1))

    assert refused.value.field == "excluded"


def test_excluded_days_in_far_years_are_refused():
    with pytest.raises(ScheduleError, match="The year 9999"):
        ExcludedDays(date(2026, 1, 2), date.max)


def test_exclusions_of_everything_until_the_end_are_refused():
    refused = refusal(
        starts=at(2), ends=at(4), excluded=[ExcludedDays(date(2025, 1, 1), date(2030, 1, 1))]
    )

    assert (
        str(refused) == "Excluded days take every occurrence until the end, Sun 2026-01-04 07:30."
    )
    assert refused.field == "excluded"


@pytest.mark.parametrize("rule", ["* * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 29 2 */3"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Africa/Casablanca"])
def test_exclusions_of_centuries_are_refused_and_not_looked_through(rule, zone):
    ever = ExcludedDays(date(1970, 1, 1), date(2199, 12, 31))

    refused = refusal(CronRule(rule, zone), starts=START, excluded=[ever])

    assert str(refused) == "Excluded days take every occurrence within the next 50 years."
    assert refused.field == "excluded"


def test_behind_exclusions_a_rule_is_asked_again_and_not_through_them(monkeypatch):
    rule = CronRule("* * * * *", ZONE)
    looked_at: list[datetime] = []
    after = rule.after

    def counted(instant):
        for occurrence in after(instant):
            looked_at.append(occurrence)
            yield occurrence

    monkeypatch.setattr(rule, "after", counted)
    rest = [ExcludedDays(date(year, 1, 1), date(year, 12, 30)) for year in range(2026, 2060)]
    schedule = Schedule(rule, excluded=rest)
    looked_at.clear()

    assert schedule.next_after(datetime(2026, 2, 1, tzinfo=UTC)).year == 2026
    assert len(looked_at) < 10


# Why nothing is due


@pytest.mark.parametrize(
    ("limits", "says", "field"),
    [
        ({"ends": at(9)}, "The schedule ended at Fri 2026-01-09 07:30.", "ends"),
        (
            {"starts": at(1), "limit": 2},
            "All occurrences are over: the last was at Fri 2026-01-02 07:30.",
            "limit",
        ),
        (
            {"ends": at(22), "excluded": [ExcludedDays(date(2026, 1, 15), date(2026, 1, 31))]},
            "Excluded days take every occurrence until the end, Thu 2026-01-22 07:30.",
            "excluded",
        ),
        ({"ends": at(20, 1)}, "Nothing is due before the end, Tue 2026-01-20 04:30.", "ends"),
    ],
)
def test_schedule_says_why_nothing_comes_any_more(limits, says, field):
    silence = Schedule(DAILY, **limits).silence_after(at(19, 5))

    assert str(silence) == says
    assert silence.field == field


def test_schedule_that_goes_on_is_not_silent():
    assert Schedule(DAILY, ends=at(20, 5)).silence_after(at(19, 5)) is None


def test_single_occurrence_that_is_over_is_said():
    silence = Schedule(OnceRule(at(1), ZONE)).silence_after(at(1))

    assert str(silence) == "Nothing is due any more: Once, at Thu 2026-01-01 07:30."
    assert silence.field == "schedule"


# Words


def test_words_say_every_limit():
    schedule = Schedule(DAILY, starts=at(1), ends=at(30), excluded=[NEW_YEAR], limit=5)

    assert schedule.words == (
        "At 07:30; from Thu 2026-01-01 07:30; before Fri 2026-01-30 07:30; 5 times; not on: Nowruz"
    )


def test_words_are_in_the_active_language():
    schedule = Schedule(DAILY, starts=at(1), ends=at(30), limit=5)

    with translation.override("fa"):
        words = schedule.words.replace("\u200e", "")  # marks that keep a date in one piece
    assert words.endswith("؛ از پنجشنبه 2026/1/1 07:30؛ پیش از جمعه 2026/1/30 07:30؛ 5 بار")


def test_text_of_a_schedule_says_all_that_matters_to_when_it_is_due():
    single = ExcludedDays(date(2026, 1, 3), date(2026, 1, 3), "Away")
    schedule = Schedule(DAILY, starts=at(1), ends=at(30), excluded=[NEW_YEAR, single], limit=5)

    assert str(schedule) == (
        "30 7 * * * Asia/Tehran, starts 2026-01-01T04:00:00+00:00, ends 2026-01-30T04:00:00+00:00, "
        "excluded 2026-01-03 2026-03-21..2026-03-25 Asia/Tehran, limit 5"
    )
