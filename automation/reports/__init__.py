"""Answers: what is read of rows, and nothing written."""
