"""What the words of a rule say is compared with when it is due, by a reader of these words alone."""

import re
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from automation.schedule import CronRule
from automation.schedule.cron_line import CronLine
from automation.tests import oracle

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August"]
MONTHS += ["September", "October", "November", "December"]
ORDINALS = ["first", "second", "third", "fourth", "fifth"]
DAY = timedelta(days=1)


# The reader


def reads(words: str, at: datetime) -> bool:
    """Whether the words say that something is due at a time of the wall clock."""
    clauses = re.split(r", (?=on |in )", words)
    months = [clause for clause in clauses[1:] if clause.startswith("in ")]
    days = [clause for clause in clauses[1:] if clause.startswith("on ")]
    assert len(months) <= 1 >= len(days), words
    return (
        _time(clauses[0], at.hour * 60 + at.minute)
        and all(_day(clause.removeprefix("on "), at) for clause in days)
        and all(at.month in _named(clause.removeprefix("in "), MONTHS) for clause in months)
    )


def _time(said: str, minute: int) -> bool:
    if found := re.fullmatch(r"At ((?:\d\d:\d\d(?:, )?)+)", said):
        return minute in map(_clock, found[1].split(", "))
    if found := re.fullmatch(r"At minute (.+) of (?:every hour|hour (.+))", said):
        hours = _numbers(found[2]) if found[2] else set(range(24))
        return minute % 60 in _numbers(found[1]) and minute // 60 in hours
    found = re.fullmatch(r"Every (\d+ )?(minute|hour)s?(?: from (\S+)(?: to (\S+))?)?", said)
    assert found, said
    step = int(found[1] or 1) * (60 if found[2] == "hour" else 1)
    first = _clock(found[3]) if found[3] else 0
    last = _clock(found[4]) if found[4] else 24 * 60
    is_round = found[4] is None  # without an end it goes on over midnight: the step must fit
    assert not is_round or (24 * 60 % step == 0 and first < step), said
    return first <= minute <= last and (minute - first) % step == 0


