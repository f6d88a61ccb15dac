"""Incidents: opened, escalated, resolved, and the messages about them.

Imports ``status``, ``model`` and ``text``.
"""
