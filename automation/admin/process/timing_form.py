"""The part of a process's form that says when it is due, as people type it."""

import json
from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import construct_instance
from django.utils.translation import gettext_lazy

from automation.admin.process.columns import INPUTS, TIMING
from automation.admin.process.schedule_preview import Draft, schedule_preview
from automation.conf import default_time_zone
from automation.engine.start import rescheduling
from automation.engine.start.rescheduling import From, Question
from automation.instants import as_typed
from automation.models import Process, ScheduleKind, zone_or_sites
from automation.schedule import (
    ScheduleError,
    cron_from,
    instant_from,
    interval_as_typed,
    minutes_from,
    plain,
    zone_named,
    zone_names,
)

INSTANTS = ("anchor", "run_at", "starts_at", "ends_at")
#: Inputs that mean the default of their column where they are left empty.
DEFAULTED = {"schedule_kind", "jitter", "catch_up", "catch_up_limit"}

_MINUTE = timedelta(minutes=1)


class TimeZoneInput(forms.TextInput):
    """A text input that offers the names of all time zones as one types."""

    template_name = "automation/time_zone.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        attrs = {**(attrs or {}), "list": f"{name}_zones", "spellcheck": "false"}
        context = super().get_context(name, value, attrs)
        return context | {"zones": sorted(zone_names())}


class TypedField(forms.Field):
    """A field typed as text and stored as something else; while it is hidden it has no error."""

    is_left = False

    def to_python(self, value: Any) -> Any:
        typed = str(value or "").strip()
        if not typed or self.is_left:
            return None
        try:
            return self.read(typed)
        except ScheduleError as error:
            raise ValidationError(str(error)) from error

    def read(self, typed: str) -> Any:
        """Raise ScheduleError for what cannot be read."""
        raise NotImplementedError


