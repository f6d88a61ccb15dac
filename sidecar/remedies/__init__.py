"""Remedies: the executor of decisions, and a module for each kind of remedy."""
