"""The text of a mail about notices: subject and body, in the language of the site."""

import socket
from dataclasses import dataclass
from datetime import datetime, tzinfo
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from automation.conf import setting
from automation.instants import beside, naming_zones, to_minute, to_second
from automation.logs import printable
from automation.models import (
    Execution,
    Hold,
    LogLine,
    Notice,
    NoticeEvent,
    Process,
    Status,
    Trigger,
    coming,
    site_zone,
)
from automation.queue import schedules
from automation.reports.masking import masker_of
from automation.reports.workers import workers

#: Limits of a mail: log lines, characters of each and of the error, and gathered notices.
LINES, LINE_LENGTH, ERROR_LENGTH, GATHERED_SHOWN = 20, 500, 1_000, 20


@dataclass(frozen=True)
class Mail:
    subject: str
    body: str


def about(notices: list[Notice]) -> Mail:
    """Return the mail about notices of one process: the newest in full, each other on a line.

    `notices`: newest first.
    """
    with translation.override(settings.LANGUAGE_CODE), naming_zones():
        newest, *earlier = notices
        execution = Execution.objects.filter(pk=newest.execution_id or 0).first()
        process = Process.objects.filter(pk=newest.process_id or 0).first()
        headline = _headline(newest)
        parts = [headline, _facts(newest, execution, process)]
        if execution is not None and newest.event != NoticeEvent.RECOVERED:
            parts += [_error(execution)]
        parts += [_what_next(newest, process)]
        if execution is not None:
            parts += [_log(execution, process)]
        parts += [_gathered(earlier, process), _signature()]
        return Mail(f"[{site_name()}] {headline}", "\n\n".join(filter(None, parts)) + "\n")


def of_a_test() -> Mail:
    with translation.override(settings.LANGUAGE_CODE):
        body = _("This is a test: notices about failed processes reach you.")
        subject = _("Test of the notices")
        return Mail(f"[{site_name()}] {subject}", f"{body}\n\n{_signature()}\n")


def site_name() -> str:
    """Return the host of the site as people know it; where none is set, that of this machine."""
    return urlsplit(str(setting("SITE_URL"))).netloc or socket.gethostname()


def _headline(notice: Notice) -> str:
    sentences = {
        NoticeEvent.FAILED: _("%(process)s failed"),
        NoticeEvent.TIMED_OUT: _("%(process)s timed out"),
        NoticeEvent.LOST: _("%(process)s was lost"),
        NoticeEvent.AFTER_COMMIT: _("%(process)s completed, but what was to follow did not"),
        NoticeEvent.LATE: _("%(process)s is late"),
        NoticeEvent.MISSED: _("%(process)s did not start"),
        NoticeEvent.BROKEN: _("%(process)s cannot follow its rule"),
        NoticeEvent.RECOVERED: _("%(process)s works again"),
    }
    return sentences[NoticeEvent(notice.event)] % {"process": notice.process_title}


def _facts(notice: Notice, execution: Execution | None, process: Process | None) -> str:
    title, name = notice.process_title, notice.process_name
    facts = [(_("Process"), title if title == name else f"{title} ({name})")]
    if notice.execution_id is None:
        due = schedules.next_run_of(process.pk) if process else None
        return _table([*facts, *([(_("Due"), to_minute(due, _zone_of(process)))] if due else [])])
    if execution is None:
        facts.append((_("Execution"), _("#%(id)s, deleted since") % {"id": notice.execution_id}))
        return _table(facts)
    if execution.scheduled_for:
        facts.append((_("Due"), to_minute(execution.scheduled_for, _zone_of(process))))
    if execution.scheduled_until:
        last = to_minute(execution.scheduled_until, _zone_of(process))
        facts += [(_("Last due"), last), (_("Times"), str(execution.occurrences))]
    if execution.trigger == Trigger.MANUAL:
        facts.append((_("Started by hand, by"), execution.requested_by_name or _("somebody")))
    if execution.completed_at and execution.status != Status.MISSED:
        facts.append((_("Ended"), to_second(execution.completed_at, _zone_of(process))))
    if execution.attempt > 1:
        facts.append((_("Attempts"), str(execution.attempt)))
    facts.append((_("Execution"), _address(execution.pk)))
    return _table(facts)


