"""`manage.py retry_execution`: try an ended execution again."""

from typing import Any

from django.core.management.base import CommandParser

from automation import operations
from automation.management.arguments import whole_number
from automation.management.execution_command import ExecutionCommand, execution_numbered


class Command(ExecutionCommand):
    help = (
        "Try an execution again that failed, timed out, was cancelled, lost or skipped, with the "
        "parameters it had. Exit code: 0 completed or queued, 1 any other end, 2 nothing to try "
        "again, 3 the wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=whole_number, help="The number of the execution.")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        execution = execution_numbered(options["id"])
        self.carry_out(options, operations.RETRY, execution)
