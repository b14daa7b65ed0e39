"""What comes of a rule."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from automation.schedule import (
    CronRule,
    ExcludedDays,
    IntervalRule,
    Outcome,
    Schedule,
    Succession,
    interval_as_typed,
    interval_from,
    outlook,
)

NEW_YORK = "America/New_York"
START = datetime(2026, 3, 7, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_outlook_has_the_next_two_clock_changes_with_what_they_do():
    seen = outlook(CronRule("30 2 * * *", NEW_YORK), START, 3)

    outcomes = [[effect.outcome for effect in effects] for _change, effects in seen.changes]
    assert outcomes == [[Outcome.MOVED], []]
    assert seen.effect_on(seen.occurrences[0]).words == "02:30 does not exist, runs 03:00"
    assert seen.effect_on(seen.occurrences[1]) is None


def test_clock_change_touches_the_rule_of_a_succession_that_holds_then():
    early, late = CronRule("30 2 * * *", NEW_YORK), CronRule("0 9 * * *", NEW_YORK)

    def touched(begin: datetime) -> list[int]:
        rule = Succession(early, late, begin)
        return [len(effects) for _change, effects in outlook(rule, START, 1).changes]

    assert touched(START) == [0, 0]
    assert touched(START + 30 * DAY) == [1, 0]


def test_excluded_days_are_those_until_the_last_occurrence_in_order():
    days = [ExcludedDays(date(2026, 3, day), date(2026, 3, day), str(day)) for day in (12, 9, 30)]
    rule = Schedule(CronRule("0 9 * * *", NEW_YORK), excluded=days)

    assert [days.label for days in outlook(rule, START, 5).excluded] == ["9", "12"]


def test_excluded_days_of_a_succession_are_of_the_rule_that_holds():
    bare = CronRule("0 9 * * *", NEW_YORK)
    former, later = (
        Schedule(bare, excluded=[ExcludedDays(date(2026, 3, day), date(2026, 3, day), str(day))])
        for day in (9, 12)
    )

    def labels(begin: datetime) -> list[str]:
        seen = outlook(Succession(former, later, begin), START, 8)
        return [days.label for days in seen.excluded]

    assert labels(START + 4 * DAY) == ["9", "12"]
    assert labels(START) == ["12"]
    assert labels(START + 30 * DAY) == ["9"]


@pytest.mark.parametrize(
    ("minutes", "typed"),
    [
        (1, "1 minute"),
        (45, "45 minutes"),
        (60, "1 hour"),
        (90, "1:30"),
        (120, "2 hours"),
        (1441, "24:01"),
        (1440, "1 day"),
        (366 * 1440, "366 days"),
    ],
)
def test_interval_is_shown_as_it_may_be_typed(minutes, typed):
    every = timedelta(minutes=minutes)

    assert interval_as_typed(every) == typed
    assert interval_from(typed) == every
    assert IntervalRule(every, START, "UTC").every == every
    with translation.override("fa"):
        assert interval_from(interval_as_typed(every)) == every
        assert not re.search("[a-z]", interval_as_typed(every))
