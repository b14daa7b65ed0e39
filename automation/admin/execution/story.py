"""What the page of an execution tells: cause, times, result and log, ready to be shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation import instants
from automation.models import Execution, Kind, Status, Trigger, attempts_of

#: Entries of a result that are shown, and rows and columns of a list in it; the JSON below has all.
ENTRIES_SHOWN, ROWS_SHOWN, COLUMNS_SHOWN = 100, 100, 20

#: What the log can be narrowed to: each level and those above it.
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Moment:
    """One line in the course of a run: what happened, and when."""

    code: str
    name: str
    written: SafeString
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """A list in a result, of objects or of plain values, as a table."""

    title: str
    total: int
    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool


def cause(execution: Execution) -> str:
    """Return a sentence that says what started the execution, or was to start it."""
    who = execution.requested_by_name or _("somebody")
    by_hand = _("Started by hand by %(who)s.")
    if execution.never_began:
        by_hand = _("Asked for by %(who)s; it was not started.")
    sentences = {
        Kind.PREVIEW: _("Preview for %(who)s: whatever it writes is taken back."),
        Kind.UNDO: _("Undoing of execution %(undone)s, asked for by %(who)s."),
        Kind.RUN: by_hand,
    }
    if execution.trigger == Trigger.SCHEDULE:
        return _("It was due by schedule.")
    if execution.trigger == Trigger.RETRY:
        return _retry_cause(execution)
    return sentences[Kind(execution.kind)] % {"who": who, "undone": execution.undo_of_id or "?"}


def _retry_cause(execution: Execution) -> str:
    who = execution.requested_by_name
    if execution.never_began and who:
        return _("Another attempt, asked for by %(who)s; it was not started.") % {"who": who}
    if execution.never_began:
        return _("Another attempt, as its process says; it was not started.")
    if who:
        return _("Tried again by %(who)s.") % {"who": who}
    return _("Tried again by itself, as its process says.")


def attempts(execution: Execution) -> dict[str, Any]:
    """Return the table of attempts and the place of this one; empty where there is only one."""
    found = attempts_of(execution)
    if len(found) == 1:
        return {}
    allowed = execution.process.max_retries + 1 if execution.process else 0
    told = (
        _("Attempt %(number)s of %(count)s")
        if execution.attempt <= allowed
        else _("Attempt %(number)s")
    )
    title = told % {"number": execution.attempt, "count": allowed}
    if execution.never_began:
        title = _("Attempts")
    for one in found:
        one.process = execution.process  # It is known already.
    return {"title": title, "rows": found, "next": _next_of(found)}


def retry_under_way(execution: Execution, found: dict[str, Any]) -> Execution | None:
    """Return the later attempt that waits or runs, if there is one."""
    later = [one for one in found.get("rows", ()) if one.pk > execution.pk and not one.is_final]
    return later[0] if later else None


def is_followed(
    execution: Execution, found: dict[str, Any], undone_by: Iterable[Execution]
) -> bool:
    """Say whether the page may change still: the run, another attempt or its undoing has not ended."""
    about = [execution, *found.get("rows", ()), *undone_by]
    return not all(one.is_final for one in about)


def _next_of(found: list[Execution]) -> Execution | None:
    """Return the attempt that waits for its time, if there is one."""
    return next((one for one in found if waits_until(one)), None)


def waits_until(execution: Execution) -> datetime | None:
    """Return the instant before which no worker takes the execution, where that is in the future."""
    is_early = execution.status == Status.PENDING and execution.available_at > timezone.now()
    return execution.available_at if is_early else None


def course(execution: Execution) -> list[Moment]:
    """Return when the execution was due, recorded, started and ended, and how long it took."""
    moments, zone = [], execution.zone
    if at := execution.scheduled_for:
        due = instants.element(at, instants.to_minute(at, zone))
        moments.append(Moment("due", _("Due"), due, _due_remark(execution)))
    moments.append(Moment("recorded", _("Recorded"), _second(execution.created_at, zone)))
    if execution.started_at:
        waited = execution.started_at - max(execution.created_at, execution.available_at)
        remark = _("waited %(time)s") % {"time": instants.length(waited)}
        moments.append(Moment("started", _("Started"), _second(execution.started_at, zone), remark))
    if execution.cancel_requested_at:
        who = _("by %(who)s") % {"who": execution.cancel_requested_by_name or _("somebody")}
        at = execution.cancel_requested_at
        moments.append(Moment("cancelled", _("Cancelled"), _second(at, zone), who))
    if execution.completed_at:
        took = execution.duration
        remark = _("took %(time)s") % {"time": instants.length(took)} if took is not None else ""
        moments.append(Moment("ended", _("Ended"), _second(execution.completed_at, zone), remark))
    return moments


def _second(at: datetime, zone: tzinfo) -> SafeString:
    return instants.element(at, instants.to_second(at, zone))


def _due_remark(execution: Execution) -> str:
    """Say how many times the row stands for, where that is more than one."""
    if execution.occurrences == 1 or execution.scheduled_until is None:
        return ""
    more = execution.occurrences - 1
    told = ngettext(
        "and %(count)s more time, %(until)s", "and %(count)s more times, the last %(until)s", more
    )
    until = instants.to_minute(execution.scheduled_until, execution.zone)
    return told % {"count": number_format(more), "until": until}


def facts_and_tables(result: Any) -> tuple[list[tuple[str, Any]], list[Table]]:
    """Return the plain values of a result, and those of its lists that can be shown as tables."""
    if isinstance(result, list):
        result = {_("result"): result}
    if not isinstance(result, dict):
        return [(_("result"), plain(result))], []
    entries = list(islice(result.items(), ENTRIES_SHOWN))
    tables = [table for name, value in entries if (table := _table(name, value))]
    tabled = {table.title for table in tables}
    facts = [(name, value) for name, value in entries if name not in tabled]
    return [(name, plain(value)) for name, value in facts if not _is_nested(value)], tables


def is_cut(result: Any, tables: list[Table]) -> bool:
    """Say whether the facts and tables of a result leave something out."""
    is_long = isinstance(result, dict) and len(result) > ENTRIES_SHOWN
    return is_long or any(table.is_cut for table in tables)


def plain(value: Any) -> Any:
    """Return a value of JSON as people write it: yes, no, and a dash for nothing."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "–" if value is None or value in ("", []) else value


