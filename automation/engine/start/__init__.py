"""Functions that create executions."""
