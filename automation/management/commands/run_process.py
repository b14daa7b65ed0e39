"""`manage.py run_process`: run a process in this terminal, or hand it to the workers."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from automation import operations
from automation.management.execution_command import NOT_POSSIBLE, ExecutionCommand, process_named
from automation.models import Process
from automation.parameters import ParameterError


class Command(ExecutionCommand):
    help = (
        "Run a process here, or with --queue in the workers. Exit code: 0 completed or queued, "
        "1 any other end, 2 unknown process or bad parameter, 3 the wait ran out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The name of the process.")
        parser.add_argument(
            "--param",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="A parameter for this run, as plain text; null for none. May be given repeatedly.",
        )
        parser.add_argument("--note", default="", help="Why; the history keeps it.")
        parser.add_argument(
            "--preview",
            action="store_true",
            help="Roll everything back at the end, and print what would have changed.",
        )
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        process = process_named(options["name"])
        self.carry_out(
            options,
            operations.PREVIEW if options["preview"] else operations.RUN,
            process,
            parameters=_parameters(process, options["param"]),
            note=options["note"],
        )


def _parameters(process: Process, pairs: list[str]) -> dict[str, Any]:
    function = process.registered_function
    given: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise CommandError(
                f"--param is {pair!r}; write it as KEY=VALUE.", returncode=NOT_POSSIBLE
            )
        if key in given:
            raise CommandError(f"--param {key} is given twice.", returncode=NOT_POSSIBLE)
        try:
            given[key] = function.parameters.from_text(key, text) if function else text
        except ParameterError as error:
            raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
    return given
