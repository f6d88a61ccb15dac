"""One step of the loop: reduce an event, decide, collect the messages.

Imports every other room but ``reporting`` and ``ports``.
"""