def _table(name: str, value: Any) -> Table | None:
    if not isinstance(value, list) or not value:
        return None
    is_long = len(value) > ROWS_SHOWN
    if all(isinstance(row, dict) for row in value):
        every = list({column: None for row in value[:ROWS_SHOWN] for column in row})
        columns = every[:COLUMNS_SHOWN]
        rows = [[plain(row.get(column)) for column in columns] for row in value[:ROWS_SHOWN]]
        return Table(name, len(value), columns, rows, is_long or len(every) > len(columns))
    if any(_is_nested(row) for row in value):
        return None
    return Table(name, len(value), [], [[plain(row)] for row in value[:ROWS_SHOWN]], is_long)


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value))


def log_of(execution: Execution, level: str, number: int = 0) -> dict[str, Any]:
    """Return the log lines of this level and above, and how many lines each level would show.

    `number`: without the lines below it, which the page has.
    """
    lines = list(execution.log_lines.all())
    ranks = {name: rank for rank, name in enumerate([*LEVELS, "CRITICAL"])}
    floor = ranks.get(level, 0)
    counts = [
        (name, sum(ranks.get(line.level, 0) >= ranks[name] for line in lines)) for name in LEVELS
    ]
    shown = [line for line in lines if ranks.get(line.level, 0) >= floor and line.number >= number]
    return {"lines": shown, "total": len(lines), "counts": counts, "level": LEVELS[floor % 4]}
