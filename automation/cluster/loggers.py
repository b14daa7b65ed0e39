"""How loggers, and logging as a whole, are configured, and how to restore that."""

import logging
from typing import Any, NamedTuple


class Set(NamedTuple):
    """How one logger is configured."""

    level: int
    is_disabled: bool
    propagates: bool
    handlers: list[Any]
    filters: list[Any]


def read() -> "Loggers":
    """Read how each logger is configured; a run may have made new ones."""
    found = {"": logging.root, **logging.root.manager.loggerDict}
    return Loggers(
        (name, Set(one.level, one.disabled, one.propagate, one.handlers[:], one.filters[:]))
        for name, one in found.items()
        if isinstance(one, logging.Logger)
    )


def put_back(before: "Loggers") -> None:
    for name, now in read().items():
        one = logging.getLogger(name or None)
        wanted = before.get(name, now._replace(is_disabled=False))
        one.setLevel(wanted.level)
        one.disabled, one.propagate = wanted.is_disabled, wanted.propagates
        one.handlers[:], one.filters[:] = wanted.handlers, wanted.filters


def read_all() -> tuple[Any, ...]:
    makes = logging.getLogRecordFactory(), logging.getLoggerClass()
    return logging.root.manager.disable, *makes, logging.raiseExceptions, logging.lastResort


def put_back_all(before: tuple[Any, ...]) -> None:
    logging.disable(before[0])
    logging.setLogRecordFactory(before[1])
    logging.setLoggerClass(before[2])
    logging.raiseExceptions, logging.lastResort = before[3:]


class Loggers(dict[str, Set]):
    """How each logger is configured, by its name.

    It equals another that has all of these loggers configured alike, and new ones none of which is
    disabled.
    """

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Loggers):
            return NotImplemented
        new = other.keys() - self.keys()
        return all(other.get(name) == one for name, one in self.items()) and not any(
            other[name].is_disabled for name in new
        )
