import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from automation.schedule import CronRule, ScheduleError, cron_from, cron_line
from automation.schedule.zone_changes import changes_of_year
from automation.tests import oracle
from automation.tests.clock_changes import around_a_clock_change, rules
from conftest import ROOT

#: As crontab(5) says them.
NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
AFTER = datetime(2026, 1, 1, tzinfo=UTC)


def refusal(expression: str) -> ScheduleError:
    with pytest.raises(ScheduleError) as refused:
        CronRule(expression, "UTC")
    return refused.value


# Names


@pytest.mark.parametrize("name", NAMES)
def test_name_is_due_as_the_rule_it_stands_for(name):
    named, written = CronRule(name, "Europe/Berlin"), CronRule(NAMES[name], "Europe/Berlin")

    assert named.first(5, after=AFTER) == written.first(5, after=AFTER)
    assert named.words == written.words


def test_name_is_kept_as_it_was_typed():
    rule = CronRule("  @Daily ", "Asia/Tehran")

    assert str(rule) == "@Daily Asia/Tehran"
    assert rule.expression == "@Daily"
    assert rule.next_after(AFTER) == datetime(2026, 1, 1, 20, 30, tzinfo=UTC)


def test_hourly_follows_the_clock_on_the_wall():
    start = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)

    assert [at.hour for at in CronRule("@hourly", "America/New_York").first(3, start)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("@reboot", "@reboot is not a time"),
        ("@Reboot", "@reboot is not a time"),
        ("@noon", "There is no '@noon'. There are @hourly, @daily,"),
        ("@daily 5", "There is no '@daily 5'."),
    ],
)
def test_name_that_is_none_is_refused(rule, says):
    refused = refusal(rule)

    assert says in str(refused)
    assert refused.field == "cron"


def test_reference_has_every_name_and_what_it_stands_for():
    page = (ROOT / "docs/reference/process.md").read_text()
    rows = re.findall(r"^\| (`@.*`) \| `(.*)` \|", page, re.MULTILINE)

    said = {name: rule for names, rule in rows for name in re.findall(r"`(.*?)`", names)}

    assert said == NAMES == cron_line.NAMES


# What cron does otherwise than the library, and what is wrong


@pytest.mark.parametrize(
    ("rule", "same"), [("5-5/2 * * * *", "5 * * * *"), ("0 0 * * mon-1/3", "0 0 * * 1")]
)
def test_step_over_a_range_of_one_leaves_that_one_as_in_cron(rule, same):
    first = [CronRule(text, "UTC").first(3, after=AFTER) for text in (rule, same)]

    assert first[0] == first[1]
    assert CronRule(rule, "UTC").expression == rule  # as it was typed


def test_week_from_sunday_to_sunday_is_no_range_of_one():
    due = CronRule("0 0 * * 0-7/2", "UTC").first(4, after=AFTER)

    assert {f"{at:%a}" for at in due} == {"Sun", "Tue", "Thu", "Sat"}


def test_step_from_a_number_goes_on_to_the_end_of_the_field():
    rule = CronRule("5/15 * * * *", "UTC")

    assert [at.minute for at in rule.first(5, after=AFTER)] == [5, 20, 35, 50, 5]
    assert rule.words == "At minute 5, 20, 35, 50 of every hour"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("0 0 * * fri-mon", "a range goes upwards: write fri-sat,sun-mon in place of fri-mon"),
        ("0 0 * * fri-sun", "a range goes upwards: write fri-sat,sun in place of fri-sun"),
        ("0 22-2 * * *", "write 22-23,0-2 in place of 22-2"),
        ("0 22-2/2 * * *", "write 22,0,2 in place of 22-2/2"),
        ("0 0 * nov-feb *", "write nov-dec,jan-feb in place of nov-feb"),
        ("0 0 * * 7-2", "write 0-2 in place of 7-2"),
        ("61 5 * * 5-7", "the minute is 0-59"),
        ("0 0 * * sunday", "names have three letters: write sun for sunday"),
        ("0 0 ? * 1", "write * in place of ?"),
        ("CRON_TZ=America/New_York 0 2 * * *", "give America/New_York as the time zone"),
        ("25:00", "'25:00' is no time of day: they go from 0:00 to 23:59."),
        ("TZ=UTC 0 2 * * *", "give UTC as the time zone"),
        ("0 0 2 * * *", "Leave out seconds and years."),
    ],
)
def test_reason_names_what_is_wrong(rule, says):
    assert says in str(refusal(rule))


