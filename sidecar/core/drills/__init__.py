"""Drills: objections to them, their phases, what is watched, and the verdict.

Imports ``recovery``, ``status`` and ``model``.
"""
