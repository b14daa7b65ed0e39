"""The two functions that rows in the database name: their dotted names never change."""

from automation.engine.run.runner import run_execution
from automation.engine.start.due import start_occurrence

__all__ = ["run_execution", "start_occurrence"]