def _clock(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def _numbers(text: str) -> set[int]:
    if found := re.fullmatch(r"(\d+), (\d+), (\d+) … (\d+)", text):
        first, second, third, last = map(int, found.groups())
        assert second - first == third - second
        assert (last - first) % (second - first) == 0
        return set(range(first, last + 1, second - first))
    spans = [list(map(int, part.split(" to "))) for part in text.split(", ")]
    return {number for span in spans for number in range(span[0], span[-1] + 1)}


def _named(text: str, names: list[str]) -> set[int]:
    """Counted from 1."""
    found: set[int] = set()
    for part in text.split(", "):
        first, last = (names.index(name) for name in (part.split(" to ") * 2)[:2])
        found |= {(first + n) % len(names) + 1 for n in range((last - first) % len(names) + 1)}
    return found


def _day(said: str, at: datetime) -> bool:
    both = said.split(" if that is ")
    if len(both) == 2:
        return all(_day(half, at) for half in both)
    days, of_month, weekday = said.rpartition(" of the month or on ")
    if of_month:
        return _of_month(days, at) or _weekday(weekday, at)
    if said.endswith(" of the month") and re.match(r"day|the last (day|weekday)", said):
        return _of_month(said.removesuffix(" of the month"), at)
    return _weekday(said, at)


def _of_month(said: str, at: datetime) -> bool:
    last = (at.replace(day=28) + 4 * DAY).replace(day=1) - DAY
    weekday = last
    while weekday.weekday() > 4:
        weekday -= DAY
    fixed = {"the last day": last.day, "the last weekday (Monday to Friday)": weekday.day}
    return any(
        at.day == fixed[part] if part in fixed else at.day in _numbers(part.removeprefix("day "))
        for part in said.split(" or ")
    )


def _weekday(said: str, at: datetime) -> bool:
    for part in said.split(" or "):
        if found := re.fullmatch(r"the (\w+) (\w+) of the month", part):
            number = ORDINALS.index(found[1]) + 1 if found[1] != "last" else None
            is_nth = (
                (at + 7 * DAY).month != at.month if number is None else number == (at.day + 6) // 7
            )
            if DAYS[at.weekday()] == found[2] and is_nth:
                return True
        elif at.isoweekday() in _named(part, DAYS):
            return True
    return False


# Rules


def terms(low: int, high: int) -> st.SearchStrategy[str]:
    number, step = st.integers(low, high), st.integers(1, 2 * high)
    spans = st.tuples(number, number).map(lambda ends: "{}-{}".format(*sorted(ends)))
    return st.one_of(
        st.just("*"),
        number.map(str),
        spans,
        st.tuples(st.just("*") | spans | number.map(lambda n: f"{n}-{n}"), step).map(
            lambda parts: "{}/{}".format(*parts)
        ),
    )


def fields(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    one = terms(low, high) | st.sampled_from(more) if more else terms(low, high)
    return st.just("*") | st.lists(one, min_size=1, max_size=4).map(",".join)


rules = st.tuples(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), fields(0, 7)).map(
    " ".join
)
rules_beyond_cron = st.tuples(
    *(fields(0, 59), fields(0, 23), fields(1, 28, "L", "LW"), fields(1, 12)),
    fields(0, 7, "1#1", "3#2", "0#5", "7#4", "5L", "0L"),
).map(" ".join)
#: Near one another, so that what a rule says of neighbours is compared.
instants = st.tuples(
    st.dates(datetime(2024, 1, 1).date(), datetime(2027, 12, 31).date()),  # noqa: DTZ001
    st.integers(0, 24 * 60 - 1),
).map(lambda parts: datetime.combine(parts[0], datetime.min.time()) + timedelta(minutes=parts[1]))


def is_due(rule: str, at: datetime) -> bool | None:
    """Whether a rule is due at an instant; None for a rule that never comes due."""
    try:
        return CronLine(rule).is_due_at(at)
    except ValueError:
        return None


@given(rules, st.lists(instants, min_size=5, max_size=5))
@example("*/90 * * * *", [datetime(2026, 1, 1, 1, 30)])  # noqa: DTZ001
@example("0 8 */2 * 1", [datetime(2026, 1, 5, 8), datetime(2026, 1, 3, 8)])  # noqa: DTZ001
@example("0 8 *,15 * 1", [datetime(2026, 1, 15, 8)])  # noqa: DTZ001
@example("0 8 1 * */3", [datetime(2026, 1, 1, 8)])  # noqa: DTZ001
@example("5-5/2 * * * *", [datetime(2026, 1, 1, 0, 7)])  # noqa: DTZ001
@example("0 8 * * 0-7/2", [datetime(2026, 1, 6, 8)])  # noqa: DTZ001
@settings(max_examples=150)
def test_words_say_when_cron_is_due_and_nothing_else(rule, moments):
    if is_due(rule, moments[0]) is None:
        return
    words, cron = CronRule(rule, "UTC").words, oracle.Cron(rule)
    first = CronLine(rule).after(datetime(2026, 1, 1).astimezone(), CronRule(rule, "UTC").zone)
    due = next(first).replace(tzinfo=None)
    near = [due, *(due + timedelta(minutes=m) for m in (-61, -60, -1, 1, 2, 30, 60, 1440, 10080))]

    for at in [*moments, *near]:
        assert reads(words, at) == cron.matches(at), (words, at)


@given(rules_beyond_cron, st.lists(instants, min_size=5, max_size=5))
@settings(max_examples=80)
def test_words_say_what_the_last_and_the_nth_day_mean(rule, moments):
    if is_due(rule, moments[0]) is None:
        return
    words = CronRule(rule, "UTC").words
    days = [moments[0].replace(day=1) + number * DAY for number in range(20, 31)]

    for at in [*moments, *days]:
        assert reads(words, at) == is_due(rule, at), (words, at)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/90 * * * *", "Every hour"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:45, on Monday to Friday"),
        ("*/7 * * * *", "At minute 0, 7, 14 … 56 of every hour"),
        ("30 7 * * *", "At 07:30"),
        ("0 */2 * * *", "Every 2 hours from 00:00"),
        ("0 */5 * * *", "At 00:00, 05:00, 10:00, 15:00, 20:00"),
        ("0 8 1 * 1", "At 08:00, on day 1 of the month or on Monday"),
        ("0 8 *,15 * 1", "At 08:00, on Monday"),
        ("0 8 1-7 * */7", "At 08:00, on day 1 to 7 of the month if that is Sunday"),
        ("0 0 L 11,12,1 *", "At 00:00, on the last day of the month, in November to January"),
        ("0 0 * * 6,0-3", "At 00:00, on Saturday to Wednesday"),
    ],
)
def test_words_are_short(rule, words):
    assert CronRule(rule, "UTC").words == words
