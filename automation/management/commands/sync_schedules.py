"""`manage.py sync_schedules`: repair django-q2's Schedule rows."""

from typing import Any

from django.core.management.base import BaseCommand

from automation.engine.upkeep.repairing import repair_all
from automation.instants import naming_zones, to_minute
from automation.management.waiting import answering_soon


class Command(BaseCommand):
    help = "Make django-q2's Schedule rows what the processes say, and say what was changed."

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        with answering_soon():
            changes = repair_all()
        for change in changes:
            when = f", next run {to_minute(change.next_run)}" if change.next_run else ""
            self.stdout.write(f"{change.name}: {change.what}{when}")
        if not changes:
            self.stdout.write("Every schedule is as it should be.")
