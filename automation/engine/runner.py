"""A former place: rows of an earlier release name `automation.engine.runner.run_execution`."""

from automation.engine.run.runner import run_execution

__all__ = ["run_execution"]
