"""Masker: replaces the values of sensitive parameters in texts."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

#: What every page, command and log shows in place of the value of a sensitive parameter.
MASK = "••••••"

#: From so many characters on a value is hidden inside of words too.
_LONG = 4
#: From so many characters on a line of a value of several lines is hidden by itself.
_LONG_LINE = 8


class Masker:
    """Hides secrets in what is written; without secrets it changes nothing.

    A secret is found where it stands in full: as it is, as Python, JSON and addresses write it, in
    base64 and in hexadecimal. A part of it, or what was computed from it, is not found.
    """

    def __init__(self, secrets: Iterable[Any] = ()) -> None:
        self._values = {text for secret in secrets for text in _texts(secret)}
        forms = {form for text in self._values for form in _forms(text)}
        longest_first = sorted(filter(None, forms), key=len, reverse=True)
        self._found = re.compile("|".join(map(_pattern, longest_first))) if forms else None

    def __bool__(self) -> bool:
        return self._found is not None

    def text(self, text: str) -> str:
        return self._found.sub(MASK, text) if self._found else text

    def json(self, value: Any) -> Any:
        """Hide secrets in a JSON value, keys and numbers too.

        A value that is nested too deep is hidden as a whole.
        """
        try:
            return self._json(value) if self else value
        except RecursionError:
            return MASK

    def _json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(key): self._json(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._json(part) for part in value]
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        return MASK if str(value) in self._values else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield str(value)


def _forms(secret: str) -> set[str]:
    """Return every form in which a secret may stand in a text."""
    plain = {secret, *(line for line in secret.splitlines() if len(line) >= _LONG_LINE)}
    forms = {form for text in plain for form in _escaped(text)}
    if len(secret) >= _LONG:
        raw = secret.encode("utf-8", "surrogatepass")
        encoded = {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        forms |= {text.rstrip("=") for text in encoded} | {raw.hex(), raw.hex().upper()}
    return forms


def _escaped(text: str) -> set[str]:
    """Return a text as it is, as Python and JSON write it, and as it stands in an address."""
    raw = text.encode("utf-8", "surrogatepass")
    shown = {text, repr(text)[1:-1], repr(raw)[2:-1], ascii(text)[1:-1]}
    shown |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return shown | {quote(raw), quote(raw, safe=""), quote_plus(raw)}


def _pattern(form: str) -> str:
    found = re.escape(form)
    return found if len(form) >= _LONG else rf"(?<!\w){found}(?!\w)"
