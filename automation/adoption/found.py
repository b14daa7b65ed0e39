"""What was found in another scheduler, and what of it a process can be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from automation.adoption.names import label_of, name_of
from automation.models.naming import MAX_NAME
from automation.schedule import ClockChange, Rule, ScheduleError

#: Yields the instants after one, as `Rule.after` does.
After = Callable[[datetime], Iterator[datetime]]

T = TypeVar("T")


class NotAdoptableError(ValueError):
    """Why something makes no process, and what to do about it."""


@dataclass(frozen=True)
class Times:
    """`ours`: the rule of the process. `old`: when the old scheduler runs; None: not known.

    `at_once`: how often the old one starts it at one instant, behind a clock change.
    """

    ours: Rule
    old: After | None
    notes: tuple[str, ...] = ()
    at_once: Callable[[ClockChange], int] = lambda change: 1


@dataclass(frozen=True)
class Work:
    """The key of a registered function, and what it is to be called with."""

    function: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A line or row that starts something. `problems`: why it makes no process; empty: it can.

    `columns`: what else of a process is filled in, by column.
    """

    number: int
    text: str
    name: str
    label: str
    times: Times | None
    work: Work | None
    columns: Mapping[str, Any]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Skipped:
    """A line that starts nothing."""

    number: int
    text: str
    why: str


@dataclass(frozen=True)
class Reading:
    """All that a scheduler holds. `unit`: what the numbers count. `remark`: on all of it."""

    scheduler: str
    unit: str
    found: Sequence[Found]
    skipped: Sequence[Skipped] = ()
    remark: str = ""


def found(
    number: int,
    text: str,
    name: str,
    *,
    key: str = "",
    times: Callable[[], Times],
    work: Callable[[], Work],
    columns: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Found:
    """Read both parts, and keep what is wrong with either. `key`: what is run, in a word."""
    label = label_of(name)
    slug = name_of(label, key)
    read_times, wrong_times = _try(times)
    read_work, wrong_work = _try(work)
    return Found(
        number=number,
        text=text,
        name=slug,
        label="" if label == slug else label,
        times=read_times,
        work=read_work,
        columns=columns or {},
        notes=(*notes, *(read_times.notes if read_times else ())),
        problems=(*wrong_times, *wrong_work),
    )


def _try(read: Callable[[], T]) -> tuple[T | None, list[str]]:
    try:
        return read(), []
    except (NotAdoptableError, ScheduleError) as error:
        return None, [str(error)]


def named_apart(entries: Sequence[Found], otherwise: str) -> list[Found]:
    """Give each a name of its own, the same at every reading; the nameless are called `otherwise`."""
    taken: set[str] = set()
    return [replace(entry, name=_free_name(entry.name or otherwise, taken)) for entry in entries]


def _free_name(name: str, taken: set[str]) -> str:
    endings = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (name[: MAX_NAME - len(ending)] + ending for ending in endings)
    free = next(name for name in names if name not in taken)
    taken.add(free)
    return free
