"""Verbs by which an execution is claimed and run."""
