"""Badges: a word in a coloured box. Pages in Python and templates have them from here alone."""

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from automation.models import AfterCommit, Status
from automation.reports.explain.steps import StepState
from automation.reports.state import State


def badge(word: str, look: str = "") -> SafeString:
    """Return the badge of a word; the stylesheet colours it by `look`, such as `status-failed`."""
    of_its_look = f" automation-{look}" if look else ""
    return format_html('<span class="automation-status{}">{}</span>', of_its_look, word)


def status_badge(status: str) -> SafeString:
    """Return the badge of an execution's status."""
    return badge(str(Status(status).label), f"status-{status}")


def after_commit_badge(outcome: str) -> SafeString:
    """Return the badge of an execution whose work after the commit did not end well, else nothing.

    It begins with a space, to stand beside the status.
    """
    if outcome not in AfterCommit.values:
        return SafeString("")
    told = _("after the commit: %(outcome)s") % {"outcome": AfterCommit(outcome).label}
    return SafeString(" ") + badge(told, "status-failed")


def state_badge(state: str) -> SafeString:
    """Return the badge of a process's state."""
    return badge(str(State(state).label), f"state-{state}")


def step_badge(state: str) -> SafeString:
    """Return the badge of one condition of a start: fine, blocks, or not known."""
    return badge(str(StepState(state).label), f"step-{state}")
