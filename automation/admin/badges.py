"""Badges: a word in a coloured box. Pages in Python and templates have them from here alone."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from automation.models import AfterCommit, Status
from automation.reports.explain.steps import StepState
from automation.reports.state import State


def badge(word: str, look: str = "") -> SafeString:
    """A word; `look` is what the stylesheet colours it by, such as `status-failed`."""
    of_its_look = f" automation-{look}" if look else ""
    return format_html('<span class="automation-status{}">{}</span>', of_its_look, word)


def status_badge(status: str) -> SafeString:
    """The status of an execution."""
    return badge(str(Status(status).label), f"status-{status}")


def after_commit_badge(outcome: str) -> SafeString:
    """How that ended, if not well, which was to follow the commit of a completed execution.

    It begins with a space, to stand beside the status.
    """
    if outcome not in AfterCommit.values:
        return SafeString("")
    told = _("after the commit: %(outcome)s") % {"outcome": AfterCommit(outcome).label}
    return SafeString(" ") + badge(told, "status-failed")


def state_badge(state: str) -> SafeString:
    """The state of a process."""
    return badge(str(State(state).label), f"state-{state}")


def step_badge(state: str) -> SafeString:
    """What a condition of a start is: fine, or in its way."""
    return badge(str(StepState(state).label), f"step-{state}")
