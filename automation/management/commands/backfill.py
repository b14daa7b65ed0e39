"""`manage.py backfill`: start times of the past, each once and in order."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from automation import operations
from automation.instants import naming_zones, to_minute
from automation.management.execution_command import NOT_POSSIBLE, process_named, who
from automation.management.waiting import answering_soon
from automation.operations import MOST, Backfilled
from automation.reports import as_json
from automation.reports.missed import Plan, plan
from automation.schedule import ScheduleError, range_from
from automation.why_not import RefusedError

#: Lines of the table that are printed at most; JSON has them all.
SHOWN = 200


class Command(BaseCommand):
    help = (
        "Start the times of the past at which a process was due, or would have been by the rule it "
        "has now: each once, in order, in the workers. Those that succeeded, wait or run are left "
        "alone. Exit code: 0 done, 1 not confirmed or no database, 2 not possible."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The name of the process.")
        told = "Without an offset it is of the zone of the process."
        parser.add_argument("--from", required=True, help=f"ISO time or day. {told}")
        parser.add_argument(
            "--to", required=True, help="ISO time or day; both ends, and a day, count as a whole."
        )
        parser.add_argument(
            "--again", action="store_true", help="Those that succeeded already as well."
        )
        parser.add_argument("--note", default="", help="Why; the history keeps it.")
        parser.add_argument("--dry-run", action="store_true", help="Start nothing, show it all.")
        parser.add_argument(
            "--yes", action="store_true", help=f"Do not ask where there are more than {MOST:,}."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        process = process_named(options["name"])
        try:
            begin, end = range_from(options["from"], options["to"], process.effective_timezone)
            found = plan(process, begin, end, again=options["again"])
            if not options["json"]:
                self._write_table(found)
            done = None if options["dry_run"] else self._start(found, options)
        except (ScheduleError, RefusedError) as error:
            raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
        except OperationalError as error:
            raise CommandError(
                f"The database is busy or away ({str(error).strip()}). Some may be queued: say the "
                "same again, and the rest is."
            ) from error
        if options["json"]:
            started = done.started if done else None
            self.stdout.write(json.dumps(as_json.backfill(found, started), indent=2))
        elif done is None:
            self.stdout.write(_told_of_dry_run(found))
        else:
            for said in operations.BACKFILL.say(done):
                self.stdout.write(said.text)

    def _start(self, found: Plan, options: dict[str, Any]) -> Backfilled:
        try:
            return self._do(found, options, confirmed=options["yes"])
        except RefusedError as error:
            if error.why.code != "not_confirmed":
                raise
            self._ask(len(found.offered), error)
        return self._do(found, options, confirmed=True)

    def _do(self, found: Plan, options: dict[str, Any], *, confirmed: bool) -> Backfilled:
        with answering_soon():
            return operations.BACKFILL.do(
                who(),
                found.process,
                chosen=found.offered,
                again=found.again,
                note=options["note"],
                confirmed=len(found.offered) if confirmed else 0,
            )

    def _ask(self, count: int, error: RefusedError) -> None:
        if not sys.stdin.isatty():
            raise CommandError(f"{error} Say so with --yes.", returncode=1)
        if input(f"Start {count:,} executions? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was started.", returncode=1)

    def _write_table(self, found: Plan) -> None:
        self.stdout.write(f"{found.rule.words} ({found.rule.zone.key})")
        for line in _remarks(found):
            self.stdout.write(line)
        for each in found.occurrences[:SHOWN]:
            local = to_minute(each.at, found.rule.zone)
            before = f"{each.status or 'no record':<10}"
            self.stdout.write(
                f"{local}  {before}  {each.action(again=found.again).replace('_', ' ')}"
            )
        left_out = len(found.occurrences) - SHOWN
        if left_out > 0:
            self.stdout.write(f"… and {left_out:,} more.")


def _remarks(found: Plan) -> list[str]:
    remarks = []
    if found.rule_since:
        since = to_minute(found.rule_since, found.rule.zone)
        remarks.append(f"The rule was another one before {since}: this one is used.")
    if found.pruned_before:
        begin = to_minute(found.pruned_before, found.rule.zone)
        remarks.append(f"The history before {begin} is gone: who knows what ran.")
    return remarks


def _told_of_dry_run(found: Plan) -> str:
    count = len(found.occurrences)
    total = f"of {count:,} {'time' if count == 1 else 'times'}"
    return f"{len(found.offered):,} {total} would be started. Nothing was."
