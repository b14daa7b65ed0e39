"""`manage.py pause_process`: let a process, or everything, not start by itself for a while."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from automation import operations
from automation.instants import naming_zones
from automation.management.execution_command import NOT_POSSIBLE, who
from automation.management.hold_command import HoldCommand, subject_of
from automation.management.waiting import answering_soon
from automation.models import Process, site_zone
from automation.operations import Said
from automation.schedule import ScheduleError, once_from
from automation.why_not import RefusedError


class Command(HoldCommand):
    help = "Let a process, or everything, not start by itself for a while. What runs goes on."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="Why; skipped starts name it.")
        parser.add_argument(
            "--until",
            help='Such as "2026-12-01 08:00", by the clock of the process\'s zone; with --all by that '
            "of the site. Without it: until it is resumed.",
        )

        parser.add_argument(
            "--next",
            action="store_true",
            help="Skip the next start alone; resume_process takes it back until then.",
        )

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        processes = subject_of(options["name"])
        try:
            zone = processes[0].zone if processes else site_zone()
            until = once_from(options["until"], zone.key).at if options["until"] else None
            with answering_soon():
                told = _skipped(processes, options) if options["next"] else None
                told = told or _paused(processes, options["reason"], until)
        except (ScheduleError, RefusedError) as error:
            raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
        for said in told:
            self.stdout.write(said.text)


def _paused(processes: list[Process] | None, why: str, until: datetime | None) -> list[Said]:
    held = operations.PAUSE.do(who(), processes, why=why, until=until)
    return operations.PAUSE.say(held)


def _skipped(processes: list[Process] | None, options: dict[str, Any]) -> list[Said]:
    if processes is None or options["until"]:
        told = "--next is of one process, and goes without --until."
        raise CommandError(told, returncode=NOT_POSSIBLE)
    skipped = operations.SKIP_NEXT.do(who(), processes[0], why=options["reason"])
    return operations.SKIP_NEXT.say(skipped)
