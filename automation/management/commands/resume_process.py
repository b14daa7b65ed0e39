"""`manage.py resume_process`: end the pause of a process, or that of everything."""

from typing import Any

from automation.engine import pausing
from automation.management.execution_command import who
from automation.management.hold_command import HoldCommand, subject_of


class Command(HoldCommand):
    help = "End the pause of a process, or that of everything. What came due stays skipped."

    def handle(self, *args: Any, **options: Any) -> None:
        ended = pausing.resume(subject_of(options["name"]), by_name=who())
        if options["name"]:
            told = f"{options['name']} goes on." if ended else f"{options['name']} was not paused."
        else:
            told = "Not everything is paused any more." if ended else "Not everything was paused."
        self.stdout.write(told)
