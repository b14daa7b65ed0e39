"""The explanation why a process does not run now, or why it did not or will not at an instant."""

from datetime import datetime

from automation.models import Process
from automation.reports.explain.at import explain_then
from automation.reports.explain.now import explain_now
from automation.reports.explain.steps import Explanation, Step, StepState, Verdict

__all__ = ["Explanation", "Step", "StepState", "Verdict", "explain"]


def explain(process: Process, at: datetime | None = None) -> Explanation:
    """Look at all that must hold for a process to run, in order; writes nothing.

    `at`: another instant than now, with a zone. In the zone of the process it may be a local time
    that clocks jump over: the explanation says what came of that. The number of queries is
    constant.
    """
    return explain_now(process) if at is None else explain_then(process, at)
