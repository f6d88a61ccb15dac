"""Values: targets, probe results, causes, events, decisions, incidents, the state.

Imports nothing of ours but its own modules.
"""
