"""Form fields for what people type, read by `automation.reading`; errors repeat what was typed."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _

from automation.reading import (
    ReadingError,
    date_from,
    instant_from,
    length_as_typed,
    length_from,
    number_as_text,
    plain,
)

T = TypeVar("T")


def _read(read: Callable[[str], T], value: Any) -> T:
    try:
        return read(str(value))
    except ReadingError as error:
        raise ValidationError(str(error), code="invalid") from error


class DateField(forms.DateField):
    """A date, as `2026-12-01` or `2026/12/1`, of the Gregorian calendar."""

    def to_python(self, value: Any) -> date | None:
        if value in self.empty_values:
            return None
        if isinstance(value, datetime):
            return value.date()
        return value if isinstance(value, date) else _read(date_from, value)


class DateTimeField(forms.DateTimeField):
    """An instant, as `2026-12-01 08:00`: a local time of the current zone, or with an offset."""

    #: The zone of a time without an offset, where it is not the current zone.
    zone: tzinfo | None = None

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values or isinstance(value, date):
            return super().to_python(value)
        zone = self.zone or get_current_timezone()
        return _read(lambda text: instant_from(text, zone), value).astimezone(zone)


class TimeField(forms.TimeField):
    """A time of day, as `8:00`."""

    def to_python(self, value: Any) -> time | None:
        return super().to_python(plain(value) if isinstance(value, str) else value)


class SplitDateTimeField(forms.SplitDateTimeField):
    """An instant in two inputs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.fields = tuple(
            kind(required=False, error_messages=old.error_messages)
            for kind, old in zip((DateField, TimeField), self.fields, strict=True)
        )


class LengthField(forms.DurationField):
    """A length of time, as `2 hours` or `1:30`."""

    def prepare_value(self, value: Any) -> Any:
        return length_as_typed(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> timedelta | None:
        if value in self.empty_values:
            return None
        if isinstance(value, timedelta):
            return value
        return _read(lambda text: length_from(text, may_be_negative=True), value)


class NumberField(forms.FloatField):
    """A number; true and false are refused."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValidationError(_("Enter a number."))
        return super().to_python(_number(value))


class WholeNumberField(forms.IntegerField):
    """A whole number; true, false and a fraction such as 2.0 are refused."""

    re_decimal = re.compile(r"(?!)")  # Django cuts off what this matches, by default ".0".

    def to_python(self, value: Any) -> Any:
        if isinstance(value, bool | float):
            raise ValidationError(_("Enter a whole number."))
        return super().to_python(_number(value))


class DecimalField(forms.DecimalField):
    """A number whose digits after the point are kept as they are."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(_number(value))


def _number(value: Any) -> Any:
    return number_as_text(value) if isinstance(value, str) else value
