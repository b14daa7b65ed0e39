"""explain: why a process does not run now, or did or will not at another instant."""

from datetime import datetime

from automation.models import Process
from automation.reports.explain.at import explain_then
from automation.reports.explain.now import explain_now
from automation.reports.explain.steps import Explanation, Step, StepState, Verdict

__all__ = ["Explanation", "Step", "StepState", "Verdict", "explain"]


def explain(process: Process, at: datetime | None = None) -> Explanation:
    """Look at all that must hold for a process to run, in order; writes nothing.

    `at`: another instant than now, with a zone. One of the process's own zone may be a local time
    that clocks jump over: what came of it is told. The number of queries is constant.
    """
    return explain_now(process) if at is None else explain_then(process, at)
