"""Parameters that an author describes by a form class: rules between them, or other fields."""

import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import Model, QuerySet

from automation.form_fields import DateField, DateTimeField, LengthField
from automation.parameters.signature import (
    Parameter,
    ParameterError,
    Parameters,
    UnsupportedParameterError,
)


class _Given(forms.Widget):
    """A widget that returns a value as it was given, not as a browser would send it."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return data.get(name)


@dataclass(frozen=True, kw_only=True)
class FormParameter(Parameter):
    """A field of the author's form."""

    form: type[forms.Form]

    @property
    def current_default(self) -> Any:
        """The default of the field; the form may compute it anew for each run."""
        return self.default() if callable(self.default) else self.default

    def field(self) -> forms.Field:
        return _reading_as_all(self.form()).fields[self.name]

    def to_json(self, value: Any) -> Any:
        if isinstance(value, Model):
            return value.pk
        if isinstance(value, QuerySet):
            return [row.pk for row in value]
        return super().to_json(value)


class FormParameters(Parameters):
    """The parameters of a function that has a form of its own; the form's `clean` sees all of them.

    The form's fields are the function's keyword parameters, whatever their annotations.
    """

    def __init__(
        self,
        form: type[forms.Form],
        signature: Iterable[inspect.Parameter],
        sensitive: Collection[str] = (),
    ) -> None:
        """Take the fields of `form`. Raises UnsupportedParameterError."""
        self._form = form
        taken = {parameter.name for parameter in signature}
        fields = form.base_fields
        if set(fields) != taken:
            raise UnsupportedParameterError(
                f"{form.__name__} has the fields {', '.join(fields) or 'none'}; the function takes "
                f"{', '.join(sorted(taken)) or 'none'} by keyword. They must be the same."
            )
        files = [name for name, field in fields.items() if isinstance(field, forms.FileField)]
        if files:
            raise UnsupportedParameterError(f"{files[0]!r} is a file; parameters are JSON.")
        split = [n for n, field in fields.items() if isinstance(field, forms.MultiValueField)]
        if split:
            raise UnsupportedParameterError(
                f"{split[0]!r} has several inputs for one value; give it a field with one, such as "
                "DateTimeField."
            )
        self._parameters = {
            name: _parameter(form, name, field, sensitive) for name, field in fields.items()
        }

    def load(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = super().load(given)
        form = _reading_as_all(self._form(data={p.name: p.to_json(values[p.name]) for p in self}))
        for field in form.fields.values():
            field.widget = _Given()
        if not form.is_valid():
            at = {name: " ".join(map(str, told)) for name, told in form.errors.items()}
            together = at.pop(NON_FIELD_ERRORS, "")
            named = [f"{name}: {told}" for name, told in at.items()]
            raise ParameterError(" ".join(filter(None, [*named, together])), at | {"": together})
        return {parameter.name: form.cleaned_data[parameter.name] for parameter in self}


#: The fields that read what people type, by the field of Django's that each replaces.
_READING = {
    forms.DateField: DateField,
    forms.DateTimeField: DateTimeField,
    forms.DurationField: LengthField,
}


def _reading_as_all(form: forms.Form) -> forms.Form:
    """Let the form read dates and lengths as all forms do, unless its author chose formats."""
    for field in form.fields.values():
        if type(field) in _READING and "input_formats" not in vars(field):
            field.__class__ = _READING[type(field)]
    return form


def _parameter(
    form: type[forms.Form], name: str, field: forms.Field, sensitive: Collection[str]
) -> FormParameter:
    missing = inspect.Parameter.empty if field.required else None
    return FormParameter(
        name=name,
        kind=type(field),
        optional=not field.required,
        default=missing if field.initial is None else field.initial,
        is_sensitive=name in sensitive,
        form=form,
    )
