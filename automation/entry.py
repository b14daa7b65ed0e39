"""The two functions that rows of the database name: their dotted names never change."""

from automation.engine.clock import start_occurrence
from automation.engine.runner import run_execution

__all__ = ["run_execution", "start_occurrence"]
