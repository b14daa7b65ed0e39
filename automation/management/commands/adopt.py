"""`manage.py adopt`: another scheduler's lines or rows, as processes."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from automation.adoption import (
    Found,
    NotAdoptableError,
    Reading,
    celery_beat,
    compare,
    create,
    crontab,
    django_q,
)
from automation.conf import default_time_zone
from automation.instants import naming_zones
from automation.management.adoption_report import Entry, as_json, lines
from automation.management.arguments import whole_number
from automation.management.waiting import answering_soon
from automation.schedule import ScheduleError, zone_named

NOT_ALL, NOT_POSSIBLE = 1, 2

_TABLES = {"celery-beat": celery_beat.read, "django-q": django_q.read}


class Command(BaseCommand):
    help = (
        "Show a crontab, django-celery-beat's rows or django-q2's own Schedules as processes: their "
        "next times, the old scheduler's beside them, and where the two differ when clocks change. "
        "Exit code: 0 all can be adopted, 1 not all, 2 nothing could be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", choices=["crontab", *_TABLES], help="What to read.")
        parser.add_argument("file", nargs="?", help="Of a crontab: the file, or - for the input.")
        parser.add_argument(
            "--user",
            action="store_true",
            help="The crontab names a user in each line, as /etc/crontab does.",
        )
        parser.add_argument(
            "--timezone", help="Of a crontab: IANA name; by default the one of the site."
        )
        parser.add_argument(
            "--count", type=whole_number, default=10, help="How many times; by default 10."
        )
        parser.add_argument(
            "--create", action="store_true", help="Create the processes, switched off."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["count"] <= 100:
            told = f"--count is {options['count']}; it must be a number from 1 to 100."
            raise CommandError(told, returncode=NOT_POSSIBLE)
        now = timezone.now()
        reading = _read(options, now)
        entries = [_entry(found, now, options) for found in reading.found]
        if options["json"]:
            self.stdout.write(json.dumps(as_json(reading, entries), indent=2, ensure_ascii=False))
        else:
            for line in [*lines(reading, entries), "", _summary(entries, options["create"])]:
                self.stdout.write(line)
        if any(entry.found.problems or entry.refused for entry in entries):
            raise SystemExit(NOT_ALL)


def _read(options: dict[str, Any], now: datetime) -> Reading:
    if options["source"] == "crontab":
        return _read_crontab(options)
    for name in ("file", "user", "timezone"):
        if options[name]:
            shown = "FILE" if name == "file" else f"--{name}"
            raise CommandError(f"{shown} goes with crontab.", returncode=NOT_POSSIBLE)
    try:
        return _TABLES[options["source"]](now)
    except (NotAdoptableError, DatabaseError) as error:
        raise CommandError(
            f"{options['source']} cannot be read: {str(error).strip()}", returncode=NOT_POSSIBLE
        ) from error


def _read_crontab(options: dict[str, Any]) -> Reading:
    file, zone = options["file"], options["timezone"] or default_time_zone()
    if not file:
        raise CommandError("Which crontab? Name its file, or - for the input.", returncode=2)
    try:
        zone_named(zone)
        given = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except (OSError, ScheduleError) as error:
        raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
    return crontab.read(given.decode(errors="surrogateescape"), zone, has_user=options["user"])


def _entry(found: Found, now: datetime, options: dict[str, Any]) -> Entry:
    comparison = compare(found.times, now, options["count"]) if found.times else None
    if not options["create"] or found.problems:
        return Entry(found, comparison)
    try:
        with answering_soon():
            create(found)
    except NotAdoptableError as error:
        return Entry(found, comparison, refused=str(error))
    return Entry(found, comparison, is_created=True)


def _summary(entries: list[Entry], may_create: bool) -> str:
    if not entries:
        return "There is nothing to adopt."
    adoptable = [entry for entry in entries if not entry.found.problems]
    told = f"{len(adoptable)} of {len(entries)} can be adopted."
    if not may_create:
        return f"{told} --create makes them, switched off." if adoptable else told
    created = sum(entry.is_created for entry in entries)
    return (
        f"{told} {created} created, switched off: enable them one by one, and remove the old ones."
    )
