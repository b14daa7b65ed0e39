"""Verbs that bring an execution into being."""
