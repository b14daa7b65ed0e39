"""`manage.py resume_process`: end the pause of a process, or that of everything."""

from typing import Any

from automation.engine.end import pausing
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
            ended = pausing.resume(processes, by_name=who())
        if processes is not None:
            told = f"{options['name']} goes on." if ended else f"{options['name']} was not paused."
            for _process, why in pausing.why_still_held(processes):
                before = "Its own pause has ended." if ended else told
                told = f"{before} It still does not start by itself. {why}"
        else:
            told = "Not everything is paused any more." if ended else "Not everything was paused."
        self.stdout.write(told)
