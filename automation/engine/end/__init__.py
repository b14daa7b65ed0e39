"""Functions that end an execution, and what follows from its end."""
