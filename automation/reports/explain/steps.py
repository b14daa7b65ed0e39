"""The parts of an explanation: steps and a verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from automation.models import Execution, Process


class StepState(StrEnum):
    OK = "ok"
    BLOCKS = "blocks"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        words = {
            StepState.OK: pgettext("step", "fine"),
            StepState.BLOCKS: pgettext("step", "blocks"),
            StepState.UNKNOWN: pgettext("step", "not known"),
        }
        return words[self]


@dataclass(frozen=True)
class Step:
    """One condition: whether it holds, in a sentence, and what to do where it does not."""

    code: str
    state: StepState
    text: str
    remedy: str = ""

    @property
    def title(self) -> str:
        return _titles()[self.code]


@dataclass(frozen=True)
class Verdict:
    """The answer: the code of the step that blocks, or a code for what happens or happened."""

    code: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Explanation:
    process: Process
    #: The instant asked about; None for now.
    at: datetime | None
    verdict: Verdict
    steps: list[Step]
    #: The executions that the answer is about, oldest first.
    executions: list[Execution] = field(default_factory=list)


def ok(code: str, text: str) -> Step:
    return Step(code, StepState.OK, text)


def blocks(code: str, text: str, remedy: str = "") -> Step:
    return Step(code, StepState.BLOCKS, text, remedy)


def unknown(code: str, text: str, remedy: str = "") -> Step:
    return Step(code, StepState.UNKNOWN, text, remedy)


def first_block(steps: Iterable[Step]) -> Verdict | None:
    """Return the verdict of the first step that blocks; None where none does."""
    found = next((step for step in steps if step.state == StepState.BLOCKS), None)
    return Verdict(found.code, found.text, found.remedy) if found else None


def _titles() -> dict[str, str]:
    return {
        "due": _("Due by its rule"),
        "enabled": _("Enabled"),
        "paused": _("Not paused"),
        "maintenance": _("No maintenance"),
        "excluded": _("No excluded day"),
        "limits": _("Within its limits"),
        "record": _("On record"),
        "overlap": _("Room beside its own runs"),
        "group": _("Room in its concurrency group"),
        "queue": _("Its turn in the queue"),
        "nodes": _("Workers are running"),
        "function": _("Its function is known to them"),
        "parameters": _("Its parameters fit"),
        "writer": _("Free to write"),
    }
