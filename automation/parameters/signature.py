"""The keyword parameters of a function's signature.

The annotations and defaults of the function are the form's fields, so every door (admin, command
line, stored JSON) validates the same way. Values travel as JSON: `clean` makes it, `load` reads it.
"""

import difflib
import inspect
import json
import re
import types
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin

from django import forms
from django.core.exceptions import ValidationError
from django.utils.duration import duration_iso_string
from django.utils.translation import gettext as _

from automation.instants import as_typed
from automation.parameters.fields import FIELDS, SUPPORTED, choices_of, is_supported
from automation.parameters.masking import MASK
from automation.reading import length_as_typed

#: Characters that all parameters of a process may take as JSON.
MAX_LENGTH = 100_000


class UnsupportedParameterError(TypeError):
    """A process function has a parameter for which there is no form field."""


class ParameterError(ValueError):
    """The given parameters do not fit the function; the text says which and why.

    `at`: what is wrong with each parameter, by its name; under "" what is wrong with several
    together. Empty where the error is about none of the function's own parameters.
    """

    def __init__(self, told: str, at: Mapping[str, str] | None = None) -> None:
        super().__init__(told)
        self.at = dict(at or {})


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One keyword parameter of a process function."""

    name: str
    kind: Any
    optional: bool
    default: Any
    is_sensitive: bool = False

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def current_default(self) -> Any:
        """The default as a Python value."""
        return self.default

    @property
    def default_as_json(self) -> Any:
        """The default as JSON; None where there is none."""
        return None if self.required else self.to_json(self.current_default)

    def field(self) -> forms.Field:
        # An empty text and an empty list are values; of other kinds, empty means not given.
        demanded = not self.optional and self.kind not in (str, list[str])
        if self.kind in FIELDS:
            return FIELDS[self.kind](required=demanded)
        values = choices_of(self.kind)
        return forms.TypedChoiceField(
            choices=[(str(value), str(value)) for value in values],
            coerce={str(value): value for value in values}.__getitem__,
            empty_value=None,
            required=demanded,
        )

    def to_json(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, timedelta):
            return duration_iso_string(value)
        if isinstance(value, date):
            return value.isoformat()
        return str(value) if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Any:
        """Return `value` (JSON, text or Python) as a Python value. Raises ParameterError."""
        if value is None:
            if self.optional:
                return None
            raise self._error(_("a value is needed."))
        if self._is_default_date(value):
            return self.current_default
        try:
            return self._python(self.field().clean(self.to_json(value)))
        except ValidationError as error:
            if self.is_sensitive:  # Django's messages may repeat the value; a traceback has them.
                why = _("this value does not fit.")
                raise self._error(why) from None
            raise self._error(" ".join(error.messages)) from error

    def _error(self, why: str) -> ParameterError:
        return ParameterError(f"{self.name}: {why}", {self.name: why})

    def as_typed(self, stored: Any) -> Any:
        """Return a stored length or instant as a person types it; any other value as it is."""
        is_iso = isinstance(stored, str) and re.match(r"-?P|\d{4}-\d\d-\d\dT", stored)
        if not is_iso or self.kind not in (datetime, timedelta):
            return stored
        try:
            value = self.clean(stored)
            shown = length_as_typed(value) if isinstance(value, timedelta) else as_typed(value)
            return shown if self.clean(shown) == value else stored
        except (ParameterError, ValueError):
            return stored

    def _is_default_date(self, value: Any) -> bool:
        """Whether the value is a default date, which may be one that no person could type."""
        is_date = self.kind in (date, datetime) and not self.required
        return is_date and self.to_json(value) == self.default_as_json

    def _python(self, cleaned: Any) -> Any:
        if isinstance(self.kind, type) and issubclass(self.kind, Enum) and cleaned is not None:
            return self.kind(cleaned)
        return cleaned


class Parameters:
    """The keyword parameters of one process function."""

    def __init__(
        self, signature: Iterable[inspect.Parameter], sensitive: Collection[str] = ()
    ) -> None:
        """Take the keyword parameters of a signature. Raises UnsupportedParameterError."""
        self._parameters = {p.name: _parameter(p, sensitive) for p in signature}

    def __iter__(self) -> Any:
        return iter(self._parameters.values())

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def clean(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters as JSON: `given` validated, the rest by default.

        Raises ParameterError.
        """
        values = self.load(given)
        stored = {p.name: p.to_json(values[p.name]) for p in self}
        _refuse_too_long(stored)
        return stored

    def load(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters as Python values, as the function takes them.

        Raises ParameterError.
        """
        self._refuse_unknown(given)
        missing = [p.name for p in self if p.required and p.name not in given]
        if missing:
            told = _("A value is needed for %(names)s.")
            at = {name: told % {"names": name} for name in missing}
            raise ParameterError(told % {"names": ", ".join(missing)}, at)
        return {
            p.name: p.clean(given[p.name]) if p.name in given else p.current_default for p in self
        }

    def check_given(self, given: Mapping[str, Any]) -> None:
        """Validate some of the parameters; required ones may still be missing.

        Raises ParameterError.
        """
        self._refuse_unknown(given)
        _refuse_too_long(given)
        for name, value in given.items():
            self._parameters[name].clean(value)

    def from_text(self, name: str, text: str) -> Any:
        """Return a typed value for a parameter: text, but for `null` and a JSON list."""
        parameter = self._parameters.get(name)
        if parameter is None or parameter.kind is str:
            return text
        if text == "null" or text.startswith("["):
            try:
                return json.loads(text)
            except ValueError:
                return text
        return text

    def masked(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return stored parameters as a person may see them: sensitive values are hidden.

        Parameters that the function no longer has are hidden too: they may have been sensitive.
        """
        shown = {p.name for p in self if not p.is_sensitive}
        return {
            name: MASK if name not in shown and value not in (None, "") else value
            for name, value in stored.items()
        }

    def _refuse_unknown(self, given: Mapping[str, Any]) -> None:
        if not isinstance(given, Mapping):
            raise ParameterError(_('Parameters are a JSON object, such as {"limit": 10}.'))
        for name in given:
            if name not in self._parameters:
                text = _("There is no parameter %(name)r.") % {"name": name}
                raise ParameterError(f"{text} {self._hint_for(name)}")

    def _hint_for(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._parameters, n=1)
        if close:
            return _("Did you mean %(name)s?") % {"name": close[0]}
        known = ", ".join(self._parameters) or _("none")
        return _("Known: %(names)s.") % {"names": known}


def _refuse_too_long(stored: Any) -> None:
    length = len(json.dumps(stored, ensure_ascii=False, default=str))
    if length > MAX_LENGTH:
        raise ParameterError(
            _("The parameters take %(length)s characters as JSON; at most %(limit)s are stored.")
            % {"length": f"{length:,}", "limit": f"{MAX_LENGTH:,}"}
        )


def _parameter(parameter: inspect.Parameter, sensitive: Collection[str]) -> Parameter:
    kind, optional = _without_none(parameter.annotation)
    if not is_supported(kind):
        shown = "no annotation" if kind is inspect.Parameter.empty else f"the type {kind}"
        raise UnsupportedParameterError(
            f"parameter {parameter.name!r} has {shown}; a parameter is one of {SUPPORTED}."
        )
    return Parameter(
        name=parameter.name,
        kind=kind,
        optional=optional,
        default=parameter.default,
        is_sensitive=parameter.name in sensitive,
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        if len(kinds) == 1:
            return kinds[0], True
    return annotation, False
