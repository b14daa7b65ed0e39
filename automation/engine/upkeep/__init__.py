"""Verbs that keep rows as they should be."""
