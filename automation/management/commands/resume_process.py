"""`manage.py resume_process`: end the pause of a process, or that of everything."""

from typing import Any

from automation import operations
from automation.instants import naming_zones
from automation.management.execution_command import who
from automation.management.hold_command import HoldCommand, subject_of
from automation.management.waiting import answering_soon


class Command(HoldCommand):
    help = "End the pause of a process, or that of everything. What came due stays skipped."

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        processes = subject_of(options["name"])
        with answering_soon():
            held = operations.RESUME.do(who(), processes)
        for said in operations.RESUME.say(held):
            self.stdout.write(said.text)
