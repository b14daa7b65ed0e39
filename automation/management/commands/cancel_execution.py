"""`manage.py cancel_execution`: stop an execution that waits or runs."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation import operations
from automation.engine.run import foreground
from automation.instants import naming_zones
from automation.management.arguments import number, whole_number
from automation.management.execution_command import (
    NOT_POSSIBLE,
    STILL_WAITING,
    execution_numbered,
    who,
)
from automation.management.waiting import answering_soon
from automation.models import Execution, Status
from automation.reports import as_json
from automation.why_not import RefusedError


class Command(BaseCommand):
    help = (
        "Stop an execution: one that waits at once, one that runs within seconds. Exit code: 0 "
        "cancelled or asked to stop, 1 it ended in another way first, 2 it had ended already, 3 the "
        "wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=whole_number, help="The number of the execution.")
        parser.add_argument(
            "--wait", type=number, metavar="SECONDS", help="Wait so long for a running one to end."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        execution = execution_numbered(options["id"])
        try:
            with answering_soon():
                cancelled = operations.CANCEL.do(who(), execution)
        except RefusedError as error:
            raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
        if not options["json"]:
            for said in operations.CANCEL.say(cancelled):
                self.stdout.write(said.text)
        was_running = not cancelled.is_final
        execution = foreground.wait_for(cancelled, seconds=options["wait"] or 0)
        if options["json"]:
            self.stdout.write(json.dumps(as_json.execution(execution), indent=2))
        elif was_running and execution.is_final:
            self.stdout.write(_told(execution))
        code = _exit_code(execution, waited=options["wait"] is not None)
        if code:
            raise SystemExit(code)


def _told(execution: Execution) -> str:
    return f"{execution}: {execution.get_status_display()}. {execution.reason_in_words}".rstrip()


def _exit_code(execution: Execution, *, waited: bool) -> int:
    if execution.is_final:
        return 0 if execution.status == Status.CANCELLED else 1
    return STILL_WAITING if waited else 0
