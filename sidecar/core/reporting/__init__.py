"""Past times in figures and texts: outages, availability, post-mortem.

Imports ``model`` and ``text``. The loop does not import it.
"""
