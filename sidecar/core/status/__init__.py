"""From observations to the status of each target: streaks, runs, dependencies.

Imports ``model`` and ``text``.
"""
