"""The differences between two versions of a process."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from automation import registry
from automation.conf import default_time_zone
from automation.instants import to_minute
from automation.models.process import Process
from automation.models.zones import zone_or_sites
from automation.schedule import interval_as_typed

_NOT_SHOWN = {
    *("id", "created_at", "updated_at"),
    *("former_rule", "rule_from", "history_begins_at", "proven_until"),
}

#: Foreign keys whose rows are shown by name; `history_of` reads these rows too.
_RELATED = ("calendar", "concurrency_group")


def history_of(process_id: int) -> Any:
    """Return the versions of a process, newest first, with what is needed to show changes."""
    return Process.history.filter(id=process_id).select_related("history_user", *_RELATED)


def changes_between(old: Any, new: Any) -> list[tuple[str, str, str]]:
    """Return label, old value and new value of each field in which two versions differ.

    Either is a Process or a row of its history; `old` may be None. The values of sensitive
    parameters are hidden, also where only these differ.
    """
    return [
        (str(field.verbose_name), _shown(old, field.name), _shown(new, field.name))
        for field in Process._meta.concrete_fields
        if field.name not in _NOT_SHOWN
        and (old is None or getattr(old, field.attname) != getattr(new, field.attname))
    ]


def _shown(version: Any, name: str) -> str:
    """The value for people; an instant is a local time of the process's zone."""
    if version is None:
        return ""
    value = getattr(version, Process._meta.get_field(name).attname)  # type: ignore[union-attr]
    if name == "parameters":
        return json.dumps(registry.masked(version.function, value), ensure_ascii=False)
    if name == "timezone" and not value:
        return _("the default of the site")
    if value is None or isinstance(value, bool):
        return "" if value is None else _("yes") if value else _("no")
    if name in _RELATED:
        return str(getattr(version, name) or f"#{value}")  # its row was deleted since
    if name == "every":
        return interval_as_typed(timedelta(minutes=value))
    if isinstance(value, datetime):
        return to_minute(value, zone_or_sites(version.timezone or default_time_zone()))
    display = getattr(version, f"get_{name}_display", None)
    return str(display() if display else value)
