"""Behflow's side."""

from automation import process
from work import job as work


@process
def job() -> None:
    """Say when it began."""
    work.job()
