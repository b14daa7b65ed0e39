"""The parameters of a process function as one field of a form: an input for each of them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.parameters import Parameter, ParameterError
from automation.parameters.fields import choices_of
from automation.parameters.own_form import FormParameter
from automation.process_function import ProcessFunction

_KINDS: dict[Any, Any] = {
    str: gettext_lazy("text"),
    int: gettext_lazy("whole number"),
    float: gettext_lazy("number"),
    bool: gettext_lazy("yes or no"),
    Decimal: gettext_lazy("decimal number"),
    date: gettext_lazy("date, such as 2026-03-31"),
    datetime: gettext_lazy("date and time, such as 2026-03-31 07:30"),
    timedelta: gettext_lazy("length of time, such as 45 minutes, 2 hours or 1:30"),
    list[str]: gettext_lazy("texts, one a line"),
}


class ParametersWidget(forms.Widget):
    """An input for each parameter; its value is a mapping of what was stored, or typed."""

    template_name = "automation/parameters.html"
    use_fieldset = True

    def __init__(
        self, function: ProcessFunction | None = None, stored: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.function, self.stored = function, stored or {}
        #: What is wrong, by the names of the parameters.
        self.errors: dict[str, str] = {}

    def note(self, told: str, at: Mapping[str, str]) -> str:
        """Show an error at its inputs; return what is said before all of them."""
        shown = {each.name: at[each.name] for each in self._parameters() if each.name in at}
        self.errors |= shown
        return f"{told_together(self.errors)} {at.get('', '')}".rstrip() if shown else told

    def id_for_label(self, id_: str) -> str:
        return ""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        given = value or {}
        inputs = [
            _input(each, name, given, self.stored, self.errors.get(each.name, ""))
            for each in self._parameters()
        ]
        return {"function": self.function, "inputs": inputs, "name": name}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, Any]:
        given = {}
        for parameter in self._parameters():
            widget, key = _widget(parameter), f"{name}-{parameter.name}"
            if not widget.value_omitted_from_data(data, files, key):
                given[parameter.name] = widget.value_from_datadict(data, files, key)
        return given

    def _parameters(self) -> list[Parameter]:
        return list(self.function.parameters) if self.function else []


def told_together(errors: Mapping[str, str]) -> str:
    """Return the sentence above all inputs that names those that are wrong."""
    return _("See below what is wrong with %(names)s.") % {"names": _(", ").join(errors)}


class ParametersField(forms.Field):
    """The parameters of a process as JSON, as far as they are given.

    What equals the function's default is not stored, so that a changed default takes effect; with
    `keep_defaults` it is.
    """

    def __init__(
        self,
        function: ProcessFunction | None,
        stored: Mapping[str, Any],
        *,
        keep_defaults: bool = False,
        **options: Any,
    ) -> None:
        self.function, self.stored, self.keep_defaults = function, dict(stored), keep_defaults
        options |= {"required": False, "initial": self.stored}
        super().__init__(widget=ParametersWidget(function, self.stored), **options)
        self.widget: ParametersWidget

    def clean(self, value: Any) -> dict[str, Any]:
        if self.function is None:
            return self.stored
        cleaned: dict[str, Any] = {}
        self.widget.errors = {}
        for parameter in self.function.parameters:
            try:
                cleaned |= self._cleaned(parameter, value or {})
            except ParameterError as error:
                self.widget.errors[parameter.name] = error.at.get(parameter.name, str(error))
        if self.widget.errors:
            raise ValidationError(told_together(self.widget.errors))
        return cleaned

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True

    def _cleaned(self, parameter: Parameter, given: Mapping[str, Any]) -> dict[str, Any]:
        name = parameter.name
        empty = given.get(name) in (None, "", [])
        if name not in given or (empty and parameter.is_sensitive):
            return {name: self.stored[name]} if name in self.stored else {}
        if empty and parameter.required and parameter.kind not in (str, list[str]):
            return {}  # Asked for when it is run.
        value = parameter.to_json(_value(parameter, given[name], empty=empty))
        is_default = not parameter.required and value == parameter.default_as_json
        return {} if is_default and not self.keep_defaults else {name: value}


def _value(parameter: Parameter, given: Any, *, empty: bool) -> Any:
    if empty and parameter.optional:
        return parameter.clean(None)
    return parameter.clean(given)


def _input(
    parameter: Parameter,
    name: str,
    given: Mapping[str, Any],
    stored: Mapping[str, Any],
    error: str,
) -> dict[str, Any]:
    key = f"{name}-{parameter.name}"
    value, kept = given.get(parameter.name, parameter.default_as_json), stored.get(parameter.name)
    attrs = {"id": f"id_{key}", "aria-describedby": f"id_{key}_help"}
    if error:
        attrs |= {"aria-describedby": f"id_{key}_error id_{key}_help", "aria-invalid": "true"}
    if parameter.is_sensitive:
        attrs["placeholder"] = _instead_of_the_value(given.get(parameter.name), kept)
    return {
        "parameter": parameter,
        "id": f"id_{key}",
        "error": error,
        "html": _widget(parameter).render(key, _as_input(parameter, value), attrs=attrs),
        "help": _help(parameter, is_stored=bool(kept)),
    }


def _as_input(parameter: Parameter, value: Any) -> Any:
    """Return the value as its widget takes it: a form field of the author may want more than JSON."""
    if not isinstance(parameter, FormParameter):
        return parameter.as_typed(value)
    try:
        return parameter.field().prepare_value(parameter.clean(value))
    except ParameterError:
        return value


def _instead_of_the_value(given: Any, stored: Any) -> str:
    """Return the placeholder of a sensitive input, whose value is never sent back to the browser."""
    if given and given != stored:
        return _("type it again")
    return _("unchanged") if stored else ""


class _Text(forms.TextInput):
    """A text input; it has several lines where the text has, for one line would drop the others."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        if "\n" not in str(value or ""):
            return super().render(name, value, attrs, renderer)
        lines = forms.Textarea(attrs={"dir": "auto", "rows": 3})
        return lines.render(name, value, attrs, renderer)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        # Browsers send a line end as two characters.
        return (data.get(name) or "").replace("\r\n", "\n")


