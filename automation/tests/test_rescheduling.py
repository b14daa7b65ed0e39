"""The instant from which an edited schedule is in force."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from automation.engine.start.rescheduling import From, question_about_today, take_over
from automation.models import Execution, Process
from automation.queue import schedules
from automation.schedule import CronRule, OnceRule
from automation.tests.factories import ProcessFactory

TEHRAN = "Asia/Tehran"
#: In Tehran.
MORNING, NOON = (datetime(2026, 6, 10, hour, tzinfo=UTC) - timedelta(hours=3.5) for hour in (6, 12))
TOMORROW = datetime(2026, 6, 10, 20, 30, tzinfo=UTC)


def rule(cron: str) -> CronRule:
    return CronRule(cron, TEHRAN)


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def edited(process: Process, answer: str = "", **changes) -> Process:
    """What an edit makes of a stored process."""
    new = Process.objects.get(pk=process.pk)
    for name, value in changes.items():
        setattr(new, name, value)
    take_over(new, Process.objects.get(pk=process.pk), answer)
    new.save()
    return new


@pytest.mark.parametrize(
    ("old", "new", "is_twice"),
    [
        ("0 8 * * *", "0 20 * * *", True),
        ("0 20 * * *", "0 8 * * *", False),
        ("0 8 * * *", "0 9 * * *", None),  # both have passed
        ("0 20 * * *", "0 21 * * *", None),  # both come
        ("0 8,20 * * *", "0 9,21 * * *", None),
        ("0 8,20 * * *", "0 9 * * *", None),  # today had one
        ("0 * * * *", "*/5 * * * *", None),
        ("0 8 * * *", "0 8 * * *", None),
        ("0 8 * * 1", "0 20 * * 1", None),  # neither is of today
    ],
)
def test_edit_asks_only_where_today_would_run_twice_or_not_at_all(old, new, is_twice):
    question = question_about_today(rule(old), rule(new), NOON)

    assert (question.is_twice if question else None) is is_twice


def test_today_is_that_of_the_new_zone():
    old, new = CronRule("0 8 * * *", TEHRAN), CronRule("0 20 * * *", "Pacific/Auckland")

    # It is 20:30 there, and 04:30 UTC of the same day was 16:30.
    assert question_about_today(old, new, NOON) is None
    question = question_about_today(old, CronRule("0 21 * * *", "Pacific/Auckland"), NOON)
    assert question.is_twice
    assert question.tomorrow == datetime(2026, 6, 10, 12, tzinfo=UTC)


def test_nothing_is_asked_where_the_new_schedule_has_nothing_from_tomorrow_on():
    tonight = OnceRule(NOON + timedelta(hours=8), TEHRAN)

    assert question_about_today(rule("0 8 * * *"), tonight, NOON) is None


def test_process_that_was_off_or_new_asks_nothing():
    assert question_about_today(None, rule("0 20 * * *"), NOON) is None
    assert question_about_today(rule("0 8 * * *"), None, NOON) is None


@pytest.mark.django_db
def test_from_tomorrow_the_old_rule_holds_until_midnight_in_the_zone(at_noon):
    process = ProcessFactory(cron="0 20 * * *", timezone=TEHRAN)

    new = edited(process, From.TOMORROW, cron="0 8 * * *")

    assert new.rule_from == TOMORROW
    assert [at.hour for at in new.rule.first(2, NOON)] == [16, 4]  # 20:00, then 08:00
    assert schedules.next_run_of(new.pk) == NOON + timedelta(hours=8)


@pytest.mark.django_db
@pytest.mark.parametrize("answer", [From.TODAY, From.TOMORROW])
def test_edit_never_starts_anything_by_itself(at_noon, answer):
    process = ProcessFactory(cron="0 20 * * *", timezone=TEHRAN)

    new = edited(process, answer, cron="0 8 * * *")

    assert schedules.next_run_of(new.pk) > NOON
    assert not Execution.objects.exists()


@pytest.mark.django_db
def test_later_edit_replaces_what_was_to_begin_tomorrow(at_noon):
    stored = ProcessFactory(cron="0 20 * * *", timezone=TEHRAN)
    process = edited(stored, From.TOMORROW, cron="0 8 * * *")

    again = edited(process, From.TOMORROW, cron="0 9 * * *")

    assert [at.hour for at in again.rule.first(2, NOON)] == [16, 5]
    assert again.former_rule == rule("0 20 * * *").as_json()
    assert edited(again, From.TODAY, cron="0 22 * * *").former_rule is None


@pytest.mark.django_db
def test_another_edit_keeps_the_answer_until_it_has_passed(at_noon):
    process = ProcessFactory(cron="0 20 * * *", timezone=TEHRAN)
    edited(process, From.TOMORROW, cron="0 8 * * *")

    assert edited(process, description="of today").rule_from == TOMORROW
    with time_machine.travel(TOMORROW + timedelta(hours=1)):
        assert schedules.next_run_of(process.pk) < TOMORROW
        # What was due at 20:00 waits to be started: another rule would lose it.
        assert edited(process, description="while it is due").rule_from == TOMORROW
        schedules.move_on(process.pk, process.rule.next_after(TOMORROW + timedelta(hours=1)))
        cleaned = edited(process, description="later")
    assert (cleaned.former_rule, cleaned.rule_from) == (None, None)
    assert cleaned.rule == rule("0 8 * * *")


@pytest.mark.django_db
def test_former_rule_that_cannot_be_read_any_more_does_not_hold_up_the_newest(at_noon):
    process = ProcessFactory(cron="0 8 * * *", timezone=TEHRAN)
    process.former_rule, process.rule_from = {"version": 0}, TOMORROW

    assert process.rule == rule("0 8 * * *")


@pytest.mark.django_db
def test_today_too_lets_the_new_rule_hold_at_once(at_noon):
    process = ProcessFactory(cron="0 8 * * *", timezone=TEHRAN)

    new = edited(process, From.TODAY, cron="0 20 * * *")

    assert (new.former_rule, new.rule_from) == (None, None)
    assert schedules.next_run_of(new.pk) == NOON + timedelta(hours=8)
