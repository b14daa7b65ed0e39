"""A process function's keyword parameters: validated at every door, stored as JSON."""

from automation.parameters.own_form import FormParameters
from automation.parameters.signature import (
    MASK,
    MAX_LENGTH,
    Parameter,
    ParameterError,
    Parameters,
    UnsupportedParameterError,
)

__all__ = [
    "MASK",
    "MAX_LENGTH",
    "FormParameters",
    "Parameter",
    "ParameterError",
    "Parameters",
    "UnsupportedParameterError",
]
