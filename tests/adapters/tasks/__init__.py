"""Maintenance tasks, with real servers."""
