"""Rows that an earlier release wrote name `automation.engine.start.due.start_occurrence`."""

from automation.engine.start.due import start_occurrence

__all__ = ["start_occurrence"]
