import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.schedule import (
    CronRule,
    ExcludedDays,
    IntervalRule,
    OnceRule,
    Schedule,
    ScheduleError,
    schedule_from_json,
    zone_names,
)
from automation.tests.clock_changes import rules

START = datetime(2026, 1, 1, tzinfo=UTC)

zones = st.sampled_from(sorted(zone_names()))
instants = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
crons = st.builds(
    CronRule, st.lists(rules | st.just("@daily"), min_size=1, max_size=3).map("\n".join), zones
)
every = st.integers(1, 500_000).map(lambda minutes: timedelta(minutes=minutes))
any_rule = (
    crons | st.builds(IntervalRule, every, instants, zones) | st.builds(OnceRule, instants, zones)
)
days = st.builds(
    lambda first, length, label: ExcludedDays(first, first + timedelta(length), label),
    st.dates(date(2020, 1, 1), date(2025, 1, 1)),
    st.integers(0, 10),
    st.text(max_size=5),
)
schedules = st.builds(
    Schedule,
    any_rule,
    starts=st.none() | st.just(datetime(2025, 1, 1, tzinfo=UTC)),
    ends=st.none() | st.just(datetime(2150, 1, 1, tzinfo=UTC)),
    excluded=st.lists(days, max_size=3),
)
limited = st.builds(
    Schedule, any_rule, starts=st.just(START - timedelta(days=1)), limit=st.integers(1, 9)
)


@given(any_rule | schedules | limited)
@settings(max_examples=100)
def test_what_was_stored_is_read_back(rule):
    read = schedule_from_json(json.loads(json.dumps(rule.as_json())))

    assert read == rule
    assert (str(read), read.words) == (str(rule), rule.words)
    assert read.first(3, after=START) == rule.first(3, after=START)


def test_rules_that_differ_are_not_equal():
    assert CronRule("@daily", "UTC") != CronRule("0 0 * * *", "UTC")
    assert CronRule("@daily", "UTC") != OnceRule(START, "UTC")
    assert len({CronRule("@daily", "UTC"), CronRule("@daily", "UTC")}) == 1


def test_stored_form_stays_as_it_is():
    holiday = ExcludedDays(date(2026, 3, 21), date(2026, 3, 25), "Nowruz")
    rule = CronRule("30 7 * * *\n@weekly", "Asia/Tehran")

    assert Schedule(rule, starts=START, excluded=[holiday], limit=5).as_json() == {
        "version": 1,
        "kind": "schedule",
        "rule": {
            "version": 1,
            "kind": "cron",
            "lines": ["30 7 * * *", "@weekly"],
            "timezone": "Asia/Tehran",
        },
        "starts": "2026-01-01T00:00:00+00:00",
        "ends": None,
        "excluded": [{"first": "2026-03-21", "last": "2026-03-25", "label": "Nowruz"}],
        "limit": 5,
    }
    assert IntervalRule(timedelta(hours=2), START, "UTC").as_json() == {
        "version": 1,
        "kind": "interval",
        "minutes": 120,
        "anchor": "2026-01-01T00:00:00+00:00",
        "timezone": "UTC",
    }
    assert OnceRule(START, "UTC").as_json() == {
        "version": 1,
        "kind": "once",
        "at": "2026-01-01T00:00:00+00:00",
        "timezone": "UTC",
    }


@pytest.mark.parametrize("rule", [CronRule("@daily", "UTC"), OnceRule(START, "UTC")])
def test_zone_that_is_gone_is_refused_by_name(rule):
    for stored in (rule.as_json(), Schedule(rule).as_json()):
        (stored.get("rule") or stored)["timezone"] = "Europe/Atlantis"

        with pytest.raises(ScheduleError, match="'Europe/Atlantis'") as refused:
            schedule_from_json(stored)

        assert refused.value.field == "timezone"


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        (None, "schedule"),
        ([], "schedule"),
        ("@daily", "schedule"),
        ({}, "schedule"),
        ({"version": 2, "kind": "cron", "lines": ["@daily"], "timezone": "UTC"}, "schedule"),
        ({"version": 1, "kind": "moon"}, "schedule"),
        ({"version": 1, "kind": []}, "schedule"),
        ({"version": 1, "kind": "cron", "timezone": "UTC"}, "schedule"),
        ({"version": 1, "kind": "cron", "lines": [5], "timezone": "UTC"}, "schedule"),
        ({"version": 1, "kind": "cron", "lines": ["@daily"], "timezone": []}, "schedule"),
        ({"version": 1, "kind": "cron", "lines": ["@noon"], "timezone": "UTC"}, "cron"),
        ({"version": 1, "kind": "once", "at": "soon", "timezone": "UTC"}, "schedule"),
        ({"version": 1, "kind": "once", "at": "2026-01-01", "timezone": "UTC"}, "at"),
        (
            {"version": 1, "kind": "interval", "minutes": 1e99, "anchor": "", "timezone": "UTC"},
            "schedule",
        ),
    ],
)
def test_what_nobody_can_read_is_refused(stored, field):
    with pytest.raises(ScheduleError) as refused:
        schedule_from_json(stored)

    assert refused.value.field == field


def test_stored_version_of_another_release_is_told():
    with pytest.raises(ScheduleError, match="stored in version 2; only 1 can be read"):
        schedule_from_json({"version": 2, "kind": "cron"})
