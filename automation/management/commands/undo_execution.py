"""`manage.py undo_execution`: take back what a run did."""

from typing import Any

from django.core.management.base import CommandParser

from automation import operations
from automation.management.arguments import whole_number
from automation.management.execution_command import ExecutionCommand, execution_numbered


class Command(ExecutionCommand):
    help = (
        "Put back what an execution changed, where it is still as that left it; the rest is listed. "
        "Exit code: 0 completed or queued, 1 any other end, 2 nothing to undo or no way to, 3 the "
        "wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=whole_number, help="The number of the execution.")
        parser.add_argument("--note", default="", help="Why; the history keeps it.")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        execution = execution_numbered(options["id"])
        self.carry_out(
            options,
            operations.UNDO,
            execution,
            note=options["note"],
        )
