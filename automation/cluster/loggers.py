"""How loggers, and logging as a whole, are configured, and how to restore that."""

import logging
from typing import Any, NamedTuple


class LoggerState(NamedTuple):
    """How one logger is configured."""

    logger: logging.Logger
    level: int
    is_disabled: bool
    propagates: bool
    handlers: list[Any]
    filters: list[Any]

    @property
    def holds(self) -> bool:
        """Whether the logger is still configured like this."""
        one = self.logger
        return (
            one.level == self.level
            and one.disabled == self.is_disabled
            and one.propagate == self.propagates
            and one.handlers == self.handlers
            and one.filters == self.filters
        )

    def set_again(self) -> None:
        one = self.logger
        one.setLevel(self.level)
        one.disabled, one.propagate = self.is_disabled, self.propagates
        one.handlers[:], one.filters[:] = self.handlers, self.filters


class Loggers:
    """How all loggers are configured now."""

    def __init__(self) -> None:
        known = logging.root.manager.loggerDict
        found = {"": logging.root, **known}
        self._states = {
            name: _state(one) for name, one in found.items() if isinstance(one, logging.Logger)
        }

    @property
    def hold(self) -> bool:
        """Whether they are still configured alike, and none is disabled that was made since."""
        known: dict[str, Any] = {"": logging.root, **logging.root.manager.loggerDict}
        is_alike = all(
            known.get(name) is state.logger and state.holds for name, state in self._states.items()
        )
        return is_alike and not any(one.disabled for one in self._new())

    def set_again(self) -> None:
        for state in self._states.values():
            state.set_again()
        for one in self._new():
            one.disabled = False

    def _new(self) -> list[logging.Logger]:
        """Return the loggers that were made since."""
        known = logging.root.manager.loggerDict
        found = [known[name] for name in known.keys() - self._states.keys()]
        return [one for one in found if isinstance(one, logging.Logger)]


def _state(one: logging.Logger) -> LoggerState:
    return LoggerState(one, one.level, one.disabled, one.propagate, one.handlers[:], one.filters[:])


def read_all() -> tuple[Any, ...]:
    makes = logging.getLogRecordFactory(), logging.getLoggerClass()
    return logging.root.manager.disable, *makes, logging.raiseExceptions, logging.lastResort


def put_back_all(before: tuple[Any, ...]) -> None:
    logging.disable(before[0])
    logging.setLogRecordFactory(before[1])
    logging.setLoggerClass(before[2])
    logging.raiseExceptions, logging.lastResort = before[3:]
