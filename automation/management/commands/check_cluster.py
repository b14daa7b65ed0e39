"""`manage.py check_cluster`: whether a node works, for probes."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from automation.management.arguments import number
from automation.models import Node
from automation.reports import as_json


class Command(BaseCommand):
    help = "Exit with 0 where a node was seen within the last seconds, with 1 where none was."
    requires_system_checks = ()  # A probe has to be quick, and qcluster makes the checks.

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seconds", type=number, default=60, metavar="N", help="How long ago at most; 60."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    def handle(self, *args: Any, **options: Any) -> None:
        seconds = options["seconds"]
        if not 0 < seconds <= 86_400:
            told = f"--seconds is {seconds:g}; it must be a number above 0, up to 86400."
            raise CommandError(told, returncode=2)
        nodes, error = _live(seconds)
        if options["json"]:
            self.stdout.write(json.dumps(as_json.nodes(nodes, error), indent=2))
        else:
            self.stdout.write(error or _told(nodes, seconds))
        if not nodes:
            raise SystemExit(1)


def _live(seconds: float) -> tuple[list[Node], str]:
    try:
        return list(Node.objects.live(seconds)), ""
    except Error as error:
        return [], f"The database does not answer, or lacks migrations: {str(error).strip()}"


def _told(nodes: list[Node], seconds: float) -> str:
    if not nodes:
        return f"No node that starts anything was seen in the last {seconds:g} s."
    names = ", ".join(node.name for node in nodes)
    return f"Seen in the last {seconds:g} s: {names}."
