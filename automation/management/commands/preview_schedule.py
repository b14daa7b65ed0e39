"""`manage.py preview_schedule`: when a cron rule comes due."""

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from automation.conf import default_time_zone
from automation.schedule import CronRule, ScheduleError, cron_from


class Command(BaseCommand):
    help = "Show when a cron rule comes due in a time zone, clock changes included."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--cron", required=True, help='Five fields, such as "30 7 * * *".')
        parser.add_argument("--timezone", help="IANA name; by default the one of new processes.")
        parser.add_argument(
            "--after",
            help="ISO time to begin after; by default now. Without an offset it is one of the zone.",
        )
        parser.add_argument("--count", type=int, default=5, help="How many; by default 5.")
        parser.add_argument("--json", action="store_true", help="Print a JSON list.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rule = CronRule(cron_from(options["cron"]), options["timezone"] or default_time_zone())
        except ScheduleError as error:
            raise CommandError(str(error), returncode=2) from error
        if not 1 <= options["count"] <= 10_000:
            raise CommandError("--count is a number from 1 to 10000.", returncode=2)
        try:
            occurrences = rule.first(options["count"], after=_instant(options["after"], rule))
        except OverflowError as error:
            raise CommandError("The calendar ends in the year 9999.", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(at, rule) for at in occurrences], indent=2))
            return
        self.stdout.write(f"{rule.words} ({rule.zone.key})")
        for at in occurrences:
            self.stdout.write(f"{at.astimezone(rule.zone):%a %Y-%m-%d %H:%M %z}   {at:%H:%M} UTC")


def _as_json(at: datetime, rule: CronRule) -> dict[str, str]:
    return {"at": at.isoformat(), "local": at.astimezone(rule.zone).isoformat()}


def _instant(text: str | None, rule: CronRule) -> datetime:
    """A time without an offset is one of the rule's zone."""
    if text is None:
        return timezone.now()
    try:
        instant = parse_datetime(text)
    except ValueError:
        instant = None
    if instant is None:
        raise CommandError(
            f"--after is {text!r}; write an ISO time such as 2026-03-08T00:00+00:00.", returncode=2
        )
    return instant if instant.tzinfo else instant.replace(tzinfo=rule.zone)
