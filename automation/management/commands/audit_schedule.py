"""`manage.py audit_schedule`: the proof that every occurrence is accounted for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from automation.instants import naming_zones, span, to_minute
from automation.models import Process
from automation.reports import as_json
from automation.reports.ledger import Finding, Proof, prove
from automation.schedule import ScheduleError, instant_from


class Command(BaseCommand):
    help = (
        "Recompute what was due and match it with the history. Exit code: 0 all is accounted for, "
        "1 something was due without a row (gap), has two (double), or was not due (stray), 2 there "
        "is no such process or time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="A process; all where none is named.")
        parser.add_argument(
            "--since", help="ISO time to begin after, UTC without an offset; else all that is kept."
        )
        parser.add_argument("--json", action="store_true", help="Print a JSON list.")

    @naming_zones()
    def handle(self, *args: Any, **options: Any) -> None:
        since = _instant(options["since"])
        processes = Process.objects.order_by("name")
        if options["name"] is not None:
            processes = processes.filter(name=options["name"])
            if not processes:
                raise CommandError(f"There is no process {options['name']!r}.", returncode=2)
        proofs = [prove(process, since) for process in processes]
        if options["json"]:
            self.stdout.write(json.dumps([as_json.proof(proof) for proof in proofs], indent=2))
        else:
            for line in [line for proof in proofs for line in _lines(proof)]:
                self.stdout.write(line)
        if not all(proof.is_sound for proof in proofs):
            raise SystemExit(1)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return instant_from(text, "UTC", needs_time=False)
    except ScheduleError as error:
        raise CommandError(f"--since: {error}", returncode=2) from error


def _lines(proof: Proof) -> Iterator[str]:
    within = f"after {_shown(proof.since)}, until {_shown(proof.until)}"
    yield f"{proof.process.name}: {proof.occurrences} due {within}"
    if proof.outcomes:
        yield f"  {_counted(proof.outcomes)}"
    if proof.skipped:
        yield f"  skipped: {_counted(proof.skipped)}"
    for finding in proof.findings:
        yield f"  {_in_words(finding)}"
    for begin, end in proof.unreadable:
        yield f"  cannot be proven, its rule cannot be read: {span(begin, end, UTC)}"
    listed = sum(finding.occurrences for finding in proof.findings)
    if proof.counts.total() > listed:
        yield f"  and {proof.counts.total() - listed} more"


def _in_words(finding: Finding) -> str:
    when = _shown(finding.since)
    if finding.until != finding.since:
        when = span(finding.since, finding.until, UTC)
    told = f"{finding.what}: {when}"
    if finding.occurrences > 1:
        told += f", {finding.occurrences} of them"
    if finding.executions:
        told += f" (executions {', '.join(map(str, finding.executions))})"
    return told


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _shown(at: datetime) -> str:
    return to_minute(at, UTC)
