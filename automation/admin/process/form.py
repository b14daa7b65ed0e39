"""The form of a process: what is saved is what was shown."""

from copy import copy
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import construct_instance
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation import registry
from automation.admin.base import PROCESS_GONE
from automation.admin.process.columns import RETRIES
from automation.admin.process.parameters import ParametersField
from automation.admin.process.timing_form import TimingForm
from automation.models import Process, changes_between, locking


class ProcessForm(TimingForm):
    function = forms.ChoiceField(
        label=gettext_lazy("Function"), widget=forms.Select(attrs={"dir": "ltr"})
    )
    #: When the row was saved last as the form shows it: who saves over a later change is told.
    version = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta(TimingForm.Meta):
        widgets = {
            **TimingForm.Meta.widgets,
            "label": forms.TextInput(attrs={"class": "vTextField", "dir": "auto"}),
            "description": forms.Textarea(attrs={"rows": 2, "cols": 80, "dir": "auto"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "function" not in self.fields:
            return  # A person who may only view gets no fields.
        process, chosen = self.instance, self["function"].value()
        self.fields["function"].choices = _choices(process)  # type: ignore[attr-defined]
        function = registry.find(str(chosen or ""))
        same = function is registry.find(process.function)
        self.fields["parameters"] = ParametersField(
            function,
            process.parameters if same and isinstance(process.parameters, dict) else {},
            label=_("Parameters"),
        )
        self.initial["parameters"] = self.fields["parameters"].initial
        if process.pk:
            self.initial["version"] = process.updated_at.isoformat()
        if function and not same:
            process.function = function.key

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        version = self.cleaned_data.get("version")
        if self.instance.pk and version:
            stored = locking.lock(self.instance.pk)
            if stored is None:
                raise ValidationError(PROCESS_GONE)
            if stored.updated_at.isoformat() != version:
                self._refuse_stale(stored)
        return cleaned

    def add_error(self, field: Any, error: Any) -> None:
        """Show what is wrong with a single parameter at its input."""
        by_field = getattr(error, "error_dict", {})
        if one := next(iter(by_field.get("parameters", ())), None):
            widget: Any = self.fields["parameters"].widget
            told = widget.note(one.messages[0], (one.params or {}).get("at", {}))
            error = ValidationError({**by_field, "parameters": told})
        super().add_error(field, error)

    def _refuse_stale(self, stored: Process) -> None:
        """Refuse to save, and show both versions; who saves once more has decided."""
        data: Any = copy(self.data)  # A QueryDict's copy may be written to.
        self.data = data
        data[self.add_prefix("version")] = stored.updated_at.isoformat()
        mine = Process(
            **{
                field.name: self.cleaned_data.get(field.name, getattr(stored, field.name))
                for field in Process._meta.concrete_fields
                if not field.primary_key
            }
        )
        rows = changes_between(stored, mine)
        raise ValidationError(_stale_message(stored, rows))


class RetriesForm(forms.ModelForm):
    """The part of a process's form that says when a failed run is tried again."""

    class Meta:
        model = Process
        fields = RETRIES

    def _post_clean(self) -> None:
        """Check these columns alone by the model: the form has no others of the process."""
        process = construct_instance(self, self.instance, self.fields)
        others = {field.name for field in Process._meta.fields} - set(self.fields)
        try:
            process.clean_fields(exclude=others)
        except ValidationError as error:
            self.add_error(None, error)


def _stale_message(stored: Process, rows: list[tuple[str, str, str]]) -> SafeString:
    newest = stored.history.select_related("history_user").first()
    who = str(newest.history_user or _("somebody")) if newest else _("somebody")
    told = _(
        "Nothing was saved: %(who)s changed this process after you opened it. Your entries stand "
        "below. Save again to replace the other version, or reload the page to take it."
    )
    listed = format_html_join(
        "",
        "<li>{}: {} {} / {} {}</li>",
        ((label, _("stored:"), theirs, _("yours:"), mine) for label, theirs, mine in rows),
    )
    return format_html("{}<ul>{}</ul>", told % {"who": who}, listed)


def _choices(process: Process) -> list[tuple[str, str]]:
    choices = [(function.key, function.key) for function in registry.all_functions()]
    if not process.pk:
        return [("", "—"), *choices]
    if process.is_broken:
        gone = _("%(function)s (not in the code)") % {"function": process.function}
        return [(process.function, gone), *choices]
    if process.function not in dict(choices):  # Stored under an alias.
        return [(process.function, process.function), *choices]
    return choices
