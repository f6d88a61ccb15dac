"""Carrying out decisions: one file per kind, and the executor."""
