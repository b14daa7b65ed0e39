"""`manage.py safe_to_deploy`: what it would do to stop the nodes now and start this code."""

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from automation.cluster.supervisor import END_WITHIN
from automation.instants import name_of, naming_zones, to_minute, to_second
from automation.management.arguments import number
from automation.reports import as_json
from automation.reports.deployment import DeploymentOutlook, look_ahead

#: Minutes, and seconds, that may be given at most.
MOST_MINUTES, LONGEST_WAIT = 1_440, 86_400


class Command(BaseCommand):
    help = (
        "Run it with the code that is to be deployed. Says which runs would be interrupted or waited for, what "
        "falls due soon, which waiting executions this code would refuse, and which processes it "
        "lacks the function of. Exit code: 0 safe, 1 not safe, 2 an option that is none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait",
            type=number,
            default=0,
            metavar="SECONDS",
            help="Wait so long for what runs to end.",
        )
        parser.add_argument(
            "--minutes", type=number, default=5, metavar="N", help="How far to look ahead; 5."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        for name, most in (("minutes", MOST_MINUTES), ("wait", LONGEST_WAIT)):
            if not 0 <= options[name] <= most:
                told = f"--{name} is {options[name]:g}; it must be a number from 0 to {most}."
                raise CommandError(told, returncode=2)
        try:
            outlook = look_ahead(options["minutes"], wait=options["wait"])
        except Error as error:
            raise CommandError(
                f"The database does not answer, or lacks migrations: {str(error).strip()}"
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json.deployment(outlook), indent=2))
        else:
            for line in _lines(outlook):
                self.stdout.write(line)
        if not outlook.is_safe:
            raise SystemExit(1)


def _lines(outlook: DeploymentOutlook) -> Iterator[str]:
    for running in outlook.running:
        told = f"{running.execution}, on {running.execution.node}."
        if running.is_interrupted:
            yield f"Would be interrupted: {told}"
        else:
            until = to_second(running.until, running.execution.zone)
            yield f"The stop would wait, until {until} at the latest: {told}"
    for execution, error in outlook.refused:
        yield f"Waits with parameters that this code refuses: {execution}. {error}"
    for process in outlook.orphaned:
        yield f"Has no function in this code: {process.name} ({process.function})."
    for due in outlook.due:
        zone = due.process.zone
        times = ", ".join(to_minute(at, zone, bare=True) for at in due.instants)
        missed = " It catches nothing up: do not be away then." if due.may_be_missed else ""
        yield f"Falls due: {due.process.name} at {times} ({name_of(zone)}).{missed}"
    yield _of_the_stop(outlook.longest_stop)
    yield "Safe to deploy." if outlook.is_safe else "Not safe to deploy."


def _of_the_stop(longest: float | None) -> str:
    if longest is None:
        return "A stop may take any time: tasks of django-q2 have no time limit (Q_CLUSTER['timeout'])."
    return (
        f"A stop may take {longest + END_WITHIN:g} s by the limits of now: what stops the workers has "
        "to wait as long (systemd: TimeoutStopSec=infinity)."
    )
