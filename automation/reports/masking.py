"""Hides what a function calls sensitive before it is written, so that the database never has it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from automation import registry
from automation.models import Execution
from automation.parameters import MASK, FormParameters, Masker


def masker_of(execution: Execution) -> Masker:
    """Return a Masker of the values of an execution's sensitive parameters."""
    shown = execution.parameters_shown  # It is {} where no dictionary is stored.
    hidden = [name for name, value in shown.items() if value == MASK]
    return Masker(_values(execution, hidden)) if hidden else Masker()


def _values(execution: Execution, names: list[str]) -> Iterator[Any]:
    """Yield sensitive values as they are stored, and as the function gets them."""
    yield from (execution.parameters[name] for name in names)
    function = registry.find(execution.function)
    if function is not None and not isinstance(function.parameters, FormParameters):
        # They may not fit the function any more, which is then not called.
        with suppress(ValueError, TypeError):
            loaded = function.parameters.load(execution.parameters)
            yield from (loaded[name] for name in names)