@given(st.integers(0, 23), st.integers(0, 23), st.sampled_from(["", "/2", "/5"]))
@settings(max_examples=50)
def test_what_is_suggested_for_a_range_that_wraps_is_what_was_meant(first, last, step):
    assume(last < first)
    told = str(refusal(f"0 {first}-{last}{step} * * *"))
    suggested = re.search(r"write (\S+) in place of", told)[1]
    meant = [hour % 24 for hour in range(first, last + 25)][:: int(step[1:] or 1)]

    due = CronRule(f"0 {suggested} * * *", "UTC").first(len(meant), after=AFTER)

    assert {at.hour for at in due} == set(meant)


# Several rules


@given(st.lists(rules, min_size=1, max_size=4), around_a_clock_change())
@settings(max_examples=30)
def test_several_rules_are_due_when_one_of_them_is(lines, around):
    zone, start = around
    end = start + timedelta(days=1.5)

    found = list(CronRule("\n".join(lines), zone).between(start, end))

    each = (oracle.runs(line, ZoneInfo(zone), start, end) for line in lines)
    assert found == sorted(set().union(*each))


def test_several_rules_stand_one_a_line_and_blank_lines_do_not_count():
    rule = CronRule("\n 30  7 * * *\n\n@weekly \n", "Asia/Tehran")

    assert rule.expression == "30 7 * * *\n@weekly"
    assert str(rule) == "30 7 * * *\n@weekly Asia/Tehran"
    assert rule.words == "At 07:30; At 00:00, on Sunday"


def test_error_in_one_of_several_rules_says_in_which_line():
    refused = refusal("30 7 * * *\n\n60 7 * * *")

    assert str(refused) == "Line 3: '60 7 * * *' is not a cron rule: the minute is 0-59."
    assert refused.field == "cron"


def test_blank_lines_alone_are_no_rule():
    assert "has 0 fields" in str(refusal("\n \n"))


def test_more_than_twenty_rules_are_refused():
    assert len(CronRule("\n".join(["@daily"] * 20), "UTC").lines) == 20
    assert "There are 21 cron rules; a process follows at most 20." in str(
        refusal("\n".join(["@daily"] * 21))
    )


def test_what_is_no_time_of_day_is_left_as_it_was_typed():
    assert cron_from("25:00\n7:60\n۲۳:۵۹") == "25:00\n7:60\n59 23 * * *"


def test_typed_times_of_day_become_rules_one_a_line():
    assert cron_from("۷:۳۰\n\n 18:00\n0  0 * * ۵") == "30 7 * * *\n0 18 * * *\n0 0 * * 5"


# How long it takes, in steps


@pytest.fixture
def steps(monkeypatch) -> list[str]:
    """What is done to find an occurrence: days that the library looks at."""
    taken: list[str] = []
    original = CronSim.advance_day

    def counted(self):
        taken.append("day")
        return original(self)

    monkeypatch.setattr(CronSim, "advance_day", counted)
    return taken


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tehran", "America/New_York", "Africa/Casablanca"])
def test_rule_of_29_february_is_found_in_few_steps(zone, steps):
    rule = CronRule("0 0 29 2 *", zone)
    steps.clear()
    changes_of_year.cache_clear()

    rule.next_after(datetime(2096, 3, 1, tzinfo=UTC))  # eight years: 2100 is no leap year

    assert len(steps) < 1_000
    assert changes_of_year.cache_info().misses <= 10


@pytest.mark.parametrize("rule", ["0 0 29 2 */3", "* * 29 2 */6", "0 0 * 2 1#5"])
def test_rule_of_a_weekday_on_29_february_is_found_in_bounded_steps(rule, steps):
    rule = CronRule(rule, "America/New_York")
    steps.clear()

    found = rule.first(3, after=datetime(2072, 3, 1, tzinfo=UTC))

    assert len(found) == 3
    assert len(steps) < 100_000
