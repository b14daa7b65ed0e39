"""What the engine does: start executions, run them, end them, and keep its rows in order."""