class IntervalField(TypedField):
    """Minutes, typed as `45 minutes`, `2 hours` or `1:30`."""

    def __init__(self, *, min_value: Any = None, max_value: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return interval_as_typed(value * _MINUTE) if isinstance(value, int) else value

    def read(self, typed: str) -> int:
        return minutes_from(typed)


class LocalTimeField(TypedField):
    """An instant, typed as a local time of the process's zone, such as `2026-12-01 08:00`."""

    #: The zone in which it is read; what is stored, and the zone in which that was shown.
    timezone = stored_timezone = "UTC"
    stored: datetime | None = None

    def prepare_value(self, value: Any) -> Any:
        is_instant = isinstance(value, datetime)
        return as_typed(value, zone_named(self.stored_timezone)) if is_instant else value

    def read(self, typed: str) -> datetime:
        # What was shown and not touched stays: its seconds, and which of two equal times it is.
        same_zone = self.timezone == self.stored_timezone
        if self.stored and same_zone and plain(typed) == self.prepare_value(self.stored):
            return self.stored
        return instant_from(typed, self.timezone)


_CODE = {"dir": "ltr", "spellcheck": "false", "autocomplete": "off"}


def _code_input(**attrs: Any) -> forms.TextInput:
    """Return an input for code, which runs from left to right in every language."""
    return forms.TextInput(attrs={**_CODE, **attrs})


def _time_input() -> forms.TextInput:
    return _code_input(size=20, placeholder="2026-12-01 08:00")


class SchedulePreview(forms.Widget):
    """The preview of the schedule in the form, with the question that an edit asks."""

    template_name = "automation/schedule_box.html"
    form: "TimingForm"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        shown = {
            "preview": schedule_preview(self.form.draft),
            "process": self.form.instance.pk,
            "timing": " ".join(TIMING),
            "kinds": json.dumps(INPUTS),
        }
        return super().get_context(name, value, attrs) | shown

    def id_for_label(self, id_: str) -> str:
        return ""  # It is no single input.


class TimingForm(forms.ModelForm):
    """The part of a process's form that says when it is due, by the clock of its zone."""

    #: Whether an edit holds today too (`From`), where that is a question.
    today = forms.ChoiceField(
        label=gettext_lazy("What comes of it"),
        required=False,
        choices=[(choice, choice) for choice in From],
        widget=SchedulePreview,
    )
    question: Question | None = None

    class Meta:
        widgets = {
            "cron": forms.Textarea(attrs={**_CODE, "rows": 2, "cols": 30}),
            "every": _code_input(size=20, placeholder=gettext_lazy("45 minutes"), dir="auto"),
            "timezone": TimeZoneInput(attrs={"dir": "ltr", "size": 30}),
            **{name: _time_input() for name in INSTANTS},
        }
        field_classes = {"every": IntervalField, **dict.fromkeys(INSTANTS, LocalTimeField)}
        help_texts = {
            "cron": gettext_lazy(
                "Minute, hour, day of month, month, day of week, or a time of day alone: 7:30. Several "
                "rules, one a line. 5/15 means 5-59/15. Empty: the default of the function."
            ),
            "anchor": gettext_lazy(
                "The first time, such as 2026-12-01 08:00; the others follow at the same distance. "
                "Empty: from the next full minute on."
            ),
            "run_at": gettext_lazy("Such as 2026-12-01 08:00, in the time zone below."),
            "starts_at": gettext_lazy(
                "The first instant that counts, such as 2026-12-01 08:00 in the time zone above."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = Process.objects.filter(pk=self.instance.pk).first()
        if "timezone" not in self.fields:
            return  # A person who may only view gets no fields.
        for name in DEFAULTED & set(self.fields):
            self.fields[name].required = False
        cast(SchedulePreview, self.fields["today"].widget).form = self
        self.fields["timezone"].widget.attrs["placeholder"] = default_time_zone()
        zone = str(self["timezone"].value() or "").strip() or default_time_zone()
        stored_zone = _known(self.instance.effective_timezone)
        for name in INSTANTS:
            field = cast(LocalTimeField, self.fields[name])
            # A wrong zone is told once, not at each instant too.
            field.timezone, field.stored_timezone = _known(zone), stored_zone
            field.stored = getattr(self.instance, name)
        kind = self["schedule_kind"].value() or ScheduleKind.CRON
        for name in (name for other, names in INPUTS.items() if other != kind for name in names):
            self.fields[name].is_left = True  # type: ignore[attr-defined]

    @property
    def draft(self) -> Draft:
        """The process as it is typed so far, for its preview."""
        if self.is_bound:
            errors = {name: str(texts[0]) for name, texts in self.errors.items()}
        else:
            errors = dict(self.instance.errors_of_rule(self.stored))
        return Draft(
            process=self.instance,
            stored=self.stored,
            cron=self["cron"].value(),
            errors=errors,
            question=self.question,
            answer=self.data.get("today"),
        )

    def clean_cron(self) -> str:
        return cron_from(self.cleaned_data["cron"])

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in DEFAULTED & set(cleaned):
            if cleaned[name] in {None, ""}:
                cleaned[name] = Process._meta.get_field(name).get_default()  # type: ignore[union-attr]
        return cleaned

    def add_error(self, field: Any, error: Any) -> None:
        """Add errors; a field that could not be read is not called missing, too."""
        errors = getattr(error, "error_dict", None)
        if errors is not None:
            error = ValidationError({k: v for k, v in errors.items() if k not in self.errors})
        super().add_error(field, error)

    def _post_clean(self) -> None:
        self._check()
        if not self.errors.keys() & set(TIMING):
            answer = self.cleaned_data.get("today", "")
            self.question = rescheduling.take_over(self.instance, self.stored, answer)
            if self.question and not answer:
                self.add_error("today", self.question.words)

    def _check(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own


class DraftForm(TimingForm):
    """The schedule while it is typed, whatever else of the process is missing or wrong."""

    name = forms.CharField(required=False)
    function = forms.CharField(required=False)
    is_enabled = forms.BooleanField(required=False, widget=forms.HiddenInput)

    class Meta(TimingForm.Meta):
        model = Process
        fields = ("name", "function", "is_enabled", *TIMING)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = False

    def _check(self) -> None:
        process = construct_instance(self, self.instance, self.fields)
        process.settle()
        others = {field.name for field in Process._meta.fields if field.name not in self.fields}
        try:
            process.clean_fields(exclude=others | {"name", "function"})
            told: Any = process.errors_of_rule(self.stored)
        except ValidationError as error:
            told = error.update_error_dict({})
        self.add_error(None, ValidationError(dict(told)))


def _known(timezone: str) -> str:
    return zone_or_sites(timezone).key
