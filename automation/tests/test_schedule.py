import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.schedule import CronRule, ScheduleError, zone_named, zones
from automation.tests import oracle
from automation.tests.clock_changes import around_a_clock_change, rules


@given(rules, around_a_clock_change())
@settings(max_examples=120)
def test_occurrences_around_clock_changes_are_those_of_debian_cron(rule, around):
    zone, start = around
    end = start + timedelta(days=2.5)

    found = list(CronRule(rule, zone).between(start, end))

    assert found == oracle.runs(rule, ZoneInfo(zone), start, end)


@given(rules, st.sampled_from(["UTC", "Asia/Tehran", "Asia/Kathmandu"]), st.integers(0, 10**6))
@settings(max_examples=50)
def test_occurrences_on_ordinary_days_are_those_of_debian_cron(rule, zone, minute):
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    end = start + timedelta(days=3)

    found = list(CronRule(rule, zone).between(start, end))

    assert found == oracle.runs(rule, ZoneInfo(zone), start, end)


@given(rules, around_a_clock_change(), st.integers(0, 60 * 24), st.integers(0, 999_999))
@settings(max_examples=100)
def test_occurrences_do_not_depend_on_where_one_begins_to_look(rule, around, minutes, microsecond):
    zone, start = around
    later = start + timedelta(minutes=minutes, microseconds=microsecond)

    from_start = CronRule(rule, zone).between(start, start + timedelta(days=2))
    from_later = CronRule(rule, zone).between(later, start + timedelta(days=2))

    assert [at for at in from_start if at > later] == list(from_later)


@given(rules, around_a_clock_change())
@settings(max_examples=100)
def test_occurrences_come_in_order_and_are_whole_minutes_in_utc(rule, around):
    zone, start = around

    found = CronRule(rule, zone).first(20, after=start)

    assert all(earlier < later for earlier, later in pairwise([start, *found]))
    assert {(at.tzinfo, at.second, at.microsecond) for at in found} == {(UTC, 0, 0)}


def local(rule: str, zone: str, after: str, count: int) -> list[str]:
    occurrences = CronRule(rule, zone).first(count, after=datetime.fromisoformat(after))
    return [at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M %z") for at in occurrences]


def test_fixed_time_in_a_skipped_hour_runs_at_once_after_it():
    assert local("30 2 * * *", "America/New_York", "2026-03-08T00:00-05:00", 2) == [
        "03-08 03:00 -0400",
        "03-09 02:30 -0400",
    ]


def test_fixed_time_in_a_repeated_hour_runs_on_its_first_pass_only():
    assert local("30 1 * * *", "America/New_York", "2026-11-01T00:00-04:00", 2) == [
        "11-01 01:30 -0400",
        "11-02 01:30 -0500",
    ]


def test_wildcard_rule_runs_in_both_passes_of_a_repeated_half_hour():
    # Lord Howe Island moves its clocks by 30 minutes.
    assert local("*/15 * * * *", "Australia/Lord_Howe", "2026-04-05T01:31+11:00", 5) == [
        "04-05 01:45 +1100",
        "04-05 01:30 +1030",
        "04-05 01:45 +1030",
        "04-05 02:00 +1030",
        "04-05 02:15 +1030",
    ]


def test_day_that_a_zone_left_out_has_no_occurrence():
    # Samoa crossed the date line: 30 December 2011 never was.
    assert local("0 9 * * *", "Pacific/Apia", "2011-12-29T00:00-10:00", 2) == [
        "12-29 09:00 -1000",
        "12-31 09:00 +1400",
    ]


def test_rule_due_once_in_many_years_is_found():
    assert CronRule("0 0 29 2 *", "Asia/Tehran").next_after(datetime(2096, 3, 1, tzinfo=UTC)) == (
        datetime(2104, 2, 28, 20, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("0 0 31 2 *", "'0 0 31 2 *' never comes due: no such date."),
        ("0 0 30,31 2 *", "never comes due"),
        ("0 0 31 4,6,9,11 *", "never comes due"),
        ("0 0 0 1 1 *", "has 6 fields"),
        ("0 0 * *", "has 4 fields"),
        ("", "has 0 fields"),
        ("60 0 * * *", "'60 0 * * *' is not a cron rule: the minute is 0-59."),
        ("0 24 * * *", "the hour is 0-23"),
        (
            "0 0 32 * *",
            "'0 0 32 * *' is not a cron rule: the day of the month is 1-31, or L for the last.",
        ),
        ("0 0 * 13 *", "the month is 1-12"),
        ("0 0 * * 8", "the day of the week is 0-7"),
        ("every day at noon please", "is not a cron rule"),
        ("*/0 * * * *", "is not a cron rule"),
        ("۷ ۳۰ * * *", "is not a cron rule"),
    ],
)
def test_rule_that_cannot_be_followed_is_refused_with_the_reason(rule, says):
    with pytest.raises(ScheduleError) as refused:
        CronRule(rule, "UTC")

    assert says in str(refused.value)
    assert refused.value.field == "cron"


@pytest.mark.parametrize("name", ["Asia/Teheran", "", "../etc/passwd", "asia/tehran", "+03:30"])
def test_zone_that_does_not_exist_is_refused_by_name(name):
    with pytest.raises(ScheduleError, match="time zone") as refused:
        zone_named(name)

    assert repr(name) in str(refused.value)
    assert ("Did you mean Asia/Tehran?" in str(refused.value)) == (
        name in {"Asia/Teheran", "asia/tehran"}
    )
    assert refused.value.field == "timezone"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("US/Pacific", "It is an old name of America/Los_Angeles."),
        ("America/Indianapolis", "It is an old name of America/Indiana/Indianapolis."),
        ("Iran", "It is an old name of Asia/Tehran."),
        ("Mars", "Use an IANA name, such as Asia/Tehran. If it is one, this machine lacks it: "),
    ],
)
def test_old_name_of_a_zone_leads_to_the_one_of_now_and_to_no_other(monkeypatch, name, hint):
    left = {zone for zone in zones.zone_names() if zone != name}
    monkeypatch.setattr(zones, "zone_names", lambda: left)

    with pytest.raises(ScheduleError) as refused:
        zone_named(name)

    assert str(refused.value).startswith(f"There is no time zone {name!r}. {hint}")


def test_spaces_around_a_rule_do_not_matter():
    assert str(CronRule("  30\t7  * * * ", "Asia/Tehran")) == "30 7 * * * Asia/Tehran"


def test_words_say_when_in_24_hours():
    assert CronRule("30 19 * * MON-FRI", "UTC").words == "At 19:30, on Monday to Friday"


def test_words_of_every_accepted_rule_are_some_text():
    shuffled = random.Random(1)  # noqa: S311
    for _ in range(50):
        fields = [shuffled.choice(["*", "1", "*/2", "1-3", "1,2"]) for _ in range(5)]
        assert CronRule(" ".join(fields), "UTC").words
