"""Words and numbers as people read them, and untrusted text made safe for them.

Imports nothing of ours but its own modules.
"""
