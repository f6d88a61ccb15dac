"""Values: targets, probe results, causes, events, decisions, incidents, the state.

Imports only its own modules and ``reason``.
"""
