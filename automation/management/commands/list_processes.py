"""`manage.py list_processes`: every process, when it runs next and how it went last."""

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from automation.instants import naming_zones, to_minute
from automation.models import Process, coming_of, zone_or_sites
from automation.reports import as_json
from automation.reports.last_runs import with_last_status
from automation.reports.state import with_state
from automation.reports.workers import workers

_COLUMNS = (
    "name",
    "label",
    "trigger",
    "schedule",
    "timezone",
    "next_run",
    "state",
    "last_status",
    "hold",
)


class Command(BaseCommand):
    help = "List the processes with their schedules, next runs and last outcomes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print a JSON list.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        around = workers()
        processes = list(with_state(with_last_status(Process.objects.all())))
        for process in processes:
            process.known = around.known
        comings = coming_of(processes)
        rows = [as_json.process(process, comings[process.pk], around) for process in processes]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
        elif rows:
            self._write_table(rows)
            if around.absence:
                self.stdout.write(f"{around.absence} {around.remedy}")
        else:
            self.stdout.write("There is no process yet. Create one in the admin.")

    def _write_table(self, rows: list[dict[str, Any]]) -> None:
        labelled = any(row["label"] for row in rows)
        columns = [column for column in _COLUMNS if labelled or column != "label"]
        table = [{column: column.replace("_", " ").upper() for column in columns}]
        table += [{column: _cell(row, column) for column in columns} for row in rows]
        widths = {column: max(len(line[column]) for line in table) for column in columns}
        for line in table:
            cells = (line[column].ljust(widths[column]) for column in columns)
            self.stdout.write("  ".join(cells).rstrip())


def _cell(row: dict[str, Any], name: str) -> str:
    if name == "timezone" and row["timezone_is_set"]:
        return f"{row['timezone']} (set)"
    if name == "next_run" and row[name]:
        return to_minute(datetime.fromisoformat(row[name]), zone_or_sites(row["timezone"]))
    return str(row[name] or "-")
