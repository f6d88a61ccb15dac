"""The decision about one instance: proposals, and the guards that may object.

Imports ``recovery``, ``status``, ``model`` and ``text``.
"""
