"""The output of `adopt`: for people, and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from automation import registry
from automation.adoption import AtChange, Comparison, Found, Reading, Work
from automation.instants import to_minute

#: Differing times around a clock change that are listed at most; JSON has all.
_MOST_LISTED = 6


@dataclass(frozen=True)
class Entry:
    """A line or row that was found, when it runs, and what `--create` did with it.

    `refused`: why `--create` made no process of it.
    """

    found: Found
    comparison: Comparison | None
    is_created: bool = False
    refused: str = ""


def as_json(reading: Reading, entries: Sequence[Entry]) -> dict[str, Any]:
    skipped = [{"number": s.number, "text": s.text, "why": s.why} for s in reading.skipped]
    rows = [_entry_as_json(entry, reading.scheduler) for entry in entries]
    return {
        "scheduler": reading.scheduler,
        "remark": reading.remark,
        "found": rows,
        "skipped": skipped,
    }


def _entry_as_json(entry: Entry, scheduler: str) -> dict[str, Any]:
    found, comparison = entry.found, entry.comparison
    rule = found.times.ours if found.times else None
    changes = comparison.at_changes if comparison else None
    return {
        "number": found.number,
        "text": found.text,
        "name": found.name,
        "label": found.label,
        "function": found.work.function if found.work else None,
        "parameters": _parameters(found.work),
        "columns": found.columns,
        "rule": rule.as_json() if rule else None,
        "ours": _iso(comparison.ours) if comparison else None,
        "old": _iso(comparison.old) if comparison and comparison.old is not None else None,
        "clock_changes": (
            None if changes is None else [_change_as_json(at, scheduler) for at in changes]
        ),
        "notes": found.notes,
        "problems": found.problems,
        "is_created": entry.is_created,
        "refused": entry.refused,
    }


def _parameters(work: Work | None) -> dict[str, Any] | None:
    return registry.masked(work.function, work.parameters) if work else None


def _change_as_json(at: AtChange, scheduler: str) -> dict[str, Any]:
    return {
        "at": at.change.at.isoformat(),
        "minutes": at.change.move // timedelta(minutes=1),
        "only_ours": _iso(at.only_ours),
        "only_old": _iso(at.only_old),
        "goes_on": at.goes_on,
        "remark": at.remark(scheduler),
    }


def _iso(instants: Sequence[datetime]) -> list[str]:
    return [at.isoformat() for at in instants]


def lines(reading: Reading, entries: Sequence[Entry]) -> Iterator[str]:
    if reading.remark:
        yield reading.remark
    for skipped in reading.skipped:
        yield f"{reading.unit} {skipped.number}: {skipped.text} is skipped. {skipped.why}"
    for entry in entries:
        yield ""
        yield f"{reading.unit} {entry.found.number}: {entry.found.text}"
        yield from (f"  {line}".rstrip() for line in _about(entry, reading.scheduler))


def _about(entry: Entry, scheduler: str) -> Iterator[str]:
    found = entry.found
    if found.work and not found.problems:
        label = f" ({found.label})" if found.label else ""
        yield f"Process {found.name}{label}: runs {found.work.function}."
    for problem in found.problems:
        yield f"Cannot be adopted. {problem}"
    yield from found.notes
    if found.times and entry.comparison:
        yield f"{found.times.ours.words} ({found.times.ours.zone.key})"
        yield from _side_by_side(entry.comparison, found.times.ours.zone, scheduler)
        yield from _around_changes(entry.comparison, found.times.ours.zone, scheduler)
    if entry.is_created:
        yield "Created, disabled."
    elif entry.refused:
        yield f"Not created. {entry.refused}"


def _side_by_side(comparison: Comparison, zone: ZoneInfo, scheduler: str) -> Iterator[str]:
    ours, old = comparison.ours, comparison.old
    if old is None:
        yield from (to_minute(at, zone) for at in ours)
        return
    shown = {at: to_minute(at, zone) for at in sorted({*ours, *old})}
    width = max(map(len, shown.values()), default=0)
    yield f"{'ours':{width}}  {scheduler}"
    for at, told in shown.items():
        yield f"{told if at in ours else '-':{width}}  {told if at in old else '-'}"


def _around_changes(comparison: Comparison, zone: ZoneInfo, scheduler: str) -> Iterator[str]:
    if comparison.at_changes is None:
        return
    if not comparison.at_changes:
        yield f"The clocks of {zone.key} do not change: both run at the same times."
    for at in comparison.at_changes:
        direction = "forward" if at.change.move > timedelta(0) else "back"
        when = f"When clocks go {direction}, {to_minute(at.change.at, zone)}"
        yield f"{when}: {at.remark(scheduler) or 'the same times.'}"
        both = sorted({*at.only_ours, *at.only_old})
        for instant in both[:_MOST_LISTED]:
            whose = "ours" if instant in at.only_ours else scheduler
            yield f"  only {whose + ':':{len(scheduler) + 1}} {to_minute(instant, zone)}"
        if len(both) > _MOST_LISTED:
            yield f"  … and {len(both) - _MOST_LISTED} more."
