"""What all commands that start an execution share: here or in the workers, and the report."""

import difflib
import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from automation import logs, registry
from automation.database.text import storable
from automation.engine.run import foreground
from automation.engine.run.claims import Claim
from automation.instants import length, naming_zones
from automation.management.arguments import number
from automation.management.waiting import answering_soon
from automation.models import Execution, Process, Status
from automation.operations import Asker, Start
from automation.reports import as_json, changes
from automation.reports.workers import silence_of, why_held, why_it_waits
from automation.why_not import RefusedError

NOT_COMPLETED, NOT_POSSIBLE, STILL_WAITING, NOT_FOLLOWED = 1, 2, 3, 4


class ExecutionCommand(BaseCommand):
    """A command that starts an execution, sees it to its end and reports it."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", action="store_true", help="Let the workers run it.")
        parser.add_argument(
            "--wait",
            type=number,
            metavar="SECONDS",
            help="With --queue: wait so long for its end.",
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object, no more.")

    @naming_zones()
    def carry_out(
        self,
        options: dict[str, Any],
        operation: Start[Any],
        subject: Process | Execution,
        **asked: Any,
    ) -> None:
        """Start an execution here or in the workers, see it to its end and report it."""
        if options["wait"] is not None and not options["queue"]:
            raise CommandError("--wait goes with --queue.", returncode=NOT_POSSIBLE)
        try:
            with logs.only_errors():  # The command itself prints the rest.
                if options["queue"]:
                    with answering_soon():
                        execution = operation.do(who(), subject, **asked)
                    execution = self._await(operation, execution, options)
                else:
                    with answering_soon():
                        execution, held = operation.do_here(who(), subject, **asked)
                    execution = self._run(execution, held, options)
        except RefusedError as error:
            raise CommandError(str(error), returncode=NOT_POSSIBLE) from error
        except OperationalError as error:
            raise CommandError(
                f"The database is busy or away ({str(error).strip()}); look into the history before "
                "you try again."
            ) from error
        self._report(execution, options)

    def _run(self, execution: Execution, held: Claim | None, options: dict[str, Any]) -> Execution:
        if execution.status == Status.PENDING:
            held_by = why_held(execution) or "It waits until an earlier one has ended."
            self._say(options, f"{execution}: {held_by}")
        elif held is not None:
            self._say(options, f"{execution} is running.")
        try:
            return foreground.run_here(execution, held)
        except KeyboardInterrupt:
            execution.refresh_from_db()
            if execution.status == Status.PENDING:
                told = f"{execution} stays queued for the workers. {why_it_waits(execution)}"
                self._say(options, told.rstrip())
            return execution

    def _await(
        self, operation: Start[Any], execution: Execution, options: dict[str, Any]
    ) -> Execution:
        if execution.status == Status.PENDING:
            for said in operation.say(execution):
                self._say(options, said.text)
        try:
            return foreground.wait_for(execution, seconds=options["wait"] or 0)
        except KeyboardInterrupt:
            return execution

    def _say(self, options: dict[str, Any], line: str) -> None:
        if not options["json"]:
            self.stdout.write(line)
            self.stdout.flush()

    def _report(self, execution: Execution, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(as_json.execution(execution), indent=2))
        else:
            self._tell(execution, options)
        code = _exit_code(execution, waited=options["wait"] is not None)
        if code:
            raise SystemExit(code)

    def _tell(self, execution: Execution, options: dict[str, Any]) -> None:
        if not execution.is_final:
            if options["wait"] is not None:
                status = execution.get_status_display()
                why = why_it_waits(execution) or silence_of(execution)
                told = f"{execution} is still {status}; the history will tell. {why}"
                self.stdout.write(told.rstrip())
            return
        if execution.result is not None:
            self.stdout.write(json.dumps(execution.result, indent=2, ensure_ascii=False))
        if execution.traceback:
            self.stderr.write(execution.traceback)
        if execution.after_commit:
            self.stderr.write(execution.error_message)
        took = f" after {length(execution.duration)}" if execution.duration else ""
        status = f"{execution}: {execution.get_status_display()}{took}."
        why = execution.reason_in_words or execution.after_commit_in_words
        self.stdout.write(f"{status} {why}".rstrip())
        self._tell_changes(execution)

    def _tell_changes(self, execution: Execution) -> None:
        """Print the change rows of a preview; those of a run are in the history."""
        rows = changes.of(execution) if execution.is_preview else None
        if rows is None or execution.status != Status.COMPLETED:
            return
        self.stdout.write(f"Nothing was kept. A run would write {rows.counted}:")
        for cells in rows.cells:
            self.stdout.write("  " + "  ".join(map(str, cells)))
        if rows.total > len(rows.rows):
            self.stdout.write(f"  … and {rows.total - len(rows.rows)} more.")


def execution_numbered(number: int) -> Execution:
    execution = Execution.objects.filter(pk=number).first()
    if execution is None:
        raise CommandError(f"There is no execution {number}.", returncode=NOT_POSSIBLE)
    return execution


def process_named(name: str) -> Process:
    stored = storable(name, len(name))
    process = Process.objects.filter(name=stored).first()
    if process is not None:
        return process
    for function in registry.all_functions():
        if name in {function.name, function.key}:
            raise CommandError(
                f"The function {function.key} is there, but no process {name!r} runs it. Create one "
                "in the admin, or by `migrate` if it declares a default rule.",
                returncode=NOT_POSSIBLE,
            )
    known = list(Process.objects.values_list("name", flat=True))
    close = list(Process.objects.filter(label=stored).values_list("name", flat=True)[:1])
    close = close or difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    listed = ", ".join(known) or "none yet; create one in the admin"
    raise CommandError(
        f"There is no process {name!r}.{hint} Known: {listed}.", returncode=NOT_POSSIBLE
    )


def who() -> Asker:
    """Return the name of whoever sits at this terminal."""
    try:
        return Asker(f"{getpass.getuser()} (terminal)")
    except (OSError, KeyError):
        return Asker("terminal")


def _exit_code(execution: Execution, *, waited: bool) -> int:
    if execution.is_final:
        if execution.status != Status.COMPLETED:
            return NOT_COMPLETED
        return NOT_FOLLOWED if execution.after_commit else 0
    return STILL_WAITING if waited else 0
