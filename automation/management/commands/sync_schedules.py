"""`manage.py sync_schedules`: repair django-q2's Schedule rows."""

from typing import Any

from django.core.management.base import BaseCommand

from automation.engine.upkeep.repairing import repair_all
from automation.management.waiting import answering_soon


class Command(BaseCommand):
    help = "Make django-q2's Schedule rows what the processes say, and say what was changed."

    def handle(self, *args: Any, **options: Any) -> None:
        with answering_soon():
            changes = repair_all()
        for change in changes:
            when = f", next run {change.next_run.isoformat()}" if change.next_run else ""
            self.stdout.write(f"{change.name}: {change.what}{when}")
        if not changes:
            self.stdout.write("Every schedule is as it should be.")
