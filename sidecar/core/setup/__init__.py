"""Facts of a stack, a configuration proposed from them, and hazards of the stack.

Used by the commands ``init`` and ``doctor`` alone. Imports ``model`` and ``text``.
"""
