"""Rows that an earlier release wrote name `automation.engine.run.runner.run_execution`."""

from automation.engine.run.runner import run_execution

__all__ = ["run_execution"]