def _table(facts: list[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in facts)


def _zone_of(process: Process | None) -> tzinfo:
    return process.zone if process else site_zone()


def _address(execution_id: int) -> str:
    """Return the number of an execution, and the address of its page where the site's is known."""
    site = str(setting("SITE_URL")).rstrip("/")
    try:
        page = reverse("admin:automation_execution_change", args=[execution_id])
    except NoReverseMatch:  # A project without the admin.
        site = ""
    return f"#{execution_id} {site}{page}" if site else f"#{execution_id}"


def _error(execution: Execution) -> str:
    lines = [line.strip() for line in execution.error_message.splitlines() if line.strip()]
    told = lines[-1] if lines else execution.reason_in_words
    if not told:
        return ""
    heading, text = _("Error"), printable(masker_of(execution).text(told))[:ERROR_LENGTH]
    return f"{heading}:\n  {text}"


def _what_next(notice: Notice, process: Process | None) -> str:
    told = [_next(notice, process)]
    if process is not None and (absence := workers().absence_for(process.function)):
        told.append(absence)
    heading = _("What happens next")
    return "\n  ".join([f"{heading}:", *told])


def _next(notice: Notice, process: Process | None) -> str:
    if process is None:
        return _("Nothing: the process was deleted.")
    if not process.is_enabled:
        return _("Nothing: the process is switched off.")
    if process.is_broken:
        told = _("Nothing: its function %(function)s is not in the code.")
        return told % {"function": process.function}
    if error := process.rule_error:
        told = _("Nothing until that is mended: its rule cannot be read. %(error)s")
        return told % {"error": error}
    comes = coming(process)
    if comes.hold is not None:
        return _held(comes.hold, comes.free_from, process)
    if notice.event == NoticeEvent.LATE:
        return _("It starts as soon as a worker takes it: see whether one is running and free.")
    if comes.next_run is not None:
        return _("It runs next at %(when)s.") % {"when": to_minute(comes.next_run, process.zone)}
    return _("Nothing: it has no schedule, and runs when somebody starts it.")


def _held(hold: Hold, until: datetime | None, process: Process) -> str:
    """Return what keeps the process from starting, and until when; other pauses may follow."""
    told, count = hold.in_words, hold.data.get("failures")
    if count:
        told = ngettext(
            "It is paused by itself after %(count)s failure.",
            "It is paused by itself after %(count)s failures in a row.",
            count,
        ) % {"count": count}
    end = _("Nothing starts it until somebody resumes it.")
    if until is not None:
        end = _("Nothing starts it until %(when)s.") % {"when": to_minute(until, process.zone)}
    return f"{told}\n  {end}"


def _log(execution: Execution, process: Process | None) -> str:
    lines = list(LogLine.objects.filter(execution=execution).order_by("-number")[:LINES])
    if not lines:
        return ""
    title = ngettext(
        "The last line of its log", "The last %(count)s lines of its log", len(lines)
    ) % {"count": len(lines)}
    return "\n".join([f"{title}:", *(_line(line, execution, process) for line in reversed(lines))])


def _line(line: LogLine, execution: Execution, process: Process | None) -> str:
    told = printable(masker_of(execution).text(line.message))
    message = told[:LINE_LENGTH].replace("\n", "\n    ")
    at = beside(line.created_at, execution.started_at or line.created_at, _zone_of(process))
    return f"  {at} {line.level} {message}"


def _gathered(earlier: list[Notice], process: Process | None) -> str:
    if not earlier:
        return ""
    title = ngettext(
        "One earlier notice of this process is gathered in this mail",
        "%(count)s earlier notices of this process are gathered in this mail",
        len(earlier),
    ) % {"count": len(earlier)}
    lines = [
        f"  {to_second(notice.created_at, _zone_of(process))} {notice.get_event_display()}: "
        f"{_address(notice.execution_id) if notice.execution_id else ''}".rstrip(": ")
        for notice in earlier[:GATHERED_SHOWN]
    ]
    if len(earlier) > GATHERED_SHOWN:
        lines.append("  …")
    return "\n".join([f"{title}:", *lines])


def _signature() -> str:
    return _("Sent by %(site)s.") % {"site": str(setting("SITE_URL")) or site_name()}
