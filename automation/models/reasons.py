"""Why an execution did not run, or ended as it did: stored as a code with data, shown as words."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from signal import Signals
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from automation import instants

STILL_RUNNING: Final = "still_running"
DISABLED: Final = "disabled"
FUNCTION_GONE: Final = "function_gone"
PARAMETERS_REFUSED: Final = "parameters_refused"
PROCESS_DELETED: Final = "process_deleted"
NOTHING_RUNNING: Final = "nothing_running"
LEASE_EXPIRED: Final = "lease_expired"
RULE_CHANGED: Final = "rule_changed"
INTERRUPTED: Final = "interrupted"
CANCELLED: Final = "cancelled"
WORKER_DIED: Final = "worker_died"
NODE_STOPPED: Final = "node_stopped"
NODE_DIED: Final = "node_died"
TIME_LIMIT_IGNORED: Final = "time_limit_ignored"
PAUSED: Final = "paused"
ALL_PAUSED: Final = "all_paused"
SKIPPED_ONCE: Final = "skipped_once"
MAINTENANCE: Final = "maintenance"
TOO_LATE: Final = "too_late"
RULE_UNREADABLE: Final = "rule_unreadable"

#: Reasons that last until somebody acts: consecutive occurrences share a row.
LASTING: Final = {
    *(STILL_RUNNING, FUNCTION_GONE, PARAMETERS_REFUSED, RULE_UNREADABLE),
    *(PAUSED, ALL_PAUSED, MAINTENANCE, TOO_LATE, NOTHING_RUNNING),
}


#: The sentence of each reason; `_sentence_of` has those that depend on the data.
_SENTENCES: Final = {
    STILL_RUNNING: gettext_lazy(
        "Execution %(execution)s had not ended yet, and this process skips a start then."
    ),
    DISABLED: gettext_lazy("The process was switched off before a worker was free."),
    FUNCTION_GONE: gettext_lazy(
        "The function %(function)s is not in the code that was running. If it is new, restart "
        "the workers."
    ),
    PARAMETERS_REFUSED: gettext_lazy("The stored parameters do not fit the function: %(error)s"),
    RULE_UNREADABLE: gettext_lazy(
        "Its rule cannot be read: %(error)s Nothing starts it on time until that is mended."
    ),
    PROCESS_DELETED: gettext_lazy("The process was deleted before a worker was free."),
    RULE_CHANGED: gettext_lazy(
        "The process was changed after this was due and before it was started."
    ),
    LEASE_EXPIRED: gettext_lazy(
        "Its worker ended without a word. Nothing it wrote in the database was kept, unless "
        "the process commits as it goes."
    ),
    INTERRUPTED: gettext_lazy("It was stopped at the terminal."),
    CANCELLED: gettext_lazy("It was cancelled."),
    WORKER_DIED: gettext_lazy("Its worker died (%(how)s)."),
    NODE_STOPPED: gettext_lazy(
        "Its node was stopped while it ran, and could not wait for it any longer."
    ),
    NODE_DIED: gettext_lazy("Its node died while it ran."),
    TIME_LIMIT_IGNORED: gettext_lazy("It did not heed its time limit; its worker was killed."),
    PAUSED: gettext_lazy("The process was paused by %(by)s: %(why)s"),
    ALL_PAUSED: gettext_lazy("Everything was paused by %(by)s: %(why)s"),
    SKIPPED_ONCE: gettext_lazy("%(by)s chose to skip this one time: %(why)s"),
    MAINTENANCE: gettext_lazy("Maintenance: %(label)s"),
    TOO_LATE: gettext_lazy(
        "It could only have started %(late)s after it was due; the latest start is after %(limit)s."
    ),
}


def in_words(code: str, data: Mapping[str, Any], zone: tzinfo | None = None) -> str:
    """Return one sentence for a person; "" for no reason. `zone`: of the instants in it."""
    sentence = _sentence_of(code, data)
    if not sentence:
        return code
    values = {name: _shown(name, value, zone) for name, value in data.items()}
    if code in {PAUSED, ALL_PAUSED, SKIPPED_ONCE}:
        values |= {"why": why_paused(data), "by": who_paused(data)}
    if code == WORKER_DIED:
        values["how"] = _how_it_died(data)
    try:
        return sentence % values
    except KeyError:  # another release wrote other data
        return sentence


def _sentence_of(code: str, data: Mapping[str, Any]) -> str:
    """Return the sentence of a reason, its values left out; "" for an unknown one."""
    if code == NOTHING_RUNNING:
        return _nothing_running(data)
    if code == PAUSED and data.get("failures"):
        return _("The process paused by itself: %(why)s")
    return str(_SENTENCES.get(code, ""))


def _nothing_running(data: Mapping[str, Any]) -> str:
    if "until" not in data:
        return _("Nothing was there to start it in time.")
    if data.get("of") == "schedule":
        return _("Its row in django-q2's table of schedules was gone until %(until)s.")
    if "since" not in data:
        return _("No worker had ever run before %(until)s.")
    if data.get("of") == "database":
        return _("The database did not answer the workers from %(since)s to %(until)s.")
    return _("No worker was running from %(since)s to %(until)s.")


def why_paused(data: Mapping[str, Any]) -> str:
    """Return why something is paused: what a person wrote, or the failures, by the hold's data."""
    failures = data.get("failures")
    if not failures:
        return str(data.get("why", ""))
    told = ngettext("It failed.", "It failed %(count)s times in a row.", failures)
    return told % {"count": failures}


def who_paused(data: Mapping[str, Any]) -> str:
    """Return who paused it: a person by name, else the process itself, or code."""
    return str(data.get("by") or (_("itself") if data.get("failures") else _("the system")))


def _how_it_died(data: Mapping[str, Any]) -> str:
    code = data.get("exit_code")
    if not isinstance(code, int) or code >= 0:
        return _("exit code %(code)s") % {"code": code}
    try:
        return _("signal %(signal)s") % {"signal": Signals(-code).name}
    except ValueError:
        return _("signal %(signal)s") % {"signal": -code}


def _shown(name: str, value: Any, zone: tzinfo | None) -> Any:
    """Return a stored value as people read it: instants are ISO texts, lengths are seconds."""
    if name in {"since", "until"}:
        return instants.to_minute(datetime.fromisoformat(value), zone)
    if name in {"late", "limit"}:
        return instants.length(timedelta(seconds=value))
    return value
