"""What pause_process and resume_process share: a process, or everything."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation.management.execution_command import NOT_POSSIBLE
from automation.models import Process


class HoldCommand(BaseCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        subject = parser.add_mutually_exclusive_group(required=True)
        subject.add_argument("name", nargs="?", help="The name of the process.")
        subject.add_argument("--all", action="store_true", help="Everything.")


def subject_of(name: str | None) -> list[Process] | None:
    """Return the process of that name; None, which stands for everything, where none is given."""
    if name is None:
        return None
    found = list(Process.objects.filter(name=name))
    if not found:
        raise CommandError(f"There is no process {name!r}.", returncode=NOT_POSSIBLE)
    return found
