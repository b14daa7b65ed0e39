"""A former place: rows of an earlier release name `automation.engine.clock.start_occurrence`."""

from automation.engine.start.due import start_occurrence

__all__ = ["start_occurrence"]
