"""`manage.py explain`: why a process does not run now, or did not at another instant."""

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from automation.instants import naming_zones, to_second
from automation.management.execution_command import NOT_POSSIBLE, process_named
from automation.models import Execution, Process
from automation.reports import as_json
from automation.reports.explain import Explanation, StepState, explain
from automation.schedule import ScheduleError, wall_time_from

_MARKS = {StepState.OK: "ok", StepState.BLOCKS: "BLOCKS", StepState.UNKNOWN: "unknown"}


class Command(BaseCommand):
    help = (
        "Say why a process does not run now, or did not run (or will not) at another instant. Exit "
        "code: 0 explained, 2 unknown process or no such time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The name of the process.")
        parser.add_argument(
            "--at",
            help='The instant, such as "2026-11-21 02:30"; now by default. Without an offset it is '
            "a local time of the process's zone.",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @no_translations
    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        process = process_named(options["name"])
        explanation = explain(process, _instant(process, options["at"]))
        if options["json"]:
            self.stdout.write(
                json.dumps(as_json.explanation(explanation), indent=2, ensure_ascii=False)
            )
        else:
            self.stdout.write("\n".join(_lines(explanation)))


def _instant(process: Process, text: str | None) -> datetime | None:
    try:
        return None if text is None else wall_time_from(text, process.zone)
    except ScheduleError as error:
        raise CommandError(f"--at: {error}", returncode=NOT_POSSIBLE) from error


def _lines(explanation: Explanation) -> list[str]:
    verdict = explanation.verdict
    lines = [verdict.text, *([f"  -> {verdict.remedy}"] if verdict.remedy else []), ""]
    for step in explanation.steps:
        lines.append(f"{_MARKS[step.state]:8}{step.title}: {step.text}")
        lines += [f"{'':8}-> {step.remedy}"] if step.remedy else []
    zone = explanation.process.zone
    shown = [_told(execution, zone) for execution in explanation.executions]
    return lines + (["", "Executions:", *shown] if shown else [])


def _told(execution: Execution, zone: Any) -> str:
    at = execution.completed_at or execution.started_at or execution.available_at
    words = (
        f"#{execution.pk}  {execution.status}  {to_second(at, zone)}  {execution.reason_in_words}"
    )
    return f"        {words.rstrip()}"
