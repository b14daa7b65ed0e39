"""Types of arguments of commands, each of which refuses a wrong value in one sentence."""

import math
from argparse import ArgumentTypeError


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number.") from None


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise ArgumentTypeError(f"{text!r} is no number.")
    return value
