"""Operations that switch processes on and off: enable, disable."""

from typing import NamedTuple

from django.utils.translation import ngettext

from automation.models import ProcessQuerySet
from automation.operations.naming import NAMED, names_of, nothing_changed
from automation.operations.operation import Asker, Operation, Said


class Switched(NamedTuple):
    #: Names of the processes that were switched; of many, the first ones.
    titles: list[str]
    changed: int


def _enable(who: Asker, processes: ProcessQuerySet) -> Switched:
    titles = _titles(processes, on=False)
    return Switched(titles, processes.enable(by=who.user))


def _disable(who: Asker, processes: ProcessQuerySet) -> Switched:
    titles = _titles(processes, on=True)
    return Switched(titles, processes.disable(by=who.user))


def _titles(processes: ProcessQuerySet, *, on: bool) -> list[str]:
    return [process.title for process in processes.filter(is_enabled=on)[: NAMED + 1]]


def _said_of_enabling(switched: Switched) -> list[Said]:
    told = ngettext(
        "Enabled %(count)s process: %(names)s.",
        "Enabled %(count)s processes: %(names)s.",
        switched.changed,
    )
    return _said(told, switched)


def _said_of_disabling(switched: Switched) -> list[Said]:
    told = ngettext(
        "Disabled %(count)s process: %(names)s.",
        "Disabled %(count)s processes: %(names)s.",
        switched.changed,
    )
    return _said(told, switched)


def _said(told: str, switched: Switched) -> list[Said]:
    if not switched.changed:
        return [nothing_changed()]
    return [Said.plainly(told % {"count": switched.changed, "names": names_of(switched.titles)})]


_PERMISSION = "automation.change_process"

#: Their subject is a QuerySet of processes.
ENABLE: Operation[ProcessQuerySet, Switched] = Operation(
    "enable", _PERMISSION, act=_enable, say=_said_of_enabling
)
DISABLE: Operation[ProcessQuerySet, Switched] = Operation(
    "disable", _PERMISSION, act=_disable, say=_said_of_disabling
)
