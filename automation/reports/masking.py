"""What a function calls sensitive is hidden where it is written: the database never has it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from automation import registry
from automation.models import Execution
from automation.parameters import MASK, FormParameters, Masker


def masker_of(execution: Execution) -> Masker:
    """Return what hides the values of an execution's sensitive parameters."""
    shown = execution.parameters_shown  # {} where what is stored is no dictionary.
    hidden = [name for name, value in shown.items() if value == MASK]
    return Masker(_values(execution, hidden)) if hidden else Masker()


def _values(execution: Execution, names: list[str]) -> Iterator[Any]:
    """As they are stored, and as the function gets them."""
    yield from (execution.parameters[name] for name in names)
    function = registry.find(execution.function)
    if function is not None and not isinstance(function.parameters, FormParameters):
        with suppress(ValueError, TypeError):  # They do not fit any more: it is not called.
            loaded = function.parameters.load(execution.parameters)
            yield from (loaded[name] for name in names)
