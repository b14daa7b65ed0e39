"""Housekeeping, as processes of the engine's own."""

from django.utils.translation import gettext_noop

from automation import Run, process
from automation.engine.upkeep.pruning import prune

# The docstring of the process, for the catalogues: they are made from calls.
gettext_noop("Delete old history: executions with their logs, notices, nodes and pauses.")


@process(default_cron="23 3 * * *", atomic=False)
def prune_history(run: Run, *, keep_days: int = 90, keep_runs: int = 10_000) -> dict[str, int]:
    """Delete old history: executions with their logs, notices, nodes and pauses.

    Of each process at most `keep_runs` executions stay, none that ended more than `keep_days` ago;
    a process may say otherwise of its own. Returns how many rows of each kind were deleted.
    """
    if keep_days < 1 or keep_runs < 1:
        raise ValueError("keep_days and keep_runs are numbers from 1 on.")
    return prune(keep_days=keep_days, keep_runs=keep_runs, on_progress=run.progress)
