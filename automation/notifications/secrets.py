"""What a function calls sensitive does not leave the site, not even in its errors or its log."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from automation.models import Execution
from automation.parameters import MASK

#: Characters from which on a value is hidden inside of words too.
_LONG = 4


def without_secrets(text: str, execution: Execution) -> str:
    """The text with the values of the execution's sensitive parameters replaced."""
    shown = execution.parameters_shown  # {} where what is stored is no dictionary.
    hidden = [execution.parameters[name] for name, value in shown.items() if value == MASK]
    written = {form for secret in _texts(hidden) for form in _forms(secret)}
    for form in sorted(written, key=len, reverse=True):
        pattern = re.escape(form)
        text = re.sub(pattern if len(form) >= _LONG else rf"(?<!\w){pattern}(?!\w)", MASK, text)
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield str(value)


def _forms(secret: str) -> set[str]:
    """How it may stand in a text: plain, as Python shows it, in an address."""
    return {secret, repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
