"""Functions that keep rows as they should be."""
