"""Functions that claim an execution and run it."""
