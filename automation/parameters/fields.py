"""The form fields of the types that a parameter may have."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from automation.form_fields import (
    DateField,
    DateTimeField,
    DecimalField,
    LengthField,
    NumberField,
    WholeNumberField,
)

SUPPORTED = (
    "str, int, float, bool, Decimal, date, datetime, timedelta, Literal, Enum, list[str], "
    "and each of them | None"
)


class _FlagField(forms.Field):
    """True or false, and nothing that merely looks true."""

    def to_python(self, value: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        text = str("" if value is None else value).strip().lower()
        if text in {"true", "1", "yes", "on"}:
            return True
        if text in {"false", "0", "no", "off"}:
            return False
        if not text:
            return None
        raise ValidationError(_("Enter true or false."))


class _TextField(forms.CharField):
    """Text as it was given: surrounding spaces may be meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> Any:
        if value is not None and not isinstance(value, str):
            raise ValidationError(_("Enter a text."))
        _refuse_unstorable(value or "")
        return super().to_python(value)


class _TextsField(forms.Field):
    """A list of texts; a single text is split at commas and line ends."""

    def to_python(self, value: Any) -> list[str]:
        if isinstance(value, str):
            parts = value.replace("\n", ",").split(",")
            value = [part.strip() for part in parts if part.strip()]
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise ValidationError(_("Enter a list of texts."))
        _refuse_unstorable("".join(value))
        return list(value)


def _refuse_unstorable(text: str) -> None:
    """Refuse NUL and lone surrogates, which PostgreSQL takes in no JSON value."""
    if "\0" in text:
        raise ValidationError(_("NUL characters are not allowed."))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError(_("Half a character (a lone surrogate) is not allowed."))


FIELDS: dict[Any, type[forms.Field]] = {
    str: _TextField,
    int: WholeNumberField,
    float: NumberField,
    bool: _FlagField,
    Decimal: DecimalField,
    date: DateField,
    datetime: DateTimeField,
    timedelta: LengthField,
    list[str]: _TextsField,
}


def is_supported(kind: Any) -> bool:
    return kind in FIELDS or bool(choices_of(kind))


def choices_of(kind: Any) -> list[Any]:
    """The JSON values a Literal or an Enum can take."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [member.value for member in kind]
    return []