class _Lines(forms.Textarea):
    """A text area for a list of texts, one a line."""

    def format_value(self, value: Any) -> str:
        return "\n".join(value) if isinstance(value, list) else str(value or "")

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [line.strip() for line in (data.get(name) or "").splitlines() if line.strip()]


class _YesNo(forms.Select):
    def format_value(self, value: Any) -> list[str]:
        return ["" if value is None else str(value).lower()]


def _widget(parameter: Parameter) -> forms.Widget:
    if parameter.is_sensitive:
        return forms.PasswordInput(attrs={"autocomplete": "new-password"})
    if isinstance(parameter, FormParameter):
        widget: forms.Widget = parameter.field().widget
        return widget
    none = [("", "—")] if parameter.optional or parameter.required else []
    if parameter.kind is bool:
        return _YesNo(choices=[*none, ("true", _("yes")), ("false", _("no"))])
    if parameter.kind == list[str]:
        return _Lines(attrs={"rows": 3})
    if choices_of(parameter.kind):
        return forms.Select(
            choices=[*none, *((value, value) for value in choices_of(parameter.kind))]
        )
    if parameter.kind is str:
        return _Text(attrs={"dir": "auto", "size": 40})
    return forms.TextInput(attrs={"dir": "ltr", "size": 40})


def _help(parameter: Parameter, *, is_stored: bool) -> str:
    if isinstance(parameter, FormParameter):
        return str(parameter.field().help_text)
    parts = [str(_KINDS.get(parameter.kind, _("a choice")))]
    if parameter.kind is datetime:
        parts.append(_("by the clock of %(zone)s") % {"zone": get_current_timezone()})
    if parameter.is_sensitive and is_stored:
        parts.append(_("hidden; leave empty to keep it"))
    elif parameter.is_sensitive:
        parts.append(_("hidden"))
    elif parameter.required:
        parts.append(_("no default"))
    elif parameter.current_default not in (None, "", []):
        parts.append(
            _("default: %(default)s")
            % {"default": _shown(parameter.as_typed(parameter.default_as_json))}
        )
    if parameter.optional:
        parts.append(_("may stay empty"))
    return _("; ").join(parts)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(value) if isinstance(value, list) else str(value)
