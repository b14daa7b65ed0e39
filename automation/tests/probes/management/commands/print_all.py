"""Prints in every way there is, and ends as it is told."""

import logging
import subprocess
import sys

from django.core.management.base import BaseCommand, CommandError

ENDS = {
    "well": None,
    "exit 0": SystemExit(0),
    "exit": SystemExit(),
    "exit 256": SystemExit(256),
    "error 0": CommandError("only told", returncode=0),
    "exit 3": SystemExit(3),
    "exit text": SystemExit("no disk"),
    "exit -1": SystemExit(-1),
    "error": CommandError("refused", returncode=4),
}


class Command(BaseCommand):
    def add_arguments(self, parser) -> None:
        parser.add_argument("end", nargs="?", default="well", choices=ENDS)

    def handle(self, *args, end: str, **options) -> None:
        self.stdout.write("by the command")
        print("by Python")  # noqa: T201
        sys.stdout.buffer.write("in bytes: é\n".encode())
        sys.stdout.flush()
        subprocess.run(["sh", "-c", "echo by a child; echo to stderr >&2"], check=True)
        logging.getLogger("talk").info("by logging")
        sys.stdout.write("without an end")
        if error := ENDS[end]:
            raise error
