"""What is read of the rows to be shown; nothing here writes."""
