"""Reports on past periods: outages, availability, post-mortem.

Imports ``model`` and ``text``. The loop does not import it.
"""
