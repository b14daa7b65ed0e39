"""`manage.py preview_schedule`: when a schedule comes due, and what an edit would change."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from automation.conf import default_time_zone
from automation.instants import clock, naming_zones, to_minute
from automation.instants import days as days_between
from automation.management.arguments import whole_number
from automation.models import (
    Calendar,
    Holds,
    Process,
    ScheduleKind,
    TriggerType,
    holds_ahead,
)
from automation.reports import as_json
from automation.reports.workers import workers
from automation.schedule import (
    ClockChange,
    Effect,
    Outlook,
    Rule,
    ScheduleError,
    cron_from,
    difference,
    instant_from,
    minutes_from,
    outlook,
)

WEEK = timedelta(days=7)

#: Listed at most: effects of a clock change, and occurrences that an edit changes.
MOST_EFFECTS, MOST_CHANGED = 4, 20


class Command(BaseCommand):
    help = "Show when a schedule comes due, clock changes included, and what an edit would change."

    def add_arguments(self, parser: CommandParser) -> None:
        rule = parser.add_mutually_exclusive_group()
        rule.add_argument("--cron", help='Five fields, such as "30 7 * * *".')
        rule.add_argument("--every", help='An interval, such as "45 minutes".')
        rule.add_argument("--at", help='Once, at a local time such as "2026-12-01 08:00".')
        parser.add_argument("--anchor", help="ISO time from which --every counts; by default now.")
        parser.add_argument("--starts", help="ISO time: the first that counts.")
        parser.add_argument("--ends", help="ISO time: the first that counts no more.")
        parser.add_argument("--calendar", help="Name of a calendar, whose days are left out.")
        parser.add_argument(
            "--process",
            help="Name of a process: its own schedule; with a rule or limits, what they would change.",
        )
        parser.add_argument("--timezone", help="IANA name; by default the one of the site.")
        parser.add_argument(
            "--after",
            help="ISO time to begin after; by default now. Without an offset it is one of the zone.",
        )
        parser.add_argument("--count", type=whole_number, default=5, help="How many; by default 5.")
        parser.add_argument("--json", action="store_true", help="Print a JSON list.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["count"] <= 10_000:
            told = f"--count is {options['count']}; it must be a number from 1 to 10000."
            raise CommandError(told, returncode=2)
        try:
            stored = _process_named(options["process"])
            old = stored.planned_rule if stored else None
            rule = _rule(stored, options)
            after = _instant("after", options, rule.zone.key) or timezone.now()
            seen = outlook(rule, after, options["count"])
        except ScheduleError as error:
            raise CommandError(str(error), returncode=2) from error
        except OverflowError as error:
            raise CommandError("The calendar ends in the year 9999.", returncode=2) from error
        held = holds_ahead([stored])[stored.pk] if stored else Holds([])
        if options["json"]:
            shown = [
                as_json.occurrence(at, rule.zone) | {"hold": as_json.hold(held.at(at))}
                for at in seen.occurrences
            ]
            self.stdout.write(json.dumps(shown, indent=2))
            return
        self._show(rule, seen, held)
        around = workers()
        if stored and around.absence:
            self.stdout.write(f"{around.absence} {around.remedy}")
        if stored and old != rule:
            self._show_edit(old, rule, after)

    def _show(self, rule: Rule, seen: Outlook, held: Holds) -> None:
        self.stdout.write(f"{rule.words} ({rule.zone.key})")
        for at in seen.occurrences:
            effect, hold = seen.effect_on(at), held.at(at)
            notes = [effect.words] if effect else []
            notes += [f"Will be skipped: {hold.in_words}"] if hold else []
            self.stdout.write("   ".join([_line(at, rule), *notes]))
        if not seen.occurrences:
            self.stdout.write("Nothing is due any more.")
        for days in seen.excluded:
            self.stdout.write(
                f"left out: {days_between(days.first, days.last)} {days.label}".rstrip()
            )
        for change, effects in seen.changes:
            self._show_change(change, effects)

    def _show_change(self, change: ClockChange, effects: tuple[Effect, ...]) -> None:
        before, after = change.wall_before, change.wall_after
        self.stdout.write(f"clocks: {to_minute(before, bare=True)} -> {clock(after)}")
        for effect in effects[:MOST_EFFECTS]:
            self.stdout.write(f"  {effect.words}")
        self._show_rest(len(effects) - MOST_EFFECTS)

    def _show_edit(self, old: Rule | None, new: Rule, after: datetime) -> None:
        changed = difference(old, new, after, after + WEEK)
        until = to_minute(changed.compared_until, new.zone)
        self.stdout.write(f"until {until} the edit changes:")
        if changed.is_none:
            self.stdout.write("  nothing")
        for sign, instants in (("-", changed.vanish), ("+", changed.appear)):
            for at in instants[:MOST_CHANGED]:
                self.stdout.write(f"  {sign} {_line(at, new)}")
            self._show_rest(len(instants) - MOST_CHANGED)

    def _show_rest(self, count: int) -> None:
        if count > 0:
            self.stdout.write(f"  and {count} more")


def _process_named(name: str | None) -> Process | None:
    if name is None:
        return None
    process = Process.objects.filter(name=name).first()
    if process is None:
        raise CommandError(f"There is no process {name!r}.", returncode=2)
    return process


def _rule(stored: Process | None, options: dict[str, Any]) -> Rule:
    """Return the schedule that is asked about: that of a process, changed as the options say.

    Raises ScheduleError.
    """
    changes = dict(_changes(stored, options))
    if stored is None and "schedule_kind" not in changes:
        raise CommandError("Give --cron, --every, --at or --process.", returncode=2)
    process = Process.objects.get(pk=stored.pk) if stored else Process()
    for name, value in changes.items():
        setattr(process, name, value)
    if changes:
        process.trigger_type = TriggerType.TIME_BASED
        process.former_rule = process.rule_from = None
        process.settle()
    rule = process.planned_rule
    if rule is None:
        raise CommandError(f"{process.name or 'It'} has no schedule.", returncode=2)
    return rule


def _changes(stored: Process | None, options: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the columns of a process that the options set."""
    zone = options["timezone"] or (stored.effective_timezone if stored else default_time_zone())
    if options["timezone"]:
        yield "timezone", zone
    if options["cron"]:
        yield from {"schedule_kind": ScheduleKind.CRON, "cron": cron_from(options["cron"])}.items()
    if options["every"]:
        yield "schedule_kind", ScheduleKind.INTERVAL
        yield "every", minutes_from(options["every"])
    if options["at"]:
        yield "schedule_kind", ScheduleKind.ONCE
        yield "run_at", instant_from(options["at"], zone)
    for option, column in (("anchor", "anchor"), ("starts", "starts_at"), ("ends", "ends_at")):
        if options[option]:
            yield column, _instant(option, options, zone)
    if options["calendar"]:
        yield "calendar", _calendar_named(options["calendar"])


def _calendar_named(name: str) -> Calendar:
    calendar = Calendar.objects.filter(name=name).first()
    if calendar is None:
        raise CommandError(f"There is no calendar {name!r}.", returncode=2)
    return calendar


def _line(at: datetime, rule: Rule) -> str:
    return f"{to_minute(at, rule.zone)}   {clock(at, UTC)} UTC"


def _instant(option: str, options: dict[str, Any], zone: str) -> datetime | None:
    """Return the instant that was typed; without an offset it is a time of the zone.

    Raises ScheduleError.
    """
    text = options[option]
    if text is None:
        return None
    try:
        return instant_from(text, zone, needs_time=False)
    except ScheduleError as error:
        raise CommandError(f"--{option}: {error}", returncode=2) from error
