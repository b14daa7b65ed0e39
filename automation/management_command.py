"""A management command as a process."""

import inspect
import io
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.core.management import call_command

from automation.registry import ProcessFunction, process
from automation.run import Run

#: Lines of output that the result keeps, from the end; the log has more of them.
LINES_KEPT = 100


class CommandLine(NamedTuple):
    """A command with its arguments, and its options by keyword."""

    words: tuple[str, ...]
    options: Mapping[str, Any]


#: What each function made here runs.
_command_lines: dict[Callable[..., Any], CommandLine] = {}


class _Output(io.TextIOBase):
    """What the command writes, line by line, into the log of the run."""

    def __init__(self, write: Callable[..., None]) -> None:
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self.lines = 0
        self._write, self._rest = write, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._keep(line)
        return len(text)

    def finish(self) -> None:
        if self._rest:
            self._keep(self._rest)

    def _keep(self, line: str) -> None:
        self.lines += 1
        self.last.append(line)
        self._write("%s", line)


def command_process(
    command: str,
    *arguments: str,
    default_cron: str | Callable[[], str] | None = None,
    atomic: bool = False,
    description: str = "",
    **options: Any,
) -> Callable[..., Any]:
    """Register a management command as a process function of the app that calls this.

    Its key is `<app label>.<command>`; `arguments` and `options` are those of Django's
    `call_command`, the same for each run. Its output becomes log lines, the last of them the
    result; an error of the command fails the run. `atomic` is off: commands commit as they go.

    Raises ImproperlyConfigured like `process`.
    """

    def function(run: Run) -> dict[str, Any]:
        output, errors = _Output(run.log.info), _Output(run.log.warning)
        try:
            call_command(
                command, *arguments, stdout=output, stderr=errors, no_color=True, **options
            )
        finally:
            output.finish()
            errors.finish()
        return {"command": command, "lines": output.lines, "output": list(output.last)}

    caller = inspect.stack()[1].frame.f_globals["__name__"]
    function.__module__, function.__name__, function.__qualname__ = caller, command, command
    function.__doc__ = description or f"Run `manage.py {' '.join([command, *arguments])}`."
    _command_lines[function] = CommandLine((command, *arguments), options)
    return process(default_cron=default_cron, atomic=atomic)(function)


def command_line_of(function: ProcessFunction) -> CommandLine | None:
    """Return the command that it runs; None of another function."""
    return _command_lines.get(function.function)
