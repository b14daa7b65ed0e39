"""Management commands as process functions."""

import inspect
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command

from automation import printed
from automation.place import Place
from automation.process_function import Options, ProcessFunction
from automation.registry import register
from automation.run import Run

#: The last lines of output that the result keeps; the log has more of them.
LINES_KEPT = 100


class CommandLine(NamedTuple):
    """A management command: its name and arguments, and its options by keyword."""

    words: tuple[str, ...]
    options: Mapping[str, Any]


#: The command that each function made here runs.
_command_lines: dict[Callable[..., Any], CommandLine] = {}


class CommandEndedError(RuntimeError):
    """The command ended with an exit code that says that it failed."""

    def __init__(self, code: object) -> None:
        told = "" if isinstance(code, int) else f" It said: {code}"
        number = code % 256 if isinstance(code, int) else 1
        super().__init__(f"The command ended with exit code {number}.{told}")


class _Output:
    """Logs what a command prints, and keeps the last lines of its stdout."""

    def __init__(self, log: logging.Logger) -> None:
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self.lines = 0
        self._log = log

    def take(self, source: int, line: str) -> None:
        if source == printed.STDERR:
            self._log.warning("%s", line)
            return
        self.lines += 1
        self.last.append(line)
        self._log.info("%s", line)


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
    `call_command`, the same for each run. What it prints, and its children do, becomes log lines;
    the last of its stdout are the result. An error of the command, or an exit code but 0, fails the
    run. `atomic` is off: commands commit as they go.

    Raises ImproperlyConfigured like `process`.
    """

    def function(run: Run) -> dict[str, Any]:
        output = _Output(run.log)
        with printed.read_lines(output.take):
            try:
                call_command(command, *arguments, no_color=True, **options)
            except SystemExit as error:
                if not _is_success(error.code):
                    raise CommandEndedError(error.code) from error
            except CommandError as error:
                if not _is_success(error.returncode):
                    raise
                run.log.warning("%s", error)
        return {"command": command, "lines": output.lines, "output": list(output.last)}

    frame = inspect.stack()[1].frame
    function.__module__ = frame.f_globals["__name__"]
    function.__name__ = function.__qualname__ = command
    function.__doc__ = description or f"Run `manage.py {' '.join([command, *arguments])}`."
    _command_lines[function] = CommandLine((command, *arguments), options)
    said = Options(declared_cron=default_cron, atomic=atomic)
    register(function, said, Place(frame.f_code, frame.f_lineno))
    return function


def _is_success(code: object) -> bool:
    """Whether a shell would see exit code 0: it sees only the lowest byte."""
    return code is None or (isinstance(code, int) and code % 256 == 0)


def command_line_of(function: ProcessFunction) -> CommandLine | None:
    """Return the management command that a function runs; None for any other function."""
    return _command_lines.get(function.function)
