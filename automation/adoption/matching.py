"""The registered function that does what the old scheduler runs."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from automation import registry
from automation.adoption.found import NotAdoptableError, Work
from automation.management_command import CommandLine, command_line_of
from automation.parameters import ParameterError
from automation.process_function import ProcessFunction


def by_command(words: Sequence[str], options: Mapping[str, Any] | None = None) -> Work:
    """Find the function that runs `manage.py` with these words, and options by keyword.

    Raises NotAdoptableError where there is none.
    """
    wanted = CommandLine(tuple(words), options or {})
    registered = {function.key: command_line_of(function) for function in registry.all_functions()}
    for key, line in registered.items():
        if line == wanted:
            return Work(key, {})
    for key, line in registered.items():
        if line and line.words[0] == words[0]:
            raise NotAdoptableError(
                f"{key} is registered with other arguments, as {_written(line)}: make the two the "
                "same."
            )
    raise NotAdoptableError(
        f"No process function runs `manage.py {shlex.join(words)}`. Register it first: "
        f"{_written(wanted)} in the processes.py of an app."
    )


def _written(line: CommandLine) -> str:
    """Write a call of `command_process` in Python."""
    words = [json.dumps(word, ensure_ascii=False) for word in line.words]
    options = [f"{name}={value!r}" for name, value in line.options.items()]
    return f"command_process({', '.join([*words, *options])})"


def by_path(path: str, parameters: Mapping[str, Any]) -> Work:
    """Find the function of this dotted path, or which has it as a key.

    Raises NotAdoptableError where there is none.
    """
    function = registry.find(path) or _function_at(path)
    if function is None:
        raise NotAdoptableError(
            f"No process function is registered for {path}. Register it first: "
            f'@process(aliases={{"{path}"}}) in the processes.py of its app.'
        )
    try:
        stored = function.parameters.clean(parameters)
    except ParameterError as error:
        raise NotAdoptableError(f"{function.key} does not take its arguments: {error}") from error
    # A parameter that is not given is not stored: the process follows the default.
    return Work(function.key, {name: stored[name] for name in parameters})


def _function_at(path: str) -> ProcessFunction | None:
    for entry in registry.all_functions():
        if f"{entry.function.__module__}.{entry.function.__name__}" == path:
            return entry
    return None


def refuse_positional(arguments: Sequence[Any]) -> None:
    if arguments:
        raise NotAdoptableError(
            "It gives arguments by position; a process function takes parameters by keyword: give "
            "them names there first."
        )
