"""What was found in another scheduler, and which part of it can become a process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from automation.adoption.names import label_of, name_of
from automation.models.naming import MAX_NAME
from automation.schedule import ClockChange, Rule, ScheduleError

#: A function that yields the instants after a given one, as `Rule.after` does.
After = Callable[[datetime], Iterator[datetime]]

T = TypeVar("T")


class NotAdoptableError(ValueError):
    """A line or row cannot become a process; the text says why, and what to do about it."""


@dataclass(frozen=True)
class Times:
    """When a line or row runs.

    `ours`: the rule of the process. `old`: when the old scheduler runs; None where that is not
    known. `at_once`: how often the old scheduler starts the work at the one instant behind a clock
    change.
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
    """A line or row of the old scheduler that starts something.

    `columns`: further columns of the process, by name. `problems`: why it cannot become a process;
    empty where it can.
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
    """A line of the old scheduler that starts nothing."""

    number: int
    text: str
    why: str


@dataclass(frozen=True)
class Reading:
    """Everything that a scheduler holds.

    `unit`: what the numbers count, such as lines. `remark`: a sentence about all of it.
    """

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
    """Read when a line or row runs and what it runs; keep what is wrong with either as problems.

    `key`: what is run, in one word; a name is made of it where the row has none.
    """
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
    """Give each a name that no other has, the same at every reading.

    `otherwise`: the name of what has none.
    """
    taken: set[str] = set()
    return [replace(entry, name=_free_name(entry.name or otherwise, taken)) for entry in entries]


def _free_name(name: str, taken: set[str]) -> str:
    endings = (f"-{number}" if number > 1 else "" for number in count(1))
    names = (name[: MAX_NAME - len(ending)] + ending for ending in endings)
    free = next(name for name in names if name not in taken)
    taken.add(free)
    return free
