"""A process function's keyword parameters: validated at every door, stored as JSON."""

from automation.parameters.masking import MASK, Masker
from automation.parameters.own_form import FormParameters
from automation.parameters.signature import (
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
    "Masker",
    "Parameter",
    "ParameterError",
    "Parameters",
    "UnsupportedParameterError",
]
