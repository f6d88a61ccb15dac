"""Remedies: their limits, their life from begin to end, planned restarts, takeover.

Imports ``status``, ``model`` and ``text``.
"""
